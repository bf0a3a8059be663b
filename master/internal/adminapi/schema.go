package adminapi

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
)

const upstreamTakes = `takes "host:port" or a list of {"address": "host:port", "weight": 1}, with backup, max_fails and fail_timeout where they are wanted`

// upstreamSchema tells both forms of an upstream.
func upstreamSchema(row *huma.Schema) {
	zero, one := 0.0, 1.0
	target := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"address"},
		Properties: map[string]*huma.Schema{
			"address":      {Type: huma.TypeString, Description: "host:port; a name need not resolve yet"},
			"weight":       {Type: huma.TypeInteger, Minimum: &one, Description: "1 when absent"},
			"backup":       {Type: huma.TypeBoolean, Description: "only while all others fail"},
			"max_fails":    {Type: huma.TypeInteger, Nullable: true, Minimum: &zero, Description: "failures before it is left alone; 1 when absent, 0: never"},
			"fail_timeout": {Type: huma.TypeInteger, Minimum: &zero, Description: "seconds in which they are counted, and for which it is left alone; 10 when absent"},
		},
	}
	row.Properties["upstream"] = &huma.Schema{
		Description: upstreamTakes,
		AnyOf:       []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeArray, Items: target}},
	}
	document(row, map[string]string{
		"upstream_scheme":      "http or https",
		"upstream_tls_verify":  "the upstream's certificate must be valid for its name",
		"upstream_tls_name":    "for SNI and the certificate; the host of the first target when empty",
		"upstream_tls_ca_path": "bundle of trusted CAs on the slave",
	})
	oneOf(row, "upstream_scheme", fleet.SchemeHTTP, fleet.SchemeHTTPS)
}

func locationSchema(row *huma.Schema) {
	upstreamSchema(row)
	oneOf(row, "kind", library.KindReturn, library.KindRedirect, library.KindProxy, library.KindDeny, library.KindCache)
	document(row, map[string]string{
		"status":       "of return, redirect and deny; 0: 200, 302 and 403",
		"body":         "of return; of deny: what players are told, the usual text when empty",
		"content_type": "of return; plain text when empty",
		"target":       "of redirect: a URL or a path, with variables as in https://example.com$request_uri",
		"max_age":      "of cache: seconds for which clients keep answers; 0: not at all",
		"deny_maps":    "names of deny maps that refuse requests here; delete and post are always there",
		"skip_access":  "no access chain: anybody gets the answer",
	})
}

func mapSchema(row *huma.Schema) {
	oneOf(row, "kind", library.MapValue, library.MapDeny)
	document(row, map[string]string{
		"name":       "makes the variable $map_NAME, of a deny map $deny_NAME",
		"kind":       "value: a variable for texts; deny: refuses requests for which it is 1",
		"everywhere": "of a deny map: refuses on every path, not only in location rules that name it",
		"source":     "one of " + strings.Join(library.Sources, ", ") + ", or http_NAME, arg_NAME, cookie_NAME",
		"entries":    "match_type is exact, prefix or regex; network where the source is remote_addr",
		"default":    "where no entry matches",
	})
}

func headerSchema(row *huma.Schema) {
	oneOf(row, "action", library.HeaderSetRequest, library.HeaderRemoveRequest, library.HeaderAddResponse, library.HeaderHideResponse)
	document(row, map[string]string{
		"value": "of set_request and add_response: text, with the variables " + strings.Join(library.Variables, ", ") + " and map_NAME of value maps, each as $name or ${name}",
	})
}

func profileSchema(row *huma.Schema) {
	settings := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{},
		Description: "the profile's own values of these settings, in place of the fleet's",
	}
	for _, name := range library.ProfileSettingNames() {
		settings.Properties[name] = &huma.Schema{Description: library.SettingTakes(name)}
	}
	settings.PrecomputeMessages()
	row.Properties["settings"] = settings
}

// draftSchema tells which sections a draft has. What is in their rows is told by a check of the draft.
func draftSchema(row *huma.Schema) {
	rows := &huma.Schema{Type: huma.TypeArray, Nullable: true, Items: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}}
	sections := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{},
		Description: "rows by section, in the form of `uhd-master export`: without ids, referring to each other and to the library by name; lists of drafts leave it out",
	}
	for _, name := range library.DraftSections() {
		sections.Properties[name] = rows
	}
	sections.PrecomputeMessages()
	row.Properties["document"] = sections
	document(row, map[string]string{
		"profile_id": "the profile that the draft changes; null: it makes a new one",
		"server_ids": "servers that get the profile when the draft is applied",
		"step":       "of the wizard: how far somebody has come",
		"created_by": "name of a user or API key",
	})
}

// settingSchema tells which settings there are and what each takes.
func settingSchema(setting *huma.Schema) {
	var names []any
	var takes []string
	for _, name := range library.SettingNames() {
		names = append(names, name)
		takes = append(takes, name+" takes "+library.SettingTakes(name))
	}
	oneOf(setting, "name", names...)
	setting.Properties["value"] = &huma.Schema{Description: strings.Join(takes, ". ")}
}

func document(row *huma.Schema, texts map[string]string) {
	for name, text := range texts {
		row.Properties[name].Description = text
	}
}

func oneOf(row *huma.Schema, name string, values ...any) {
	row.Properties[name].Enum = values
}
