package analytics

import "time"

// periods are the rollups that a span of whole hours is counted from, by the time at which each begins.
type periods struct {
	days  []stretch // of whole UTC days
	hours []stretch // of whole UTC hours
}

// stretch is the time from from to before to.
type stretch struct{ from, to time.Time }

// periods takes the span apart: whole UTC days, and hours at their ends.
func (s Span) periods() periods {
	var p periods
	first, last := ceil(s.From, day), s.To.Truncate(day)
	if s.isOpen {
		last = ceil(s.To, day) // what its last day has come to so far is what the day's hours have
	}
	if !first.Before(last) {
		p.hours = append(p.hours, stretch{s.From, s.To})
		return p
	}
	if s.From.Before(first) {
		p.hours = append(p.hours, stretch{s.From, first})
	}
	p.days = append(p.days, stretch{first, last})
	if last.Before(s.To) { // the rest of a day that goes on after it
		p.hours = append(p.hours, stretch{last, s.To})
	}
	return p
}

const day = 24 * time.Hour

// begins lists when the stretches' periods, each as long as unit, begin, in milliseconds.
func begins(stretches []stretch, unit time.Duration) []int64 {
	var list []int64
	for _, s := range stretches {
		for t := s.from; t.Before(s.to); t = t.Add(unit) {
			list = append(list, t.UnixMilli())
		}
	}
	return list
}
