package render_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/render"
)

// gateway is a real nginx that serves one rendered server in front of an upstream which tells what it got.
type gateway struct {
	t   *testing.T
	dir string
}

func serve(t *testing.T, change func(*fleet.Server)) *gateway {
	t.Helper()
	s := server(1, "a.com", "")
	change(&s)
	return serveInput(t, input(s), "")
}

// serveInput serves what is rendered of in. Servers that have no upstream of this machine get the telling one.
// chain is Lua in place of the access chain.
func serveInput(t *testing.T, in render.Input, chain string) *gateway {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Connection", "Upgrade", "Accept-Encoding", "Range", "If-Range", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Real-Ip", "X-Uhd-Probe"} {
			w.Header().Set("Got-"+name, strings.Join(r.Header.Values(name), ","))
		}
		w.Header().Set("Got-Host", r.Host)
		n, _ := io.Copy(io.Discard, r.Body)
		if n > 0 {
			w.WriteHeader(http.StatusCreated)
		}
	}))
	t.Cleanup(upstream.Close)
	dir, err := os.MkdirTemp("", "render")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	// The profile is what the chain would read; an answer header shows it.
	for name, code := range map[string]string{"access": chain, "log_handler": "", "header_filter": `ngx.header["Profile"] = ngx.var.config_profile_id`} {
		if err := os.WriteFile(filepath.Join(dir, name+".lua"), []byte(code), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil { // workers are another user
		t.Fatal(err)
	}
	in.Servers = slices.Clone(in.Servers)
	for i := range in.Servers {
		s := &in.Servers[i]
		s.LuaRoot = dir
		if address := s.Upstream[0].Address; address == "" || strings.HasPrefix(address, "203.0.113.") {
			s.ServerName, s.Upstream = "a.com", fleet.Upstream{{Address: strings.TrimPrefix(upstream.URL, "http://"), Weight: 1}}
		}
	}
	config, err := render.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := prepare(dir, config.RenderedNginx)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("nginx", "-c", conf, "-g", "daemon off;")
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	return &gateway{t, dir}
}

// ask sends a request to the listener of a port and returns the answer, without following redirects.
func (g *gateway) ask(port, method, path string, body io.Reader, header map[string]string) *http.Response {
	g.t.Helper()
	tr := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			for { // nginx may still be starting
				c, err := d.DialContext(ctx, "unix", filepath.Join(g.dir, port))
				if err == nil || ctx.Err() != nil {
					return c, err
				}
				time.Sleep(time.Millisecond)
			}
		},
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		DisableCompression: true,
	}
	defer tr.CloseIdleConnections()
	scheme := "http"
	if strings.HasSuffix(port, "443") {
		scheme = "https"
	}
	ctx, cancel := context.WithTimeout(g.t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, scheme+"://a.com"+path, body)
	if err != nil {
		g.t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		g.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res
}

func (g *gateway) want(res *http.Response, header map[string]string) {
	g.t.Helper()
	for name, value := range header {
		if got := res.Header.Get(name); got != value {
			g.t.Errorf("%s %s: %s is %q, want %q", res.Request.Method, res.Request.URL.Path, name, got, value)
		}
	}
}

func TestProxying(t *testing.T) {
	g := serve(t, noTLS)
	g.want(g.ask("80", "GET", "/Videos/1/stream", nil, map[string]string{
		"Range": "bytes=5-", "If-Range": `"x"`, "Accept-Encoding": "br",
		"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil", "Forwarded": "for=1.2.3.4", "X-Real-IP": "1.2.3.4", "X-UHD-Probe": "key",
	}), map[string]string{
		"Got-Range": "bytes=5-", "Got-If-Range": `"x"`, "Got-Accept-Encoding": "br", "Got-Host": "a.com",
		"Got-X-Forwarded-For": "unix:", "Got-X-Forwarded-Proto": "http", "Got-X-Forwarded-Host": "a.com", "Got-Forwarded": "", "Got-X-Real-IP": "unix:",
		"Got-Connection": "", "Got-Upgrade": "", "Got-X-UHD-Probe": "", "Profile": "1",
	})
	for path, want := range map[string]string{
		"/Users/AuthenticateByName": "identity", "/emby/users/authenticatebyname/": "identity", "/base/Users/AuthenticateWithQuickConnect": "identity",
		"/Users/0a1b/Authenticate": "identity", "/emby//Users/%41uthenticateByName?x=1": "identity", "/Connect/Exchange?ConnectUserId=1": "identity",
		"/Users/Me": "gzip", "/Users/AuthenticateByNames": "gzip", "/Items?x=/users/authenticatebyname": "gzip",
	} {
		g.want(g.ask("80", "GET", path, nil, map[string]string{"Accept-Encoding": "gzip"}), map[string]string{"Got-Accept-Encoding": want})
	}
	g.want(g.ask("80", "GET", "/socket", nil, map[string]string{"Connection": "Upgrade", "Upgrade": "WebSocket"}),
		map[string]string{"Got-Connection": "upgrade", "Got-Upgrade": "WebSocket"})
	g.want(g.ask("80", "GET", "/", nil, map[string]string{"Connection": "Upgrade", "Upgrade": "h2c"}),
		map[string]string{"Got-Connection": ""})
	if res := g.ask("80", "POST", "/upload", io.LimitReader(zeros{}, 21<<20), nil); res.StatusCode != http.StatusCreated {
		t.Errorf("a body of 21 MB: %s", res.Status)
	}
}

func TestRedirect(t *testing.T) {
	g := serve(t, func(*fleet.Server) {})
	res := g.ask("80", "GET", "/web/?a=b", nil, nil)
	if res.StatusCode != http.StatusMovedPermanently {
		t.Errorf("%s, want 301", res.Status)
	}
	g.want(res, map[string]string{"Location": "https://a.com/web/?a=b", "Profile": "1"})
	g.want(g.ask("443", "GET", "/", nil, nil), map[string]string{"Got-X-Forwarded-Proto": "https", "Profile": "1"})

	odd := serve(t, func(s *fleet.Server) { s.ListenHTTP, s.ListenHTTPS = 8080, 8443 })
	odd.want(odd.ask("8080", "GET", "/x", nil, nil), map[string]string{"Location": "https://a.com:8443/x"})
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
