package localapi

import (
	"errors"
	"net/http"

	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/session"
)

var errNoSession = errors.New("scope and play_session_id must have 1 to 256 bytes")

// checkIn answers POST /sessions/checkin.
func (s *Server) checkIn(w http.ResponseWriter, r *http.Request) {
	var in session.CheckIn
	if !decode(w, r, &in) {
		return
	}
	if !named(in.Scope) || !named(in.PlaySessionID) {
		refuse(w, http.StatusUnprocessableEntity, errNoSession)
		return
	}
	answer(w, http.StatusOK, s.cfg.Sessions.CheckIn(r.Context(), in))
}

func named(id string) bool { return len(id) > 0 && len(id) <= 256 }

// login is the body of POST /logins: what a worker read from a media server's answer to a login.
type login struct {
	nginx.User
	UserName      string `json:"user_name"`
	DeviceID      string `json:"device_id"`
	DeviceName    string `json:"device_name"`
	ClientName    string `json:"client_name"`
	ClientVersion string `json:"client_version"`
	ClientIP      string `json:"client_ip"`
	Success       bool   `json:"success"`
}

// login answers POST /logins.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var in login
	if !decode(w, r, &in) {
		return
	}
	attrs := []any{
		"scope", in.Scope, "user_id", in.UserID, "user_name", in.UserName, "device_id", in.DeviceID, "device_name", in.DeviceName,
		"client", in.ClientName, "client_version", in.ClientVersion, "ip", in.ClientIP,
	}
	if !in.Success {
		s.metrics.logins.WithLabelValues("failed").Inc()
		s.cfg.Log.Info("Login failed", attrs...)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err := s.cfg.Identities.Learn(in.User); err != nil {
		refuse(w, http.StatusUnprocessableEntity, err)
		return
	}
	s.metrics.logins.WithLabelValues("succeeded").Inc()
	s.cfg.Log.Info("Login", attrs...)
	w.WriteHeader(http.StatusNoContent)
}

// user answers GET /users.
func (s *Server) user(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	userID, known := s.cfg.Identities.Lookup(query.Get("scope"), query.Get("token_hash"))
	if !known {
		refuse(w, http.StatusNotFound, errors.New("no such token is known"))
		return
	}
	answer(w, http.StatusOK, map[string]string{"user_id": userID})
}
