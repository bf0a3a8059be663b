package standin

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// serverID is fixed: a client remembers servers by it.
const serverID = "5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e"

// maxBody bounds what a login may send.
const maxBody = 1 << 20

// authenticateByName logs a user in with {Username, Pw}, as JSON or as a form.
func (s *Server) authenticateByName(w http.ResponseWriter, r *http.Request) {
	fields, err := bodyFields(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name, password, known := s.user(fields["username"])
	given := fields["pw"]
	if given == "" {
		given = fields["password"]
	}
	if subtle.ConstantTimeCompare([]byte(given), []byte(password)) != 1 || !known {
		http.Error(w, "Invalid username or password entered.", http.StatusUnauthorized)
		return
	}
	s.login(w, r, name)
}

// user finds a user by name in any case, as both servers do.
func (s *Server) user(name string) (exact, password string, known bool) {
	for exact, password := range s.options.Users {
		if strings.EqualFold(exact, name) {
			return exact, password, true
		}
	}
	return "", "", false
}

// login makes a session with a token of its own and answers with both.
func (s *Server) login(w http.ResponseWriter, r *http.Request, name string) {
	opened := s.sessions.open(name, identityOf(r))
	writeJSON(w, r, map[string]any{
		"User": userOf(name), "SessionInfo": opened.info(s.options.ServiceType), "AccessToken": opened.token, "ServerId": serverID,
	})
}

// The three steps of Quick Connect: a device asks for a code, a signed-in user approves the code, the
// device trades its secret for a token.
func (s *Server) quickConnectInitiate(w http.ResponseWriter, r *http.Request) {
	secret, code := s.sessions.newQuickConnect()
	writeJSON(w, r, map[string]any{"Secret": secret, "Code": code, "Authenticated": false})
}

func (s *Server) quickConnectAuthorize(w http.ResponseWriter, r *http.Request, by *session) {
	if !s.sessions.approve(r.URL.Query().Get("code"), by.user) {
		http.Error(w, "Unknown code", http.StatusNotFound)
		return
	}
	writeJSON(w, r, true)
}

func (s *Server) authenticateWithQuickConnect(w http.ResponseWriter, r *http.Request) {
	fields, err := bodyFields(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name, ok := s.sessions.redeem(fields["secret"])
	if !ok {
		http.Error(w, "Unknown or unapproved secret", http.StatusUnauthorized)
		return
	}
	s.login(w, r, name)
}

// whoami is Jellyfin's: the user of the token, if it is a user's. Emby takes "me" for the id of an unknown user.
func (s *Server) whoami(w http.ResponseWriter, r *http.Request, by *session) {
	switch {
	case s.options.ServiceType == api.Emby:
		http.NotFound(w, r)
	case by.user == "":
		http.Error(w, "Error processing request.", http.StatusBadRequest)
	default:
		s.me(w, r, by)
	}
}

// isKey reports whether a token is one of Options.Keys.
func (s *Server) isKey(token string) bool {
	return token != "" && slices.Contains(s.options.Keys, token)
}

func (s *Server) me(w http.ResponseWriter, r *http.Request, by *session) {
	writeJSON(w, r, userOf(by.user))
}

func userOf(name string) map[string]any {
	sum := md5.Sum([]byte(name)) // an id that survives restarts; nothing secret
	return map[string]any{
		"Id": hex.EncodeToString(sum[:]), "Name": name, "ServerId": serverID, "HasPassword": true,
		"Policy": map[string]any{"IsAdministrator": false, "IsDisabled": false, "EnableMediaPlayback": true},
	}
}

// bodyFields reads a JSON object or a form; names in lower case, since servers take them in any.
func bodyFields(w http.ResponseWriter, r *http.Request) (map[string]string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		for name := range form {
			fields[strings.ToLower(name)] = form.Get(name)
		}
		return fields, nil
	}
	var document map[string]any
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, err
	}
	for name, value := range document {
		if text, ok := value.(string); ok {
			fields[strings.ToLower(name)] = text
		}
	}
	return fields, nil
}
