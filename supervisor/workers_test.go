package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/standin"
)

// proxied is a configuration with one server block in front of upstream and a limit of two streams.
func (r *rig) proxied(t *testing.T, upstream string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(t, api.Config{
		Version: 1700000001, SnapshotID: 1, Epoch: 1, Mode: api.ModeMultiServer,
		RenderedNginx: fmt.Sprintf(`server {
    listen 127.0.0.1:%d;
    server_name media.test;
    set $config_server_id "7";
    access_by_lua_file %[2]s/lua/access.lua;
    log_by_lua_file %[2]s/lua/log_handler.lua;
    header_filter_by_lua_file %[2]s/lua/header_filter.lua;
    location / { proxy_pass %[3]s; proxy_set_header Accept-Encoding ""; }
}
`, r.port, r.root, upstream),
		LuaConfig:  api.LuaConfig{ConcurrentStreams: api.ConcurrentStreams{MaxStreams: 2, ActionOnExceed: "reject"}},
		LuaConfigs: map[string]api.LuaConfig{},
	})
}

// shown is what /status says about what nginx's workers asked and told.
type shown struct {
	Status               string
	Sessions, Identities int
	Decisions            struct{ Count int }
	Spool                struct{ Bytes int64 }
	Nginx                struct{ PID int }
}

func (r *rig) status() shown {
	var s shown
	_, body := r.get("http://" + r.metrics + "/status")
	_ = json.Unmarshal([]byte(body), &s) // nobody answers yet: not ready
	return s
}

// play requests a stream by one device, and returns its status and a function that reads to its end.
func (r *rig) play(t *testing.T, token, device, session, query string) (int, func() error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		fmt.Sprintf("http://127.0.0.1:%d/Videos/1/stream.mkv?PlaySessionId=%s&%s", r.port, session, query), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", fmt.Sprintf(`MediaBrowser Client="TV", DeviceId=%q, Version="1", Token=%q`, device, token))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp.StatusCode, func() error {
		_, err := io.Copy(io.Discard, resp.Body)
		return err
	}
}

// TestWorkersAskAndTell: a login, streams, a kick by the master, and an nginx that is killed in between, with the
// real Lua and no token left in any file.
func TestWorkersAskAndTell(t *testing.T) {
	media := httptest.NewServer(standin.New(standin.Options{}))
	defer media.Close()
	r := newRig(t)
	r.proxied(t, media.URL)
	r.checkIn = &api.CheckInAnswer{Allowed: true, ActiveCount: 1}
	r.start(t)
	r.eventually(t, "a slave that is ready", func() bool { return r.status().Status == "ready" })

	token, user := r.login(t)
	r.eventually(t, "the token's user", func() bool { return r.status().Identities == 1 })
	status, end := r.play(t, token, "tv", "first", "size=1000")
	if err := end(); status != http.StatusOK || err != nil {
		t.Fatalf("first stream: %d, %v", status, err)
	}
	if s := r.status(); s.Sessions != 1 {
		t.Errorf("%d sessions after the first stream", s.Sessions)
	}

	// The next nginx knows the user although its shared dicts are empty.
	before := r.status().Nginx.PID
	master, err := os.ReadFile(filepath.Join(r.root, "run", "nginx.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(master)))
	if err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Fatalf("nginx.pid = %q, %v", master, err)
	}
	r.eventually(t, "another nginx", func() bool { s := r.status(); return s.Status == "ready" && s.Nginx.PID != before })
	r.eventually(t, "its users", func() bool { return strings.Contains(r.log.String(), "Nginx knows the users of tokens again") })

	// The master kicks: what runs ends, and stays refused.
	_, running := r.play(t, token, "tv", "second", "size=100000000&rate=100000")
	r.eventually(t, "the running stream's session", func() bool { return r.status().Sessions >= 1 })
	r.mu.Lock()
	r.checkIn = &api.CheckInAnswer{Allowed: true, ActiveCount: 1, Kick: []string{"second"}}
	r.mu.Unlock()
	if status, _ := r.play(t, token, "phone", "third", "size=1000"); status != http.StatusOK {
		t.Errorf("the third stream got %d", status)
	}
	kicked := time.Now()
	if err := running(); err == nil {
		t.Error("the kicked stream came to its end")
	}
	t.Logf("cut after %s", time.Since(kicked))
	if status, _ := r.play(t, token, "tv", "second", "size=1000"); status != http.StatusForbidden {
		t.Errorf("the kicked stream got %d when it came back", status)
	}
	if s := r.status(); s.Decisions.Count != 1 {
		t.Errorf("%d decisions", s.Decisions.Count)
	}

	r.eventually(t, "log lines with the user", func() bool {
		log, err := os.ReadFile(filepath.Join(r.root, "spool", "access.log"))
		return err == nil && bytes.Contains(log, []byte(`"user_id":"`+user+`"`)) && bytes.Contains(log, []byte("third"))
	})
	r.eventually(t, "the saved token hash", func() bool {
		file, err := os.ReadFile(filepath.Join(r.root, "state", "identities.json"))
		return err == nil && bytes.Contains(file, []byte(user))
	})
	r.requireNowhere(t, token)
}

// login logs in as the stand-in's only user.
func (r *rig) login(t *testing.T) (token, user string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		fmt.Sprintf("http://127.0.0.1:%d/Users/AuthenticateByName", r.port), strings.NewReader(`{"Username":"demo","Pw":"demo"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", `MediaBrowser Client="TV", DeviceId="tv", Version="1"`)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		AccessToken string
		User        struct{ ID string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("login: %d, %+v, %v", resp.StatusCode, answer, err)
	}
	return answer.AccessToken, answer.User.ID
}

// requireNowhere wants a secret in no file of the slave and no line of its log.
func (r *rig) requireNowhere(t *testing.T, secret string) {
	t.Helper()
	if strings.Contains(r.log.String(), secret) {
		t.Error("the log holds the token")
	}
	err := filepath.WalkDir(r.root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s holds the token", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
