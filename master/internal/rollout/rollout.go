// Package rollout is the domain of publishes that take their time: those that begin at a set time, and those
// that go to a few hosts first, the canaries, and to the others when the canaries do well.
//
//	scheduled ─► canary (acks awaited) ─► soaking ─► done
//	    │             └─────────┬───────────┘
//	    ├─► failed              └─► halted: the canaries have their former configuration again
//	    └─► cancelled
//
// It says what may be asked for and when canaries do badly; package conductor carries it out.
package rollout

import (
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
)

// State of a rollout.
type State string

// The states. The last four are final.
const (
	Scheduled State = "scheduled"
	Canary    State = "canary"
	Soaking   State = "soaking"
	Done      State = "done"
	Halted    State = "halted"
	Cancelled State = "cancelled"
	Failed    State = "failed"
)

// Active lists the states that are not final.
var Active = []State{Scheduled, Canary, Soaking}

// Order is what is to be published.
type Order struct {
	Hosts         []string       `json:"hosts,omitempty" doc:"only these; all when absent"`
	AllowShrink   bool           `json:"allow_shrink,omitempty"`
	Snapshot      int64          `json:"snapshot,omitempty" doc:"of which the content is published again; 0: what is configured"`
	SkipPreflight bool           `json:"skip_preflight,omitempty"`
	Canary        *CanaryOptions `json:"canary,omitempty"`
}

// Member is a group that gets a rollout's configuration first.
type Member struct {
	fleet.Group
	Servers []int64 `json:"servers" doc:"their ids"`
	Former  int64   `json:"former" doc:"the distribution that it had before; 0: none"`
}

// Plan is who gets what; it is made when the canaries get theirs.
type Plan struct {
	Canaries []Member      `json:"canaries,omitempty"`
	Rest     []fleet.Group `json:"rest,omitempty" doc:"who follow"`
	Others   []int64       `json:"-"` // servers that are not the canaries'
	Required int           `json:"required_acks,omitempty"`
}

// Covers reports whether a host gets the rollout's configuration, now or later.
func (p Plan) Covers(host string) bool {
	for _, m := range p.Canaries {
		if m.Host == host {
			return true
		}
	}
	for _, g := range p.Rest {
		if g.Host == host {
			return true
		}
	}
	return false
}

// Rates is what telemetry says of the canaries.
type Rates struct {
	At       time.Time    `json:"at"`
	Canaries []GroupTally `json:"canaries" doc:"each by itself"`
	Others   Tally        `json:"others" doc:"all other hosts meanwhile"`
	Enough   bool         `json:"enough" doc:"whether any canary had min_requests, so that something could be said"`
}

// GroupTally is what one canary had since it has the configuration, and in as much time before.
type GroupTally struct {
	fleet.Group
	After  Tally `json:"after"`
	Before Tally `json:"before"`
}

// Tally of requests.
type Tally struct {
	Requests  int64 `json:"requests"`
	Refused   int64 `json:"refused"`
	Errors5xx int64 `json:"errors_5xx"`
}

// Add counts more.
func (c *Tally) Add(more Tally) {
	c.Requests += more.Requests
	c.Refused += more.Refused
	c.Errors5xx += more.Errors5xx
}
