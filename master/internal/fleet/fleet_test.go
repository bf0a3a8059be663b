package fleet_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/shared/api"
)

func TestUpstreamJSON(t *testing.T) {
	for _, c := range []struct {
		in   string
		want fleet.Upstream
		out  string
	}{
		{`"a:1"`, fleet.Upstream{{Address: "a:1", Weight: 1}}, `"a:1"`},
		{`[{"address":"a:1"}]`, fleet.Upstream{{Address: "a:1", Weight: 1}}, `"a:1"`},
		{`[{"address":"a:1","weight":2}]`, fleet.Upstream{{Address: "a:1", Weight: 2}}, `[{"address":"a:1","weight":2}]`},
		{`[{"address":"a:1"},{"address":"b:1","weight":0}]`, fleet.Upstream{{Address: "a:1", Weight: 1}, {Address: "b:1"}}, `[{"address":"a:1","weight":1},{"address":"b:1","weight":0}]`},
		{`null`, nil, `[]`},
		{`""`, nil, `[]`},
		{`[]`, fleet.Upstream{}, `[]`},
	} {
		got := fleet.Upstream{{Address: "old:1", Weight: 9}}
		if err := json.Unmarshal([]byte(c.in), &got); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.in, got, err, c.want)
		}
		if out, err := json.Marshal(got); err != nil || string(out) != c.out {
			t.Errorf("%s comes back as %s, %v; want %s", c.in, out, err, c.out)
		}
	}
	for _, bad := range []string{`1`, `{}`, `["a:1"]`, `[{"addr":"a:1"}]`, `[{"address":1}]`, `[{"address":"a:1","weight":1.5}]`} {
		var u fleet.Upstream
		if err := json.Unmarshal([]byte(bad), &u); err == nil || !strings.Contains(err.Error(), "host:port") {
			t.Errorf("%s: %v, want an error that says what upstream takes", bad, err)
		}
	}
}

// valid returns a server that Validate accepts.
func valid() fleet.Server {
	s := fleet.NewServer()
	s.Name, s.ServiceType, s.Host, s.ServerName = "One", api.Emby, "203.0.113.10", "a.com"
	s.SSLCertPath, s.SSLKeyPath = "/c.pem", "/k.pem"
	s.Upstream = fleet.Upstream{{Address: "203.0.113.10:8096", Weight: 1}}
	return s
}

func TestServerDefaults(t *testing.T) {
	s := fleet.NewServer()
	body := `{"name":" One ","service_type":"emby","host":"MEDIA-1","server_name":"MÜNCHEN.example","upstream":"EMBY:8096","listen_https":0}`
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatal(err)
	}
	s.SetDefaults()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if s.Name != "One" || s.Host != "media-1" || s.ServerName != "xn--mnchen-3ya.example" || s.Upstream[0].Address != "emby:8096" ||
		s.ListenHTTP != 80 || s.ListenHTTPS != 0 || !s.Enabled || s.LuaRoot != "/opt/slave/lua" {
		t.Errorf("%+v", s)
	}
}

// TestServerFields breaks one field at a time: the error names it, and nothing else.
func TestServerFields(t *testing.T) {
	if s := valid(); s.Validate() != nil {
		t.Fatal(s.Validate())
	}
	zero := int64(0)
	for name, c := range map[string]struct {
		change func(*fleet.Server)
		field  string
	}{
		"no name":           {func(s *fleet.Server) { s.Name = "" }, "name"},
		"name of two lines": {func(s *fleet.Server) { s.Name = "a\nb" }, "name"},
		"type":              {func(s *fleet.Server) { s.ServiceType = "plex" }, "service_type"},
		"all":               {func(s *fleet.Server) { s.ServiceType = "all" }, "service_type"},
		"host":              {func(s *fleet.Server) { s.Host = "a b" }, "host"},
		"server name":       {func(s *fleet.Server) { s.ServerName = "a.com; b" }, "server_name"},
		"no upstream":       {func(s *fleet.Server) { s.Upstream = nil }, "upstream"},
		"many":              {func(s *fleet.Server) { s.Upstream = slices.Repeat(s.Upstream, 65) }, "upstream"},
		"address":           {func(s *fleet.Server) { s.Upstream[0].Address = "x" }, "upstream[0].address"},
		"weight 0":          {func(s *fleet.Server) { s.Upstream[0].Weight = 0 }, "upstream[0].weight"},
		"weight 1001":       {func(s *fleet.Server) { s.Upstream[0].Weight = 1001 }, "upstream[0].weight"},
		"no key":            {func(s *fleet.Server) { s.SSLKeyPath = "" }, "ssl_key_path"},
		"no certificate":    {func(s *fleet.Server) { s.SSLCertPath = "" }, "ssl_cert_path"},
		"certificate":       {func(s *fleet.Server) { s.SSLCertPath = "/a;b" }, "ssl_cert_path"},
		"port":              {func(s *fleet.Server) { s.ListenHTTP = 65536 }, "listen_http"},
		"negative port":     {func(s *fleet.Server) { s.ListenHTTPS = -1 }, "listen_https"},
		"same ports":        {func(s *fleet.Server) { s.ListenHTTP = 443 }, "listen_https"},
		"no listener":       {func(s *fleet.Server) { s.ListenHTTP, s.SSLCertPath, s.SSLKeyPath = 0, "", "" }, "listen_http"},
		"lua root":          {func(s *fleet.Server) { s.LuaRoot = "lua" }, "lua_root"},
		"custom":            {func(s *fleet.Server) { s.CustomNginx = "} server {" }, "custom_nginx"},
		"custom unfinished": {func(s *fleet.Server) { s.CustomNginx = "gzip on" }, "custom_nginx"},
		"profile":           {func(s *fleet.Server) { s.ProfileID = &zero }, "profile_id"},
		"note":              {func(s *fleet.Server) { s.Note = "\x00" }, "note"},
	} {
		s := valid()
		s.Upstream = slices.Clone(s.Upstream)
		c.change(&s)
		var errs fleet.FieldErrors
		if err := s.Validate(); !errors.As(err, &errs) || len(errs) != 1 || errs[0].Field != c.field {
			t.Errorf("%s: %v, want one error about %s", name, err, c.field)
		}
	}
	s := fleet.Server{}
	var errs fleet.FieldErrors
	if !errors.As(s.Validate(), &errs) || len(errs) < 6 {
		t.Errorf("an empty server: %v, want all of its errors at once", errs)
	}
}

// TestPlainPort: without a certificate listen_https is not used, so it may be anything.
func TestPlainPort(t *testing.T) {
	s := valid()
	s.SSLCertPath, s.SSLKeyPath, s.ListenHTTP = "", "", 443
	if err := s.Validate(); err != nil || s.TLS() {
		t.Errorf("%v, TLS %v", err, s.TLS())
	}
}
