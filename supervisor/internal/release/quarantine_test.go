package release_test

import (
	"errors"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

func TestQuarantineBacksOff(t *testing.T) {
	cfg := config(t.TempDir())
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cfg.Now = func() time.Time { return now }
	s := open(t, cfg)
	id := release.Identity{Version: 1, SnapshotID: 2, Epoch: 3}
	want := time.Minute
	for attempt := 1; attempt <= 9; attempt++ {
		if err := s.Quarantine(id, "h", "test", errors.New("cause")); err != nil {
			t.Fatal(err)
		}
		q := s.Quarantined()
		if got := q.Until.Sub(now); q.Attempts != attempt || got < want*9/10 || got > want*11/10 {
			t.Errorf("attempt %d: %d attempts, waits %s, want %s ±10 %%", attempt, q.Attempts, got, want)
		}
		want = min(2*want, time.Hour)
	}
	q := s.Quarantined()
	if !q.Is(id, "h") || !q.Is(id, "") || q.Is(id, "other") || q.Is(release.Identity{Version: 2, SnapshotID: 3, Epoch: 3}, "h") {
		t.Error("Is knows the wrong configuration")
	}
	if !q.Holds(now) || q.Holds(now.Add(2*time.Hour)) {
		t.Error("Holds does not end in time")
	}
	if q.Holds(now.Add(-time.Hour)) {
		t.Error("a clock that was set back an hour prolongs the quarantine")
	}
	if err := s.Lift(); err != nil || s.Quarantined() != nil {
		t.Errorf("Lift = %v, leaves %+v", err, s.Quarantined())
	}
	if (*release.Quarantine)(nil).Is(id, "h") || (*release.Quarantine)(nil).Holds(now) {
		t.Error("no quarantine holds something")
	}
}
