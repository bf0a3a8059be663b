package identity_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/supervisor/internal/identity"
	"github.com/uhdadmin/media-gateway/supervisor/internal/mediaserver"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

// media is the media server of scope 1.
type media struct {
	mu     sync.Mutex
	asked  []mediaserver.Question
	answer func(mediaserver.Question) (mediaserver.User, time.Time, error)
}

func (m *media) Resolves(scope string) bool { return scope == "1" }

func (m *media) UserOf(_ context.Context, _ string, q mediaserver.Question) (mediaserver.User, time.Time, error) {
	m.mu.Lock()
	m.asked = append(m.asked, q)
	answer := m.answer
	m.mu.Unlock()
	return answer(q)
}

func (m *media) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.asked)
}

func (m *media) answers(user mediaserver.User, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = func(q mediaserver.Question) (mediaserver.User, time.Time, error) { return user, q.Since, err }
}

// asker is a Book that may ask, its clock and its file.
type asker struct {
	*identity.Book
	*desk
	media media
	path  string
}

func newAsker(t *testing.T) *asker {
	t.Helper()
	a := &asker{desk: newDesk(), path: filepath.Join(t.TempDir(), "identities.json")}
	var err error
	a.Book, err = identity.Open(identity.Config{
		Path: a.path, Nginx: a.desk, Media: &a.media, AskAgain: 30 * time.Second, Now: a.clock,
		Log: slog.New(slog.NewTextHandler(&a.logText, nil)), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, a.Book)
	return a
}

// resolve waits for the answer for as long as it takes, or not at all.
func (a *asker) resolve(t *testing.T, token string, patience time.Duration) (identity.Found, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return a.Resolve(ctx, "1", mediaserver.Question{Token: token, DeviceID: "tv", Client: "TV"})
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

const whole = time.Minute // of patience

func TestResolve(t *testing.T) {
	a := newAsker(t)
	a.media.answers(mediaserver.User{ID: "ann"}, nil)
	for range 3 {
		if found, known := a.resolve(t, "secret", whole); !known || found != (identity.Found{UserID: "ann"}) {
			t.Errorf("%+v, %v", found, known)
		}
	}
	if got, known := a.Find(t.Context(), "1", hashOf("secret")); !known || got != "ann" {
		t.Errorf("by its hash: %q, %v", got, known)
	}
	if n := a.media.count(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if _, known := a.Resolve(t.Context(), "2", mediaserver.Question{Token: "secret"}); known || a.media.count() != 1 {
		t.Error("asked about a token of another media server")
	}
	eventually(t, "saved", func() bool {
		data, _ := os.ReadFile(a.path)
		if strings.Contains(string(data), "secret") {
			t.Fatal("the file holds the token")
		}
		return strings.Contains(string(data), "ann")
	})
}

// TestUnknownIsRemembered for TOKEN_RESOLVE_INTERVAL; where nobody could say, for a moment.
func TestUnknownIsRemembered(t *testing.T) {
	for name, tt := range map[string]struct {
		err   error
		until time.Duration
	}{
		"unknown": {mediaserver.ErrUnknown, 30 * time.Second},
		"away":    {errors.New("connection refused"), 5 * time.Second},
		"busy":    {mediaserver.ErrBusy, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAsker(t)
			a.media.answers(mediaserver.User{}, tt.err)
			if !a.Resolvable("1", hashOf("x")) || a.Resolvable("2", hashOf("x")) {
				t.Error("the token is not wanted at first, or for another media server")
			}
			for range 5 {
				if found, known := a.resolve(t, "x", whole); known {
					t.Errorf("%+v", found)
				}
			}
			a.pass(tt.until - time.Second)
			a.resolve(t, "x", whole)
			if a.Resolvable("1", hashOf("x")) {
				t.Error("the token is wanted again")
			}
			if n := a.media.count(); n != 1 {
				t.Errorf("asked %d times", n)
			}
			a.pass(time.Second)
			a.media.answers(mediaserver.User{ID: "ann"}, nil)
			if found, known := a.resolve(t, "x", whole); !known || found.UserID != "ann" {
				t.Errorf("later: %+v, %v", found, known)
			}
		})
	}
}

// TestLate: whoever does not wait any more is told over nginx; those who come meanwhile share the question.
func TestLate(t *testing.T) {
	a := newAsker(t)
	hold := make(chan struct{})
	a.media.answer = func(q mediaserver.Question) (mediaserver.User, time.Time, error) {
		<-hold
		return mediaserver.User{ID: "ann"}, q.Since, nil
	}
	for range 20 {
		if _, known := a.resolve(t, "x", time.Millisecond); known {
			t.Error("known")
		}
	}
	close(hold)
	eventually(t, "told to nginx", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.users) == 1 && a.users[0] == nginx.User{Scope: "1", TokenHash: hashOf("x"), UserID: "ann"}
	})
	if n := a.media.count(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestStated: what Emby says of a device comes a moment later, holds for a while, is written nowhere, and is asked
// again from where it was.
func TestStated(t *testing.T) {
	a := newAsker(t)
	first := time.Unix(1_700_000_000, 0)
	a.media.answer = func(q mediaserver.Question) (mediaserver.User, time.Time, error) {
		if q.Since.IsZero() {
			return mediaserver.User{}, first, mediaserver.ErrNotYet
		}
		return mediaserver.User{ID: "ann", Stated: true}, q.Since.Add(time.Second), nil
	}
	if found, known := a.resolve(t, "x", whole); known {
		t.Errorf("before the media server has seen it: %+v", found)
	}
	eventually(t, "told to nginx", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.users) == 1 && a.users[0] == nginx.User{Scope: "1", TokenHash: hashOf("x"), UserID: "ann", ValidFor: 600}
	})
	a.pass(9 * time.Minute)
	if found, known := a.resolve(t, "x", whole); !known || found != (identity.Found{UserID: "ann", For: time.Minute}) {
		t.Errorf("%+v, %v", found, known)
	}
	if n := a.Count(); n != 0 {
		t.Errorf("%d bindings kept of what a device says", n)
	}
	a.pass(time.Minute)
	if found, known := a.resolve(t, "x", whole); !known || found.For != 10*time.Minute {
		t.Errorf("after its time: %+v, %v", found, known)
	}
	a.media.mu.Lock()
	defer a.media.mu.Unlock()
	if n := len(a.media.asked); n != 3 || !a.media.asked[2].Since.Equal(first.Add(time.Second)) {
		t.Errorf("asked %+v", a.media.asked)
	}
}

// TestFloodOfTokens: made-up tokens cost bounded memory, and a question each.
func TestFloodOfTokens(t *testing.T) {
	a := newAsker(t)
	a.media.answers(mediaserver.User{}, mediaserver.ErrUnknown)
	for n := range 12_000 {
		a.resolve(t, hash(n), whole)
		if n%100 == 0 {
			a.pass(time.Second)
		}
	}
	if n := a.media.count(); n != 12_000 {
		t.Errorf("asked %d times", n)
	}
	a.media.answers(mediaserver.User{ID: "ann"}, nil)
	a.pass(time.Minute)
	if found, known := a.resolve(t, "x", whole); !known {
		t.Errorf("%+v", found)
	}
}
