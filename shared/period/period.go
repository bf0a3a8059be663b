// Package period names the hours, days, weeks and months that usage is counted in, alike on slaves and the
// master: a quota's counter is found again, and summed over slaves, by the period's kind and key.
package period

import (
	"fmt"
	"time"
)

// Kind is a length of period.
type Kind string

// The kinds, as in period_type of the wire.
const (
	Hourly  Kind = "hourly"
	Daily   Kind = "daily"
	Weekly  Kind = "weekly" // Monday to Sunday, ISO 8601
	Monthly Kind = "monthly"
)

// Kinds are all of them, shortest first.
var Kinds = [...]Kind{Hourly, Daily, Weekly, Monthly}

// Period is one hour, day, week or month.
type Period struct {
	Kind  Kind
	Key   string // sorts by time within its kind: 2026-11-22T20, 2026-11-22, 2026-W47, 2026-11
	Start time.Time
	End   time.Time // the first moment that is not in it
}

// Holds reports whether t is in p.
func (p Period) Holds(t time.Time) bool { return !t.Before(p.Start) && t.Before(p.End) }

// Of returns the period of a kind that t is in. Days, weeks and months are those of zone; hours are those of
// UTC everywhere, since where clocks are put back an hour of the zone comes twice.
func Of(kind Kind, t time.Time, zone *time.Location) Period {
	t = t.In(zone)
	year, month, day := t.Date()
	switch kind {
	case Hourly:
		t = t.UTC()
		hour := t.Truncate(time.Hour)
		return Period{kind, t.Format("2006-01-02T15"), hour, hour.Add(time.Hour)}
	case Daily:
		return Period{kind, t.Format(time.DateOnly), midnight(year, month, day, zone), midnight(year, month, day+1, zone)}
	case Weekly:
		isoYear, week := t.ISOWeek()
		monday := day - (int(t.Weekday())+6)%7
		return Period{kind, fmt.Sprintf("%04d-W%02d", isoYear, week), midnight(year, month, monday, zone), midnight(year, month, monday+7, zone)}
	case Monthly:
		return Period{kind, t.Format("2006-01"), midnight(year, month, 1, zone), midnight(year, month+1, 1, zone)}
	}
	panic("period: unknown kind " + string(kind))
}

// Parse returns the period that a kind and key of the wire name.
func Parse(kind Kind, key string, zone *time.Location) (Period, error) {
	var t time.Time
	var err error
	switch kind {
	case Hourly:
		t, err = time.Parse("2006-01-02T15", key)
	case Daily:
		t, err = time.Parse(time.DateOnly, key)
		t = noon(t, zone)
	case Weekly:
		t, err = thursday(key, zone)
	case Monthly:
		t, err = time.Parse("2006-01", key)
		t = noon(t, zone)
	default:
		return Period{}, fmt.Errorf("period_type takes hourly, daily, weekly or monthly, not %q", kind)
	}
	if p := Of(kind, t, zone); err == nil && p.Key == key {
		return p, nil
	}
	return Period{}, fmt.Errorf("period_key takes one as in %s for %s, not %q", Of(kind, time.Unix(0, 0), time.UTC).Key, kind, key)
}

// thursday returns a moment of the week's Thursday, which is always in the ISO year of the week.
func thursday(key string, zone *time.Location) (time.Time, error) {
	var year, week int
	if _, err := fmt.Sscanf(key, "%4d-W%2d", &year, &week); err != nil {
		return time.Time{}, err
	}
	jan4 := time.Date(year, time.January, 4, 12, 0, 0, 0, zone) // always in week 1
	return jan4.AddDate(0, 0, 3-(int(jan4.Weekday())+6)%7+7*(week-1)), nil
}

// noon is a moment of t's day that nearly every day has; a day that a zone left out is the one error.
func noon(t time.Time, zone *time.Location) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, 12, 0, 0, 0, zone)
}

// midnight returns the first moment of a day. Where clocks are put forward at midnight that is not 0:00, and
// time.Date may answer a moment of the day before.
func midnight(year int, month time.Month, day int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	if t.Day() != time.Date(year, month, day, 12, 0, 0, 0, zone).Day() {
		_, t = t.ZoneBounds()
	}
	return t
}
