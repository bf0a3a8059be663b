package analytics

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// Course is what a timeline is to show.
type Course struct {
	Span      Span
	Step      Step                // "": AutoStep
	Dimension telemetry.Dimension // telemetry.All: everything
	Values    []string            // of the dimension, together
	Servers   []int64             // none: all
	Compare   bool                // with the span of the same length before
}

// Timeline is a span in steps.
type Timeline struct {
	From     time.Time `json:"from" doc:"what was counted begins here, at a whole hour"`
	To       time.Time `json:"to" doc:"and ends before here"`
	Timezone string    `json:"timezone"`
	Step     Step      `json:"step" enum:"hour,day,week,month"`
	Total    Counts    `json:"total"`
	Before   *Counts   `json:"before,omitempty" doc:"with compare: the same length of time before"`
	Items    []Point   `json:"items"`
}

// Point is one step.
type Point struct {
	From time.Time `json:"from" doc:"first hour of the step, in the zone that was asked for"`
	To   time.Time `json:"to"`
	Counts
}

// Timeline answers how something went. A bad step is a *ParamError.
func (a *Analytics) Timeline(ctx context.Context, c Course) (*Timeline, error) {
	span := a.cover(c.Span)
	if c.Step == "" {
		c.Step = span.AutoStep()
	}
	buckets, err := span.Buckets(c.Step)
	if err != nil {
		return nil, err
	}
	var all periods
	for _, b := range buckets {
		p := b.periods()
		all.days, all.hours = append(all.days, p.days...), append(all.hours, p.hours...)
	}
	sums := make([]telemetry.Counts, len(buckets))
	var total telemetry.Counts
	err = a.count(ctx, "period", c.Dimension, c.Values, all, c.Servers, func(period telemetry.Millis, _ string, n *telemetry.Counts) {
		at, found := slices.BinarySearchFunc(buckets, period.Time(), func(b Span, t time.Time) int { return b.From.Compare(t) })
		if !found {
			at--
		}
		add(&sums[at], n)
		add(&total, n)
	})
	if err != nil {
		return nil, fmt.Errorf("timeline: %w", err)
	}
	t := &Timeline{
		From: span.From.In(span.Zone), To: span.To.In(span.Zone), Timezone: span.Zone.String(), Step: c.Step,
		Total: countsOf(&total), Items: make([]Point, len(buckets)),
	}
	for i, b := range buckets {
		t.Items[i] = Point{From: b.From.In(span.Zone), To: b.To.In(span.Zone), Counts: countsOf(&sums[i])}
	}
	if c.Compare {
		var was telemetry.Counts
		err := a.count(ctx, "value", c.Dimension, c.Values, a.cover(span.Before()).periods(), c.Servers,
			func(_ telemetry.Millis, _ string, n *telemetry.Counts) { add(&was, n) })
		if err != nil {
			return nil, fmt.Errorf("the span before: %w", err)
		}
		before := countsOf(&was)
		t.Before = &before
	}
	return t, nil
}
