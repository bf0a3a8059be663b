package pages

import (
	"net/url"
	"slices"
	"time"
)

// host is one machine with a slave, and what it serves for one kind of media server.
type host struct {
	Host        string       `json:"host"`
	ServiceType string       `json:"service_type"`
	Servers     []hostServer `json:"servers"`
	Agent       *struct {
		Version  string    `json:"version"`
		Status   string    `json:"status"`
		LastSeen time.Time `json:"last_seen"`

		Certificates []certificate `json:"certificates"` // nil: the slave does not tell
	} `json:"agent"`
	Release struct {
		Published *struct {
			SnapshotID int64  `json:"snapshot_id"`
			Version    int64  `json:"version"`
			Status     string `json:"status"`
			Times      struct {
				CreatedAt time.Time  `json:"created_at"`
				AckedAt   *time.Time `json:"acked_at"`
			} `json:"times"`
		} `json:"published"`
		Applied int64 `json:"applied"`
		Proven  *struct {
			SnapshotID int64      `json:"snapshot_id"`
			Version    int64      `json:"version"`
			At         *time.Time `json:"at"`
		} `json:"proven"`
		LastFailure *struct {
			SnapshotID int64      `json:"snapshot_id"`
			Stage      string     `json:"stage"`
			Error      string     `json:"error"`
			At         *time.Time `json:"at"`
		} `json:"last_failure"`
	} `json:"release"`
}

// hostServer is a server of a host.
type hostServer struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	ServerName string `json:"server_name"`
	ProfileID  *int64 `json:"profile_id"`
	Enabled    bool   `json:"enabled"`
}

// silentAfter is how long a slave may say nothing before it counts as away: three heartbeats.
const silentAfter = 3 * time.Minute

// State is how the host is doing: failed, away, behind, new (never seen) or ok; also the key of its text.
func (h host) State() string {
	switch {
	case h.Agent == nil:
		return "new"
	case time.Since(h.Agent.LastSeen) > silentAfter:
		return "away"
	case h.Release.Published != nil && h.Release.Published.Status == "failed":
		return "failed"
	case h.Release.Published != nil && h.Release.Published.Status != "applied":
		return "behind"
	}
	return "ok"
}

// Lag is for how long a published release has been waiting to be applied; 0 for not at all.
func (h host) Lag() time.Duration {
	if h.State() != "behind" && h.State() != "away" || h.Release.Published == nil || h.Release.Published.Times.AckedAt != nil {
		return 0
	}
	return time.Since(h.Release.Published.Times.CreatedAt)
}

// states of a host, those first that somebody should look at.
var states = []string{"failed", "away", "behind", "new", "ok"}

// Path of the host's own page.
func (h host) Path() string { return Prefix + "hosts/" + url.PathEscape(h.Host) + "/" + h.ServiceType }

// shownServers is how many of its servers a host's card shows; its page has all.
const shownServers = 5

// Shown are the servers of the card.
func (h host) Shown() []hostServer { return h.Servers[:min(len(h.Servers), shownServers)] }

// hostsPage is a page of the hosts' cards, with how many are in which state.
type hostsPage struct {
	Hosts  []host
	States []stateCount // that there are
	All    int
	Q      string
	State  string // that is shown alone; "" for all
	pages
}

// stateCount is how many hosts are in a state.
type stateCount struct {
	State string
	Hosts int
	Query string // of the page that shows them alone, with its question mark
}

func readHosts(v *visit, q string) ([]host, error) {
	query := url.Values{}
	if q != "" {
		query.Set("q", q)
	}
	return allOf[host](v, "hosts", query)
}

func countStates(hosts []host) map[string]int {
	states := map[string]int{}
	for _, h := range hosts {
		states[h.State()]++
	}
	return states
}

// hostsPerPage keeps a page of cards small.
const hostsPerPage = 20

func showHosts(v *visit) error {
	asked := v.r.URL.Query()
	p := hostsPage{Q: asked.Get("q"), State: asked.Get("state")}
	hosts, err := readHosts(v, p.Q)
	if err != nil {
		return err
	}
	p.All = len(hosts)
	counts := countStates(hosts)
	for _, state := range states {
		if counts[state] > 0 || state == p.State {
			p.States = append(p.States, stateCount{state, counts[state], "?" + url.Values{"q": {p.Q}, "state": {state}}.Encode()})
		}
	}
	if p.State != "" {
		hosts = slices.DeleteFunc(hosts, func(h host) bool { return h.State() != p.State })
	}
	p.Hosts, p.pages = pageThrough(v, hosts, hostsPerPage)
	return v.show("hosts", p)
}
