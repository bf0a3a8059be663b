package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/standin"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

const (
	playerName = "Jellyfin Web"
	playerAuth = `MediaBrowser Client="Jellyfin Web", Device="Firefox", DeviceId="d1", Version="10.11.5"`
)

// echoed is a request as it reached the media server.
type echoed struct {
	Method, Path, Query string
	Header              http.Header
	Body                int64
}

// startEchoing serves the stand-in, but for paths under /echo, which answer with the request.
func startEchoing(t testing.TB) (*standin.Server, string) {
	t.Helper()
	media := standin.New(standin.Options{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/echo") {
			media.ServeHTTP(w, r)
			return
		}
		n, _ := io.Copy(io.Discard, r.Body) // fewer than were sent: the test sees it
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(echoed{r.Method, r.URL.Path, r.URL.RawQuery, r.Header, n})
	}))
	t.Cleanup(srv.Close)
	return media, strings.TrimPrefix(srv.URL, "http://")
}

// startPlayers brings up a gateway with a whitelist that also refuses who states no client, in front of
// an echoing media server; media.test over HTTP on g.port and tls.test over HTTPS on the second port.
func startPlayers(t testing.TB) (g *gateway, tlsPort int) {
	t.Helper()
	return startPlayersWith(t, nil)
}

// startPlayersWith is startPlayers with more variables for the slave.
func startPlayersWith(t testing.TB, env []string) (g *gateway, tlsPort int) {
	t.Helper()
	g = &gateway{master: startMaster(t, shortDir(t)), port: freePort(t)}
	var upstream string
	g.media, upstream = startEchoing(t)
	root := filepath.Join(shortDir(t), "slave")
	cert, key, err := testbed.WriteCertificate(shortDir(t), time.Hour, "tls.test")
	must(t, err)
	tlsPort = freePort(t)
	plain := testbed.Server{
		Name: "media", ServiceType: api.Jellyfin, Host: groupHost, ServerName: "media.test", Upstream: upstream,
		ListenHTTP: g.port, LuaRoot: filepath.Join(root, "lua"),
	}
	g.server, err = g.master.Admin.AddServer(t.Context(), plain)
	must(t, err)
	secure := plain
	secure.Name, secure.ServerName, secure.ListenHTTP, secure.ListenHTTPS = "tls", "tls.test", 0, tlsPort
	secure.SSLCertPath, secure.SSLKeyPath = cert, key
	_, err = g.master.Admin.AddServer(t.Context(), secure)
	must(t, err)
	g.add(t, "players", map[string]any{"client_name": playerName, "service_type": "jellyfin"})
	must(t, g.master.Admin.Do(t.Context(), http.MethodPatch, fmt.Sprintf("profiles/%d", g.defaultProfile(t)), map[string]any{"unidentified": "reject"}, nil))
	g.token, err = g.master.Admin.NewToken(t.Context(), g.server.ID)
	must(t, err)
	snapshot, err := g.master.Admin.Publish(t.Context(), "players")
	must(t, err)
	g.slave = startSlave(t, testbed.SlaveConfig{Root: root, MasterURL: g.master.URL, Token: g.token, Env: env})
	g.waitApplied(t, snapshot)
	return g, tlsPort
}

func (g *gateway) add(t testing.TB, resource string, body map[string]any) {
	t.Helper()
	must(t, g.master.Admin.Do(t.Context(), http.MethodPost, resource, body, nil))
}

// defaultProfile is the id of Jellyfin's.
func (g *gateway) defaultProfile(t testing.TB) int64 {
	t.Helper()
	var list struct {
		Items []struct{ ID int64 } `json:"items"`
	}
	must(t, g.master.Admin.Do(t.Context(), http.MethodGet, "profiles?service_type=jellyfin&is_default=true", nil, &list))
	if len(list.Items) != 1 {
		t.Fatalf("default profiles of jellyfin: %+v", list.Items)
	}
	return list.Items[0].ID
}

// send asks media.test with the method and pairs of header names and values.
func (g *gateway) send(t testing.TB, method, path string, body io.Reader, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, fmt.Sprintf("http://127.0.0.1:%d%s", g.port, path), body)
	must(t, err)
	req.Host = "media.test"
	req.Header.Set("Authorization", playerAuth)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := oneShot.Do(req)
	must(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// echo sends a request that the media server answers with what it got.
func (g *gateway) echo(t testing.TB, method, path string, body io.Reader, header ...string) (e echoed) {
	t.Helper()
	res := g.send(t, method, path, body, header...)
	text, err := io.ReadAll(res.Body)
	must(t, err)
	if res.StatusCode != http.StatusOK || json.Unmarshal(text, &e) != nil {
		t.Fatalf("%s %s: %s %s", method, path, res.Status, text)
	}
	return e
}

// login signs the stand-in's user in through the gateway and returns the token.
func (g *gateway) login(t testing.TB) string {
	t.Helper()
	res := g.send(t, http.MethodPost, "/Users/AuthenticateByName", strings.NewReader(`{"Username": "demo", "Pw": "demo"}`), "Content-Type", "application/json")
	var answer struct{ AccessToken string }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("login: %s, %v", res.Status, err)
	}
	return answer.AccessToken
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
