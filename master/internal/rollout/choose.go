package rollout

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
)

// Candidate is a host that a configuration is for.
type Candidate struct {
	Host    string
	Changed bool // its configuration is another than before
	Online  bool // its slaves were heard of lately
}

// Choose returns the canaries among the candidates: hosts that are online and whose configuration changes. Those
// that nobody named are drawn by the hash of their name and seed, so that the same question has the same answer
// and not always the same hosts go first. None and no error: no configuration changes.
func Choose(o CanaryOptions, candidates []Candidate, seed string) ([]string, error) {
	var changed, usable []Candidate
	for _, c := range candidates {
		if c.Changed {
			changed = append(changed, c)
		}
		if c.Changed && c.Online {
			usable = append(usable, c)
		}
	}
	if len(o.Hosts) > 0 {
		return chooseNamed(o.Hosts, candidates)
	}
	if len(changed) == 0 {
		return nil, nil
	}
	if len(usable) == 0 {
		return nil, fleet.FieldErrors{{Field: "canary", Message: "finds no host that could be one: none whose configuration changes is online; publish without it"}}
	}
	n := o.Count
	if o.Percent > 0 {
		n = (len(changed)*o.Percent + 99) / 100
	}
	draw := func(c Candidate) string {
		sum := sha256.Sum256([]byte(seed + "\n" + c.Host))
		return string(sum[:])
	}
	slices.SortFunc(usable, func(a, b Candidate) int { return cmp.Compare(draw(a), draw(b)) })
	chosen := make([]string, 0, n)
	for _, c := range usable[:min(max(n, 1), len(usable))] {
		chosen = append(chosen, c.Host)
	}
	slices.Sort(chosen)
	return chosen, nil
}

func chooseNamed(hosts []string, candidates []Candidate) ([]string, error) {
	var errs fleet.FieldErrors
	for i, host := range hosts {
		field := fmt.Sprintf("canary.hosts[%d]", i)
		at := slices.IndexFunc(candidates, func(c Candidate) bool { return c.Host == strings.ToLower(host) || c.Host == host })
		switch {
		case at < 0:
			errs.Add(field, "names no host that this is published to")
		case !candidates[at].Online:
			errs.Add(field, "is not online: choose another")
		}
	}
	chosen := slices.Sorted(slices.Values(hosts))
	return slices.Compact(chosen), errs.ErrorOrNil()
}
