package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// TestRefusalsAreExplained: with the request id that a player is told, the admin API says which rule of the
// library it was, for refusals of all sorts.
func TestRefusalsAreExplained(t *testing.T) {
	g, _ := startPlayersWith(t, telemetryEnv)
	g.add(t, "uri-rules", map[string]any{"name": "no plugins", "action": "block", "match_type": "prefix", "pattern": "/Plugins", "service_type": "all"})
	g.add(t, "players", map[string]any{"client_name": "Infuse", "min_version": "8.0", "service_type": "jellyfin"})
	snapshot, err := g.master.Admin.Publish(t.Context(), "explained")
	must(t, err)
	g.waitApplied(t, snapshot)

	const infuse = `MediaBrowser Client="Infuse", Device="TV", DeviceId="d9", Version="7.8"`
	profile := fmt.Sprintf("profiles/%d", g.defaultProfile(t))
	ids := map[string]string{} // request id → the rule's path, below the admin API's
	for _, c := range []struct{ path, auth, rule string }{
		{"/emby/plugins/Security", playerAuth, "uri-rules/1"},
		{"/Items", infuse, "players/2"},
		{"/Items", "", profile},
	} {
		res := g.send(t, http.MethodGet, c.path, nil, "Authorization", c.auth)
		if res.StatusCode != http.StatusForbidden || res.Header.Get("X-Request-Id") == "" {
			t.Fatalf("%s is answered %s, request %q", c.path, res.Status, res.Header.Get("X-Request-Id"))
		}
		ids[res.Header.Get("X-Request-Id")] = c.rule
	}

	// Bans flow without a publish.
	g.add(t, "enforcements", map[string]any{"dimension": "device", "dimension_value": "d1", "action": "reject", "reason": "shared"})
	eventually(t, func() error {
		res := g.send(t, http.MethodGet, "/Items", nil)
		if res.StatusCode != http.StatusForbidden {
			return fmt.Errorf("a banned device gets %s", res.Status)
		}
		ids[res.Header.Get("X-Request-Id")] = "enforcements/1"
		return nil
	})
	for id, rule := range ids {
		eventually(t, func() error {
			var e struct {
				Why, Cure string
				Rules     []struct{ Path, State string }
			}
			if err := g.master.Admin.Do(t.Context(), http.MethodGet, "explain?request_id="+url.QueryEscape(id), nil, &e); err != nil {
				return err // not reported yet
			}
			if len(e.Rules) != 1 || e.Rules[0].Path != "/api/v1/admin/"+rule || e.Rules[0].State != "holds" || e.Why == "" || e.Cure == "" {
				t.Errorf("refused by %s, explained by %+v", rule, e)
			}
			return nil
		})
	}
}
