package adminapi

import (
	"context"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/analytics"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// telemetryInput selects rows of a kind. Parameters that it does not name are the kind's filters.
type telemetryInput struct {
	From   string `query:"from" doc:"a time as in 2026-11-22T18:00:00Z, a day of tz as in 2026-11-22, or Unix seconds; absent: since ever"`
	To     string `query:"to" doc:"likewise, not included; a day is: up to its end; absent: up to now"`
	TZ     string `query:"tz" doc:"the zone of days, as in Asia/Shanghai; UTC when absent"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" doc:"rows per page; 100 when absent"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
	// Patience is for pages that people wait for.
	Patience int64 `query:"patience_ms" minimum:"1" maximum:"10000" doc:"milliseconds after which a search for rare rows answers with those that it has found, and with searched_to; 700 when absent"`
	FormatInput
	where map[string]string
}

var telemetryParams = []string{"from", "to", "tz", "limit", "cursor", "patience_ms", "format", "bom"}

// Resolve keeps the filters.
func (in *telemetryInput) Resolve(ctx huma.Context) []error {
	in.where = filtersOf(ctx, telemetryParams...)
	return nil
}

// patience is how long a page is searched for rows before it is answered with those that were found.
const patience = 700 * time.Millisecond

// csvPage is how many rows of a CSV are read at once.
const csvPage = 5000

func (s *server) registerTelemetry() {
	s.api.OpenAPI().Components.Schemas.RegisterTypeAlias(reflect.TypeFor[telemetry.Millis](), reflect.TypeFor[time.Time]())
	registerKind(s, analytics.AccessLogs)
	registerKind(s, analytics.BlockedRequests)
	registerKind(s, analytics.LoginEvents)
	registerKind(s, analytics.PlaybackEvents)
	registerKind(s, analytics.PlaybackSessions)
	registerKind(s, analytics.Devices)
	registerKind(s, analytics.UserActivities)
	registerKind(s, analytics.RealtimeSessions)
	registerKind(s, analytics.APICalls)
	registerKind(s, analytics.Bandwidth)
	registerKind(s, analytics.MediaAccesses)
}

func registerKind[T any](s *server, kind *analytics.Kind[T]) {
	name := strings.ReplaceAll(string(kind.Name), "_", "-")
	op := listOf("telemetry/"+name, kind.Filters)
	op.OperationID, op.Summary = "list-"+name, "List "+strings.ReplaceAll(name, "-", " ")+", the newest first"
	op.Tags = []string{"telemetry"}
	op = tableOf[analytics.Page[T]](s, op)
	op.RejectUnknownQueryParameters = false // they are filters, which the kind checks
	register(s, op, account.Viewer, func(ctx context.Context, in *telemetryInput) (*table, error) {
		selection, err := in.selection()
		if err != nil {
			return nil, err
		}
		page, err := kind.Page(ctx, s.Analytics, selection)
		switch {
		case err != nil:
			return nil, err
		case in.Format != "csv":
			return asJSON(page), nil
		}
		return asCSV(s, name, in.FormatInput, func(ctx context.Context, write func(*T) error) error {
			return kind.Each(ctx, s.Analytics, selection, write)
		}), nil
	})
	schemas := s.api.OpenAPI().Components.Schemas
	row := schemas.SchemaFromRef(schemas.Schema(reflect.TypeFor[T](), true, "").Ref)
	if id := row.Properties["id"]; id != nil {
		id.Type, id.Format = huma.TypeString, "" // more digits than a JSON number keeps
	}
}

func (in *telemetryInput) selection() (analytics.Selection, error) {
	s := analytics.Selection{Where: in.where, Limit: in.Limit, Cursor: in.Cursor, Patience: patience}
	if s.Limit == 0 {
		s.Limit = store.DefaultLimit
	}
	if in.Patience > 0 {
		s.Patience = time.Duration(in.Patience) * time.Millisecond
	}
	if in.Format == "csv" {
		s.Limit, s.Patience = csvPage, 0
	}
	var err error
	s.From, s.To, err = analytics.ParseRange(in.From, in.To, in.TZ)
	return s, err
}

// filtersOf returns the query's parameters but those that are named.
func filtersOf(ctx huma.Context, but ...string) map[string]string {
	where := map[string]string{}
	u := ctx.URL()
	for name, values := range u.Query() {
		known := false
		for _, n := range but {
			known = known || n == name
		}
		if !known {
			where[name] = values[0]
		}
	}
	return where
}
