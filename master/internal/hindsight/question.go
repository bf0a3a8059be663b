package hindsight

import (
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// MaxHours is how far back questions go: a week.
const MaxHours = 7 * 24

// Question is which rules to judge by, and which requests. A list that is nil is not asked about; entries that are
// disabled, or for other media servers, let everything be.
type Question struct {
	ServiceType  api.ServiceType
	Servers      []int64 // whose requests
	Hours        int     // 1 to MaxHours
	Players      []library.Player
	Unidentified api.Unidentified
	URIRules     []library.URIRule // with skip rules, whose paths pass the whitelist and rates
	RateLimits   []library.RateLimitRule
	Patience     time.Duration // after which the answer is of what was read so far; 0: endless
	Rows         int64         // at most so many requests are examined; 0: maxRows
}

// Answer is what the rules would have done.
type Answer struct {
	From         time.Time `json:"from" doc:"requests from here on were to be examined"`
	To           time.Time `json:"to"`
	ExaminedFrom time.Time `json:"examined_from" doc:"requests from here on were; from, when complete"`
	Examined     int64     `json:"examined" doc:"requests, the newest first"`
	Of           int64     `json:"of" doc:"requests that there were"`
	Complete     bool      `json:"complete" doc:"all that are stored were examined"`

	Players    *Players `json:"players,omitempty"`
	URIRules   *Paths   `json:"uri_rules,omitempty"`
	RateLimits *Limits  `json:"rate_limit_rules,omitempty"`
}

// Tally is how many requests would have been refused.
type Tally struct {
	Refused int64 `json:"refused"`
	Already int64 `json:"already" doc:"of these, how many were refused then, for whatever reason"`
	Users   int   `json:"users" doc:"whose requests were let in then; requests of nobody known do not count"`
}

// Players is what the whitelist would have refused.
type Players struct {
	Tally
	Clients int          `json:"clients" doc:"how many clients and versions"`
	Items   []PlayerItem `json:"items" doc:"those of most requests"`

	Earlier []EarlierItem `json:"earlier" doc:"when not complete: clients of devices that were last seen before examined_from, those of most users"`
}

// EarlierItem is a client that would be refused and whose requests were not examined. They may have been refused then.
type EarlierItem struct {
	Client   string    `json:"client"`
	Version  string    `json:"version"`
	Reason   string    `json:"reason" enum:"client_not_allowed,client_outdated"`
	Lowest   string    `json:"lowest" doc:"of an outdated one, the lowest version that may pass"`
	Devices  int64     `json:"devices"`
	Users    int64     `json:"users"`
	LastSeen time.Time `json:"last_seen"`
}

// PlayerItem is a client that would have been refused.
type PlayerItem struct {
	Client    string    `json:"client" doc:"empty: it states none, and no pattern names its User-Agent"`
	Version   string    `json:"version"`
	UserAgent string    `json:"user_agent" doc:"of a client that states no name"`
	Reason    string    `json:"reason" enum:"client_not_allowed,client_outdated,client_unidentified"`
	Lowest    string    `json:"lowest" doc:"of an outdated one, the lowest version that may pass"`
	LastSeen  time.Time `json:"last_seen"`
	Tally
}

// Paths is what URI rules would have refused.
type Paths struct {
	Tally
	Skipped int64      `json:"skipped" doc:"requests that skip rules let past the checks"`
	Items   []PathItem `json:"items" doc:"rules that met requests, those of most first"`
	Idle    []int      `json:"idle" doc:"indexes of rules that met none"`
}

// PathItem is a rule that met requests. One request may meet several.
type PathItem struct {
	Rule     int       `json:"rule" doc:"its index in the question"`
	Name     string    `json:"name"`
	Action   string    `json:"action" doc:"block: Refused are what it refuses; skip: what it lets past the checks" enum:"block,skip"`
	Example  string    `json:"example" doc:"the path of one"`
	LastSeen time.Time `json:"last_seen"`
	Tally
}

// Limits is what rate limit rules would have met.
type Limits struct {
	Rejected  int64       `json:"rejected" doc:"requests over the rates of rules that reject"`
	Already   int64       `json:"already" doc:"of these, how many were refused then"`
	Throttled int64       `json:"throttled" doc:"requests that would have been slowed down"`
	Warned    int64       `json:"warned" doc:"requests that would have been noted"`
	Values    int         `json:"values" doc:"how many addresses, users or devices were over a rate or quota"`
	Rates     []RateItem  `json:"rates" doc:"who was over a rate, most requests first"`
	Quotas    []QuotaItem `json:"quotas" doc:"who was over a quota, by how much of it was used; on all media servers together, as quotas are"`
	Idle      []int       `json:"idle" doc:"indexes of rules that nobody was over"`
}

// RateItem is somebody who was over a rule's rates.
type RateItem struct {
	Rule          int    `json:"rule" doc:"its index in the question"`
	ApplyTo       string `json:"apply_to"`
	Value         string `json:"value" doc:"which address, user or device; empty: all together"`
	OverAction    string `json:"over_action"`
	Requests      int64  `json:"requests" doc:"over the rates"`
	Already       int64  `json:"already" doc:"of these, how many were refused then"`
	PeakPerSecond int64  `json:"peak_per_second" doc:"most requests to one media server within a second"`
	PeakPerMinute int64  `json:"peak_per_minute"`
}

// QuotaItem is somebody who used more than a quota in a period.
type QuotaItem struct {
	Rule        int       `json:"rule" doc:"its index in the question"`
	ApplyTo     string    `json:"apply_to"`
	Value       string    `json:"value" doc:"which address, user or device; empty: all together"`
	OverAction  string    `json:"over_action"`
	Period      string    `json:"period" enum:"hourly,daily,weekly,monthly"`
	PeriodKey   string    `json:"period_key"`
	EndsAt      time.Time `json:"ends_at"`
	Requests    int64     `json:"requests" doc:"used"`
	MaxRequests int64     `json:"quota_requests" doc:"0: no limit"`
	Bytes       int64     `json:"bytes" doc:"used"`
	MaxBytes    int64     `json:"quota_bytes" doc:"0: no limit"`
}

// maxItems is how many of each list are answered.
const maxItems = 50
