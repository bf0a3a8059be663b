package pages

import (
	"slices"
	"time"
)

// certificate is one that a host serves with.
type certificate struct {
	Path        string    `json:"path"`
	NotAfter    time.Time `json:"not_after"`
	ServerNames []string  `json:"server_names"`
	Host        host      `json:"-"`
}

// endsSoon is when somebody should look after a certificate: what renews them by itself does so a month before their end.
const endsSoon = 14 * 24 * time.Hour

// Left is for how long the certificate is valid yet; below 0 it is not any more.
func (c certificate) Left() time.Duration { return time.Until(c.NotAfter) }

// Days are the whole days that are left.
func (c certificate) Days() int { return int(c.Left().Hours() / 24) }

// State is ended, soon or fine; also the key of its text.
func (c certificate) State() string {
	switch left := c.Left(); {
	case left <= 0:
		return "ended"
	case left < endsSoon:
		return "soon"
	}
	return "fine"
}

// certificates of a fleet, those that end first before others.
type certificates struct {
	First []certificate
	More  int // that end later
	Soon  int // that have ended, or do soon
	Hosts int // that tell of their certificates
}

// shownCertificates is how many the dashboard lists; all that end soon are counted.
const shownCertificates = 8

func certificatesOf(hosts []host) certificates {
	var all certificates
	for _, h := range hosts {
		if h.Agent == nil || h.Agent.Certificates == nil {
			continue
		}
		all.Hosts++
		for _, c := range h.Agent.Certificates {
			c.Host = h
			all.First = append(all.First, c)
			if c.State() != "fine" {
				all.Soon++
			}
		}
	}
	slices.SortStableFunc(all.First, func(a, b certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	if n := len(all.First); n > shownCertificates {
		all.First, all.More = all.First[:shownCertificates], n-shownCertificates
	}
	return all
}

// failure is what a host could not apply last.
type failure struct {
	host
	Over bool // it has proven another release since
}

// shownFailures is how many the dashboard lists.
const shownFailures = 5

// latestFailures returns the latest failures of hosts, those that still stand before others.
func latestFailures(hosts []host) []failure {
	var list []failure
	for _, h := range hosts {
		if last := h.Release.LastFailure; last != nil {
			list = append(list, failure{h, h.Release.Proven != nil && at(h.Release.Proven.At).After(at(last.At))})
		}
	}
	slices.SortFunc(list, func(a, b failure) int {
		if a.Over != b.Over {
			return map[bool]int{false: -1, true: 1}[a.Over]
		}
		return at(b.Release.LastFailure.At).Compare(at(a.Release.LastFailure.At))
	})
	return list[:min(shownFailures, len(list))]
}
