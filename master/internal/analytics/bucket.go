package analytics

import (
	"fmt"
	"strings"
	"time"
)

// Step is the length of a timeline's buckets.
type Step string

// Steps of a timeline. Days, weeks (from Monday) and months are those of the span's zone.
const (
	Hour  Step = "hour"
	Day   Step = "day"
	Week  Step = "week"
	Month Step = "month"
)

// Steps there are, shortest first.
var Steps = []Step{Hour, Day, Week, Month}

// maxBuckets is what a page can still show.
const maxBuckets = 2000

// AutoStep returns the step that shows a span in some dozen to a hundred buckets.
func (s Span) AutoStep() Step {
	switch length := s.To.Sub(s.From); {
	case length <= 4*24*time.Hour:
		return Hour
	case length <= 100*24*time.Hour:
		return Day
	case length <= 2*366*24*time.Hour:
		return Week
	}
	return Month
}

// Buckets cuts the span, which is as Analytics.cover returns it, at the borders of step. The first and last bucket may be cut
// short by it. Errors are *ParamError.
func (s Span) Buckets(step Step) ([]Span, error) {
	if step == Hour && s.From.Before(s.hoursSince) {
		return nil, &ParamError{"step", fmt.Sprintf("day, week or month before %s: hours are not kept longer (RETENTION_ROLLUPS_HOURLY)", s.hoursSince.In(s.Zone).Format(time.DateOnly))}
	}
	var buckets []Span
	for from := s.From; from.Before(s.To); {
		to, err := s.border(step, from)
		if err != nil {
			return nil, err
		}
		if to.After(s.To) {
			to = s.To
		}
		buckets = append(buckets, Span{From: from, To: to, Zone: s.Zone, hoursSince: s.hoursSince})
		if len(buckets) > maxBuckets {
			return nil, &ParamError{"step", fmt.Sprintf("a longer step or a shorter range: this makes more than %d buckets", maxBuckets)}
		}
		from = to
	}
	return buckets, nil
}

// border returns the first border of step after from.
func (s Span) border(step Step, from time.Time) (time.Time, error) {
	local := from.In(s.Zone)
	year, month, day := local.Date()
	switch step {
	case Hour:
		return from.Truncate(time.Hour).Add(time.Hour), nil
	case Day:
	case Week:
		day += 6 - (int(local.Weekday())+6)%7 // to Sunday
	case Month:
		month, day = month+1, 0 // its last day
	default:
		names := make([]string, len(Steps))
		for i, name := range Steps {
			names[i] = string(name)
		}
		return from, &ParamError{"step", "one of: " + strings.Join(names, ", ")}
	}
	// In a zone off by half an hour a day that begins at 18:30 UTC is counted from 19:00, and what is left
	// of the day before up to there belongs to that one; likewise where only UTC days are kept.
	return s.ceil(startOfDay(year, month, day+1, s.Zone)), nil
}
