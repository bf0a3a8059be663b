package api

import "time"

// RateLimits answers GET /rate-limits: what flows to slaves live, without a publish. There and inside a
// Config it is the same; the newer of the two holds, and that is the live one wherever there is one.
type RateLimits struct {
	Revision     string          `json:"revision,omitempty"` // Version.LimitsRevision that this is; not inside a Config
	Rules        []RateLimitRule `json:"rules"`
	Enforcements []Enforcement   `json:"enforcements"`
	StreamRules  []StreamRule    `json:"stream_rules"`
	Pardons      []Pardon        `json:"pardons,omitempty"` // not inside a Config
}

// LiveLimits is what GET /rate-limits answers a slave.
type LiveLimits struct {
	RateLimits
	Kicks []Kick `json:"kicks"` // of its sessions: those that must end, and be refused until a time
}

// RateLimitRule limits requests and bytes of one ip, user, device, or of all together. A limit of 0 is
// none.
type RateLimitRule struct {
	ID                    int64  `json:"id"`
	ApplyTo               string `json:"apply_to"`    // ip, user, device or global
	ApplyValue            string `json:"apply_value"` // "" applies to each value of the dimension on its own
	RatePerSecond         int64  `json:"rate_per_second"`
	RateBurst             int64  `json:"rate_burst"`
	RatePerMinute         int64  `json:"rate_per_minute"`
	QuotaHourly           int64  `json:"quota_hourly"` // requests
	QuotaDaily            int64  `json:"quota_daily"`
	QuotaWeekly           int64  `json:"quota_weekly"`
	QuotaMonthly          int64  `json:"quota_monthly"`
	BandwidthHourlyBytes  int64  `json:"bandwidth_hourly_bytes"`
	BandwidthDailyBytes   int64  `json:"bandwidth_daily_bytes"`
	BandwidthWeeklyBytes  int64  `json:"bandwidth_weekly_bytes"`
	BandwidthMonthlyBytes int64  `json:"bandwidth_monthly_bytes"`
	OverAction            string `json:"over_action"`       // reject, throttle or warn
	ThrottleRateBps       int64  `json:"throttle_rate_bps"` // bytes per second, for throttle
}

// Enforcement bans or throttles one value of a dimension until a time; a nil EffectiveUntil is until
// lifted.
type Enforcement struct {
	Dimension       string     `json:"dimension"` // ip, user, device or global
	DimensionValue  string     `json:"dimension_value"`
	Action          string     `json:"action"` // reject or throttle
	ThrottleRateBps int64      `json:"throttle_rate_bps"`
	Reason          string     `json:"reason"`
	EffectiveUntil  *time.Time `json:"effective_until"` // RFC 3339, always with its zone
	Automatic       *Automatic `json:"automatic,omitempty" bun:"-"`
}

// StreamRule limits concurrent streams of a user, a device or an address.
type StreamRule struct {
	ID             int64  `json:"id"`
	ApplyTo        string `json:"apply_to"` // ip, user, device or global
	ApplyValue     string `json:"apply_value"`
	MaxStreams     int    `json:"max_streams"`
	ActionOnExceed string `json:"action_on_exceed"` // reject or kick_oldest
	DenyMessage    string `json:"deny_message"`
}
