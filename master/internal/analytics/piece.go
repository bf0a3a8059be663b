package analytics

import "time"

// grain is what a piece of a span is counted from.
type grain int

const (
	byRequest grain = iota // single rows
	byHour                 // rollups of UTC hours
	byDay                  // rollups of UTC days
)

// piece is a part of a span that is counted from one source.
type piece struct {
	grain    grain
	from, to time.Time
}

// pieces takes a span apart: whole UTC days, hours at their ends, and single requests for what is less than an
// hour. A span of whole hours needs none of these.
func (s Span) pieces() []piece {
	var out []piece
	add := func(g grain, from, to time.Time) {
		if from.Before(to) {
			out = append(out, piece{g, from, to})
		}
	}
	between(s.From, s.To, time.Hour, func(from, to time.Time) {
		add(byRequest, from, to)
	}, func(from, to time.Time) {
		between(from, to, 24*time.Hour,
			func(from, to time.Time) { add(byHour, from, to) },
			func(from, to time.Time) { add(byDay, from, to) })
	})
	return out
}

// between calls whole with the multiples of unit that lie in from to to, and edge with what is left.
func between(from, to time.Time, unit time.Duration, edge, whole func(from, to time.Time)) {
	first, last := ceil(from, unit), to.Truncate(unit)
	if !first.Before(last) {
		edge(from, to)
		return
	}
	edge(from, first)
	whole(first, last)
	edge(last, to)
}
