package pages

import (
	"net/url"
	"slices"
)

// settingValues are the inputs of the fleet's settings, by their names.
var settingValues = []field{
	{Name: "trusted_proxies", Kind: lines},
	{Name: "real_ip_header"},
	{Name: "telemetry_addresses", Kind: choice, Options: []string{"full", "truncated", "none"}},
	{Name: "client_max_body_size"},
	{Name: "tls", Kind: choice, Options: []string{"modern", "intermediate", "old"}},
	{Name: "http2", Kind: flag},
	{Name: "hsts", Kind: object, Null: true, Parts: []field{
		{Name: "max_age", Kind: integer, As: "hsts_max_age"},
		{Name: "include_subdomains", Kind: flag},
		{Name: "preload", Kind: flag},
	}},
	{Name: "resolver", Kind: lines},
	{Name: "fake_counts", Kind: object, Parts: []field{
		{Name: "enabled", Kind: flag, As: "fake_counts_enabled"},
		{Name: "value", Kind: integer, As: "fake_counts_value"},
	}},
	{Name: "deny_messages", Kind: messages, Parts: messageParts},
}

// settingValue is the input of a setting's value.
func settingValue(name string) field {
	for _, f := range settingValues {
		if f.Name == name {
			f.Name, f.As = "value", name
			return f
		}
	}
	return field{Name: "value", Kind: raw}
}

// profileSettings are the inputs of the settings that profiles may have their own values of.
func profileSettings() []field {
	var own []field
	for _, f := range settingValues {
		if slices.Contains([]string{"client_max_body_size", "hsts", "fake_counts", "deny_messages"}, f.Name) {
			f.Optional = true
			own = append(own, f)
		}
	}
	return own
}

// settingLine is one of the settings that there are, be it set or not.
type settingLine struct {
	Name  string
	Value string // in words
	ID    string // of the row that sets it; "" for none
}

// showSettings lists all settings: which are set, and what holds without.
func showSettings(v *visit) error {
	set, err := allOf[row](v, "settings", url.Values{})
	if err != nil {
		return err
	}
	var list []settingLine
	for _, f := range settingValues {
		line := settingLine{Name: f.Name}
		for _, one := range set {
			if one["name"] == f.Name {
				line.ID, line.Value = one.ID(), v.say("settings", f, one["value"])
			}
		}
		list = append(list, line)
	}
	return v.show("settings", list)
}
