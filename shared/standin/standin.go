// Package standin is a small media server, shaped like Emby and Jellyfin where clients and gateways
// look: logins, items, playback, streams of any length and speed, sessions, websocket. The demo plays
// through it, and tests compare what arrives behind a gateway with what it sent, byte by byte.
//
// It is a stand-in, not a model: one small library, users in memory, no transcoding. What it does answer
// it answers honestly: a wrong password is a 401, a token is drawn per login and unknown ones are
// refused, ranges are exact.
package standin

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Options configure a Server; the zero value is a Jellyfin with the user demo, password demo.
type Options struct {
	ServiceType api.ServiceType     // what it says to be; "": Jellyfin
	Name        string              // ServerName; "": Stand-in
	Users       map[string]string   // name → password; nil: demo → demo
	Keys        []string            // API keys: tokens of an administrator that belong to no user
	Observe     func(*http.Request) // called with each request before it is served; may be nil. Must not read the body
}

// Server is an http.Handler; all its state is in memory.
type Server struct {
	options  Options
	routes   *http.ServeMux
	stats    stats
	sessions *sessions
}

// New returns a Server that knows nobody yet.
func New(options Options) *Server {
	options.ServiceType = cmp.Or(options.ServiceType, api.Jellyfin)
	options.Name = cmp.Or(options.Name, "Stand-in")
	if options.Users == nil {
		options.Users = map[string]string{"demo": "demo"}
	}
	s := &Server{options: options, routes: http.NewServeMux(), sessions: newSessions()}
	s.route()
	return s
}

func (s *Server) route() {
	for pattern, handler := range map[string]http.HandlerFunc{
		"GET /system/info/public": s.systemInfo,
		"GET /system/ping":        s.ping,
		"POST /system/ping":       s.ping,

		"POST /users/authenticatebyname":           s.authenticateByName,
		"POST /users/authenticatewithquickconnect": s.authenticateWithQuickConnect,
		"POST /quickconnect/initiate":              s.quickConnectInitiate,
		"POST /quickconnect/authorize":             s.signedIn(s.quickConnectAuthorize),
		"GET /users/me":                            s.signedIn(s.whoami),
		"GET /users/{user}":                        s.signedIn(s.me),

		"GET /items":                          s.signedIn(s.items),
		"GET /users/{user}/items":             s.signedIn(s.items),
		"GET /items/counts":                   s.signedIn(s.counts),
		"GET /items/{item}":                   s.signedIn(s.item),
		"GET /users/{user}/items/{item}":      s.signedIn(s.item),
		"GET /items/{item}/playbackinfo":      s.signedIn(s.playbackInfo),
		"POST /items/{item}/playbackinfo":     s.signedIn(s.playbackInfo),
		"GET /items/{item}/download":          s.signedIn(s.download),
		"GET /videos/{item}/{stream}":         s.video,
		"GET /videos/{item}/stream/{name}":    s.stream,
		"GET /videos/{item}/hls1/{pl}/{file}": s.segment,
		"GET /audio/{item}/{stream}":          s.video,
		"DELETE /videos/activeencodings":      s.signedIn(noContent),

		"GET /sessions":                              s.signedIn(s.listSessions),
		"POST /sessions/playing":                     s.signedIn(s.playing),
		"POST /sessions/playing/progress":            s.signedIn(s.playing),
		"POST /sessions/playing/ping":                s.signedIn(noContent),
		"POST /sessions/playing/stopped":             s.signedIn(s.stopped),
		"POST /sessions/logout":                      s.signedIn(s.logout),
		"POST /sessions/{session}/playing/{command}": s.signedIn(s.command),
		"GET /socket":                                s.signedIn(s.socket),
		"GET /embywebsocket":                         s.signedIn(s.socket),
	} {
		s.routes.HandleFunc(pattern, handler)
	}
}

// ServeHTTP serves a path in any case, with and without /emby or /mediabrowser, as both servers do.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.options.Observe != nil {
		s.options.Observe(r)
	}
	counted := s.stats.begin(w, r.URL.Path)
	routed := r.Clone(r.Context())
	routed.URL = &url.URL{Path: routePath(r.URL.Path), RawQuery: r.URL.RawQuery}
	s.routes.ServeHTTP(counted, routed)
}

func routePath(path string) string {
	path = strings.ToLower(path)
	for _, base := range []string{"/emby/", "/mediabrowser/"} {
		if rest, ok := strings.CutPrefix(path, base); ok {
			path = "/" + rest
			break
		}
	}
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	return path
}

// systemInfo is what everybody may know. Only Jellyfin names the product.
func (s *Server) systemInfo(w http.ResponseWriter, r *http.Request) {
	info := map[string]any{
		"ServerName": s.options.Name, "Id": serverID, "Version": "10.11.5", "LocalAddress": "http://" + r.Host,
		"ProductName": "Jellyfin Server", "StartupWizardCompleted": true,
	}
	if s.options.ServiceType == api.Emby {
		info = map[string]any{
			"ServerName": s.options.Name, "Id": serverID, "Version": "4.8.10.0", "LocalAddress": "http://" + r.Host,
		}
	}
	writeJSON(w, r, info)
}

func (s *Server) ping(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, s.options.Name)
}

func noContent(w http.ResponseWriter, _ *http.Request, _ *session) {
	w.WriteHeader(http.StatusNoContent)
}
