package render

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

//go:embed server.conf.tmpl
var source string

// file is what the template sees.
type file struct {
	Servers []block
	library.Settings
}

// Scheme is the variable with the scheme by which a client came.
func (f file) Scheme() string {
	if len(f.TrustedProxies) > 0 {
		return "$client_scheme"
	}
	return "$scheme"
}

type block struct {
	fleet.Server
	Number       int // from 1
	UpstreamName string
	ProfileID    string
	Redirect     string // where requests over HTTP go; "": they are served
	Custom       []*nginxconf.Directive
}

// Sets reports whether the server's own nginx has the directive, with these first arguments, at its top:
// where nginx takes it once, ours makes room.
func (b block) Sets(name string, args ...string) bool {
	return slices.ContainsFunc(b.Custom, func(d *nginxconf.Directive) bool {
		return d.Name == name && len(d.Args) >= len(args) && slices.Equal(d.Args[:len(args)], args)
	})
}

// nginx returns server.conf and where its lines come from. Servers must be valid and in the order of their
// ids.
func nginx(servers []fleet.Server, defaultProfile int64, settings library.Settings) (string, Origins, error) {
	var origins marker
	t, err := template.New("server.conf").Funcs(template.FuncMap{
		"quote": nginxconf.Quote, "indented": indented,
		// Where the lines from here on come from.
		"server":  func(b block, field string) string { return origins.mark("servers", b.ID, b.Name, field) },
		"setting": func(name string) string { return origins.mark("settings", 0, name, "") },
		"ours":    func() string { return origins.mark("", 0, "", "") },
	}).Parse(source)
	if err != nil {
		return "", nil, fmt.Errorf("parse template: %w", err)
	}
	f := file{Settings: settings}
	upstreams := upstreamNames(servers)
	for i, s := range servers {
		b := block{Server: s, Number: i + 1, UpstreamName: upstreams[i], ProfileID: profileID(defaultProfile)}
		if s.ProfileID != nil {
			b.ProfileID = profileID(*s.ProfileID)
		}
		if s.TLS() && s.ListenHTTP != 0 {
			b.Redirect = redirect(s.ListenHTTPS)
		}
		if b.Custom, err = nginxconf.Parse([]byte(s.CustomNginx)); err != nil {
			return "", nil, fmt.Errorf("%s %w: custom_nginx %w", label(&s), ErrInvalid, err)
		}
		f.Servers = append(f.Servers, b)
	}
	var b strings.Builder
	if err := t.Execute(&b, f); err != nil {
		return "", nil, fmt.Errorf("execute template: %w", err)
	}
	text, from := origins.lift(b.String())
	return text, from, nil
}

func redirect(httpsPort int) string {
	if httpsPort == fleet.DefaultListenHTTPS {
		return "https://$host$request_uri"
	}
	return fmt.Sprintf("https://$host:%d$request_uri", httpsPort)
}

// upstreamNames derives each server's upstream from its domain, as in emby1.com → emby1_com. Of domains
// that would share one (a-b.com and a.b.com), those with a higher id get it appended.
func upstreamNames(servers []fleet.Server) []string {
	taken := map[string]bool{}
	names := make([]string, len(servers))
	for i, s := range servers {
		name := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return '_'
		}, s.ServerName)
		for taken[name] {
			name = fmt.Sprintf("%s_%d", name, s.ID)
		}
		taken[name] = true
		names[i] = name
	}
	return names
}

// indented writes directives as they stand inside a server block. Raw nginx goes through here, so that
// nginx reads exactly what was parsed; its comments are lost.
func indented(ds []*nginxconf.Directive) string {
	enclosed := string(nginxconf.Format([]*nginxconf.Directive{{Name: "server", HasBlock: true, Block: ds}}))
	_, inside, _ := strings.Cut(enclosed, "\n")
	return strings.TrimSuffix(inside, "\n}\n")
}
