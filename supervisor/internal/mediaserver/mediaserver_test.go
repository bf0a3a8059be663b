package mediaserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/standin"
	"github.com/uhdadmin/media-gateway/supervisor/internal/mediaserver"
)

const key = "an-administrators-key"

// media is a stand-in with two users that can be made to fail.
type media struct {
	*standin.Server
	url    string
	asked  atomic.Int64
	broken atomic.Bool
}

func startMedia(t *testing.T, kind api.ServiceType) *media {
	t.Helper()
	m := &media{Server: standin.New(standin.Options{
		ServiceType: kind, Users: map[string]string{"ann": "a", "bob": "b"}, Keys: []string{key},
	})}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.asked.Add(1)
		if m.broken.Load() {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		m.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	m.url = srv.URL
	return m
}

type login struct {
	AccessToken string
	User        struct{ ID string }
}

func (m *media) do(t *testing.T, method, path, body, header string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "MediaBrowser "+header)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	return w
}

func (m *media) login(t *testing.T, name, password, device string) (l login) {
	t.Helper()
	w := m.do(t, "POST", "/Users/AuthenticateByName", `{"Username":"`+name+`","Pw":"`+password+`"}`, `Client="TV", DeviceId="`+device+`"`)
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil {
		t.Fatalf("login: %s", w.Body)
	}
	return l
}

// bed is a Directory, its clock, its log and its metrics.
type bed struct {
	*mediaserver.Directory
	registry *prometheus.Registry
	log      *bytes.Buffer

	mu  sync.Mutex
	now time.Time
}

func (b *bed) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bed) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func newBed(t *testing.T, servers map[string]mediaserver.Address) *bed {
	t.Helper()
	b := &bed{registry: prometheus.NewRegistry(), log: &bytes.Buffer{}, now: time.Now()}
	var err error
	b.Directory, err = mediaserver.New(mediaserver.Config{
		Servers: servers, UserAgent: "test", Now: b.clock, Log: slog.New(slog.NewTextHandler(b.log, nil)), Registerer: b.registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bed) userOf(t *testing.T, scope string, q mediaserver.Question) (mediaserver.User, error) {
	t.Helper()
	user, _, err := b.UserOf(t.Context(), scope, q)
	return user, err
}

func TestJellyfin(t *testing.T) {
	m := startMedia(t, api.Jellyfin)
	ann := m.login(t, "ann", "a", "tv")
	b := newBed(t, map[string]mediaserver.Address{"1": {URL: m.url}})
	user, err := b.userOf(t, "1", mediaserver.Question{Token: ann.AccessToken, DeviceID: "another's", Client: "TV"})
	if err != nil || user != (mediaserver.User{ID: ann.User.ID}) {
		t.Errorf("ann's token: %+v, %v", user, err)
	}
	for name, token := range map[string]string{"made up": "x", "a key": key, "odd": "a\"b, c=\nd"} {
		if user, err := b.userOf(t, "1", mediaserver.Question{Token: token}); !errors.Is(err, mediaserver.ErrUnknown) {
			t.Errorf("%s: %+v, %v", name, user, err)
		}
	}
	// Asking has changed nothing: the session is still of the device that logged in.
	if w := m.do(t, "GET", "/Sessions?deviceId=tv", "", `Token="`+key+`"`); !strings.Contains(w.Body.String(), ann.User.ID) {
		t.Errorf("sessions of the device: %s", w.Body)
	}
}

// TestEmby: a device's user is believed once Emby has seen the device with the token in question.
func TestEmby(t *testing.T) {
	m := startMedia(t, api.Emby)
	ann, bob := m.login(t, "ann", "a", "tv"), m.login(t, "bob", "b", "phone")
	b := newBed(t, map[string]mediaserver.Address{"1": {URL: m.url, Key: key}})

	// Bob states ann's device. As long as nothing has reached the server, it would say ann.
	q := mediaserver.Question{Token: bob.AccessToken, DeviceID: "tv", Client: "TV"}
	user, since, err := b.UserOf(t.Context(), "1", q)
	if !errors.Is(err, mediaserver.ErrNotYet) || since.IsZero() {
		t.Fatalf("first: %+v, %v", user, err)
	}
	q.Since = since
	if user, err := b.userOf(t, "1", q); !errors.Is(err, mediaserver.ErrNotYet) {
		t.Fatalf("before a request: %+v, %v", user, err)
	}
	eventually(t, func() bool { // the server's Date has whole seconds
		m.do(t, "GET", "/Items", "", `Client="TV", DeviceId="tv", Token="`+bob.AccessToken+`"`)
		user, err = b.userOf(t, "1", q)
		return err == nil
	})
	if user != (mediaserver.User{ID: bob.User.ID, Stated: true}) {
		t.Errorf("bob on ann's device is %+v; ann is %s", user, ann.User.ID)
	}

	for name, q := range map[string]mediaserver.Question{
		"no device":      {Token: bob.AccessToken, Client: "TV", Since: since},
		"unknown device": {Token: bob.AccessToken, DeviceID: "pc", Client: "TV", Since: since},
		"another client": {Token: bob.AccessToken, DeviceID: "tv", Client: "Web", Since: since},
	} {
		if user, err := b.userOf(t, "1", q); !errors.Is(err, mediaserver.ErrUnknown) {
			t.Errorf("%s: %+v, %v", name, user, err)
		}
	}
	keyless := newBed(t, map[string]mediaserver.Address{"1": {URL: m.url}})
	if user, err := keyless.userOf(t, "1", q); !errors.Is(err, mediaserver.ErrUnknown) {
		t.Errorf("without a key: %+v, %v", user, err)
	}
}

// TestScopes: a token is asked about at its own media server or nowhere.
func TestScopes(t *testing.T) {
	a, other := startMedia(t, api.Jellyfin), startMedia(t, api.Jellyfin)
	q := mediaserver.Question{Token: a.login(t, "ann", "a", "tv").AccessToken}
	wants := func(b *bed, scope string, known bool) {
		t.Helper()
		_, err := b.userOf(t, scope, q)
		if (err == nil) != known || !known && !errors.Is(err, mediaserver.ErrUnknown) {
			t.Errorf("scope %s: %v, want known %v", scope, err, known)
		}
	}
	b := newBed(t, map[string]mediaserver.Address{"1": {URL: a.url}, "2": {URL: other.url}})
	wants(b, "1", true)
	wants(b, "2", false)
	wants(b, "3", false)

	one := newBed(t, map[string]mediaserver.Address{"": {URL: a.url}})
	wants(one, "1", false) // no release yet
	one.Serving([]string{"1"})
	wants(one, "1", true)
	wants(one, "2", false)
	asked := a.asked.Load()
	one.Serving([]string{"2", "1"})
	wants(one, "1", false)
	if one.Resolves("1") || a.asked.Load() != asked {
		t.Error("asked about a token of one of two media servers")
	}
	if !strings.Contains(one.log.String(), "EMBY_SERVER_URL") {
		t.Errorf("the log does not name the cure: %s", one.log)
	}
	one.Serving([]string{"2"})
	wants(one, "2", true)
}

// TestAway: a server that fails is left alone, and tried again by one question.
func TestAway(t *testing.T) {
	m := startMedia(t, api.Jellyfin)
	q := mediaserver.Question{Token: m.login(t, "ann", "a", "tv").AccessToken}
	b := newBed(t, map[string]mediaserver.Address{"1": {URL: m.url}})
	if _, err := b.userOf(t, "1", q); err != nil {
		t.Fatal(err)
	}
	m.broken.Store(true)
	for range 3 {
		if _, err := b.userOf(t, "1", q); err == nil || errors.Is(err, mediaserver.ErrBusy) {
			t.Fatalf("while it fails: %v", err)
		}
	}
	asked := m.asked.Load()
	for range 10 {
		if _, err := b.userOf(t, "1", q); !errors.Is(err, mediaserver.ErrBusy) {
			t.Errorf("left alone: %v", err)
		}
	}
	b.pass(6 * time.Second)
	if _, err := b.userOf(t, "1", q); errors.Is(err, mediaserver.ErrBusy) {
		t.Error("not tried again")
	}
	if _, err := b.userOf(t, "1", q); !errors.Is(err, mediaserver.ErrBusy) {
		t.Errorf("after another failure: %v", err)
	}
	if n := m.asked.Load() - asked; n != 1 {
		t.Errorf("asked %d times, want 1", n)
	}
	if status := b.Status()["1"]; !strings.HasPrefix(status, "left alone until") {
		t.Errorf("status %q", status)
	}
	m.broken.Store(false)
	b.pass(time.Minute)
	if _, err := b.userOf(t, "1", q); err != nil {
		t.Errorf("back: %v", err)
	}
	if text := b.log.String(); strings.Count(text, "does not answer") != 1 || !strings.Contains(text, "answers again") {
		t.Errorf("log: %s", text)
	}
}

// TestFlood: of many questions at once a few run, the others are answered at once.
func TestFlood(t *testing.T) {
	held := make(chan struct{})
	var running, most atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/System/Info/Public" {
			most.Store(max(most.Load(), running.Add(1)))
			<-held
		}
		_, _ = w.Write([]byte(`{"ProductName":"Jellyfin Server","Version":"10.11.5"}`))
	}))
	defer srv.Close()
	b := newBed(t, map[string]mediaserver.Address{"1": {URL: srv.URL}})
	if _, err := b.userOf(t, "nobody's", mediaserver.Question{}); err == nil {
		t.Fatal("known")
	}
	var busy, asking atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			asking.Add(1)
			defer asking.Add(-1)
			if _, _, err := b.UserOf(t.Context(), "1", mediaserver.Question{Token: "x"}); errors.Is(err, mediaserver.ErrBusy) {
				busy.Add(1)
			}
		})
	}
	eventually(t, func() bool { return asking.Load() == running.Load() && busy.Load() > 0 })
	close(held)
	all.Wait()
	if most.Load() > 4 || busy.Load() < 46 {
		t.Errorf("%d at a time, %d turned away", most.Load(), busy.Load())
	}
}

// TestRedirect: the token goes nowhere but to the address that was set.
func TestRedirect(t *testing.T) {
	var leaked atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { leaked.Store(true) }))
	defer elsewhere.Close()
	srv := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer srv.Close()
	b := newBed(t, map[string]mediaserver.Address{"1": {URL: srv.URL, Key: key}})
	if _, err := b.userOf(t, "1", mediaserver.Question{Token: "x"}); err == nil || leaked.Load() {
		t.Errorf("%v, leaked %v", err, leaked.Load())
	}
}

// TestStop: the playback that was kicked is told to stop, and no other.
func TestStop(t *testing.T) {
	for _, kind := range []api.ServiceType{api.Jellyfin, api.Emby} {
		t.Run(string(kind), func(t *testing.T) {
			m := startMedia(t, kind)
			ann, bob := m.login(t, "ann", "a", "tv"), m.login(t, "bob", "b", "phone")
			for token, report := range map[string]string{
				ann.AccessToken: `{"ItemId":"f1","PlaySessionId":"p1"}`, bob.AccessToken: `{"ItemId":"f1","PlaySessionId":"p2"}`,
			} {
				m.do(t, "POST", "/Sessions/Playing", report, `Token="`+token+`"`)
			}
			b := newBed(t, map[string]mediaserver.Address{"1": {URL: m.url, Key: key}})
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = b.Run(ctx) })
			defer running.Wait()
			defer cancel()
			b.Stop(mediaserver.Playback{Scope: "2", PlaySessionID: "p1", DeviceID: "tv"}) // another media server
			b.Stop(mediaserver.Playback{Scope: "1", PlaySessionID: "p1"})                 // no device
			b.Stop(mediaserver.Playback{Scope: "1", PlaySessionID: "p2", DeviceID: "phone", UserID: strings.ToUpper(bob.User.ID), ItemID: "f1"})
			eventually(t, func() bool { return len(m.Commands("phone")) == 1 })
			if got := m.Commands("tv"); len(got) != 0 {
				t.Errorf("the tv was told %q", got)
			}
			eventually(t, func() bool {
				return testutil.ToFloat64(stops(t, b, "sent")) == 1 && testutil.ToFloat64(stops(t, b, "not_found")) == 1
			})
		})
	}
}

// TestKeyRefused is said once, with the variable's name.
func TestKeyRefused(t *testing.T) {
	m := startMedia(t, api.Jellyfin)
	m.login(t, "ann", "a", "tv")
	b := newBed(t, map[string]mediaserver.Address{"1": {URL: m.url, Key: "revoked"}})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = b.Run(ctx) })
	for range 3 {
		b.Stop(mediaserver.Playback{Scope: "1", PlaySessionID: "p", DeviceID: "tv"})
	}
	eventually(t, func() bool { return testutil.ToFloat64(stops(t, b, "failed")) == 3 })
	cancel()
	running.Wait()
	if n := strings.Count(b.log.String(), "refuses EMBY_API_KEY"); n != 1 {
		t.Errorf("said %d times: %s", n, b.log)
	}
}

// stops is the counter of stops with a result, as a gauge that holds its value now.
func stops(t *testing.T, b *bed, result string) prometheus.Gauge {
	t.Helper()
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "now"})
	families, err := b.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "uhd_mediaserver_stops_total" && m.GetLabel()[0].GetValue() == result {
				g.Set(m.GetCounter().GetValue())
			}
		}
	}
	return g
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatal("never happened")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
