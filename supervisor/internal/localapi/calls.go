package localapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/uhdadmin/media-gateway/supervisor/internal/mediaserver"
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

// end answers POST /sessions/end.
func (s *Server) end(w http.ResponseWriter, r *http.Request) {
	var in session.End
	if !decode(w, r, &in) {
		return
	}
	if !named(in.Scope) || !named(in.PlaySessionID) {
		refuse(w, http.StatusUnprocessableEntity, errNoSession)
		return
	}
	s.cfg.Sessions.Ended(in)
	w.WriteHeader(http.StatusNoContent)
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

// unknownUser is the answer about a token that nobody knows.
type unknownUser struct {
	Error      string `json:"error"`
	Resolvable bool   `json:"resolvable,omitempty"` // POST /users/resolve is worth the plain token
}

var noUser = unknownUser{Error: "no such token is known"}

// user answers GET /users.
func (s *Server) user(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	scope, tokenHash := query.Get("scope"), query.Get("token_hash")
	userID, known := s.cfg.Identities.Find(r.Context(), scope, tokenHash)
	if !known {
		unknown := noUser
		unknown.Resolvable = s.cfg.Identities.Resolvable(scope, tokenHash)
		answer(w, http.StatusNotFound, unknown)
		return
	}
	answer(w, http.StatusOK, map[string]string{"user_id": userID})
}

// resolveTimeout is how long a worker waits for the media server here, of the 300 ms that it waits for us.
const resolveTimeout = 200 * time.Millisecond

// resolve answers POST /users/resolve: the one call with a plain token, which is for the media server alone.
func (s *Server) resolve(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Scope      string `json:"scope"`
		Token      string `json:"token"`
		DeviceID   string `json:"device_id"`
		ClientName string `json:"client_name"`
	}
	if !decode(w, r, &in) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), resolveTimeout)
	defer cancel()
	found, known := s.cfg.Identities.Resolve(ctx, in.Scope, mediaserver.Question{Token: in.Token, DeviceID: in.DeviceID, Client: in.ClientName})
	if !known {
		answer(w, http.StatusNotFound, noUser)
		return
	}
	answer(w, http.StatusOK, struct {
		UserID   string `json:"user_id"`
		ValidFor int64  `json:"valid_for,omitempty"` // seconds
	}{found.UserID, int64(found.For.Seconds())})
}
