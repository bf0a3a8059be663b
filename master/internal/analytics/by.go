package analytics

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// Order is what a table's first rows have most of.
type Order string

// The orders there are. ByRefusalRate leaves out values of fewer requests than Question.MinRequests.
const (
	ByRequests    Order = "requests"
	ByRefused     Order = "refused"
	ByRefusalRate Order = "refusal_rate"
	ByErrors      Order = "errors"
	ByBytes       Order = "bytes"
)

// Orders lists them.
var Orders = []Order{ByRequests, ByRefused, ByRefusalRate, ByErrors, ByBytes}

// Question is what a table is to show.
type Question struct {
	Span        Span
	Servers     []int64 // none: all
	Order       Order
	Limit       int
	MinRequests int64 // rows with fewer are left out
	Compare     bool  // with the span of the same length before
}

// Table is the first rows of a span's values.
type Table struct {
	From     time.Time `json:"from" doc:"what was counted begins here, at a whole hour"`
	To       time.Time `json:"to" doc:"and ends before here"`
	Timezone string    `json:"timezone"`
	Distinct int       `json:"distinct" doc:"how many values there were"`
	Total    Counts    `json:"total" doc:"of all values together"`
	Items    []Row     `json:"items"`
}

// Row is one value of a dimension.
type Row struct {
	Value string `json:"value" doc:"empty: requests of which it is not known"`
	Counts
	Before *Change `json:"before,omitempty" doc:"with compare: the same length of time before"`
}

// Change is what it was in the span before.
type Change struct {
	Requests int64 `json:"requests"`
	Refused  int64 `json:"refused"`
	Bytes    int64 `json:"bytes"`
}

// By answers which clients, addresses, users, reasons or rules have most of something.
func (a *Analytics) By(ctx context.Context, dimension telemetry.Dimension, q Question) (*Table, error) {
	span := a.cover(q.Span)
	all, err := a.standings(ctx, dimension, q.Order, span, q.Servers)
	if err != nil {
		return nil, fmt.Errorf("sum up by %s: %w", dimension, err)
	}
	table := &Table{From: span.From.In(span.Zone), To: span.To.In(span.Zone), Timezone: span.Zone.String(), Distinct: len(all), Items: []Row{}}
	first := pick(all, q)

	// All that is known, of the few values that are shown.
	shown := map[string]*telemetry.Counts{}
	collect := func(_ telemetry.Millis, value string, c *telemetry.Counts) { addTo(shown, value, c) }
	if err := a.count(ctx, "value", dimension, first, span.periods(), q.Servers, collect); err != nil {
		return nil, fmt.Errorf("latencies by %s: %w", dimension, err)
	}
	var sum telemetry.Counts
	if err := a.count(ctx, "value", telemetry.All, []string{""}, span.periods(), q.Servers,
		func(_ telemetry.Millis, _ string, c *telemetry.Counts) { add(&sum, c) }); err != nil {
		return nil, fmt.Errorf("total: %w", err)
	}
	table.Total = countsOf(&sum)
	for _, value := range first {
		if c := shown[value]; c != nil { // nil: erased between the two queries
			table.Items = append(table.Items, Row{Value: value, Counts: countsOf(c)})
		}
	}
	if q.Compare {
		return table, a.compare(ctx, dimension, q, first, table.Items)
	}
	return table, nil
}

// compare fills in what the rows had in the span before.
func (a *Analytics) compare(ctx context.Context, dimension telemetry.Dimension, q Question, values []string, rows []Row) error {
	was := map[string]*telemetry.Counts{}
	err := a.count(ctx, "value", dimension, values, a.cover(a.cover(q.Span).Before()).periods(), q.Servers,
		func(_ telemetry.Millis, value string, c *telemetry.Counts) { addTo(was, value, c) })
	if err != nil {
		return fmt.Errorf("the span before, by %s: %w", dimension, err)
	}
	for i := range rows {
		rows[i].Before = &Change{}
		if c := was[rows[i].Value]; c != nil {
			*rows[i].Before = Change{c.Requests, c.Refused, c.Bytes}
		}
	}
	return nil
}

// standing is what tells where a value ranks: the sum of its order's columns, and its requests.
type standing struct{ ranked, requests int64 }

// ranked returns the columns of rollups whose sum the order goes by.
func (o Order) ranked() string {
	switch o {
	case ByRefused, ByRefusalRate:
		return "refused"
	case ByErrors:
		return "errors_4xx + errors_5xx"
	case ByBytes:
		return "bytes"
	}
	return "requests"
}

// pick returns the values that come first, at most q.Limit.
func pick(all map[string]standing, q Question) []string {
	rank := func(s standing) float64 {
		if q.Order == ByRefusalRate {
			return float64(s.ranked) / float64(max(1, s.requests))
		}
		return float64(s.ranked)
	}
	values := make([]string, 0, len(all))
	for value, s := range all {
		if s.requests >= q.MinRequests {
			values = append(values, value)
		}
	}
	slices.SortFunc(values, func(v, w string) int {
		return cmp.Or(cmp.Compare(rank(all[w]), rank(all[v])), cmp.Compare(all[w].requests, all[v].requests), strings.Compare(v, w))
	})
	return values[:min(q.Limit, len(values))]
}

func addTo(sums map[string]*telemetry.Counts, value string, c *telemetry.Counts) {
	if known := sums[value]; known != nil {
		add(known, c)
		return
	}
	sums[value] = c
}
