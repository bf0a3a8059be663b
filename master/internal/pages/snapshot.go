package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

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

// statuses of a distribution, those first that somebody should look at.
var statuses = []string{"failed", "pending", "delivered", "applied"}

// snapshotPage is one publish, and how far it is at each host.
type snapshotPage struct {
	snapshot
	Hosts         []distribution // of this page; failures first
	Distributions int
	Parts         []part // how many are in which status, and where that stands in the bar
	Applied       int
	Status        string // that is shown alone; "" for all
	pages
}

// part of a bar that is 100 wide.
type part struct {
	Name     string
	Count    int
	X, Width float64
}

// parts of a bar, by their share of all.
func parts(names []string, counts map[string]int, all int) []part {
	var list []part
	x := 0.0
	for _, name := range names {
		width := 100 * float64(counts[name]) / float64(max(all, 1))
		if counts[name] > 0 {
			list = append(list, part{name, counts[name], x, width})
		}
		x += width
	}
	return list
}

func showSnapshot(v *visit) error {
	p := snapshotPage{Status: v.r.URL.Query().Get("status")}
	if err := v.get("snapshots/"+url.PathEscape(v.r.PathValue("id")), &p.snapshot); err != nil {
		return err
	}
	list, err := allOf[distribution](v, "distributions", url.Values{"snapshot_id": {strconv.FormatInt(p.ID, 10)}})
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, d := range list {
		counts[d.Status]++
	}
	p.Distributions, p.Applied = len(list), counts["applied"]
	p.Parts = parts([]string{"applied", "delivered", "pending", "failed"}, counts, len(list))
	if p.Status != "" {
		list = slices.DeleteFunc(list, func(d distribution) bool { return d.Status != p.Status })
	}
	slices.SortFunc(list, func(a, b distribution) int {
		return cmp.Or(cmp.Compare(slices.Index(statuses, a.Status), slices.Index(statuses, b.Status)),
			cmp.Compare(a.Host, b.Host), cmp.Compare(a.ServiceType, b.ServiceType))
	})
	p.Hosts, p.pages = pageThrough(v, list, 100)
	return v.show("snapshot", p)
}

// actOn returns a handler that posts to the snapshot or rollout that the path names, and goes back to where it was.
func actOn(resource, action, notice string) handler {
	return func(v *visit) error {
		path := resource + "/" + url.PathEscape(v.r.PathValue("id"))
		var body any
		if action == "halt" {
			body = map[string]string{"reason": v.r.PostFormValue("reason")}
		}
		if _, err := v.call(http.MethodPost, path+"/"+action, body, nil); err != nil {
			return err
		}
		if resource == "rollouts" {
			path = resource
		}
		return v.redirect(Prefix+path, notice)
	}
}
