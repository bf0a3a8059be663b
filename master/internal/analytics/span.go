package analytics

import (
	"fmt"
	"strconv"
	"time"
	_ "time/tzdata" // containers have no zone database, and an operator's zone must not depend on one
)

// longestRange keeps a mistyped year from becoming a million buckets.
const longestRange = 10 * 366 * 24 * time.Hour

// Span is the time from From (included) to To (not included). Zone is where its days are an operator's.
type Span struct {
	From, To time.Time
	Zone     *time.Location

	hoursSince time.Time // before it there are only whole UTC days; zero: hours since ever
	isOpen     bool      // it goes up to now or beyond: nothing is later
}

// ParamError says which parameter of a question is bad, and what it takes.
type ParamError struct{ Name, Takes string }

func (e *ParamError) Error() string { return e.Name + " takes " + e.Takes }

const timeTakes = "a time as in 2026-11-22T18:00:00Z, a day of tz as in 2026-11-22, or Unix seconds"

// ParseSpan reads the parameters from, to and tz. A day as to means its end. Without to it is now; without
// from, the span has the length given. Errors are *ParamError.
func ParseSpan(from, to, tz string, now time.Time, length time.Duration) (Span, error) {
	zone, err := parseZone(tz)
	if err != nil {
		return Span{}, err
	}
	s := Span{Zone: zone, To: now}
	if to != "" {
		if s.To, err = parseTime(to, zone, 1); err != nil {
			return s, &ParamError{"to", timeTakes}
		}
	}
	s.From = s.To.Add(-length)
	if from != "" {
		if s.From, err = parseTime(from, zone, 0); err != nil {
			return s, &ParamError{"from", timeTakes}
		}
	}
	switch {
	case !s.From.Before(s.To):
		return s, &ParamError{"from", fmt.Sprintf("a time before to, which is %s", s.To.In(zone).Format(time.RFC3339))}
	case s.To.Sub(s.From) > longestRange:
		return s, &ParamError{"from", "a time at most ten years before to"}
	}
	return s, nil
}

// ParseRange reads from, to and tz where either end may be open, which is the zero time.
func ParseRange(from, to, tz string) (begin, end time.Time, err error) {
	zone, err := parseZone(tz)
	if err != nil {
		return begin, end, err
	}
	if from != "" {
		if begin, err = parseTime(from, zone, 0); err != nil {
			return begin, end, &ParamError{"from", timeTakes}
		}
	}
	if to != "" {
		if end, err = parseTime(to, zone, 1); err != nil {
			return begin, end, &ParamError{"to", timeTakes}
		}
	}
	if from != "" && to != "" && !begin.Before(end) {
		return begin, end, &ParamError{"from", "a time before to"}
	}
	return begin, end, nil
}

func parseZone(tz string) (*time.Location, error) {
	if tz == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(tz)
	if err != nil || tz == "Local" { // the server's own zone is no question's business
		return nil, &ParamError{"tz", "the name of a time zone, as in Asia/Shanghai or Europe/Berlin"}
	}
	return zone, nil
}

// parseTime reads a time to the millisecond; a day begins at its first moment, in the day that is offset
// days later.
func parseTime(s string, zone *time.Location, offset int) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		year, month, d := day.Date()
		return startOfDay(year, month, d+offset, zone), nil
	}
	if seconds, err := strconv.ParseFloat(s, 64); err == nil && seconds >= 0 && seconds < 1e10 {
		return time.UnixMilli(int64(seconds * 1000)).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	return t.Truncate(time.Millisecond), err
}

// startOfDay returns a day's first moment. Where clocks go forward at midnight there is no 00:00, and
// time.Date then answers with a moment before or after the gap; where they go back there are two.
func startOfDay(year int, month time.Month, day int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	wanted := civil(time.Date(year, month, day, 0, 0, 0, 0, time.UTC)) // day may be beyond the month's end
	begin, end := t.ZoneBounds()
	switch {
	case civil(t) < wanted:
		return end
	case civil(t) > wanted, t.Hour() != 0 && civil(begin) == wanted:
		return begin
	}
	if begin.Equal(t) || begin.IsZero() {
		return earlierMidnight(t)
	}
	return t
}

// earlierMidnight returns the first of two midnights, of which t is the second, else t.
func earlierMidnight(t time.Time) time.Time {
	for back := 30 * time.Minute; back <= 2*time.Hour; back += 30 * time.Minute {
		if first := t.Add(-back); civil(first) == civil(t) && first.Hour() == 0 && first.Minute() == 0 {
			return first
		}
	}
	return t
}

// civil returns t's date as a number that can be compared.
func civil(t time.Time) int { return (t.Year()*100+int(t.Month()))*100 + t.Day() }

// floor and ceil round to what can be counted.
func (s Span) floor(t time.Time) time.Time { return t.Truncate(s.unit(t)) }
func (s Span) ceil(t time.Time) time.Time  { return ceil(t, s.unit(t)) }

func (s Span) unit(t time.Time) time.Duration {
	if t.Before(s.hoursSince) {
		return day
	}
	return time.Hour
}

// Before returns the span of the same length that ends where this one begins.
func (s Span) Before() Span {
	s.From, s.To = s.From.Add(-s.To.Sub(s.From)), s.From
	return s
}

// ceil rounds up to a multiple of unit, an hour or a day of UTC: time.Truncate counts from the year 1,
// which is whole days away from 1970.
func ceil(t time.Time, unit time.Duration) time.Time {
	if down := t.Truncate(unit); down.Before(t) {
		return down.Add(unit)
	}
	return t
}
