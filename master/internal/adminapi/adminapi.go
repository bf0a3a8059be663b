// Package adminapi is the master's REST API for people and programs that manage the fleet, under
// /api/v1/admin. Its OpenAPI document, made from the Go types, is at /api/v1/openapi.json.
//
// Every operation names the role it needs; one that names none needs an admin. Bodies are checked
// against their schema first (types, unknown fields), then by the domain's Validate inside the writing
// transaction; both answer with problem JSON that names the field.
package adminapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/analytics"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/conductor"
	"github.com/uhdadmin/media-gateway/master/internal/draft"
	"github.com/uhdadmin/media-gateway/master/internal/erasure"
	"github.com/uhdadmin/media-gateway/master/internal/events"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/hindsight"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/privacy"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/quota"
	"github.com/uhdadmin/media-gateway/master/internal/sessions"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/buildinfo"
)

// Prefix of all paths of the admin API.
const Prefix = "/api/v1/admin"

// Config of the admin API; every field is needed but for PublicURL.
type Config struct {
	Store     *store.Store
	Admins    *auth.Admins
	Passwords *auth.Passwords
	Slaves    *auth.Slaves
	Publisher *publish.Publisher
	Conductor *conductor.Conductor
	Events    *events.Hub
	Drafts    *draft.Desk
	Sessions  *sessions.Desk
	Quotas    *quota.Keeper
	Analytics *analytics.Analytics
	Hindsight *hindsight.Hindsight
	Privacy   *privacy.Policy
	Eraser    *erasure.Eraser
	PublicURL *url.URL // where browsers reach the master, when a proxy changes the Host header; nil: not known
	Registry  prometheus.Registerer
	Log       *slog.Logger
}

type server struct {
	Config
	api huma.API
}

// New returns the handler of everything under Prefix and of the OpenAPI document.
func New(cfg Config) (http.Handler, error) {
	router := chi.NewMux()
	router.NotFound(func(w http.ResponseWriter, r *http.Request) {
		WriteProblem(w, http.StatusNotFound, "there is nothing at "+r.URL.Path+"; see /api/v1/openapi.json")
	})
	router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		WriteProblem(w, http.StatusMethodNotAllowed, r.URL.Path+" does not take "+r.Method+"; see /api/v1/openapi.json")
	})
	guard, err := auth.CrossOrigin(cfg.PublicURL, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		WriteProblem(w, http.StatusForbidden,
			"this write comes from a page of another origin; behind a proxy, set PUBLIC_URL to the address that browsers use")
	}))
	if err != nil {
		return nil, err
	}
	router.Use(guard.Handler, cfg.Admins.Sessions)

	s := &server{Config: cfg, api: humachi.New(router, humaConfig())}
	s.api.UseMiddleware(countRequests(cfg.Registry), s.admit)
	s.registerLogin()
	s.registerServers()
	s.registerTokens()
	s.registerLibrary()
	s.registerLimits()
	s.registerSessions()
	s.registerQuotas()
	s.registerDrafts()
	s.registerPublish()
	s.registerPreview()
	s.registerRollouts()
	s.registerEvents()
	s.registerHostChanges()
	s.registerAccounts()
	s.registerPeople()
	s.registerTelemetry()
	s.registerAnalytics()
	s.registerSignals()
	s.registerExplain()
	s.registerHindsight()
	s.registerPrivacy()
	return router, s.serveDocument(router)
}

func humaConfig() huma.Config {
	config := huma.DefaultConfig("UHD media gateway", buildinfo.Version())
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // see serveDocument
	config.CreateHooks = nil                                             // no $schema in bodies
	config.FieldsOptionalByDefault = true
	config.Formats = map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat}
	config.Transformers = []huma.Transformer{tidyProblem}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: auth.SessionCookie},
		"key":     {Type: "http", Scheme: "bearer", Description: "API key, uha_…"},
	}
	return config
}

// register adds an operation that needs the role; its handler's errors become problems.
func register[I, O any](s *server, op huma.Operation, role account.Role, handler func(context.Context, *I) (*O, error)) {
	op.Metadata = map[string]any{roleKey: role}
	if role != public {
		op.Security = []map[string][]string{{"session": {}}, {"key": {}}}
	}
	op.Path = Prefix + "/" + op.Path
	describe(&op, role, reflect.TypeFor[I]())
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

func (s *server) registerServers() {
	resource[fleet.Server]{
		path: "servers", one: "server", table: s.Store.Servers, fresh: fleet.NewServer,
		guard:   guardCustomNginx,
		changed: s.Slaves.Invalidate,
		schema:  upstreamSchema,
	}.register(s)
}

func (s *server) registerLibrary() {
	resource[library.Player]{
		path: "players", one: "player", table: s.Store.Players, fresh: library.NewPlayer,
	}.register(s)
	resource[library.URIRule]{
		path: "uri-rules", one: "uri-rule", table: s.Store.URIRules, fresh: library.NewURIRule,
	}.register(s)
	resource[library.LocationRule]{
		path: "location-rules", one: "location-rule", table: s.Store.LocationRules, fresh: library.NewLocationRule, schema: locationSchema,
	}.register(s)
	resource[library.NginxMap]{
		path: "nginx-maps", one: "nginx-map", table: s.Store.NginxMaps, fresh: library.NewNginxMap, schema: mapSchema,
	}.register(s)
	resource[library.ProxyHeader]{
		path: "proxy-headers", one: "proxy-header", table: s.Store.ProxyHeaders, fresh: library.NewProxyHeader, schema: headerSchema,
	}.register(s)
	resource[library.Profile]{
		path: "profiles", one: "profile", table: s.Store.Profiles, fresh: library.NewProfile,
		guard: guardCustomLua, readOnly: []string{"is_default"}, schema: profileSchema,
	}.register(s)
	resource[library.Setting]{
		path: "settings", one: "setting", table: s.Store.Settings, fresh: library.NewSetting, schema: settingSchema,
		changed: s.Privacy.Changed,
	}.register(s)
	s.registerClone()
}

func (s *server) registerLimits() {
	resource[library.RateLimitRule]{
		path: "rate-limit-rules", one: "rate-limit-rule",
		table: s.Store.RateLimitRules, fresh: library.NewRateLimitRule,
	}.register(s)
	resource[library.StreamRule]{
		path: "stream-rules", one: "stream-rule",
		table: s.Store.StreamRules, fresh: library.NewStreamRule,
	}.register(s)
	resource[library.Enforcement]{
		path: "enforcements", one: "enforcement",
		table: s.Store.Enforcements, fresh: library.NewEnforcement, readOnly: []string{"automatic"},
	}.register(s)
}
