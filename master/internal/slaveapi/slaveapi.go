// Package slaveapi serves /api/v1/media-slave and /api/v1/slave: what slaves ask of the master and report to
// it.
//
// Slaves of all ages come here. Those that send `Authorization: App …` get the answers that the Lua agents
// in the field read: the same documents in an envelope {code, message, data}, errors too. All others get
// the bare document, and errors as RFC 9457 problems. Handlers know nothing of it: they return a document or
// an error, and answer.go writes either.
package slaveapi

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/limits"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/quota"
	"github.com/uhdadmin/media-gateway/master/internal/sessions"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/httpserver"
)

// Config of an API.
type Config struct {
	Store     *store.Store
	Board     *publish.Board
	Limits    *limits.Board
	Sessions  *sessions.Desk
	Quotas    *quota.Keeper
	Slaves    *auth.Slaves
	Telemetry *telemetry.Ingester
	Log       *slog.Logger
	Registry  prometheus.Registerer

	// How many requests run at a time: of configurations, each of which takes a connection's buffers, and
	// of telemetry, of which each takes some megabytes. 0: 64 and 48.
	MaxConfigs, MaxReports int
}

// API is the slave API.
type API struct {
	cfg       Config
	metrics   *metrics
	delivered sync.Map     // distribution ids that are marked delivered
	waiting   atomic.Int64 // version checks
	configs   *gate
	reports   *gate
}

// New returns the API and registers its metrics.
func New(cfg Config) *API {
	a := &API{cfg: cfg}
	a.metrics = newMetrics(cfg, &a.waiting)
	a.configs = newGate("configurations", cmp.Or(cfg.MaxConfigs, 64), a.metrics.away)
	a.reports = newGate("telemetry", cmp.Or(cfg.MaxReports, 48), a.metrics.away)
	return a
}

// Mount adds the API's routes to r under api.PathMediaSlave and api.PathSlave. Dot segments in the path must
// have been resolved before.
func (a *API) Mount(r chi.Router) {
	r.Route(api.PathMediaSlave, func(r chi.Router) {
		r.Get("/config/version", a.handle("config/version", a.version))
		r.Get("/config", a.gated(a.configs, "config", a.config))
		r.Get("/rate-limits", a.handle("rate-limits", a.rateLimits))
		r.Post("/ack", a.handle("ack", a.ack))
		r.Post("/heartbeat", a.handle("heartbeat", a.heartbeat))
		a.mountRefusals(r)
	})
	r.Route(api.PathSlave, func(r chi.Router) {
		r.Post("/sessions/checkin", a.handle("sessions/checkin", a.checkIn))
		r.Post("/sessions/heartbeat", a.handle("sessions/heartbeat", a.beatSessions))
		r.Post("/sessions/end", a.handle("sessions/end", a.endSessions))
		r.Post("/telemetry/quota-sync", a.handle("telemetry/quota-sync", a.syncQuotas))
		a.mountTelemetry(r)
		a.mountRefusals(r)
	})
}

func (a *API) mountRefusals(r chi.Router) {
	r.NotFound(a.refuse(http.StatusNotFound, "the slave API has no such path"))
	r.MethodNotAllowed(a.refuse(http.StatusMethodNotAllowed, "the slave API does not take this method here"))
}

// handler answers one authenticated request with a document or an error, or with a later.
type handler func(w http.ResponseWriter, r *http.Request, slave auth.Slave) (any, error)

// later waits for a document or an error. It holds on to nothing of its request; see httpserver.Park.
type later func(context.Context) (any, error)

func (a *API) handle(route string, h handler) http.HandlerFunc { return a.gated(nil, route, h) }

// gated is handle for requests that pass g, which they leave when they are answered.
func (a *API) gated(g *gate, route string, h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		slave, err := a.cfg.Slaves.Authenticate(r)
		var document any
		if err == nil {
			var leave func()
			if leave, err = g.enter(w, r); err == nil {
				defer leave()
				document, err = h(w, r, slave)
			}
		}
		from := origin{route: route, scheme: slave.Scheme}
		if wait, ok := document.(later); ok {
			httpserver.Park(w, r, func(ctx context.Context, w http.ResponseWriter) {
				document, err := wait(ctx)
				a.count(route, a.answer(ctx, w, from, document, err))
			})
			return
		}
		from.header = r.Header
		a.count(route, a.answer(r.Context(), w, from, document, err))
	}
}

func (a *API) refuse(status int, detail string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		slave, _ := a.cfg.Slaves.Authenticate(r) // for its scheme only
		a.count("other", a.answer(r.Context(), w, origin{"other", slave.Scheme, r.Header}, nil, problem(status, detail)))
	}
}

func (a *API) count(route string, status int) {
	a.metrics.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
}
