package agent

import (
	"context"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Limits are the rate limits, stream rules and enforcements that change without a publish.
type Limits interface {
	// Revision returns which live ones this slave has; "" for none.
	Revision() string
	// SetLive makes those in force; nil: there are no live ones.
	SetLive(*api.RateLimits) error
	// Overlay returns a release's rules.json with live limits in it, and the hash of it; "" where nothing differs.
	Overlay(rules []byte) (overlaid []byte, hash string, err error)
}

// limitsRetry is when live limits that nginx did not take are pushed again.
const limitsRetry = 2 * time.Second

// limitsRevision is what polls tell the master of the limits here.
func (a *Agent) limitsRevision() *string {
	if a.cfg.Limits == nil {
		return nil
	}
	return new(a.cfg.Limits.Revision())
}

// takeLimits fetches live limits when the master has others than this slave, and reports whether it has.
func (a *Agent) takeLimits(ctx context.Context, revision string) (changed bool, err error) {
	if a.cfg.Limits == nil || revision == a.cfg.Limits.Revision() {
		return false, nil
	}
	if revision == "" { // a master whose limits are those of its publishes
		return true, a.setLimits(nil)
	}
	live, err := a.cfg.Master.RateLimits(ctx)
	if err != nil {
		return false, err
	}
	live.Revision = revision // of which it is, or newer: then the next version check says so
	if a.cfg.Kicks != nil {
		a.cfg.Kicks(live.Kicks)
	}
	a.log.Info("Limits changed", "revision", live.Revision, "rules", len(live.Rules), "stream_rules", len(live.StreamRules),
		"enforcements", len(live.Enforcements))
	return true, a.setLimits(&live.RateLimits)
}

// setLimits makes live limits hold. A disk that does not take them is no reason to go by others.
func (a *Agent) setLimits(live *api.RateLimits) error {
	if err := a.cfg.Limits.SetLive(live); err != nil {
		a.log.Error("Live limits hold until the next restart only", "error", err)
	}
	return nil
}

// pushLimits brings the rules of nginx's workers up to the live limits. A release's own rules come first, at a
// reload or a push; these follow, under a hash of their own.
func (a *Agent) pushLimits(ctx context.Context) {
	a.limitsDue.Store(false)
	if a.nginxStarted.Swap(false) {
		a.overlay = ""
	}
	if a.cfg.Limits == nil || a.running.IsPlaceholder() {
		return
	}
	if err := a.pushOverlay(ctx); err != nil && ctx.Err() == nil {
		a.metrics.limitsFailures.Inc()
		a.board.failed("limits", err)
		a.log.Error("Live limits not pushed, tried again", "error", err)
		time.AfterFunc(limitsRetry, func() { a.ask(&a.limitsDue) })
	}
}

func (a *Agent) pushOverlay(ctx context.Context) error {
	rules, err := a.running.Rules()
	if err != nil {
		return err
	}
	rules, hash, err := a.cfg.Limits.Overlay(rules)
	if err != nil || hash == a.overlay {
		return err
	}
	if err := a.cfg.Nginx.PushRules(ctx, rules); err != nil {
		return err
	}
	a.overlay = hash
	return nil
}

// rulesHash is that of the rules which nginx serves rel with while nothing was pushed or reloaded since.
func (a *Agent) rulesHash(releaseHash string) string {
	if a.overlay != "" {
		return a.overlay
	}
	return releaseHash
}

// NginxStarted says that nginx was started anew, with the rules of its release.
func (a *Agent) NginxStarted() { a.ask(&a.nginxStarted) }
