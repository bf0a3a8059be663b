package store

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// TestOpenWaits: a server that is not there yet is waited for, and said to be.
func TestOpenWaits(t *testing.T) {
	forwarder, databaseURL := testbed.PostgresOverTCP(t, testbed.Postgres(t))
	log := &firstLine{written: make(chan struct{})}
	opened := make(chan error, 1)
	go func() {
		s, err := Open(t.Context(), databaseURL, slog.New(slog.NewTextHandler(log, nil)))
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	select {
	case <-log.written: // it has tried in vain
	case err := <-opened:
		t.Fatalf("without a server Open gives %v at once", err)
	}
	forwarder.Restore(t)
	if err := <-opened; err != nil {
		t.Errorf("the server is there, and Open gives %v", err)
	}
	if !strings.Contains(log.text.String(), "Database does not answer yet") {
		t.Errorf("logged %q", log.text.String())
	}
}

// firstLine tells when something was written.
type firstLine struct {
	text    bytes.Buffer
	once    sync.Once
	written chan struct{}
}

func (l *firstLine) Write(b []byte) (int, error) {
	l.text.Write(b)
	l.once.Do(func() { close(l.written) })
	return len(b), nil
}

// TestOpenDoesNotWait for what will not mend itself.
func TestOpenDoesNotWait(t *testing.T) {
	u, err := url.Parse(testbed.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/nowhere"
	_, err = Open(t.Context(), u.String(), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "DATABASE_URL") || !strings.Contains(err.Error(), "nowhere") || strings.Contains(err.Error(), "\n") {
		t.Errorf("without its database: %v", err)
	}
	if strings.Contains(err.Error(), "in vain") {
		t.Error("it was waited for")
	}
}

// TestDeadlockIsRepeated: two transactions that lock the same rows in opposite order both go through.
func TestDeadlockIsRepeated(t *testing.T) {
	stores := replicas(t, 2)
	ids := make([]int64, 2)
	for i := range ids {
		server := newServer(string(rune('a' + i)))
		if err := stores[0].Servers.Create(t.Context(), server); err != nil {
			t.Fatal(err)
		}
		ids[i] = server.ID
	}
	var met sync.WaitGroup
	met.Add(2)
	runs := make(chan int, 2)
	for i, s := range stores {
		go func() {
			n := 0
			err := s.report(t.Context(), func(ctx context.Context, tx bun.IDB) error {
				n++
				for _, id := range []int64{ids[i], ids[1-i]} {
					if _, err := tx.ExecContext(ctx, "UPDATE servers SET listen_http = listen_http + 1 WHERE id = ?", id); err != nil {
						return err
					}
					if n == 1 && id == ids[i] {
						met.Done()
						met.Wait()
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			runs <- n
		}()
	}
	if total := <-runs + <-runs; total < 3 {
		t.Errorf("the two transactions ran %d times; at least one should have been repeated", total)
	}
	for _, id := range ids {
		server, err := stores[0].Servers.Get(t.Context(), id)
		if err != nil || server.ListenHTTP != 82 {
			t.Errorf("server %d counts %d, %v; want 82", id, server.ListenHTTP, err)
		}
	}
	if !mustRepeat(errors.Join(&pgconn.PgError{Code: serializationFailed})) || mustRepeat(&pgconn.PgError{Code: uniqueViolation}) {
		t.Error("what is repeated is not what should be")
	}
}
