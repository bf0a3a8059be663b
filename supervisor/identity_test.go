package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/standin"
)

const adminKey = "an-administrators-key"

// mediaServer is a stand-in with two users that can be made to hang when it is asked whose a token is.
type mediaServer struct {
	*standin.Server
	url   string
	asked atomic.Int64
	hangs atomic.Bool
}

func startMedia(t *testing.T, kind api.ServiceType) *mediaServer {
	t.Helper()
	m := &mediaServer{Server: standin.New(standin.Options{
		ServiceType: kind, Users: map[string]string{"ann": "a", "bob": "b"}, Keys: []string{adminKey},
	})}
	released := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/Users/Me" {
			m.asked.Add(1)
			if m.hangs.Load() {
				<-released
			}
		}
		m.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { close(released); srv.Close() })
	m.url = srv.URL
	return m
}

// login signs a device in, not through the gateway: nobody there has seen it.
func (m *mediaServer) login(t *testing.T, name, password, device string) (token, user string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/Users/AuthenticateByName",
		strings.NewReader(`{"Username":"`+name+`","Pw":"`+password+`"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", `MediaBrowser Client="TV", DeviceId="`+device+`", Version="1"`)
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	var answer struct {
		AccessToken string
		User        struct{ ID string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("login: %s", w.Body)
	}
	return answer.AccessToken, answer.User.ID
}

// userOf returns the user that the access log puts a play session down to, "" while it has no line.
func (r *rig) userOf(session string) string {
	log, _ := os.ReadFile(filepath.Join(r.root, "spool", "access.log"))
	for line := range bytes.Lines(log) {
		var entry struct {
			PlaySessionID string `json:"play_session_id"`
			UserID        string `json:"user_id"`
		}
		if json.Unmarshal(line, &entry) == nil && entry.PlaySessionID == session {
			return entry.UserID
		}
	}
	return ""
}

// TestUnknownTokens: players that logged in before the gateway was there are known by their tokens, and a limit by
// user holds for them; a media server that hangs holds nobody up.
func TestUnknownTokens(t *testing.T) {
	media := startMedia(t, api.Jellyfin)
	r := newRig(t)
	r.proxied(t, media.url)
	r.checkIn = &api.CheckInAnswer{Allowed: true, ActiveCount: 1}
	r.start(t, "EMBY_SERVER_URL="+media.url, "EMBY_API_KEY="+adminKey)
	r.eventually(t, "a slave that is ready", func() bool { return r.status().Status == "ready" })

	const film = "size=100000000&rate=100000"
	tv, _ := media.login(t, "ann", "a", "tv")
	phone, _ := media.login(t, "ann", "a", "phone")
	tablet, _ := media.login(t, "ann", "a", "tablet")
	pc, bob := media.login(t, "bob", "b", "pc")
	for _, tt := range []struct {
		token, device string
		status        int
	}{
		{tv, "tv", http.StatusOK},
		{phone, "phone", http.StatusOK},
		{tablet, "tablet", http.StatusForbidden}, // ann's third
		{pc, "pc", http.StatusOK},
		{"made-up", "x", http.StatusOK}, // the media server's to refuse: the stand-in streams to anybody
	} {
		if status, _ := r.play(t, tt.token, tt.device, tt.device+"-1", film); status != tt.status {
			t.Errorf("%s: %d, want %d", tt.device, status, tt.status)
		}
	}
	for range 3 {
		_, _ = r.play(t, "made-up", "x", "x-1", film)
	}
	if n := media.asked.Load(); n != 5 {
		t.Errorf("the media server was asked %d times, want once for each of 5 tokens", n)
	}

	// The end of what is kicked is the media server's to tell the player.
	r.playing(t, media, tv, "tv-1")
	r.mu.Lock()
	r.checkIn = &api.CheckInAnswer{Allowed: true, ActiveCount: 2, Kick: []string{"tv-1"}}
	r.mu.Unlock()
	r.eventually(t, "a stop at the media server", func() bool {
		status, end := r.play(t, tablet, "tablet", fmt.Sprint("tablet-", time.Now().UnixNano()), "size=1000")
		if status == http.StatusOK {
			_ = end()
		}
		time.Sleep(50 * time.Millisecond) // between two tries of a player
		return slices.Equal(media.Commands("tv"), []string{"stop"})
	})

	media.hangs.Store(true)
	late, _ := media.login(t, "bob", "b", "late")
	began := time.Now()
	if status, _ := r.play(t, late, "late", "late-1", "size=1000"); status != http.StatusOK {
		t.Errorf("while the media server hangs: %d", status)
	}
	if waited := time.Since(began); waited > 2*time.Second { // 0.2 s, on a machine that is not busy
		t.Errorf("a player waited %v for a media server that hangs", waited)
	}
	r.eventually(t, "bob's line in the log", func() bool { return r.userOf("pc-1") == bob || r.cut(t) })
	for _, token := range []string{tv, phone, tablet, pc, late, adminKey} {
		r.requireNowhere(t, token)
	}
}

// cut kicks bob's stream, whose line is written when it ends.
func (r *rig) cut(t *testing.T) bool {
	t.Helper()
	r.mu.Lock()
	r.checkIn = &api.CheckInAnswer{Allowed: true, ActiveCount: 2, Kick: []string{"pc-1"}}
	r.mu.Unlock()
	_, _ = r.play(t, "another", "y", fmt.Sprint("y-", time.Now().UnixNano()), "size=1000")
	return false
}

// playing reports the start of a playback, as players do.
func (r *rig) playing(t *testing.T, m *mediaServer, token, session string) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/Sessions/Playing",
		strings.NewReader(`{"ItemId":"1","PlaySessionId":"`+session+`"}`))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", `MediaBrowser Token="`+token+`"`)
	m.ServeHTTP(httptest.NewRecorder(), req)
}

// TestEmbyTokens: Emby knows devices, not tokens. A player that states another's device is still itself.
func TestEmbyTokens(t *testing.T) {
	media := startMedia(t, api.Emby)
	r := newRig(t)
	r.proxied(t, media.url)
	r.start(t, "EMBY_SERVER_URL="+media.url, "EMBY_API_KEY="+adminKey)
	r.eventually(t, "a slave that is ready", func() bool { return r.status().Status == "ready" })
	_, ann := media.login(t, "ann", "a", "tv")
	token, bob := media.login(t, "bob", "b", "phone")

	n, user := 0, ""
	r.eventually(t, "a user of the token", func() bool {
		n++
		session := fmt.Sprint("s", n)
		if status, end := r.play(t, token, "tv", session, "size=1000"); status == http.StatusOK {
			_ = end()
		}
		// A stream asks for no token at the stand-in; this is what makes it see the device.
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/Items", r.port), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", `MediaBrowser Client="TV", DeviceId="tv", Version="1", Token="`+token+`"`)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
		time.Sleep(50 * time.Millisecond) // between two requests of a player
		for i := range n {
			user = max(user, r.userOf(fmt.Sprint("s", i+1)))
		}
		return user != ""
	})
	if user != bob || user == ann {
		t.Errorf("the token is put down to %s; bob is %s, whose device was borrowed %s", user, bob, ann)
	}
	r.requireNowhere(t, token)
}

// TestTwoMediaServers: a host with two of them asks about no token as long as nobody says which is which.
func TestTwoMediaServers(t *testing.T) {
	media := startMedia(t, api.Jellyfin)
	r := newRig(t)
	r.proxied(t, media.url)
	r.mu.Lock()
	cfg := r.config
	cfg.RenderedNginx += strings.NewReplacer("media.test", "other.test", `"7"`, `"8"`).Replace(cfg.RenderedNginx)
	cfg.ConfigHash = ""
	r.set(t, cfg)
	r.mu.Unlock()
	r.start(t, "EMBY_SERVER_URL="+media.url)
	r.eventually(t, "a slave that is ready", func() bool { return r.status().Status == "ready" })
	token, _ := media.login(t, "ann", "a", "tv")
	for i := range 3 {
		if status, _ := r.play(t, token, "tv", fmt.Sprint("s", i), "size=1000"); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	if n := media.asked.Load(); n != 0 {
		t.Errorf("a token was asked about %d times", n)
	}
	r.eventually(t, "a warning", func() bool { return strings.Contains(r.log.String(), "EMBY_SERVER_URL is not used") })
}
