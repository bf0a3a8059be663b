package render

import (
	"cmp"
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

// parsed is the template; each rendering has functions of its own, which note where lines come from.
var parsed = template.Must(template.New("server.conf").Funcs(new(marker).funcs()).Parse(source))

// file is what the template sees.
type file struct {
	library.Settings // the fleet's
	Servers          []*block
	Upstreams        []upstream
	Maps             []library.NginxMap
	HSTS             []string // values of the header that server blocks have
}

// Scheme is the variable with the scheme by which a client came.
func (f *file) Scheme() string {
	if len(f.TrustedProxies) > 0 {
		return "$client_scheme"
	}
	return "$scheme"
}

type block struct {
	fleet.Server
	Number    int // from 1
	To        upstream
	ProfileID string
	Redirect  string // where requests over HTTP go; "": they are served
	Custom    []*nginxconf.Directive
	Locations []location
	*common
}

// common is what the server blocks of one profile share.
type common struct {
	selection
	Request []requestHeader
	Added   []added
	Hidden  []added
	HSTS    string // variable with the header's value; "": there is none

	headerText string           // see marker.headers
	located    map[int64]string // see marker.located
}

// Denies are the maps that refuse requests on every path.
func (c *common) Denies() []library.NginxMap { return c.denies }

// Sets reports whether the server's own nginx has the directive, with these first arguments, at its top:
// where nginx takes it once, ours makes room.
func (b *block) Sets(name string, args ...string) bool {
	return slices.ContainsFunc(b.Custom, func(d *nginxconf.Directive) bool {
		return d.Name == name && len(d.Args) >= len(args) && slices.Equal(d.Args[:len(args)], args)
	})
}

// Resolves reports whether names are looked up by name servers that a setting names.
func (b *block) Resolves() bool {
	return len(b.Resolver) > 0 && (b.To.HasNames() || slices.ContainsFunc(b.Locations, func(l location) bool { return l.To.HasNames() }))
}

// nginx returns server.conf and where its lines come from. Servers must be valid and in the order of their
// ids.
func nginx(in *Input, servers []fleet.Server, rules *rules, settings library.Settings) (string, Origins, error) {
	f := file{Settings: settings}
	if err := f.fill(in, servers, rules); err != nil {
		return "", nil, err
	}
	var origins marker
	t, err := parsed.Clone()
	if err != nil {
		return "", nil, fmt.Errorf("clone template: %w", err)
	}
	origins.template = t.Funcs(origins.funcs())
	var b strings.Builder
	b.Grow(typicalBlock * (1 + len(servers)))
	if err := t.Execute(&b, &f); err != nil {
		return "", nil, fmt.Errorf("execute template: %w", err)
	}
	text, from := origins.lift(b.String())
	return text, from, nil
}

// typicalBlock is how many bytes of server.conf a server takes, marks and some location rules included.
const typicalBlock = 8 << 10

func (f *file) fill(in *Input, servers []fleet.Server, rules *rules) error {
	profiles := map[string]*common{}
	names := upstreamNames(servers)
	taken := map[string]bool{}
	for _, name := range names {
		taken[name] = true
	}
	locations := map[int64]upstream{} // of rules, which several server blocks have
	for i, s := range servers {
		profile, err := rules.profileOf(&servers[i])
		if err != nil {
			return err
		}
		b := &block{Server: s, Number: i + 1, ProfileID: profileID(profile.ID)}
		if b.common = profiles[b.ProfileID]; b.common == nil {
			if b.common, err = f.common(in, profile); err != nil {
				return err
			}
			profiles[b.ProfileID] = b.common
		}
		b.To = newUpstream(Origin{Resource: "servers", ID: s.ID, Name: s.Name}, names[i], s.Upstream, s.UpstreamTLS)
		f.Upstreams = append(f.Upstreams, b.To)
		for _, rule := range b.locations {
			l := location{rule, b.To}
			if rule.Kind == library.KindProxy {
				to, known := locations[rule.ID]
				if !known {
					to = newUpstream(locationOrigin(&rule), freeName(taken, fmt.Sprintf("location_%d", rule.ID)), rule.Upstream, rule.UpstreamTLS)
					locations[rule.ID] = to
					f.Upstreams = append(f.Upstreams, to)
				}
				l.To = to
			}
			b.Locations = append(b.Locations, l)
		}
		if s.TLS() && s.ListenHTTP != 0 {
			b.Redirect = redirect(s.ListenHTTPS)
		}
		if b.Custom, err = nginxconf.Parse([]byte(s.CustomNginx)); err != nil {
			return fmt.Errorf("%s %w: custom_nginx %w", label(&s), ErrInvalid, err)
		}
		f.Servers = append(f.Servers, b)
	}
	slices.SortFunc(f.Maps, func(a, b library.NginxMap) int { return cmp.Compare(a.ID, b.ID) })
	return nil
}

// common returns what the server blocks of a profile share, and adds to the file what they need above them.
func (f *file) common(in *Input, profile *library.Profile) (*common, error) {
	s, err := in.selection(profile, f.Settings)
	if err != nil {
		return nil, err
	}
	for _, m := range s.maps {
		if !slices.ContainsFunc(f.Maps, func(other library.NginxMap) bool { return other.ID == m.ID }) {
			f.Maps = append(f.Maps, m)
		}
	}
	c := &common{selection: s, Request: f.requestHeaders(&s), Added: s.added(), Hidden: s.hidden(), located: map[int64]string{}}
	if s.HSTS != nil {
		value := hsts(s.HSTS)
		if !slices.Contains(f.HSTS, value) {
			f.HSTS = append(f.HSTS, value)
		}
		c.HSTS = fmt.Sprintf("$hsts_%d", slices.Index(f.HSTS, value))
	}
	return c, nil
}

func hsts(h *library.HSTS) string {
	value := fmt.Sprintf("max-age=%d", h.MaxAge)
	if h.IncludeSubdomains {
		value += "; includeSubDomains"
	}
	if h.Preload {
		value += "; preload"
	}
	return value
}

func locationOrigin(r *library.LocationRule) Origin {
	return Origin{Resource: "location-rules", ID: r.ID, Name: r.Name}
}

// freeName returns name, with underscores behind it where another upstream has it.
func freeName(taken map[string]bool, name string) string {
	for taken[name] {
		name += "_"
	}
	taken[name] = true
	return name
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
