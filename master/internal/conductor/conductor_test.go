package conductor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/uhdadmin/media-gateway/master/internal/conductor"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// patience bounds every wait for a condition.
const patience = time.Minute

// fleetOf is a master's parts with three hosts, whose slaves are online and run a first snapshot.
type fleetOf struct {
	t         *testing.T
	url       string
	telemetry telemetry.Database
	*replica
}

// replica is what one process has of a master.
type replica struct {
	store     *store.Store
	board     *publish.Board
	publisher *publish.Publisher
	conductor *conductor.Conductor
	stop      func()
}

var hosts = []string{"a.example.com", "b.example.com", "c.example.com"}

func group(host string) fleet.Group { return fleet.Group{Host: host, ServiceType: api.Emby} }

func newFleet(t *testing.T, databaseURL string) *fleetOf {
	t.Helper()
	f := &fleetOf{t: t, url: databaseURL}
	var err error
	if f.telemetry, err = telemetry.Open(t.Context(), databaseURL, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.telemetry.Close() })
	f.replica = f.start()
	for _, host := range hosts {
		s := fleet.NewServer()
		s.Name, s.ServiceType, s.Host, s.ServerName = host, api.Emby, host, host
		s.Upstream = fleet.Upstream{{Address: "203.0.113.10:8096", Weight: 1}}
		f.must(f.store.Servers.Create(t.Context(), &s))
	}
	first := f.publish(publish.Request{Note: "first"})
	for _, host := range hosts {
		f.ack(first.ID, host, api.AckApplied)
	}
	return f
}

func (f *fleetOf) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// start opens the database as another process does, and carries rollouts on.
func (f *fleetOf) start() *replica {
	f.t.Helper()
	log := slog.New(slog.DiscardHandler)
	r := &replica{}
	var err error
	r.store, err = store.Open(f.t.Context(), f.url, log)
	f.must(err)
	r.board, err = publish.LoadBoard(f.t.Context(), r.store)
	f.must(err)
	r.publisher = publish.New(publish.Config{Store: r.store, Board: r.board, Log: log})
	r.conductor = conductor.New(conductor.Config{
		Store: r.store, Publisher: r.publisher, Telemetry: f.telemetry.Reader(), Registry: prometheus.NewRegistry(), Log: log,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = r.conductor.Run(ctx) }) // ends without an error
	running.Go(func() {
		_ = r.store.Watch(ctx, func(ctx context.Context, _ store.Change) error {
			r.conductor.Changed()
			return r.board.Refresh(ctx)
		})
	})
	r.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		_ = r.store.Close()
	})
	f.t.Cleanup(r.stop)
	return r
}

func (f *fleetOf) publish(req publish.Request) *publish.Result {
	f.t.Helper()
	result, err := f.publisher.Publish(f.t.Context(), req)
	f.must(err)
	return result
}

func (f *fleetOf) ack(snapshot int64, host, status string) {
	f.t.Helper()
	f.must(f.store.Acknowledge(f.t.Context(), group(host), api.Ack{SnapshotID: api.Int(snapshot), Status: status, Stage: "test", Error: "emerg: no"}))
}

// change makes the next publish another one for every host.
func (f *fleetOf) change(note string) {
	f.t.Helper()
	for i := range hosts {
		_, err := f.store.Servers.Update(f.t.Context(), int64(i+1), 0, func(s *fleet.Server) error {
			s.CustomNginx = "add_header X-Note " + note + ";"
			return nil
		})
		f.must(err)
	}
}

// requests puts lines of the access log there, half of them answered 502 where they fail.
func (f *fleetOf) requests(server int64, n int, fail bool) {
	f.t.Helper()
	at := telemetry.MillisOf(time.Now())
	f.must(f.telemetry.Write(f.t.Context(), func(ctx context.Context, tx bun.IDB) error {
		if tx.Dialect().Name() == dialect.PG { // ingest makes one for each day
			if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS access_logs_any PARTITION OF access_logs DEFAULT"); err != nil {
				return err
			}
		}
		for i := range n {
			row := telemetry.AccessLog{ID: telemetry.ID(at, server<<16+int64(i)), Time: at, ServerID: server, Status: 200, Verdict: "allow"}
			if fail && i%2 == 0 {
				row.Status = 502
			}
			if _, err := tx.NewInsert().Model(&row).ModelTableExpr("access_logs").Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	}))
}

// state waits until a rollout is in a state.
func (f *fleetOf) state(id int64, want rollout.State) *store.Rollout {
	f.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		changed := f.conductor.Watch()
		r, err := f.store.Rollout(f.t.Context(), id)
		f.must(err)
		if r.State == want {
			return r
		}
		if r.EndedAt != nil || time.Now().After(deadline) {
			f.t.Fatalf("rollout is %s (%s), want %s", r.State, r.Reason, want)
		}
		select {
		case <-changed:
		case <-time.After(time.Second):
		}
	}
}

// serves is which note a host's configuration holds, from its document.
func (f *fleetOf) serves(host string) string {
	f.t.Helper()
	var c api.Config
	f.must(json.Unmarshal(f.board.Current(group(host)).Document.JSON(), &c))
	_, after, _ := strings.Cut(c.RenderedNginx, "X-Note ")
	note, _, _ := strings.Cut(after, ";")
	return note
}

// awaitServes waits for the board, which follows what was committed.
func (f *fleetOf) awaitServes(host, want string) {
	f.t.Helper()
	for end := time.Now().Add(patience); f.serves(host) != want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			f.t.Fatalf("%s serves %q, want %q", host, f.serves(host), want)
		}
	}
}

func canary(o rollout.CanaryOptions) publish.Request {
	if o.Hosts == nil {
		o.Hosts = []string{hosts[0]}
	}
	return publish.Request{Order: rollout.Order{Canary: &o}}
}

// long is a soak that does not end by itself within a test.
const long = rollout.Duration(time.Hour)

func onBoth(t *testing.T, test func(*fleetOf)) {
	t.Run("sqlite", func(t *testing.T) { test(newFleet(t, "sqlite://"+filepath.Join(t.TempDir(), "m.db"))) })
	t.Run("postgres", func(t *testing.T) { test(newFleet(t, testbed.Postgres(t))) })
}

// TestPromote: the others get what the canary has once it has soaked, and meanwhile nothing else is published.
func TestPromote(t *testing.T) { onBoth(t, testPromote) }

func testPromote(f *fleetOf) {
	f.change("good")
	result := f.publish(canary(rollout.CanaryOptions{Soak: long}))
	if len(result.Distributions) != 1 || result.Rollout == nil || result.Rollout.State != rollout.Canary {
		f.t.Fatalf("published %+v", result)
	}
	if f.serves(hosts[0]) != "good" || f.serves(hosts[1]) != "" {
		f.t.Errorf("the canary serves %q, another %q", f.serves(hosts[0]), f.serves(hosts[1]))
	}
	_, err := f.publisher.Publish(f.t.Context(), publish.Request{})
	if _, busy := errors.AsType[*publish.BusyError](err); !busy {
		f.t.Errorf("another publish meanwhile: %v", err)
	}
	f.ack(result.ID, hosts[0], api.AckApplied)
	f.state(result.Rollout.ID, rollout.Soaking)
	if _, err := f.conductor.Promote(f.t.Context(), result.Rollout.ID); err != nil {
		f.t.Fatal(err)
	}
	f.state(result.Rollout.ID, rollout.Done)
	for _, host := range hosts {
		if e := f.board.Current(group(host)); f.serves(host) != "good" || e.SnapshotID != result.ID {
			f.t.Errorf("%s serves %q of snapshot %d", host, f.serves(host), e.SnapshotID)
		}
	}
	if _, err := f.conductor.Halt(f.t.Context(), result.Rollout.ID, "late"); err == nil {
		f.t.Error("halted what is done")
	}

	// By itself, after a short soak.
	f.change("better")
	result = f.publish(canary(rollout.CanaryOptions{Soak: rollout.Duration(time.Millisecond)}))
	f.ack(result.ID, hosts[0], api.AckApplied)
	f.state(result.Rollout.ID, rollout.Done)
	f.awaitServes(hosts[2], "better")
}

// TestHalt: canaries that cannot apply it, or answer 5xx, get back what they had, under higher versions, and the
// others never hear of it.
func TestHalt(t *testing.T) { onBoth(t, testHalt) }

func testHalt(f *fleetOf) {
	before := map[string]publish.Entry{}
	for _, host := range hosts {
		before[host] = f.board.Current(group(host))
	}
	check := func(r *store.Rollout, reason string) {
		f.t.Helper()
		if !strings.Contains(r.Reason, reason) {
			f.t.Errorf("the reason is %q, want %q in it", r.Reason, reason)
		}
		// The board follows what was committed.
		e := f.board.Current(group(hosts[0]))
		for end := time.Now().Add(patience); e.SnapshotID <= r.SnapshotID && time.Now().Before(end); e = f.board.Current(group(hosts[0])) {
			time.Sleep(time.Millisecond)
		}
		if e.Hash != before[hosts[0]].Hash || e.Version <= before[hosts[0]].Version || e.SnapshotID <= r.SnapshotID {
			f.t.Errorf("the canary has %+v, before %+v", e, before[hosts[0]])
		}
		if hash, err := api.ContentHash(e.Document.JSON()); err != nil || hash != e.Hash {
			f.t.Errorf("its document has the hash %s, %v", hash, err)
		}
		for _, host := range hosts[1:] {
			if e := f.board.Current(group(host)); e.Version != before[host].Version || e.Hash != before[host].Hash {
				f.t.Errorf("%s heard of it: %+v", host, e)
			}
		}
	}

	f.change("cannot")
	result := f.publish(canary(rollout.CanaryOptions{Soak: long}))
	f.ack(result.ID, hosts[0], api.AckFailed)
	check(f.state(result.Rollout.ID, rollout.Halted), "cannot apply it, at test: emerg: no")

	result = f.publish(canary(rollout.CanaryOptions{Soak: long, AckTimeout: rollout.Duration(time.Millisecond)}))
	check(f.state(result.Rollout.ID, rollout.Halted), "have not answered within 1ms")

	result = f.publish(canary(rollout.CanaryOptions{Soak: long}))
	f.ack(result.ID, hosts[0], api.AckApplied)
	f.state(result.Rollout.ID, rollout.Soaking)
	f.requests(2, 200, false) // first: the canary may be judged at any moment
	f.requests(1, 200, true)
	r := f.state(result.Rollout.ID, rollout.Halted)
	check(r, "a.example.com answers 5xx to 50.0% of 200 requests")
	if r.Rates == nil || r.Rates.Others.Requests != 200 {
		f.t.Errorf("rates %+v", r.Rates)
	}
}

// TestSchedule: what is configured when the time comes is published then, by a master that was started since.
func TestSchedule(t *testing.T) { onBoth(t, testSchedule) }

func testSchedule(f *fleetOf) {
	soon, err := f.publisher.Schedule(f.t.Context(), publish.Request{Note: "soon", By: "ann"}, time.Now().Add(2*time.Second))
	f.must(err)
	later, err := f.publisher.Schedule(f.t.Context(), publish.Request{}, time.Now().Add(time.Hour))
	f.must(err)
	if _, err := f.publisher.Schedule(f.t.Context(), publish.Request{}, time.Now().Add(-time.Hour)); err == nil {
		f.t.Error("scheduled for the past")
	}
	f.change("scheduled")
	f.stop()
	f.replica = f.start()
	if r := f.state(soon.ID, rollout.Done); r.SnapshotID == 0 {
		f.t.Errorf("%+v", r)
	}
	f.awaitServes(hosts[1], "scheduled")
	if _, err := f.conductor.Cancel(f.t.Context(), later.ID); err != nil {
		f.t.Error(err)
	}
	f.state(later.ID, rollout.Cancelled)

	// One that cannot be says why.
	bad, err := f.publisher.Schedule(f.t.Context(), publish.Request{Order: rollout.Order{Hosts: []string{"nowhere"}}}, time.Now().Add(time.Second))
	f.must(err)
	if r := f.state(bad.ID, rollout.Failed); !strings.Contains(r.Reason, "names no host") {
		f.t.Errorf("the reason is %q", r.Reason)
	}
}

// TestReplicas: two replicas carry the same rollouts on, and each step is taken once.
func TestReplicas(t *testing.T) {
	f := newFleet(t, testbed.Postgres(t))
	other := f.start()
	for i := range 3 {
		f.change(fmt.Sprint("round", i))
		result := f.publish(canary(rollout.CanaryOptions{Soak: rollout.Duration(time.Millisecond)}))
		f.ack(result.ID, hosts[0], api.AckApplied)
		f.state(result.Rollout.ID, rollout.Done)
		distributions, err := f.store.SnapshotDistributions(t.Context(), result.ID)
		f.must(err)
		if len(distributions) != len(hosts) {
			t.Errorf("%d distributions, want one for each of %d hosts", len(distributions), len(hosts))
		}
		log, err := f.store.AuditLog(t.Context(), store.Query{Where: map[string]string{"resource": "rollouts", "resource_id": fmt.Sprint(result.Rollout.ID)}})
		f.must(err)
		if len(log.Items) != 1 || log.Items[0].Action != "promote" {
			t.Errorf("the audit log has %+v", log.Items)
		}
	}
	other.stop()
}
