package adminapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/analytics"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// SpanInput is the time that an answer is about. It is exported for huma.
type SpanInput struct {
	From      string  `query:"from" doc:"a time as in 2026-11-22T18:00:00Z, a day of tz as in 2026-11-22, or Unix seconds; a day before to when absent"`
	To        string  `query:"to" doc:"likewise, not included; a day is: up to its end; now when absent"`
	TZ        string  `query:"tz" doc:"the zone of days, as in Asia/Shanghai; UTC when absent"`
	ServerIDs []int64 `query:"server_id" doc:"only these servers, comma-separated"`
	Compare   bool    `query:"compare" doc:"also tell the same length of time before"`
	FormatInput
}

func (in *SpanInput) span() (analytics.Span, error) {
	return analytics.ParseSpan(in.From, in.To, in.TZ, time.Now(), 24*time.Hour)
}

type byInput struct {
	SpanInput
	Order       string `query:"order" enum:"requests,refused,refusal_rate,errors,bytes" doc:"what the first rows have most of; requests when absent"`
	Limit       int    `query:"limit" minimum:"1" maximum:"1000" doc:"rows; 50 when absent, 1000 in a CSV"`
	MinRequests int64  `query:"min_requests" minimum:"0" doc:"leave out rows with fewer; of use with order=refusal_rate"`
}

type timelineInput struct {
	SpanInput
	Step   string `query:"step" enum:"hour,day,week,month" doc:"days, weeks and months are those of tz; fits the range when absent"`
	Client string `query:"client" doc:"only requests of this client"`
	IP     string `query:"ip" doc:"only of this address"`
	UserID string `query:"user_id" doc:"only of this user"`
	Reason string `query:"reason" doc:"only refusals for this reason"`
	Rule   string `query:"rule" doc:"only refusals by the rule with this id"`
}

const analyticsNote = "What is counted is made of whole hours: from and to in the answer say which. Percentiles are interpolated in a histogram."

func (s *server) registerAnalytics() {
	for _, by := range []struct {
		path, summary string
		dimension     telemetry.Dimension
	}{
		{"by-client", "Which clients ask most, are refused most, …", telemetry.ByClient},
		{"by-ip", "Which addresses ask most, are refused most, …", telemetry.ByIP},
		{"by-user", "Which users ask most, are refused most, …", telemetry.ByUser},
		{"by-reason", "Why requests were refused", telemetry.ByReason},
		{"by-rule", "Which rules refused requests", telemetry.ByRule},
	} {
		registerTable[analytics.Table](s, huma.Operation{
			OperationID: "analytics-" + by.path, Summary: by.summary, Path: "analytics/" + by.path, Description: analyticsNote,
			Tags: []string{"analytics"},
		}, func(ctx context.Context, in *byInput) (*table, error) { return s.by(ctx, by.path, by.dimension, in) })
	}
	registerTable[analytics.Timeline](s, huma.Operation{
		OperationID: "analytics-timeline", Summary: "How requests, refusals, bytes and latencies went", Path: "analytics/timeline",
		Description: analyticsNote + " Of client, ip, user_id, reason and rule one at a time.", Tags: []string{"analytics"},
	}, s.timeline)
}

func (s *server) by(ctx context.Context, path string, dimension telemetry.Dimension, in *byInput) (*table, error) {
	span, err := in.span()
	if err != nil {
		return nil, err
	}
	q := analytics.Question{
		Span: span, Servers: in.ServerIDs, Order: analytics.Order(in.Order), Limit: in.Limit,
		MinRequests: in.MinRequests, Compare: in.Compare,
	}
	if q.Limit == 0 {
		q.Limit = 50
		if in.Format == "csv" {
			q.Limit = 1000
		}
	}
	answer, err := s.Analytics.By(ctx, dimension, q)
	if err != nil {
		return nil, err
	}
	if in.Format == "csv" {
		return asCSV(s, path, in.FormatInput, rowsOf(answer.Items)), nil
	}
	return asJSON(answer), nil
}

func (s *server) timeline(ctx context.Context, in *timelineInput) (*table, error) {
	span, err := in.span()
	if err != nil {
		return nil, err
	}
	c := analytics.Course{Span: span, Step: analytics.Step(in.Step), Dimension: telemetry.All, Values: []string{""}, Servers: in.ServerIDs, Compare: in.Compare}
	for _, only := range []struct {
		name, value string
		dimension   telemetry.Dimension
	}{
		{"client", in.Client, telemetry.ByClient},
		{"ip", in.IP, telemetry.ByIP},
		{"user_id", in.UserID, telemetry.ByUser},
		{"reason", in.Reason, telemetry.ByReason},
		{"rule", in.Rule, telemetry.ByRule},
	} {
		if only.value == "" {
			continue
		}
		if c.Dimension != telemetry.All {
			return nil, &analytics.ParamError{Name: only.name, Takes: "no value beside that of " + string(c.Dimension) + ": take one of them, and telemetry/access-logs for both"}
		}
		c.Dimension, c.Values = only.dimension, analytics.Spellings(only.name, only.value)
	}
	answer, err := s.Analytics.Timeline(ctx, c)
	if err != nil {
		return nil, err
	}
	if in.Format == "csv" {
		return asCSV(s, "timeline", in.FormatInput, rowsOf(answer.Items)), nil
	}
	return asJSON(answer), nil
}

// rowsOf hands over rows that are in memory.
func rowsOf[T any](rows []T) func(context.Context, func(*T) error) error {
	return func(_ context.Context, write func(*T) error) error {
		for i := range rows {
			if err := write(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
}
