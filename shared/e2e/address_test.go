package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// TestClientAddress: a proxy that settings trust says who the client is and how it came; nobody else
// does.
func TestClientAddress(t *testing.T) {
	g, _ := startPlayers(t)
	claims := []string{"X-Forwarded-For", "198.51.100.66, 203.0.113.7", "X-Real-IP", "198.51.100.67", "Forwarded", "for=198.51.100.68", "X-Forwarded-Proto", "https"}
	check := func(note, address, scheme string, header ...string) {
		t.Helper()
		e := g.echo(t, http.MethodGet, "/echo", nil, header...)
		for name, want := range map[string]string{
			"X-Forwarded-For": address, "X-Real-IP": address, "X-Forwarded-Proto": scheme, "Forwarded": "",
		} {
			if got := e.Header.Values(name); len(got) > 1 || e.Header.Get(name) != want {
				t.Errorf("%s: the media server is told %s: %q, want %q", note, name, got, want)
			}
		}
	}
	check("no setting", "127.0.0.1", "http", claims...)

	var setting struct{ ID int64 }
	must(t, g.master.Admin.Do(t.Context(), http.MethodPost, "settings", map[string]any{"name": "trusted_proxies", "value": []string{"192.0.2.0/24"}}, &setting))
	publish := func(note string) {
		t.Helper()
		if d := g.publish(t, note); d.Status != api.AckApplied {
			t.Fatalf("%+v; the slave printed:\n%s", d, g.slave.Log)
		}
	}
	publish("another proxy is trusted")
	check("another proxy is trusted", "127.0.0.1", "http", claims...)

	path := fmt.Sprintf("settings/%d", setting.ID)
	must(t, g.master.Admin.Do(t.Context(), http.MethodPatch, path, map[string]any{"value": []string{"192.0.2.0/24", "127.0.0.0/8"}}, nil))
	publish("our proxy is trusted")
	check("what the client claimed to the proxy is not believed", "203.0.113.7", "https", claims...)
	check("through two trusted proxies", "203.0.113.7", "http", "X-Forwarded-For", "203.0.113.7, 192.0.2.1", "X-Forwarded-Proto", "http")
	check("by IPv6", "2001:db8::7", "http", "X-Forwarded-For", "2001:db8::7")
	check("a proxy that says nothing", "127.0.0.1", "http")
	check("a proxy that says nonsense", "127.0.0.1", "http", "X-Forwarded-For", "nobody", "X-Forwarded-Proto", "gopher")

	g.add(t, "settings", map[string]any{"name": "real_ip_header", "value": "CF-Connecting-IP"})
	publish("another header")
	check("another header", "203.0.113.9", "https", append(claims, "CF-Connecting-IP", "203.0.113.9")...)
}
