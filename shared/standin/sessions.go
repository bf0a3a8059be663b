package standin

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// session is one login. What changes in it is guarded by sessions.mu.
type session struct {
	id, token, user string
	client          identity
	playing         map[string]string // as reported: itemid, playsessionid, mediasourceid; nil when idle
	lastActive      time.Time
	commands        []string // passed on to the client
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

// byRequest returns the login that a request's token is of. A device that states another name or id than at its
// login is taken at its word, as both servers do.
func (s *sessions) byRequest(r *http.Request) (*session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stated := identityOf(r)
	found, ok := s.byToken[stated.token]
	if ok {
		found.lastActive = time.Now()
		if stated.client != "" && stated.deviceID != "" {
			found.client = stated
		}
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
		if !ok && s.isKey(identityOf(r).token) {
			by, ok = &session{}, true
		}
		if !ok {
			http.Error(w, "Access token is invalid or expired.", http.StatusUnauthorized)
			return
		}
		serve(w, r, by)
	}
}

// listSessions answers with the sessions that the caller may see: a key's owner all of them, a user its own.
// There is one per client and device, of the user who was there last.
func (s *Server) listSessions(w http.ResponseWriter, r *http.Request, by *session) {
	device := argument(r, "deviceid")
	s.sessions.mu.Lock()
	latest := map[[2]string]*session{}
	for _, each := range s.sessions.byToken {
		place := [2]string{each.client.client, each.client.deviceID}
		if known := latest[place]; known == nil || known.lastActive.Before(each.lastActive) {
			latest[place] = each
		}
	}
	list := make([]map[string]any, 0, len(latest))
	for _, each := range latest {
		if (by.user == "" || by.user == each.user) && (device == "" || device == each.client.deviceID) {
			list = append(list, each.info(s.options.ServiceType))
		}
	}
	s.sessions.mu.Unlock()
	slices.SortFunc(list, func(a, b map[string]any) int { return cmp.Compare(a["Id"].(string), b["Id"].(string)) })
	writeJSON(w, r, list)
}

// argument returns a query parameter, whose name servers take in any case.
func argument(r *http.Request, name string) string {
	for given, values := range r.URL.Query() {
		if strings.EqualFold(given, name) {
			return values[0]
		}
	}
	return ""
}

// command passes a playstate command on to a session's client, which obeys or does not: what it plays goes on
// until it says that it has stopped. See Commands.
func (s *Server) command(w http.ResponseWriter, r *http.Request, by *session) {
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	for _, each := range s.sessions.byToken {
		if each.id != r.PathValue("session") {
			continue
		}
		if by.user != "" && by.user != each.user {
			http.Error(w, "Forbidden", http.StatusForbidden)
			return
		}
		each.commands = append(each.commands, r.PathValue("command"))
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Error(w, "Session not found.", http.StatusNotFound)
}

// Commands returns the playstate commands, in lower case, that were passed on to a device, oldest first.
func (s *Server) Commands(deviceID string) []string {
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	var commands []string
	for _, each := range s.sessions.byToken {
		if each.client.deviceID == deviceID {
			commands = append(commands, each.commands...)
		}
	}
	return commands
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

// info is the SessionInfo of both servers, as far as clients look. Only Emby names the play session.
func (s *session) info(kind api.ServiceType) map[string]any {
	info := map[string]any{
		"Id": s.id, "UserId": userOf(s.user)["Id"], "UserName": s.user, "Client": s.client.client,
		"ApplicationVersion": s.client.version, "DeviceName": s.client.device, "DeviceId": s.client.deviceID,
		"LastActivityDate": s.lastActive.UTC().Format(time.RFC3339Nano), "IsActive": true, "ServerId": serverID,
	}
	if s.playing != nil {
		info["NowPlayingItem"] = map[string]any{"Id": s.playing["itemid"]}
		info["PlayState"] = map[string]any{"MediaSourceId": s.playing["mediasourceid"], "IsPaused": false}
		if kind == api.Emby {
			info["PlaySessionId"] = s.playing["playsessionid"]
		}
	}
	return info
}
