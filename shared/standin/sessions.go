package standin

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// session is one login. What changes in it is guarded by sessions.mu.
type session struct {
	id, token, user string
	client          identity
	playing         map[string]string // as reported: itemid, playsessionid, mediasourceid; nil when idle
	lastActive      time.Time
}

// sessions are all logins and pending Quick Connect requests.
type sessions struct {
	mu      sync.Mutex
	byToken map[string]*session
	quick   map[string]*quickConnect // by secret
	codes   int                      // drawn so far
}

type quickConnect struct {
	code string
	user string // "" until approved
}

func newSessions() *sessions {
	return &sessions{byToken: map[string]*session{}, quick: map[string]*quickConnect{}}
}

func (s *sessions) open(user string, client identity) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	opened := &session{id: newID(), token: newID(), user: user, client: client, lastActive: time.Now()}
	s.byToken[opened.token] = opened
	return opened
}

func (s *sessions) byRequest(r *http.Request) (*session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.byToken[identityOf(r).token]
	if ok {
		found.lastActive = time.Now()
	}
	return found, ok
}

func (s *sessions) newQuickConnect() (secret, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	secret = newID()
	s.codes++
	code = fmt.Sprintf("%06d", s.codes)
	s.quick[secret] = &quickConnect{code: code}
	return secret, code
}

func (s *sessions) approve(code, user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pending := range s.quick {
		if pending.code == code {
			pending.user = user
			return true
		}
	}
	return false
}

// redeem returns who approved the secret; it works once.
func (s *sessions) redeem(secret string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pending, ok := s.quick[secret]
	if !ok || pending.user == "" {
		return "", false
	}
	delete(s.quick, secret)
	return pending.user, true
}

// signedIn serves requests with a token of ours, and answers 401 to others.
func (s *Server) signedIn(serve func(http.ResponseWriter, *http.Request, *session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		by, ok := s.sessions.byRequest(r)
		if !ok {
			http.Error(w, "Access token is invalid or expired.", http.StatusUnauthorized)
			return
		}
		serve(w, r, by)
	}
}

func (s *Server) listSessions(w http.ResponseWriter, r *http.Request, _ *session) {
	s.sessions.mu.Lock()
	list := make([]map[string]any, 0, len(s.sessions.byToken))
	for _, each := range s.sessions.byToken {
		list = append(list, each.info())
	}
	s.sessions.mu.Unlock()
	slices.SortFunc(list, func(a, b map[string]any) int { return cmp.Compare(a["Id"].(string), b["Id"].(string)) })
	writeJSON(w, r, list)
}

// playing takes the reports that something has started or is going on.
func (s *Server) playing(w http.ResponseWriter, r *http.Request, by *session) {
	fields, err := bodyFields(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.sessions.mu.Lock()
	by.playing = fields
	s.sessions.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) stopped(w http.ResponseWriter, _ *http.Request, by *session) {
	s.sessions.mu.Lock()
	by.playing = nil
	s.sessions.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) logout(w http.ResponseWriter, _ *http.Request, by *session) {
	s.sessions.mu.Lock()
	delete(s.sessions.byToken, by.token)
	s.sessions.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// info is the SessionInfo of both servers, as far as clients look.
func (s *session) info() map[string]any {
	info := map[string]any{
		"Id": s.id, "UserId": userOf(s.user)["Id"], "UserName": s.user, "Client": s.client.client,
		"ApplicationVersion": s.client.version, "DeviceName": s.client.device, "DeviceId": s.client.deviceID,
		"LastActivityDate": s.lastActive.UTC().Format(time.RFC3339Nano), "IsActive": true, "ServerId": serverID,
	}
	if s.playing != nil {
		info["NowPlayingItem"] = map[string]any{"Id": s.playing["itemid"]}
		info["PlayState"] = map[string]any{"MediaSourceId": s.playing["mediasourceid"], "IsPaused": false}
		info["PlaySessionId"] = s.playing["playsessionid"]
	}
	return info
}
