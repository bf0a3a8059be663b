package limits

import (
	"log/slog"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

// Decisions returns enforcements as nginx takes them, less what has ended. One that nginx would refuse, and the
// others with it, is left out and said.
func Decisions(enforcements []api.Enforcement, now time.Time, log *slog.Logger) []nginx.Decision {
	set := make([]nginx.Decision, 0, len(enforcements))
	for i := range enforcements {
		e := &enforcements[i]
		d := nginx.Decision{
			Dimension: e.Dimension, Value: e.DimensionValue, Action: e.Action, ThrottleRateBps: e.ThrottleRateBps, Reason: api.ReasonBan,
		}
		if e.Automatic != nil {
			d.Reason, d.RuleID = e.Automatic.Reason, e.Automatic.RuleID
		}
		if e.EffectiveUntil != nil {
			if !now.Before(*e.EffectiveUntil) {
				continue
			}
			d.Until = new(e.EffectiveUntil.Unix())
		}
		if !takes(d) {
			log.Error("Enforcement is not understood and left out", "dimension", d.Dimension, "value", d.Value, "action", d.Action, "reason", d.Reason)
			continue
		}
		set = append(set, d)
	}
	return set
}

// takes is what lua/uhd/decision_set.lua checks.
func takes(d nginx.Decision) bool {
	switch d.Dimension {
	case "ip", "user", "device":
		if d.Value == "" {
			return false
		}
	case "global":
	default:
		return false
	}
	switch d.Reason {
	case api.ReasonBan, api.ReasonQuotaRequests, api.ReasonQuotaBandwidth:
	default:
		return false
	}
	return d.Action == "reject" || d.Action == "throttle" && d.ThrottleRateBps >= 1
}
