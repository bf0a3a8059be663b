package e2e

import (
	"fmt"
	"net/http"
	"testing"
)

// TestDraftReachesPlayers: what a draft says holds at the gateway once it is applied, and not before; its limits, too.
func TestDraftReachesPlayers(t *testing.T) {
	g := startGateway(t, nil, "jf.test")
	do := func(method, path string, body, out any) {
		t.Helper()
		must(t, g.master.Admin.Do(t.Context(), method, path, body, out))
	}
	var draft struct{ ID int64 }
	do(http.MethodPost, "drafts", map[string]any{"name": "guests", "service_type": "jellyfin"}, &draft)
	path := fmt.Sprintf("drafts/%d", draft.ID)
	do(http.MethodPatch, path, map[string]any{
		"server_ids": []int64{1},
		"document": map[string]any{
			"profiles": []any{map[string]any{
				"name": "guests", "service_type": "jellyfin", "players": []string{"Jellyfin Web"}, "uri_rules": []string{"logs"},
			}},
			"players":          []any{map[string]any{"client_name": "Jellyfin Web", "min_version": "10.8"}},
			"uri-rules":        []any{map[string]any{"name": "logs", "action": "block", "pattern": "/System/Logs"}},
			"rate-limit-rules": []any{map[string]any{"apply_to": "device", "apply_value": "noisy", "rate_per_minute": 1}},
		},
	}, nil)
	var preview struct {
		Changes []any
		Refused []any
	}
	do(http.MethodPost, path+"/preview", map[string]any{}, &preview)
	if len(preview.Changes) != 5 || len(preview.Refused) != 0 {
		t.Errorf("the preview shows %+v", preview)
	}
	status := func(path, version, device string) int {
		return g.get(t, "jf.test", path, "Authorization", `MediaBrowser Client="Jellyfin Web", DeviceId="`+device+`", Version="`+version+`"`)
	}
	if got := status("/System/Logs", "10.7.9", "d"); got == http.StatusForbidden {
		t.Error("a preview lets players be refused")
	}

	var applied struct{ ID int64 }
	do(http.MethodPost, path+"/apply", map[string]any{"note": "guests"}, &applied)
	g.waitApplied(t, applied.ID)
	for _, c := range []struct {
		path, version string
		want          int
	}{
		{"/System/Info/Public", "10.11.5", http.StatusOK},
		{"/System/Info/Public", "10.7.9", http.StatusForbidden},
		{"/system/logs", "10.11.5", http.StatusForbidden},
	} {
		if got := status(c.path, c.version, "d"); got != c.want {
			t.Errorf("%s with %s is answered %d, want %d", c.path, c.version, got, c.want)
		}
	}
	eventually(t, func() error { // limits come by a way of their own
		if got := status("/System/Info/Public", "10.11.5", "noisy"); got != http.StatusTooManyRequests {
			return fmt.Errorf("over its rate a device is answered %d", got)
		}
		return nil
	})
}
