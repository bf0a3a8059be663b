package api

import "time"

// QuotaSync is the body of POST /telemetry/quota-sync: what a slave has counted. A counter's numbers are
// absolute, of this slave and for the whole period; so one that is sent twice, or again after an outage,
// counts once. A body holds what changed since the last sync that was answered, of periods that run or
// ended within the last hours, at most MaxQuotaCounters of them.
type QuotaSync struct {
	SlaveID  string         `json:"slave_id,omitempty"`  // of the slave's SLAVE_ROOT: one whose disk is new counts from 0 under another id; "" from older agents
	TimeZone string         `json:"time_zone,omitempty"` // IANA name of the zone that its days, weeks and months are of; "" is UTC
	Counters []QuotaCounter `json:"counters"`
}

// MaxQuotaCounters is how many counters one QuotaSync holds at most.
const MaxQuotaCounters = 5000

// QuotaCounter is what one value of a dimension has used of one media server in one period.
type QuotaCounter struct {
	Scope          string `json:"scope,omitempty"` // the media server's id as in $config_server_id, else its server name; "" from older agents
	Dimension      string `json:"dimension"`       // ip, user, device, global or profile
	DimensionValue string `json:"dimension_value"` // users in lower case without dashes, addresses in lower case; "" for global
	PeriodType     string `json:"period_type"`     // hourly, daily, weekly or monthly; see shared/period
	PeriodKey      string `json:"period_key"`      // 2026-11-22T20, 2026-11-22, 2026-W47, 2026-11; hours are of UTC always
	RequestCount   Int    `json:"request_count"`   // that reached the media server
	BandwidthBytes Int    `json:"bandwidth_bytes"` // that were sent to players
}

// QuotaSyncAnswer says what is left, over all slaves and media servers, and who is stopped.
type QuotaSyncAnswer struct {
	// Remaining holds, of the counters sent, those that a quota applies to, once per value and period.
	Remaining []QuotaRemaining `json:"remaining"`
	// Enforcements are all that hold now, as in RateLimits; those that the master made because of a total over
	// its quota among them. A slave replaces what it had.
	Enforcements []Enforcement `json:"enforcements"`
}

// QuotaRemaining is what one value of a dimension has left of a period. nil is no limit; 0 is exhausted.
type QuotaRemaining struct {
	Dimension      string `json:"dimension"`
	DimensionValue string `json:"dimension_value"`
	Period         string `json:"period"` // its type, as in QuotaCounter
	PeriodKey      string `json:"period_key,omitempty"`
	RequestsLeft   *int64 `json:"requests_left"`
	BandwidthLeft  *int64 `json:"bandwidth_left"`    // bytes
	RuleID         int64  `json:"rule_id,omitempty"` // the rule that leaves least; its over_action is what 0 means
}

// Reasons of decisions and enforcements, as they stand in the access log beside a refusal.
const (
	ReasonBan            = "ban"
	ReasonQuotaRequests  = "quota_requests"
	ReasonQuotaBandwidth = "quota_bandwidth"
)

// Pardon lets one value go on although it has used up a quota, until the period ends: an admin has disabled the
// enforcement that the quota made.
type Pardon struct {
	Dimension      string `json:"dimension"`
	DimensionValue string `json:"dimension_value"`
	RuleID         int64  `json:"rule_id"`
	PeriodType     string `json:"period_type"`
	PeriodKey      string `json:"period_key"`
}

// Automatic is what the master adds to an enforcement that it made because of a quota; nil of those that an
// admin made.
type Automatic struct {
	RuleID     int64     `json:"rule_id"`
	Reason     string    `json:"reason"` // ReasonQuotaRequests or ReasonQuotaBandwidth
	PeriodType string    `json:"period_type"`
	PeriodKey  string    `json:"period_key"`
	Since      time.Time `json:"since"`
}
