package library

import (
	"cmp"
	"errors"
	"net/netip"

	"github.com/uhdadmin/media-gateway/master/internal/field"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
)

// Dimensions that limits apply to, and what happens beyond one.
const (
	DimensionIP     = "ip"
	DimensionUser   = "user"
	DimensionDevice = "device"
	DimensionGlobal = "global"

	OverReject   = "reject"
	OverThrottle = "throttle"
	OverWarn     = "warn"
)

// maxLimit keeps limits exact in Lua, whose numbers are float64.
const (
	maxLimit     = 1 << 53
	maxDimension = 200 // characters of a user's or device's id
)

// NewRateLimitRule returns what a request for a new rule is decoded onto.
func NewRateLimitRule() RateLimitRule {
	r := RateLimitRule{Enabled: true}
	r.SetDefaults()
	return r
}

// SetDefaults fills what is missing.
func (r *RateLimitRule) SetDefaults() {
	r.ApplyTo = cmp.Or(r.ApplyTo, DimensionIP)
	r.OverAction = cmp.Or(r.OverAction, OverReject)
}

// Validate returns fleet.FieldErrors or nil.
func (r *RateLimitRule) Validate() error {
	var errs fleet.FieldErrors
	checkDimension(&errs, "apply_to", r.ApplyTo, "apply_value", r.ApplyValue, false)
	limited := false
	for _, l := range []struct {
		field string
		value int64
	}{
		{"rate_per_second", r.RatePerSecond},
		{"rate_per_minute", r.RatePerMinute},
		{"quota_hourly", r.QuotaHourly},
		{"quota_daily", r.QuotaDaily},
		{"quota_weekly", r.QuotaWeekly},
		{"quota_monthly", r.QuotaMonthly},
		{"bandwidth_hourly_bytes", r.BandwidthHourlyBytes},
		{"bandwidth_daily_bytes", r.BandwidthDailyBytes},
		{"bandwidth_weekly_bytes", r.BandwidthWeeklyBytes},
		{"bandwidth_monthly_bytes", r.BandwidthMonthlyBytes},
	} {
		errs.Check(l.field, between(l.value, 0, maxLimit))
		limited = limited || l.value > 0
	}
	if !limited {
		errs.Add("rate_per_second", "must be above 0, or another rate, quota or bandwidth: the rule limits nothing")
	}
	errs.Check("rate_burst", between(r.RateBurst, 0, maxLimit))
	errs.Check("over_action", field.OneOf(r.OverAction, OverReject, OverThrottle, OverWarn))
	checkThrottle(&errs, r.OverAction, r.ThrottleRateBps)
	return errs.ErrorOrNil()
}

// NewStreamRule returns what a request for a new rule is decoded onto.
func NewStreamRule() StreamRule {
	r := StreamRule{Enabled: true}
	r.SetDefaults()
	return r
}

// SetDefaults fills what is missing.
func (r *StreamRule) SetDefaults() {
	r.ApplyTo = cmp.Or(r.ApplyTo, DimensionUser)
	r.ActionOnExceed = cmp.Or(r.ActionOnExceed, ExceedReject)
}

// Validate returns fleet.FieldErrors or nil.
func (r *StreamRule) Validate() error {
	var errs fleet.FieldErrors
	checkDimension(&errs, "apply_to", r.ApplyTo, "apply_value", r.ApplyValue, false)
	checkStreams(&errs, "", r.MaxStreams, r.ActionOnExceed, r.DenyMessage)
	if r.MaxStreams == 0 {
		errs.Add("max_streams", "must be at least 1; to ban, add an enforcement")
	}
	return errs.ErrorOrNil()
}

// NewEnforcement returns what a request for a new enforcement is decoded onto.
func NewEnforcement() Enforcement {
	e := Enforcement{Enabled: true}
	e.SetDefaults()
	return e
}

// SetDefaults fills what is missing.
func (e *Enforcement) SetDefaults() {
	e.Action = cmp.Or(e.Action, OverReject)
}

// Validate returns fleet.FieldErrors or nil.
func (e *Enforcement) Validate() error {
	var errs fleet.FieldErrors
	checkDimension(&errs, "dimension", e.Dimension, "dimension_value", e.DimensionValue, true)
	errs.Check("action", field.OneOf(e.Action, OverReject, OverThrottle))
	checkThrottle(&errs, e.Action, e.ThrottleRateBps)
	errs.Check("reason", field.Text(e.Reason, maxMessage))
	return errs.ErrorOrNil()
}

// checkDimension checks what a limit applies to. An empty value means each value on its own, which only
// rules have; global has no values.
func checkDimension(errs *fleet.FieldErrors, dimensionField, dimension, valueField, value string, required bool) {
	errs.Check(dimensionField, field.OneOf(dimension, DimensionIP, DimensionUser, DimensionDevice, DimensionGlobal))
	switch {
	case dimension == DimensionGlobal:
		if value != "" {
			errs.Add(valueField, "must be empty for global")
		}
	case value == "":
		if required {
			errs.Add(valueField, "must name the "+dimension)
		}
	case dimension == DimensionIP:
		errs.Check(valueField, address(value))
	default:
		errs.Check(valueField, field.Line(value, maxDimension))
	}
}

func address(s string) error {
	if a, err := netip.ParseAddr(s); err != nil || a.Zone() != "" {
		return errors.New("must be an IP address, as in 203.0.113.10 or 2001:db8::1")
	}
	return nil
}

func checkThrottle(errs *fleet.FieldErrors, action string, rate int64) {
	errs.Check("throttle_rate_bps", between(rate, 0, maxLimit))
	if action == OverThrottle && rate == 0 {
		errs.Add("throttle_rate_bps", "must be above 0 bytes per second to throttle")
	}
}
