package lua_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"
)

// supervisor is a server on run/supervisor.sock that remembers what it was asked. Its answers are a
// test's to give.
type supervisor struct {
	mu       sync.Mutex
	users    map[string]string // "scope hash" → user id
	media    map[string]string // "scope token device" → user id, as the media server knows them; nil: nobody asks it
	checkIn  func(checkIn) checkInAnswer
	asked    []string // "scope hash" of each GET /users
	checkIns []checkIn
	logins   []loginEvent
	resolved []resolveRequest
	ends     []sessionEnd
}

type resolveRequest struct {
	Scope, Token string
	DeviceID     string `json:"device_id"`
	ClientName   string `json:"client_name"`
}

type sessionEnd struct {
	Scope         string
	PlaySessionID string `json:"play_session_id"`
	UserID        string `json:"user_id"`
	DeviceID      string `json:"device_id"`
	ClientIP      string `json:"client_ip"`
	Failed        bool
}

type checkIn struct {
	Scope          string
	PlaySessionID  string `json:"play_session_id"`
	UserID         string `json:"user_id"`
	DeviceID       string `json:"device_id"`
	ItemID         string `json:"item_id"`
	ClientIP       string `json:"client_ip"`
	MaxStreams     int    `json:"max_streams"`
	ActionOnExceed string `json:"action_on_exceed"`
}

type checkInAnswer struct {
	Allowed bool     `json:"allowed"`
	Kick    []string `json:"kick"`
}

type loginEvent struct {
	Scope         string
	TokenHash     string `json:"token_hash"`
	UserID        string `json:"user_id"`
	UserName      string `json:"user_name"`
	DeviceID      string `json:"device_id"`
	DeviceName    string `json:"device_name"`
	ClientName    string `json:"client_name"`
	ClientVersion string `json:"client_version"`
	ClientIP      string `json:"client_ip"`
	Success       bool
}

// supervise starts a supervisor for g; checkIn nil allows everything.
func supervise(t *testing.T, g *gateway, users map[string]string, answer func(checkIn) checkInAnswer) *supervisor {
	t.Helper()
	s := &supervisor{users: users, checkIn: answer}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /users", s.serveUser)
	routes.HandleFunc("POST /users/resolve", s.serveResolve)
	routes.HandleFunc("POST /sessions/checkin", s.serveCheckIn)
	routes.HandleFunc("POST /sessions/end", s.serveEnd)
	routes.HandleFunc("POST /logins", s.serveLogin)
	server := &http.Server{Handler: routes, ReadHeaderTimeout: patience}
	// Before the first request: a worker that finds no socket leaves it alone for a while.
	listener := listenSupervisor(t, g)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

// listenSupervisor opens the socket to nginx's workers, whoever they are.
func listenSupervisor(t *testing.T, g *gateway) net.Listener {
	t.Helper()
	path := g.path("run", "supervisor.sock")
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", path)
	must(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	must(t, os.Chmod(path, 0o777))
	return ln
}

func (s *supervisor) serveUser(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.URL.Query().Get("scope") + " " + r.URL.Query().Get("token_hash")
	s.asked = append(s.asked, key)
	user, ok := s.users[key]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": "unknown", "resolvable": s.media != nil})
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"user_id": user})
}

func (s *supervisor) serveResolve(w http.ResponseWriter, r *http.Request) {
	var in resolveRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resolved = append(s.resolved, in)
	user, ok := s.media[in.Scope+" "+in.Token+" "+in.DeviceID]
	if !ok {
		http.Error(w, "{}", http.StatusNotFound)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"user_id": user, "valid_for": 1})
}

func (s *supervisor) serveEnd(w http.ResponseWriter, r *http.Request) {
	var end sessionEnd
	if err := json.NewDecoder(r.Body).Decode(&end); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, end)
	w.WriteHeader(http.StatusNoContent)
}

func (s *supervisor) serveCheckIn(w http.ResponseWriter, r *http.Request) {
	var c checkIn
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.checkIns = append(s.checkIns, c)
	s.mu.Unlock()
	answer := checkInAnswer{Allowed: true}
	if s.checkIn != nil {
		answer = s.checkIn(c)
	}
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // in chunks: both ways of sending a body have to be read
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *supervisor) serveLogin(w http.ResponseWriter, r *http.Request) {
	var event loginEvent
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &event)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.logins = append(s.logins, event)
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// snapshot returns what the supervisor was asked so far.
func (s *supervisor) snapshot() (asked []string, checkIns []checkIn, logins []loginEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(asked, s.asked...), append(checkIns, s.checkIns...), append(logins, s.logins...)
}

// hangingSupervisor takes connections and never answers; it returns how many it took.
func hangingSupervisor(t *testing.T, g *gateway) func() int {
	t.Helper()
	ln := listenSupervisor(t, g)
	var mu sync.Mutex
	var conns []net.Conn
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(conns)
	}
}

// slowly is an answer to check-ins that takes a moment, so that requests meet.
func slowly(checkIn) checkInAnswer {
	time.Sleep(10 * time.Millisecond)
	return checkInAnswer{Allowed: true}
}
