package limits_test

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/limits"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// TestRevision: it changes with what a slave is told, and with nothing else; whoever waits is woken then.
func TestRevision(t *testing.T) {
	st, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "master.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	b, err := limits.Load(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	group := fleet.Group{Host: "a", ServiceType: api.Emby}
	was, changed := b.Watch(group)
	if err := b.ReloadLimits(t.Context()); err != nil {
		t.Fatal(err)
	}
	if is, _ := b.Watch(group); is != was || closed(changed) {
		t.Errorf("nothing has changed, and %q becomes %q", was, is)
	}
	soon := time.Now().Add(time.Hour).UTC()
	row := library.NewEnforcement()
	row.Dimension, row.DimensionValue, row.EffectiveUntil = "user", "ann", &soon
	if err := st.Enforcements.Create(t.Context(), &row); err != nil {
		t.Fatal(err)
	}
	if err := b.ReloadLimits(t.Context()); err != nil {
		t.Fatal(err)
	}
	is, _ := b.Watch(group)
	if is == was || !closed(changed) {
		t.Errorf("an enforcement, and the revision is %q still", is)
	}
	document, err := b.Document(group)
	var live api.LiveLimits
	if err != nil || json.Unmarshal(document, &live) != nil || live.Revision != is || len(live.Enforcements) != 1 || live.Kicks == nil {
		t.Errorf("%s, %v", document, err)
	}
	other, err := limits.Load(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	if there, _ := other.Watch(group); there != is {
		t.Errorf("another replica says %q for %q", there, is)
	}
	if _, changed := b.WatchRules(); closed(changed) {
		t.Error("rules have not changed")
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.ReloadLimits(t.Context()); err == nil {
		t.Error("limits are read from a database that is closed")
	}
	if same, _ := b.Watch(group); same != is {
		t.Errorf("a database that is away changes %q to %q", is, same)
	}
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
