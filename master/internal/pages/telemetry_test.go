package pages

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestTelemetryIsAskedForSoon: a page that is opened waits but little for what is rare; for who asks to go on it waits longer.
func TestTelemetryIsAskedForSoon(t *testing.T) {
	asked := ""
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := ""
		if strings.HasSuffix(r.URL.Path, "/telemetry/access-logs") {
			asked, next = r.URL.Query().Get("patience_ms"), "further"
		}
		_, _ = io.WriteString(w, `{"name": "root", "role": "viewer", "items": [], "searched_to": "2026-11-22T18:00:00Z", "next_cursor": "`+next+`"}`)
	})
	pages, err := New(Config{API: api, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ query, patience string }{
		{"?user_id=aabb", patienceAtFirst}, {"?user_id=aabb&cursor=further", patienceAtFirst}, {"?user_id=aabb&cursor=further&patience=more", patienceToGoOn},
	} {
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/admin/telemetry/access-logs"+c.query, nil))
		if w.Code != http.StatusOK || asked != c.patience {
			t.Errorf("%s is %d and asks for a patience of %q ms, want %s", c.query, w.Code, asked, c.patience)
		}
		if want := `href="?cursor=further&amp;patience=more&amp;user_id=aabb"`; !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s has no %s: %s", c.query, want, w.Body)
		}
	}
}
