package audit

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// TestRound: what is older than the time goes, more than one step of it too; what is younger stays.
func TestRound(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testRound(t, "sqlite://"+filepath.Join(t.TempDir(), "master.db")) })
	t.Run("postgres", func(t *testing.T) { testRound(t, testbed.Postgres(t)) })
}

func testRound(t *testing.T, databaseURL string) {
	st, err := store.Open(t.Context(), databaseURL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	const old = store.AuditStep + 10
	for i := range old {
		if err := st.Audit(t.Context(), "login", "auth", int64(i), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	last, err := st.AuditLog(t.Context(), store.Query{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	seen := last.Items[0].At.Add(time.Microsecond) // the store stamps microseconds
	for !time.Now().After(seen.Add(time.Millisecond)) {
		time.Sleep(time.Millisecond)
	}
	if err := st.Audit(t.Context(), "logout", "auth", 1, nil, nil); err != nil {
		t.Fatal(err)
	}
	round := func(at time.Time) {
		t.Helper()
		j := New(Config{Store: st, Keep: time.Hour, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
		j.now = func() time.Time { return at }
		if err := j.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	left := func() string {
		page, err := st.AuditLog(t.Context(), store.Query{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(len(page.Items), page.Next != "")
	}
	round(time.Now())
	if got := left(); got != "1 true" {
		t.Errorf("nothing is due, and there are %s", got)
	}
	round(seen.Add(time.Hour))
	if got := left(); got != "1 false" {
		t.Errorf("all but one is due, and there are %s", got)
	}
}
