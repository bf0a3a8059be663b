// Package slaveapi serves /api/v1/media-slave and /api/v1/slave: what slaves ask of the master and report to
// it.
//
// Slaves of all ages come here. Those that send `Authorization: App …` get the answers that the Lua agents
// in the field read: the same documents in an envelope {code, message, data}, errors too. All others get
// the bare document, and errors as RFC 9457 problems. Handlers know nothing of it: they return a document or
// an error, and answer.go writes either.
package slaveapi

import (
	"log/slog"
	"net/http"
	"strconv"
	"sync"

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
}

// API is the slave API.
type API struct {
	cfg       Config
	metrics   *metrics
	delivered sync.Map      // distribution ids that are marked delivered
	batches   chan struct{} // of telemetry, in memory
}

// New returns the API and registers its metrics.
func New(cfg Config) *API {
	return &API{cfg: cfg, metrics: newMetrics(cfg), batches: make(chan struct{}, maxBatches)}
}

// Mount adds the API's routes to r under api.PathMediaSlave and api.PathSlave. Dot segments in the path must
// have been resolved before.
func (a *API) Mount(r chi.Router) {
	r.Route(api.PathMediaSlave, func(r chi.Router) {
		r.Get("/config/version", a.handle("config/version", a.version))
		r.Get("/config", a.handle("config", a.config))
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

// handler answers one authenticated request with a document or an error.
type handler func(w http.ResponseWriter, r *http.Request, slave auth.Slave) (any, error)

func (a *API) handle(route string, h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		slave, err := a.cfg.Slaves.Authenticate(r)
		var document any
		if err == nil {
			document, err = h(w, r, slave)
		}
		status := a.answer(w, r, slave.Scheme, document, err)
		a.metrics.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	}
}

func (a *API) refuse(status int, detail string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		slave, _ := a.cfg.Slaves.Authenticate(r) // for its scheme only
		status := a.answer(w, r, slave.Scheme, nil, problem(status, detail))
		a.metrics.requests.WithLabelValues("other", strconv.Itoa(status)).Inc()
	}
}
