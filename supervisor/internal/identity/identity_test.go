package identity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/supervisor/internal/identity"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

// desk is the nginx that is told, and the clock.
type desk struct {
	mu      sync.Mutex
	now     time.Time
	users   []nginx.User
	fail    error
	pushes  int
	told    chan struct{}
	logText bytes.Buffer
}

func newDesk() *desk {
	return &desk{now: time.Unix(1_700_000_000, 0), told: make(chan struct{}, 100)}
}

func (d *desk) PushUsers(_ context.Context, users []nginx.User) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pushes++
	select {
	case d.told <- struct{}{}:
	default: // nobody waits for that many
	}
	if d.fail != nil {
		err := d.fail
		d.fail = nil
		return err
	}
	d.users = users
	return nil
}

func (d *desk) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *desk) pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

func open(t *testing.T, d *desk, path string) *identity.Book {
	t.Helper()
	b, err := identity.Open(identity.Config{
		Path: path, Nginx: d, Now: d.clock, Log: slog.New(slog.NewTextHandler(&d.logText, nil)), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// run returns a function that ends Run and waits for it.
func run(t *testing.T, b *identity.Book) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return stop
}

func hash(n int) string { return fmt.Sprintf("%064x", n) }

func learn(t *testing.T, b *identity.Book, scope string, n int, user string) {
	t.Helper()
	if err := b.Learn(nginx.User{Scope: scope, TokenHash: hash(n), UserID: user}); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, b *identity.Book, scope string, n int, user string) {
	t.Helper()
	if got, known := b.Find(t.Context(), scope, hash(n)); got != user || known != (user != "") {
		t.Errorf("token %d of %s belongs to %q, %v, want %q", n, scope, got, known, user)
	}
}

func TestScopes(t *testing.T) {
	b := open(t, newDesk(), filepath.Join(t.TempDir(), "identities.json"))
	learn(t, b, "1", 1, "ann")
	learn(t, b, "2", 1, "bob")
	want(t, b, "1", 1, "ann")
	want(t, b, "2", 1, "bob")
	want(t, b, "3", 1, "")
	learn(t, b, "1", 1, "carl")
	want(t, b, "1", 1, "carl")
}

func TestLearnRefuses(t *testing.T) {
	b := open(t, newDesk(), filepath.Join(t.TempDir(), "identities.json"))
	for _, u := range []nginx.User{
		{TokenHash: hash(1), UserID: "a"},
		{Scope: "1", UserID: "a"},
		{Scope: "1", TokenHash: "0123456789abcdef0123456789abcdef", UserID: "a"}, // as long as a plain token
		{Scope: "1", TokenHash: strings.Repeat("A", 64), UserID: "a"},
		{Scope: "1", TokenHash: hash(1)},
		{Scope: "1", TokenHash: hash(1), UserID: strings.Repeat("a", 257)},
	} {
		if b.Learn(u) == nil {
			t.Errorf("took %+v", u)
		}
	}
	if b.Count() != 0 {
		t.Error("learnt something")
	}
}

// TestKept: what was learnt is there after a restart, and nobody but us may read it.
func TestKept(t *testing.T) {
	d, path := newDesk(), filepath.Join(t.TempDir(), "identities.json")
	b := open(t, d, path)
	stop := run(t, b)
	learn(t, b, "1", 1, "ann")
	learn(t, b, "1", 2, "bob")
	stop()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	again := open(t, d, path)
	want(t, again, "1", 1, "ann")
	want(t, again, "1", 2, "bob")
	want(t, again, "1", 3, "")
}

// TestSavedWhileRunning: a kill -9 loses a few seconds of logins, not all.
func TestSavedWhileRunning(t *testing.T) {
	d, path := newDesk(), filepath.Join(t.TempDir(), "identities.json")
	b := open(t, d, path)
	run(t, b)
	learn(t, b, "1", 1, "ann")
	deadline := time.Now().Add(time.Minute)
	for {
		data, _ := os.ReadFile(path)
		if strings.Contains(string(data), `"ann"`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("never saved")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestDamagedFile(t *testing.T) {
	d, path := newDesk(), filepath.Join(t.TempDir(), "identities.json")
	if err := os.WriteFile(path, []byte(`{"bindings":[{"scope":"1",`), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, d, path)
	if !strings.Contains(d.logText.String(), path) {
		t.Errorf("log: %s", d.logText.String())
	}
	learn(t, b, "1", 1, "ann")
	want(t, b, "1", 1, "ann")
}

// TestEnds 30 days after the last use, of which being looked up is one.
func TestEnds(t *testing.T) {
	d := newDesk()
	b := open(t, d, filepath.Join(t.TempDir(), "identities.json"))
	learn(t, b, "1", 1, "ann")
	learn(t, b, "1", 2, "bob")
	d.pass(29 * 24 * time.Hour)
	want(t, b, "1", 1, "ann")
	d.pass(24 * time.Hour)
	want(t, b, "1", 2, "")
	want(t, b, "1", 1, "ann")
	if users := b.Users(); len(users) != 1 || users[0].UserID != "ann" {
		t.Errorf("%+v", users)
	}
}

func TestBounded(t *testing.T) {
	b := open(t, newDesk(), filepath.Join(t.TempDir(), "identities.json"))
	for n := range 20_001 {
		learn(t, b, "1", n, "ann")
		want(t, b, "1", 0, "ann")
	}
	if b.Count() != 20_000 {
		t.Errorf("%d kept", b.Count())
	}
	want(t, b, "1", 0, "ann") // in use all the time
	want(t, b, "1", 1, "")
}

// TestTold: each nginx that is started gets all, one that fails at first as well.
func TestTold(t *testing.T) {
	d := newDesk()
	b := open(t, d, filepath.Join(t.TempDir(), "identities.json"))
	learn(t, b, "1", 1, "ann")
	d.fail = errors.New("busy")
	run(t, b)
	b.Restarted()
	for range 2 {
		select {
		case <-d.told:
		case <-time.After(time.Minute):
			t.Fatal("not told")
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.users) != 1 || d.users[0] != (nginx.User{Scope: "1", TokenHash: hash(1), UserID: "ann"}) {
		t.Errorf("told %+v", d.users)
	}
}
