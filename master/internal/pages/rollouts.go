package pages

import (
	"net/url"
	"slices"
	"time"
)

// rollout is a publish that goes out by and by, or later.
type rollout struct {
	ID           int64      `json:"id"`
	SnapshotID   int64      `json:"snapshot_id"`
	Note         string     `json:"note"`
	State        string     `json:"state"`
	Reason       string     `json:"reason"`
	RequestedBy  string     `json:"requested_by"`
	DueAt        *time.Time `json:"due_at"`
	CreatedAt    time.Time  `json:"created_at"`
	PublishedAt  *time.Time `json:"published_at"`
	SoakingSince *time.Time `json:"soaking_since"`
	SoakUntil    *time.Time `json:"soak_until"` // of one alone
	EndedAt      *time.Time `json:"ended_at"`
	Order        struct {
		Hosts    []string       `json:"hosts"`
		Snapshot int64          `json:"snapshot"`
		Canary   *canaryOptions `json:"canary"`
	} `json:"order"`
	Plan struct {
		Canaries []member `json:"canaries"`
		Rest     []member `json:"rest"`
	} `json:"plan"`
	Acks struct { // of one alone
		Applied  int `json:"applied"`
		Failed   int `json:"failed"`
		Awaited  int `json:"awaited"`
		Required int `json:"required"`
	} `json:"acks"`
	Rates *struct {
		At       time.Time `json:"at"`
		Canaries []struct {
			member
			After  canaryCounts `json:"after"`
			Before canaryCounts `json:"before"`
		} `json:"canaries"`
		Others canaryCounts `json:"others"`
		Enough bool         `json:"enough"`
	} `json:"rates"`
}

// canaryOptions are the limits that canaries are held to.
type canaryOptions struct {
	Soak           string  `json:"soak"`
	MaxRefusalRate float64 `json:"max_refusal_rate"`
	Max5xxRate     float64 `json:"max_5xx_rate"`
	MinRequests    int64   `json:"min_requests"`
}

type member struct {
	Host        string `json:"host"`
	ServiceType string `json:"service_type"`
}

// canaryCounts are requests of a host.
type canaryCounts struct {
	Requests  float64 `json:"requests"`
	Refused   float64 `json:"refused"`
	Errors5xx float64 `json:"errors_5xx"`
}

// RefusalRate and ErrorRate are shares of the requests.
func (t canaryCounts) RefusalRate() float64 { return t.Refused / max(t.Requests, 1) }
func (t canaryCounts) ErrorRate() float64   { return t.Errors5xx / max(t.Requests, 1) }

// Open reports whether people can still stop it.
func (r *rollout) Open() bool {
	return r.State == "scheduled" || r.State == "canary" || r.State == "soaking"
}

// Left is how long the canaries are still watched.
func (r *rollout) Left() time.Duration {
	if r.SoakUntil == nil {
		return 0
	}
	return max(0, time.Until(*r.SoakUntil))
}

// Soaked is the part of the canaries' time that is over, of 100.
func (r *rollout) Soaked() float64 {
	if r.SoakUntil == nil || r.SoakingSince == nil {
		return 0
	}
	whole := r.SoakUntil.Sub(*r.SoakingSince)
	return 100 * min(1, float64(whole-r.Left())/float64(max(whole, 1)))
}

func openRollouts(v *visit) ([]*rollout, error) {
	var open []*rollout
	for _, state := range []string{"scheduled", "canary", "soaking"} {
		list, err := pageOf[*rollout](v, "rollouts", url.Values{"limit": {"50"}, "state": {state}})
		if err != nil {
			return nil, err
		}
		open = append(open, list.Items...)
	}
	return open, nil
}

// rolloutsPage is the publishes that are scheduled or began with canaries.
type rolloutsPage struct {
	Rollouts []*rollout
	States   []string
	State    string // that is shown alone; "" for all
	First    string // links of the pager; "" for none
	Next     string
}

var rolloutStates = []string{"scheduled", "canary", "soaking", "done", "halted", "cancelled", "failed"}

func showRollouts(v *visit) error {
	asked := v.r.URL.Query()
	p := rolloutsPage{States: rolloutStates, State: asked.Get("state")}
	query := url.Values{"limit": {"50"}}
	if slices.Contains(rolloutStates, p.State) {
		query.Set("state", p.State)
	}
	if cursor := asked.Get("cursor"); cursor != "" {
		query.Set("cursor", cursor)
		p.First = "?" + url.Values{"state": {p.State}}.Encode()
	}
	list, err := pageOf[*rollout](v, "rollouts", query)
	if err != nil {
		return err
	}
	p.Rollouts = list.Items
	if list.NextCursor != "" {
		p.Next = "?" + url.Values{"state": {p.State}, "cursor": {list.NextCursor}}.Encode()
	}
	return v.show("rollouts", p)
}
