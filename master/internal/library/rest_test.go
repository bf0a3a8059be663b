package library_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

func TestLocationRule(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*library.LocationRule)
		field  string
	}{
		"valid":            {func(*library.LocationRule) {}, ""},
		"kind":             {func(r *library.LocationRule) { r.Kind = "alias" }, "kind"},
		"pattern":          {func(r *library.LocationRule) { r.Pattern = "x" }, "pattern"},
		"status":           {func(r *library.LocationRule) { r.Status = 302 }, "status"},
		"closed":           {func(r *library.LocationRule) { r.Status = 444 }, "status"},
		"target":           {func(r *library.LocationRule) { r.Target = "/a" }, "target"},
		"no target":        {func(r *library.LocationRule) { r.Kind = library.KindRedirect }, "target"},
		"script":           {func(r *library.LocationRule) { r.Kind, r.Target = library.KindRedirect, "javascript:x" }, "target"},
		"decoded variable": {func(r *library.LocationRule) { r.Kind, r.Target = library.KindRedirect, "/x$uri" }, "target"},
		"secret variable":  {func(r *library.LocationRule) { r.Kind, r.Target = library.KindRedirect, "/$http_authorization" }, "target"},
		"dollar":           {func(r *library.LocationRule) { r.Kind, r.Target = library.KindRedirect, "/a$" }, "target"},
		"own variable":     {func(r *library.LocationRule) { r.Kind, r.Target = library.KindRedirect, "/${map_x}$request_uri" }, ""},
		"type":             {func(r *library.LocationRule) { r.Kind, r.ContentType = library.KindReturn, "a/b; c" }, "content_type"},
		"no upstream":      {func(r *library.LocationRule) { r.Kind = library.KindProxy }, "upstream"},
		"an upstream":      {func(r *library.LocationRule) { r.Upstream = fleet.Upstream{{Address: "a:1", Weight: 1}} }, "upstream"},
		"age":              {func(r *library.LocationRule) { r.MaxAge = 5 }, "max_age"},
		"deny map":         {func(r *library.LocationRule) { r.DenyMaps = []string{"delete", "A b"} }, "deny_maps[1]"},
		"unguarded":        {func(r *library.LocationRule) { r.Kind, r.SkipAccess = library.KindCache, true }, "skip_access"},
	} {
		r := library.NewLocationRule()
		r.Name, r.Kind, r.Pattern = "r", library.KindDeny, "/x"
		c.change(&r)
		r.SetDefaults()
		want(t, name, r.Validate(), c.field)
	}
}

func TestNginxMap(t *testing.T) {
	entry := func(match api.MatchType, pattern string) func(*library.NginxMap) {
		return func(m *library.NginxMap) { m.Entries = []library.MapEntry{{MatchType: match, Pattern: pattern}} }
	}
	for name, c := range map[string]struct {
		change func(*library.NginxMap)
		field  string
	}{
		"valid":      {entry(api.MatchExact, "a"), ""},
		"name":       {func(m *library.NginxMap) { m.Name = "a-b" }, "name"},
		"reserved":   {func(m *library.NginxMap) { m.Name, m.Kind = "delete", library.MapDeny }, "name"},
		"source":     {func(m *library.NginxMap) { m.Source = "config_server_id" }, "source"},
		"header":     {func(m *library.NginxMap) { m.Source = "http_x_a" }, ""},
		"variable":   {func(m *library.NginxMap) { m.Default = "$http_cookie" }, "default"},
		"line":       {func(m *library.NginxMap) { m.Default = "a\nb" }, "default"},
		"deny value": {func(m *library.NginxMap) { m.Kind, m.Default = library.MapDeny, "yes" }, "default"},
		"regex":      {entry(api.MatchRegex, "(a+)+"), "entries[0].pattern"},
		"network":    {entry(library.MatchNetwork, "10.0.0.0/8"), "entries[0].match_type"},
		"not a network": {func(m *library.NginxMap) {
			m.Source = "remote_addr"
			entry("", "a")(m)
		}, "entries[0].pattern"},
		"twice": {func(m *library.NginxMap) { m.Entries = []library.MapEntry{{Pattern: "a"}, {Pattern: "A"}} }, "entries[1].pattern"},
	} {
		m := library.NewNginxMap()
		m.Name, m.Source = "m", "host"
		c.change(&m)
		m.SetDefaults()
		want(t, name, m.Validate(), c.field)
	}
}

func TestProxyHeader(t *testing.T) {
	for name, c := range map[string]struct{ action, header, value, field string }{
		"valid":       {library.HeaderSetRequest, "X-A", "a ${remote_addr}", ""},
		"identity":    {library.HeaderSetRequest, "X-Emby-Token", "a", "header"},
		"hop":         {library.HeaderRemoveRequest, "Connection", "", "header"},
		"ours":        {library.HeaderAddResponse, "X-UHD-Reason", "a", "header"},
		"length":      {library.HeaderAddResponse, "Content-Length", "0", "header"},
		"long":        {library.HeaderAddResponse, strings.Repeat("X", 45), "0", "header"},
		"two lines":   {library.HeaderAddResponse, "X-A", "a\r\nb", "value"},
		"no value":    {library.HeaderSetRequest, "X-A", "", "value"},
		"a value":     {library.HeaderHideResponse, "X-A", "a", "value"},
		"no variable": {library.HeaderSetRequest, "X-A", "costs 5$", "value"},
		"action":      {"append", "X-A", "", "action"},
	} {
		h := library.NewProxyHeader()
		h.Name, h.Action, h.Header, h.Value = "h", c.action, c.header, c.value
		h.SetDefaults()
		want(t, name, h.Validate(), c.field)
	}
}

func TestMoreSettings(t *testing.T) {
	for _, c := range []struct{ name, value, field string }{
		{"http2", `false`, ""},
		{"http2", `"no"`, "value"},
		{"tls", `"modern"`, ""},
		{"tls", `"TLSv1; include x"`, "value"},
		{"client_max_body_size", `"0"`, ""},
		{"client_max_body_size", `"1x"`, "value"},
		{"client_max_body_size", `100`, "value"},
		{"hsts", `null`, ""},
		{"hsts", `{"max_age": 1}`, ""},
		{"hsts", `{"max_age": -1}`, "value"},
		{"hsts", `{"max_age": 1, "preload": true}`, "value"},
		{"hsts", `{"age": 1}`, "value"},
		{"resolver", `["192.0.2.53", "2001:db8::53", "[2001:db8::53]:53"]`, ""},
		{"resolver", `["dns.example"]`, "value[0]"},
		{"resolver", `["192.0.2.53:0"]`, "value[0]"},
		{"fake_counts", `{"enabled": true, "value": 8}`, ""},
		{"fake_counts", `{"enabled": true, "value": -8}`, "value"},
		{"deny_messages", `{"ban": {"zh-TW": "a", "*": "b"}}`, ""},
		{"deny_messages", `{"boredom": {"en": "a"}}`, "value.boredom"},
		{"deny_messages", `{"ban": {"english": "a"}}`, "value.ban"},
		{"deny_messages", `{"ban": {"en": " "}}`, "value.ban.en"},
	} {
		s := library.Setting{Name: c.name, Value: json.RawMessage(c.value)}
		s.SetDefaults()
		want(t, c.name+" "+c.value, s.Validate(), c.field)
	}
	p := library.NewProfile()
	p.Name, p.ServiceType, p.Settings = "p", api.Emby, map[string]json.RawMessage{"hsts": json.RawMessage(`{"max_age": 5}`)}
	p.SetDefaults()
	want(t, "a profile's own", p.Validate(), "")
	p.Settings["tls"] = json.RawMessage(`"modern"`)
	want(t, "not a profile's", p.Validate(), "settings.tls")
}
