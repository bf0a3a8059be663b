package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// replicas opens one PostgreSQL database several times, as that many masters do.
func replicas(t *testing.T, n int) []*Store {
	t.Helper()
	databaseURL := testbed.Postgres(t)
	stores := make([]*Store, n)
	var group errgroup.Group
	for i := range stores {
		group.Go(func() (err error) {
			stores[i], err = Open(t.Context(), databaseURL, slog.New(slog.DiscardHandler))
			return err
		})
	}
	t.Cleanup(func() {
		for _, s := range stores {
			if s != nil {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return stores
}

// atOnce runs fn on all of the stores, times on each, side by side.
func atOnce(t *testing.T, stores []*Store, times int, fn func(s *Store) error) {
	t.Helper()
	var group errgroup.Group
	for _, s := range stores {
		for range times {
			group.Go(func() error { return fn(s) })
		}
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestReplicasStartTogether(t *testing.T) {
	var made atomic.Int32
	atOnce(t, replicas(t, 4), 2, func(s *Store) error {
		first, err := s.PutFirstAdmin(t.Context(), "root", "hash")
		if first {
			made.Add(1)
		}
		return err
	})
	if made.Load() != 1 {
		t.Errorf("%d replicas made the first admin", made.Load())
	}
}

func TestReplicasLoseNoWrite(t *testing.T) {
	stores := replicas(t, 3)
	server := newServer("a")
	if err := stores[0].Servers.Create(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	var won, stale atomic.Int32
	atOnce(t, stores, 5, func(s *Store) error {
		_, err := s.Servers.Update(t.Context(), server.ID, 1, func(*fleet.Server) error { return nil })
		if errors.Is(err, ErrStale) {
			stale.Add(1)
			return nil
		}
		won.Add(1)
		return err
	})
	if won.Load() != 1 || stale.Load() != 14 {
		t.Errorf("of 15 updates of revision 1, %d were made and %d refused; want 1 and 14", won.Load(), stale.Load())
	}
	atOnce(t, stores, 10, func(s *Store) error {
		_, err := s.Servers.Update(t.Context(), server.ID, 0, func(r *fleet.Server) error {
			r.ListenHTTP++
			return nil
		})
		return err
	})
	got, err := stores[0].Servers.Get(t.Context(), server.ID)
	if err != nil || got.ListenHTTP != 80+30 || got.Revision != 2+30 {
		t.Errorf("after 30 increments: %+v, %v", got, err)
	}
	conflicts := make(chan string, 15)
	atOnce(t, stores, 5, func(s *Store) error {
		err := s.Servers.Create(t.Context(), newServer("b"))
		if conflict, ok := errors.AsType[*ConflictError](err); ok {
			conflicts <- conflict.Field
			return nil
		}
		return err
	})
	close(conflicts)
	refused := 0
	for field := range conflicts {
		if refused++; field != "server_name" {
			t.Errorf("the conflict is of %q", field)
		}
	}
	if refused != 14 {
		t.Errorf("%d of 15 servers of one name were refused, want 14", refused)
	}
}

// TestReplicasKeepRules: what one transaction reads to decide is not changed by another before it ends.
func TestReplicasKeepRules(t *testing.T) {
	stores := replicas(t, 2)
	for round := range 10 {
		var group errgroup.Group
		var refused atomic.Int32
		for i, s := range stores {
			if _, err := s.PutUser(t.Context(), fmt.Sprint("admin ", i), "admin", "hash"); err != nil {
				t.Fatal(err)
			}
		}
		for i, s := range stores {
			user, err := s.UserByName(t.Context(), fmt.Sprint("admin ", i))
			if err != nil {
				t.Fatal(err)
			}
			group.Go(func() error {
				err := s.Users.Delete(t.Context(), user.ID, 0)
				if errors.Is(err, ErrInUse) {
					refused.Add(1)
					return nil
				}
				return err
			})
		}
		if err := group.Wait(); err != nil || refused.Load() != 1 {
			t.Fatalf("round %d: of two admins who delete each other, %d were refused, %v; want one", round, refused.Load(), err)
		}
	}
}

func TestReplicasVersionsRise(t *testing.T) {
	stores := replicas(t, 3)
	var mu sync.Mutex
	versions := map[int64]bool{}
	atOnce(t, stores, 5, func(s *Store) error {
		var version int64
		err := s.Publish(t.Context(), func(ctx context.Context, tx *PublishTx) error {
			last, err := tx.LastVersions(ctx)
			if err != nil {
				return err
			}
			snapshot := &Snapshot{Hash: "x"}
			if err := tx.AddSnapshot(ctx, snapshot, []byte{}); err != nil {
				return err
			}
			version = last["h"] + 1
			return tx.AddDistribution(ctx, &Distribution{SnapshotID: snapshot.ID, Host: "h", ServiceType: api.Emby, Version: version}, []byte{})
		})
		mu.Lock()
		defer mu.Unlock()
		versions[version] = true
		return err
	})
	if len(versions) != 15 || !versions[15] {
		t.Errorf("15 publishes gave the versions %v", versions)
	}
}

// TestReplicasReport: reports about one agent that come to several replicas are all kept.
func TestReplicasReport(t *testing.T) {
	stores := replicas(t, 3)
	group := fleet.Group{Host: "h", ServiceType: api.Emby}
	snapshot := &Snapshot{Hash: "x"}
	err := stores[0].Publish(t.Context(), func(ctx context.Context, tx *PublishTx) error {
		if err := tx.AddSnapshot(ctx, snapshot, []byte{}); err != nil {
			return err
		}
		return tx.AddDistribution(ctx, &Distribution{SnapshotID: snapshot.ID, Host: "h", ServiceType: api.Emby, Version: 7}, []byte{})
	})
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int32
	atOnce(t, stores, 6, func(s *Store) error {
		switch n.Add(1) {
		case 1:
			return s.Acknowledge(t.Context(), group, api.Ack{SnapshotID: api.Int(snapshot.ID), Status: api.AckApplied})
		case 2:
			return s.Acknowledge(t.Context(), group, api.Ack{SnapshotID: api.Int(snapshot.ID), Status: api.AckFailed, Error: "nginx said \x00"})
		}
		return s.Beat(t.Context(), group, api.Heartbeat{AgentVersion: "1.2.3", Metadata: map[string]any{"a\x00": "b'\x00"}})
	})
	agents, err := stores[0].Agents(t.Context())
	if err != nil || len(agents) != 1 {
		t.Fatal(agents, err)
	}
	a := agents[0]
	if a.AppliedVersion != 7 || a.FailedSnapshotID != snapshot.ID || a.AgentVersion != "1.2.3" || a.FailedError != "nginx said \uFFFD" || len(a.Metadata) != 1 {
		t.Errorf("after two acks and heartbeats: %+v", a)
	}
}
