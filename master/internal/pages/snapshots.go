package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// snapshot is one publish.
type snapshot struct {
	ID          int64     `json:"id"`
	Note        string    `json:"note"`
	PublishedBy string    `json:"published_by"`
	CreatedAt   time.Time `json:"created_at"`
	Rollout     *rollout  `json:"rollout"`
}

// rollout is a publish that goes out by and by, or later.
type rollout struct {
	ID          int64      `json:"id"`
	SnapshotID  int64      `json:"snapshot_id"`
	Note        string     `json:"note"`
	State       string     `json:"state"`
	Reason      string     `json:"reason"`
	RequestedBy string     `json:"requested_by"`
	DueAt       *time.Time `json:"due_at"`
	SoakUntil   *time.Time `json:"soak_until"`
}

// Open reports whether people can still stop it.
func (r *rollout) Open() bool {
	return r.State == "scheduled" || r.State == "canary" || r.State == "soaking"
}

// distribution is a snapshot's way to one host.
type distribution struct {
	ID          int64  `json:"id"`
	SnapshotID  int64  `json:"snapshot_id"`
	Host        string `json:"host"`
	ServiceType string `json:"service_type"`
	Status      string `json:"status"`
	Stage       string `json:"stage"`
	Error       string `json:"error"`
	ServerCount int64  `json:"server_count"`
	Times       struct {
		CreatedAt   time.Time  `json:"created_at"`
		DeliveredAt *time.Time `json:"delivered_at"`
		AckedAt     *time.Time `json:"acked_at"`
	} `json:"times"`
}

type snapshotsPage struct {
	Snapshots []snapshot
	Scheduled []rollout
	Next      string
}

func showSnapshots(v *visit) error {
	query := url.Values{"limit": {"50"}}
	if cursor := v.r.URL.Query().Get("cursor"); cursor != "" {
		query.Set("cursor", cursor)
	}
	page, err := pageOf[snapshot](v, "snapshots", query)
	if err != nil {
		return err
	}
	p := snapshotsPage{Snapshots: page.Items}
	if page.NextCursor != "" {
		p.Next = "?cursor=" + url.QueryEscape(page.NextCursor)
	}
	rollouts, err := pageOf[rollout](v, "rollouts", url.Values{"limit": {"50"}})
	if err != nil {
		return err
	}
	for _, r := range rollouts.Items {
		if r.Open() {
			p.Scheduled = append(p.Scheduled, r)
		}
	}
	return v.show("snapshots", p)
}

// snapshotPage is one publish: how far it is at each host, and what differs from another.
type snapshotPage struct {
	snapshot
	Distributions []distribution
	Counts        map[string]int // by status
	Other         string         // snapshot that it is compared with; "" for none
	Content       []diffLine
	Groups        []group
}

func showSnapshot(v *visit) error {
	id := url.PathEscape(v.r.PathValue("id"))
	p := snapshotPage{Counts: map[string]int{}, Other: v.r.URL.Query().Get("with")}
	if err := v.get("snapshots/"+id, &p.snapshot); err != nil {
		return err
	}
	list, err := pageOf[distribution](v, "distributions", url.Values{"limit": {"500"}, "snapshot_id": {strconv.FormatInt(p.ID, 10)}})
	if err != nil {
		return err
	}
	p.Distributions = list.Items
	for _, d := range p.Distributions {
		p.Counts[d.Status]++
	}
	if p.Other != "" {
		var diff struct {
			Content string  `json:"content"`
			Groups  []group `json:"groups"`
		}
		if err := v.get("snapshots/"+url.PathEscape(p.Other)+"/diff/"+id, &diff); err != nil {
			return err
		}
		p.Content, p.Groups = diffLines(diff.Content), diff.Groups
	}
	return v.show("snapshot", p)
}

// actOn returns a handler that posts to the snapshot or rollout that the path names, and goes back to where it was.
func actOn(resource, action, notice string) handler {
	return func(v *visit) error {
		path := resource + "/" + url.PathEscape(v.r.PathValue("id"))
		var body any
		if action == "halt" || action == "rollback" {
			body = map[string]any{}
		}
		var made struct {
			ID int64 `json:"id"`
		}
		if _, err := v.call(http.MethodPost, path+"/"+action, body, &made); err != nil {
			return err
		}
		switch {
		case resource == "rollouts":
			path = "snapshots"
		case action == "rollback":
			path = "snapshots/" + strconv.FormatInt(made.ID, 10)
		}
		return v.redirect(Prefix+path, notice)
	}
}
