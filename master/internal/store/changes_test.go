package store

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
)

// TestWatch: a change is told of on the replica that made it and on others, also after telling failed,
// and after the connection that listens broke.
func TestWatch(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		s := open(t)
		testWatch(t, s, s, "a")
	})
	t.Run("postgres", func(t *testing.T) {
		stores := replicas(t, 2)
		testWatch(t, stores[0], stores[0], "a")
		testWatch(t, stores[0], stores[1], "b")
	})
}

func testWatch(t *testing.T, writer, reader *Store, name string) {
	t.Helper()
	var failed atomic.Bool
	told := watch(t, reader, func(c Change) error {
		if c == ChangeLimits && !failed.Swap(true) {
			return errors.New("not now")
		}
		return nil
	})
	server := newServer(name)
	if err := writer.Servers.Create(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	waitTold(t, told, ChangeSlaves)
	rule := new(library.NewStreamRule())
	rule.ApplyTo, rule.MaxStreams = "global", 2
	if err := writer.StreamRules.Create(t.Context(), rule); err != nil {
		t.Fatal(err)
	}
	waitTold(t, told, ChangeLimits)
	token := &fleet.Token{ServerID: server.ID, Name: "slave", Prefix: "uhd_a", Hash: name, Scopes: []string{}}
	if err := writer.Tokens.Create(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	waitTold(t, told, ChangeSlaves)
	if reader.pool != nil {
		_, err := writer.db.ExecContext(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.RevokeToken(t.Context(), server.ID, token.ID); err != nil {
		t.Fatal(err)
	}
	waitTold(t, told, ChangeSlaves)
	if err := writer.Publish(t.Context(), func(context.Context, *PublishTx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	waitTold(t, told, ChangePublished)
}

// watch runs s.Watch until the test ends and returns what it tells of.
func watch(t *testing.T, s *Store, changed func(Change) error) <-chan Change {
	ctx, cancel := context.WithCancel(context.Background())
	told, ended := make(chan Change, 100), make(chan error, 1)
	go func() {
		ended <- s.Watch(ctx, func(_ context.Context, c Change) error {
			err := changed(c)
			if err == nil {
				told <- c
			}
			return err
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return told
}

func waitTold(t *testing.T, told <-chan Change, want Change) {
	t.Helper()
	for end := time.After(time.Minute); ; {
		select {
		case c := <-told:
			if c == want {
				return
			}
		case <-end:
			t.Fatalf("never told that %s changed", want)
		}
	}
}

func TestAlone(t *testing.T) {
	stores := replicas(t, 2)
	ran, err := stores[0].Alone(t.Context(), "sweep", func(ctx context.Context) error {
		for _, s := range stores {
			ran, err := s.Alone(ctx, "sweep", func(context.Context) error { return nil })
			if ran || err != nil {
				t.Errorf("beside a running one: ran %v, %v", ran, err)
			}
		}
		ran, err := stores[1].Alone(ctx, "other", func(context.Context) error { return nil })
		if !ran || err != nil {
			t.Errorf("of another name: ran %v, %v", ran, err)
		}
		return ErrInUse
	})
	if !ran || !errors.Is(err, ErrInUse) {
		t.Errorf("ran %v, %v; want its own error", ran, err)
	}
	for end := time.Now().Add(time.Minute); ; { // the server lets go when it has seen the connection end
		ran, err := stores[1].Alone(t.Context(), "sweep", func(context.Context) error { return nil })
		if err != nil || time.Now().After(end) {
			t.Fatal("never ran after the other had ended", err)
		}
		if ran {
			return
		}
	}
}
