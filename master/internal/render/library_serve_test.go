package render_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// refusing is an access chain that lets nobody in who does not say so.
const refusing = `if not ngx.var.http_let_me_in then ngx.exit(401) end`

// TestLocationRules: each kind answers as it says, behind the access chain unless the rule is before it.
func TestLocationRules(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Other", r.URL.Path) }))
	t.Cleanup(other.Close)
	in := libraryGoldens()["location-rules"]
	in.LocationRules[4].Upstream[0].Address = strings.TrimPrefix(other.URL, "http://")
	in.ProxyHeaders = []library.ProxyHeader{{ID: 1, Action: library.HeaderAddResponse, Header: "X-Extra", Value: "$request_method", ServiceType: library.All, Enabled: true}}
	noTLS(&in.Servers[0])
	g := serveInput(t, in, refusing)
	for _, c := range []struct {
		method, path string
		status       int
		header       map[string]string
	}{
		{"GET", "/robots.txt", 200, map[string]string{"Content-Type": "text/plain; charset=utf-8", "Content-Length": "26", "Cache-Control": ""}},
		{"GET", "/emby/ROBOTS.txt/", 200, nil},
		{"GET", "/robots.txt2", 401, nil},
		{"GET", "/old/a%20b?c=d", 401, nil},
		{"GET", "!/old/a%20b?c=d", 301, map[string]string{"Location": "https://media.example.com/old/a%20b?c=d"}},
		{"GET", "!/Old", 301, nil},
		{"GET", "!/older", 200, map[string]string{"Got-Host": "a.com"}},
		{"GET", "/Items/1/Download", 401, nil},
		{"GET", "!/Items/1/Download", 403, map[string]string{"X-UHD-Reason": "denied_by_location"}},
		{"GET", "!/mediabrowser/emby/items/1/DOWNLOAD", 403, nil},
		{"GET", "!/web/a.js", 200, map[string]string{"Cache-Control": "public, max-age=86400", "X-Extra": "GET", "Got-Host": "a.com"}},
		{"GET", "!/emby/Items/1/Images/Primary", 200, map[string]string{"Cache-Control": "public, max-age=86400"}},
		{"GET", "!/requests/1", 200, map[string]string{"Other": "/requests/1", "X-Extra": "GET"}},
		{"DELETE", "!/requests/1", 403, nil},
		{"DELETE", "!/items/1", 200, map[string]string{"X-Extra": "DELETE"}},
	} {
		var header map[string]string
		path, admitted := strings.CutPrefix(c.path, "!")
		if admitted {
			header = map[string]string{"Let-Me-In": "1"}
		}
		res := g.ask("80", c.method, path, nil, header)
		if res.StatusCode != c.status {
			t.Errorf("%s %s: %s, want %d", c.method, c.path, res.Status, c.status)
		}
		g.want(res, c.header)
	}
}

// TestMapsAndHeaders: deny maps refuse, value maps speak in headers, and headers come, go and are replaced.
func TestMapsAndHeaders(t *testing.T) {
	in := libraryGoldens()["maps-and-headers"]
	in.NginxMaps[1].Source, in.NginxMaps[1].Entries = "http_x_place", []library.MapEntry{
		{MatchType: api.MatchExact, Pattern: "~x*", Value: "exact"},
		{MatchType: api.MatchExact, Pattern: strings.Repeat("long", 12), Value: "long"},
		{MatchType: api.MatchRegex, Pattern: "^b", Value: "regex"},
		{MatchType: api.MatchPrefix, Pattern: "be.", Value: "prefix"},
	}
	in.ProxyHeaders[0].Header = "Range" // one that the upstream of the tests repeats
	noTLS(&in.Servers[0])
	g := serveInput(t, in, "")
	for agent, status := range map[string]int{"OldPlayer/1.2": 403, "oldplayer/3.": 403, "OldPlayer/4.0": 200, "bad (x": 403, "Bad": 200, "default": 403} {
		if res := g.ask("80", "GET", "/", nil, map[string]string{"User-Agent": agent}); res.StatusCode != status {
			t.Errorf("%s: %s, want %d", agent, res.Status, status)
		}
	}
	for place, want := range map[string]string{"~x*": "exact", strings.Repeat("LONG", 12): "long", "be.": "prefix", "bex": "regex", "other": "abroad"} {
		res := g.ask("80", "GET", "/", nil, map[string]string{"X-Place": place})
		g.want(res, map[string]string{"Got-Range": want + " (unix:)", "Got-Host": "media.example.com", "X-Robots-Tag": "noindex, nofollow"})
	}
}

// TestNamedUpstream: a name that does not resolve keeps nothing from loading, and serves once it does.
func TestNamedUpstream(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Path", r.URL.RequestURI()) }))
	t.Cleanup(upstream.Close)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(upstream.URL, "http://"))
	check(t, err)
	var known atomic.Bool
	in := input(with(server(1, "a.com", "emby.invalid:"+port), noTLS), with(server(2, "b.com", "x.invalid:"+port), func(s *fleet.Server) {
		noTLS(s)
		s.Upstream = fleet.Upstream{{Address: "one.invalid:" + port, Weight: 5}, {Address: "127.0.0.1:" + port, Weight: 1}}
	}))
	in.Settings = []library.Setting{setting(library.SettingResolver, `["`+nameServer(t, &known)+`"]`)}
	g := serveInput(t, in, "")
	if res := g.ask("80", "GET", "/", nil, nil); res.StatusCode != http.StatusBadGateway {
		t.Errorf("while nobody knows the name: %s", res.Status)
	}
	known.Store(true)
	deadline := time.Now().Add(time.Minute) // nginx remembers for some seconds that there was none
	for {
		res := g.ask("80", "GET", "/Videos/a%2Fb?x=%20", nil, nil)
		if res.StatusCode == http.StatusOK {
			g.want(res, map[string]string{"Path": "/Videos/a%2Fb?x=%20"})
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the name is known, and the answer %s", res.Status)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// nameServer answers 127.0.0.1 to every question once known, and before that there is no such name. It returns
// its address.
func nameServer(t *testing.T, known *atomic.Bool) string {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	check(t, err)
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		buffer := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if !known.Load() {
				m.RCode = dnsmessage.RCodeNameError
			} else if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
				}}
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(packed, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

// TestTLSUpstream: certificates of upstreams are checked by name, unless they are not to be.
func TestTLSUpstream(t *testing.T) {
	var asked atomic.Value
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked.Store(r.TLS.ServerName) }))
	pair, err := tls.X509KeyPair(certificate()) // for localhost, and what prepare makes nginx trust
	check(t, err)
	upstream.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	upstream.StartTLS()
	t.Cleanup(upstream.Close)
	address := strings.TrimPrefix(upstream.URL, "https://")
	for name, c := range map[string]struct {
		verify bool
		name   string
		status int
		sni    string
	}{
		"not checked":  {false, "", http.StatusOK, ""},
		"checked":      {true, "localhost", http.StatusOK, "localhost"},
		"another name": {true, "example.com", http.StatusBadGateway, ""},
		"name alone":   {false, "example.com", http.StatusOK, "example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(with(server(1, "a.com", address), func(s *fleet.Server) {
				noTLS(s)
				s.UpstreamScheme, s.UpstreamTLSVerify, s.UpstreamTLSName = fleet.SchemeHTTPS, c.verify, c.name
			}))
			g := serveInput(t, in, "")
			if res := g.ask("80", "GET", "/", nil, nil); res.StatusCode != c.status {
				t.Errorf("%s, want %d", res.Status, c.status)
			}
			if c.status == http.StatusOK && asked.Load() != c.sni {
				t.Errorf("asked for %v, want %q", asked.Load(), c.sni)
			}
		})
	}
}

// TestHSTS stands in answers over HTTPS only.
func TestHSTS(t *testing.T) {
	in := libraryGoldens()["settings"]
	in.Servers = in.Servers[:1]
	in.Servers[0].ServerName = "a.com"
	g := serveInput(t, in, "")
	const name = "Strict-Transport-Security"
	g.want(g.ask("443", "GET", "/", nil, nil), map[string]string{name: "max-age=31536000; includeSubDomains"})
	g.want(g.ask("80", "GET", "/", nil, nil), map[string]string{name: ""})
}
