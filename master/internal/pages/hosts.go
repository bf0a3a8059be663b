package pages

import (
	"net/url"
	"time"
)

// host is one machine with a slave, and what it serves for one kind of media server.
type host struct {
	Host        string `json:"host"`
	ServiceType string `json:"service_type"`
	Servers     []struct {
		ID         int64  `json:"id"`
		Name       string `json:"name"`
		ServerName string `json:"server_name"`
		Enabled    bool   `json:"enabled"`
	} `json:"servers"`
	Agent *struct {
		Version  string    `json:"version"`
		Status   string    `json:"status"`
		LastSeen time.Time `json:"last_seen"`
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

// hostsPage is the cards of all hosts, with how many are in which state.
type hostsPage struct {
	Hosts  []host
	States map[string]int
	Q      string
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

func showHosts(v *visit) error {
	q := v.r.URL.Query().Get("q")
	hosts, err := readHosts(v, q)
	if err != nil {
		return err
	}
	return v.show("hosts", hostsPage{hosts, countStates(hosts), q})
}
