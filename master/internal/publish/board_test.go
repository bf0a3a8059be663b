package publish_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/shared/api"
)

func TestDiffers(t *testing.T) {
	e := publish.Entry{Version: 10, Hash: "h"}
	for _, c := range []struct {
		hash    string
		version int64
		want    bool
	}{
		{"h", 10, false},
		{"h", -1, false},
		{"", 10, false},
		{"x", 10, true},
		{"h", 9, true},
		{"h", 11, true}, // a restored master's versions fall
		{"", -1, true},
		{"", 0, true},
	} {
		if got := e.Differs(c.hash, c.version); got != c.want {
			t.Errorf("Differs(%q, %d) = %v", c.hash, c.version, got)
		}
	}
	if (publish.Entry{}).Differs("x", 5) {
		t.Error("nothing published is no update")
	}
}

type waited struct {
	entry publish.Entry
	err   error
}

func TestWait(t *testing.T) {
	m := newMaster(t)
	m.addServer(groupA.Host, "a.com", api.Emby)
	wait := func(ctx context.Context, hash string, version int64) <-chan waited {
		done := make(chan waited, 1)
		go func() {
			e, err := m.board.Wait(ctx, groupA, hash, version, nil)
			done <- waited{e, err}
		}()
		return done
	}

	first := wait(t.Context(), "", 0) // may come before or after the publish: it gets it either way
	m.publish(publish.Request{})
	if w := <-first; w.err != nil || w.entry.Version == 0 {
		t.Fatalf("waited for the first publish: %+v", w)
	}
	e := m.board.Current(groupA)
	if w := <-wait(t.Context(), "other", e.Version); w.err != nil || w.entry.Hash != e.Hash {
		t.Errorf("a slave with another hash: %+v", w)
	}

	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if w := <-wait(short, e.Hash, e.Version); !errors.Is(w.err, context.DeadlineExceeded) || w.entry.Hash != e.Hash {
		t.Errorf("nothing changed: %+v", w)
	}

	last := wait(t.Context(), e.Hash, e.Version)
	m.board.Close()
	m.board.Close()
	if w := <-last; !errors.Is(w.err, publish.ErrClosed) {
		t.Errorf("closed: %+v", w)
	}
	if w := <-wait(t.Context(), e.Hash, e.Version); !errors.Is(w.err, publish.ErrClosed) {
		t.Errorf("wait after Close: %+v", w)
	}
}
