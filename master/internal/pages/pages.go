// Package pages is what operators see under /admin/: pages made on the server, in Chinese and English, that work without
// JavaScript and ask nothing of any other host.
//
// The pages are a client of the admin API, in the same process: each reads and writes through it in the name of who
// is signed in. So people and programs meet the same checks, rights, revisions and audit log, and what a page can do,
// a script can do.
package pages

import (
	"log/slog"
	"net/http"
	"net/url"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
)

// Prefix of all pages.
const Prefix = "/admin/"

// Config of the pages; every field is needed but for PublicURL.
type Config struct {
	API       http.Handler // the admin API, see adminapi.New
	PublicURL *url.URL     // where browsers reach the master, when a proxy changes the Host header; nil: not known
	Secure    bool         // cookies for HTTPS only
	Log       *slog.Logger
}

type server struct {
	Config
	texts     *texts
	templates *templates
	assets    *assets
}

// New returns the handler of everything under Prefix.
func New(cfg Config) (http.Handler, error) {
	s := &server{Config: cfg}
	var err error
	if s.texts, err = readTexts(); err != nil {
		return nil, err
	}
	if s.assets, err = readAssets(); err != nil {
		return nil, err
	}
	if s.templates, err = readTemplates(); err != nil {
		return nil, err
	}
	guard, err := auth.CrossOrigin(cfg.PublicURL, s.page(public, func(v *visit) error {
		return &Problem{Status: http.StatusForbidden, Detail: v.T("problem.cross_origin")}
	}))
	if err != nil {
		return nil, err
	}
	return secureHeaders(guard.Handler(s.routes())), nil
}

func (s *server) routes() *router {
	mux := &router{}
	mux.Handle("GET /admin/assets/{name}", s.assets)
	show := func(pattern string, h handler) { mux.Handle(pattern, s.page(signedIn, h)) }

	mux.Handle("GET /admin/sign-in", s.page(public, showSignIn))
	mux.Handle("POST /admin/sign-in", s.page(public, signIn))
	mux.Handle("POST /admin/preferences", s.page(public, setPreferences))
	show("POST /admin/sign-out", signOut)
	show("GET /admin/account", showAccount)
	show("POST /admin/account/password", changePassword)
	show("POST /admin/account/end-sessions", endSessions)

	show("GET /admin/{$}", showDashboard)
	show("GET /admin/hosts", showHosts)
	show("GET /admin/hosts/{host}/{service}", showHost)
	show("POST /admin/hosts/{host}/{service}", changeHost)
	show("POST /admin/servers/{id}/enabled", enableServer)
	wizardRoutes(show)
	show("GET /admin/publish", showPublish)
	show("POST /admin/publish", publish)
	show("GET /admin/snapshots", showSnapshots)
	show("GET /admin/snapshots/{id}", showSnapshot)
	show("POST /admin/snapshots/{id}/promote", actOn("snapshots", "promote", "said.promoted"))
	show("POST /admin/snapshots/{id}/halt", actOn("snapshots", "halt", "said.halted"))
	show("GET /admin/snapshots/compare", showComparison)
	show("GET /admin/snapshots/{id}/rollback", showRollback)
	show("POST /admin/snapshots/{id}/rollback", rollBack)
	show("GET /admin/rollouts", showRollouts)
	show("POST /admin/rollouts/{id}/cancel", actOn("rollouts", "cancel", "said.cancelled"))
	show("GET /admin/sessions", showLive)
	show("POST /admin/sessions/{id}/kick", kick)
	show("GET /admin/explain", showExplain)
	show("GET /admin/telemetry", showTelemetryKinds)
	show("GET /admin/telemetry/{kind}", showTelemetry)
	show("GET /admin/analytics", showAnalytics)
	show("GET /admin/analytics/{by}", showAnalyticsTable)
	show("GET /admin/signals", showSignals)
	show("GET /admin/quotas", showQuotas)
	show("POST /admin/quotas/pardon/{id}", pardon)
	show("GET /admin/audit", showAudit)
	show("GET /admin/privacy", showPrivacy)
	show("POST /admin/privacy", erase)
	for _, r := range resources {
		r.routes(show)
	}
	show("/admin/", func(v *visit) error {
		return &Problem{Status: http.StatusNotFound, Detail: v.T("problem.no_page")}
	})
	return mux
}

// secureHeaders keeps a page to what this master serves: no inline scripts or styles, no frames, no other origins.
func secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
