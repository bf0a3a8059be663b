package app

import (
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/decision"
	"github.com/uhdadmin/media-gateway/supervisor/internal/limits"
)

// limitsChanged is told what limits are in force: quotas are judged by them here, bans and throttles are decisions,
// and the rest is the agent's to push.
func (a *App) limitsChanged(l api.RateLimits) {
	a.usage.SetRules(l.Rules, l.Pardons)
	a.decisions.Replace(decision.Enforcement, limits.Decisions(l.Enforcements, time.Now(), a.log))
}

// enforce is told what the answer to a quota sync enforces.
func (a *App) enforce(enforcements []api.Enforcement) { a.limits.Enforce(enforcements) }

// nearLimit is how often nginx is asked what streams have sent while there are quotas that they may exhaust.
const nearLimit = 250 * time.Millisecond

// quotasPressing is told whether quotas of bytes are in force.
func (a *App) quotasPressing(pressing bool) {
	if pressing {
		a.transfers.SetPace(nearLimit)
	} else {
		a.transfers.SetPace(0)
	}
}
