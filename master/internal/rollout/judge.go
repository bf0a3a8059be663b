package rollout

import "fmt"

// worse is how much higher than what is usual a rate must be to be the configuration's doing.
const worse = 1.5

// Judge returns why the canaries do badly, "" when they do not or when there are too few requests to tell. A
// canary does badly when a rate is above its maximum and well above both what the canary had before and what
// the other hosts have meanwhile: a media server that fails, or a crowd that is refused, is not its doing.
func Judge(o CanaryOptions, r *Rates) string {
	var all GroupTally
	for _, c := range r.Canaries {
		all.After.Add(c.After)
		all.Before.Add(c.Before)
		if c.After.Requests < o.MinRequests {
			continue
		}
		r.Enough = true
		if why := judge(o, c, r.Others); why != "" {
			return c.Host + " " + why
		}
	}
	// Many quiet canaries may tell together what none tells alone.
	if all.After.Requests >= o.MinRequests {
		r.Enough = true
		if why := judge(o, all, r.Others); why != "" {
			return "the canaries together " + why
		}
	}
	return ""
}

func judge(o CanaryOptions, c GroupTally, others Tally) string {
	for _, kind := range []struct {
		what  string
		max   *float64
		count func(Tally) int64
	}{
		{"answers 5xx to", o.Max5xxRate, func(c Tally) int64 { return c.Errors5xx }},
		{"refuses", o.MaxRefusalRate, func(c Tally) int64 { return c.Refused }},
	} {
		share := func(c Tally) float64 {
			if c.Requests < o.MinRequests {
				return 0 // says nothing
			}
			return float64(kind.count(c)) / float64(c.Requests)
		}
		now, before, elsewhere := share(c.After), share(c.Before), share(others)
		if kind.max != nil && now > *kind.max && now > worse*before && now > worse*elsewhere {
			return fmt.Sprintf("%s %.1f%% of %d requests: at most %.1f%% is allowed, before it was %.1f%%, elsewhere it is %.1f%%",
				kind.what, 100*now, c.After.Requests, 100**kind.max, 100*before, 100*elsewhere)
		}
	}
	return ""
}
