package main

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// listenSupervisor answers on root's supervisor socket as a supervisor does whose master lets everything
// in: a session that is seen first asks it once.
func listenSupervisor(root string) (*http.Server, error) {
	path := filepath.Join(root, "run", "supervisor.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil { // workers are another user
		return nil, errors.Join(err, ln.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sessions/checkin", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"allowed": true, "active_count": 1, "kick": []string{}, "reason": ""})
	})
	mux.HandleFunc("POST /logins", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /users", http.NotFound)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(ln) }() // ends with ErrServerClosed when its nginx stops
	return srv, nil
}
