// Package publish turns what operators have configured into what slaves run: it takes a snapshot of fleet
// and library, renders each group, asks nginx about what changes, and hands the results to the Board, which
// slaves ask. It does the same with the content of an earlier snapshot (a rollback), with a part of the groups
// (canaries), and with the rest of them later.
//
// A publish is one database transaction. Only when it is committed does the Board change, so a slave
// never hears of a configuration that a crash could take back. The boards of other replicas follow by
// Refresh, when the store tells them.
package publish

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/preflight"
	"github.com/uhdadmin/media-gateway/master/internal/recent"
	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// Config of a Publisher.
type Config struct {
	Store       *store.Store
	Board       *Board
	Preflight   *preflight.Checker    // nil: nginx is not asked
	SigningKeys []ed25519.PrivateKey  // all sign; none: configurations are not signed
	Registry    prometheus.Registerer // nil: nobody counts
	Log         *slog.Logger
	Now         func() time.Time // nil: time.Now
}

// Publisher publishes. Its methods may be called from any goroutine.
type Publisher struct {
	cfg      Config
	outcomes *outcomes
	metrics  metrics
}

// New returns a publisher.
func New(cfg Config) *Publisher {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Publisher{cfg: cfg, outcomes: recent.New[input, outcome](remembered), metrics: newMetrics(cfg.Registry)}
}

// Request is what an operator asks to publish.
type Request struct {
	rollout.Order
	Note   string
	By     string // who asks
	Expect string // hash of a preview, *StaleError when it is another by now; "": any
	// Rollout is the scheduled rollout that comes due by this; 0: none.
	Rollout int64
	// Amend is done first, in the same transaction: it holds when this is published, and not at all when it is refused. nil:
	// nothing.
	Amend Amendment
}

// Result is a snapshot and where it goes.
type Result struct {
	store.Snapshot
	Distributions []store.Distribution `json:"distributions"`
	Rollout       *store.Rollout       `json:"rollout,omitempty" doc:"with canaries: how far it is"`
	Preflight     []Preflight          `json:"preflight" doc:"what nginx says of each configuration that changes"`
}

// Preflight is what nginx says of a group's configuration.
type Preflight struct {
	fleet.Group
	preflight.Verdict
}

// Publish renders the current fleet and library, or those of a snapshot, and makes the result what slaves should
// run. What an operator must mend is a fleet.FieldErrors, wraps render.ErrInvalid, or is a *PreflightError,
// *BusyError or *StaleError; then nothing is stored.
func (p *Publisher) Publish(ctx context.Context, req Request) (*Result, error) {
	order, err := complete(req.Order)
	if err != nil {
		p.metrics.count(err)
		return nil, err
	}
	req.Order = order
	var result *Result
	err = p.checked(ctx, req.Order, func(work *work) error {
		return p.change(ctx, func(ctx context.Context, tx *store.PublishTx) (entries []Entry, err error) {
			result, entries, err = p.publish(ctx, tx, req, work)
			return entries, err
		})
	})
	p.metrics.count(err)
	if err != nil {
		return nil, err
	}
	p.cfg.Log.Info("Snapshot published", "snapshot_id", result.ID, "by", req.By, "groups", len(result.Distributions), "canary", result.Rollout != nil)
	return result, nil
}

// change runs fn in a publishing transaction, and puts what it has distributed on the board.
func (p *Publisher) change(ctx context.Context, fn func(context.Context, *store.PublishTx) ([]Entry, error)) error {
	p.cfg.Board.changing.Lock()
	defer p.cfg.Board.changing.Unlock()
	var entries []Entry
	err := p.cfg.Store.Publish(ctx, func(ctx context.Context, tx *store.PublishTx) (err error) {
		entries, err = fn(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	p.cfg.Board.set(entries...)
	return nil
}

func (p *Publisher) publish(ctx context.Context, tx *store.PublishTx, req Request, work *work) (*Result, []Entry, error) {
	scheduled, err := comesDue(ctx, tx, req.Rollout)
	if err != nil {
		return nil, nil, err
	}
	made, err := p.propose(ctx, req, work)
	if err != nil {
		return nil, nil, err
	}
	if err := free(ctx, tx, made.configs); err != nil {
		return nil, nil, err
	}
	plan, configs, err := p.plan(ctx, tx, req, made, work)
	if err != nil {
		return nil, nil, err
	}
	result := &Result{Snapshot: store.Snapshot{Hash: made.hash, Note: req.Note, PublishedBy: req.By}, Preflight: work.results()}
	if result.Epoch, err = tx.Epoch(ctx); err != nil {
		return nil, nil, err
	}
	if err := tx.AddSnapshot(ctx, &result.Snapshot, compress(made.kept)); err != nil {
		return nil, nil, err
	}
	entries, err := p.distribute(ctx, tx, &result.Snapshot, configs, &result.Distributions)
	if err != nil {
		return nil, nil, err
	}
	result.Rollout, err = p.begin(ctx, tx, req, scheduled, plan, result.ID)
	return result, entries, err
}

// distribute stores the configurations as the snapshot's, signed, under versions that rise.
func (p *Publisher) distribute(ctx context.Context, tx *store.PublishTx, of *store.Snapshot, configs []groupConfig, into *[]store.Distribution) ([]Entry, error) {
	versions, err := p.versions(ctx, tx)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, c := range configs {
		config := *c.Config
		config.Version, config.SnapshotID, config.Epoch = versions.next(c.group.Host), of.ID, of.Epoch
		config.Signature = p.sign(config.ConfigHash, config.Version, config.Epoch)
		body, err := json.Marshal(&config)
		if err != nil {
			return nil, fmt.Errorf("encode config: %w", err)
		}
		d := store.Distribution{
			SnapshotID: of.ID, Host: c.group.Host, ServiceType: c.group.ServiceType,
			Version: config.Version, ServerCount: config.SiblingCount, ConfigHash: config.ConfigHash,
		}
		doc := newDocument(body)
		if err := tx.AddDistribution(ctx, &d, doc.Gzip); err != nil {
			return nil, err
		}
		entries = append(entries, newEntry(&d, of.Epoch, doc))
		*into = append(*into, d)
	}
	return entries, nil
}

// versions gives hosts their next versions.
type versions struct {
	last map[string]int64
	now  int64
}

func (p *Publisher) versions(ctx context.Context, tx *store.PublishTx) (*versions, error) {
	last, err := tx.LastVersions(ctx)
	return &versions{last, p.cfg.Now().Unix()}, err
}

// next is the time, or one more than the host's last version where that is not above it.
func (v *versions) next(host string) int64 {
	v.last[host] = max(v.now, v.last[host]+1)
	return v.last[host]
}
