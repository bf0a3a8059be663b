// Package quota sums what slaves have counted and stops those who are over a quota.
//
// A quota is of a person, a device, a household (an address) or of everything: totals go over all slaves and
// media servers, by value alone. Slaves send absolute numbers, each for itself, so a total is a sum of rows
// and a sync that comes twice counts once. What a total has used up becomes an automatic enforcement, which
// all slaves hear of within a second or two, and which lapses when its period turns; it is lifted when its
// rule changes so that it no longer holds.
package quota

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Limits is the rules and enforcements that hold now; see limits.Board.
type Limits interface {
	WatchRules() (rules []api.RateLimitRule, changed <-chan struct{})
	Current() api.RateLimits
	ReloadLimits(ctx context.Context) error
}

// Config of a Keeper.
type Config struct {
	Store    *store.Store
	Limits   Limits
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Keeper keeps quotas. Its methods may be called from any goroutine.
type Keeper struct {
	cfg     Config
	metrics *metrics
	zones   zones
	again   chan struct{} // the rules have changed under a sync

	mu    sync.Mutex
	tried map[string]bool // keys of enforcements that need not be made again: they are there, or pardoned
}

// New returns a Keeper. Its Run must run for rules to take effect and counters to be forgotten.
func New(cfg Config) *Keeper {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Keeper{
		cfg: cfg, metrics: newMetrics(cfg.Registry), again: make(chan struct{}, 1), tried: map[string]bool{},
	}
}

// slaveOf names a slave's own counters: of which host and kind of media server, and of which disk.
func slaveOf(group fleet.Group, id string) string {
	return group.Host + " " + string(group.ServiceType) + " " + id
}
