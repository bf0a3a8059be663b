package pages

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// hostPage is one host: its servers, how its slave does, and what is done to all of its servers at once.
type hostPage struct {
	host
	Rows     []hostServer // of this page
	Profiles []option     // that its servers may have
	Profile  string       // that all servers have, as in Profiles; "mixed" where they differ, "" for the default one
	Enabled  int          // servers
	History  []distribution
	pages
}

// Named is the name of a profile.
func (p hostPage) Named(v sheet, id *int64) string {
	if id == nil {
		return v.T("form.default")
	}
	for _, o := range p.Profiles {
		if o.Value == strconv.FormatInt(*id, 10) {
			return o.Text
		}
	}
	return "#" + strconv.FormatInt(*id, 10)
}

func showHost(v *visit) error {
	name, service := v.r.PathValue("host"), v.r.PathValue("service")
	hosts, err := readHosts(v, name)
	if err != nil {
		return err
	}
	p := hostPage{}
	for _, h := range hosts {
		if h.Host == name && h.ServiceType == service {
			p.host = h
		}
	}
	if p.Host == "" {
		return &Problem{Status: http.StatusNotFound, Detail: v.T("problem.no_page")}
	}
	profiles, err := allOf[row](v, "profiles", url.Values{"service_type": {service}})
	if err != nil {
		return err
	}
	for _, r := range profiles {
		p.Profiles = append(p.Profiles, option{r.ID(), plain(r["name"])})
	}
	for i, server := range p.Servers {
		has := ""
		if server.ProfileID != nil {
			has = strconv.FormatInt(*server.ProfileID, 10)
		}
		if i > 0 && has != p.Profile {
			has = "mixed"
		}
		p.Profile = has
		if server.Enabled {
			p.Enabled++
		}
	}
	history, err := pageOf[distribution](v, "distributions", url.Values{"host": {name}, "service_type": {service}, "limit": {"10"}})
	if err != nil {
		return err
	}
	p.History = history.Items
	p.Rows, p.pages = pageThrough(v, p.Servers, 50)
	return v.show("host", p)
}

// changeHost gives all servers of a host a profile, or enables or disables them.
func changeHost(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	body := map[string]any{}
	notice := "said.host_profile"
	if enabled := form.Get("enabled"); enabled != "" {
		body["enabled"], notice = enabled == "true", enabledNotice(enabled)
	} else if body["profile_id"] = nil; form.Get("profile_id") != "" {
		body["profile_id"] = json.Number(form.Get("profile_id"))
	}
	host, service := url.PathEscape(v.r.PathValue("host")), v.r.PathValue("service")
	path := "hosts/" + host + "?" + url.Values{"service_type": {service}}.Encode()
	if _, err := v.call(http.MethodPatch, path, body, nil); err != nil {
		return err
	}
	return v.redirect(Prefix+"hosts/"+host+"/"+service, notice)
}

// enableServer enables or disables one server, and goes back to where it was asked for.
func enableServer(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	enabled := form.Get("enabled")
	path := "servers/" + url.PathEscape(v.r.PathValue("id"))
	if _, err := v.call(http.MethodPatch, path, map[string]bool{"enabled": enabled == "true"}, nil); err != nil {
		return err
	}
	return v.redirect(ownPath(form.Get("next")), enabledNotice(enabled))
}

func enabledNotice(enabled string) string {
	if enabled == "true" {
		return "said.enabled"
	}
	return "said.disabled"
}
