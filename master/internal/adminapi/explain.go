package adminapi

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/analytics"
	"github.com/uhdadmin/media-gateway/master/internal/explain"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

type explainInput struct {
	RequestID string `query:"request_id" maxLength:"128" doc:"what the player was told: X-Request-Id, the last word of the message"`
	ID        int64  `query:"id" minimum:"1" doc:"in place of it, the id of a row of telemetry/blocked-requests: older agents tell players no request id"`
}

type explainOutput struct {
	Body struct {
		explain.Explanation
		Request telemetry.BlockedRequest `json:"request"`
	}
}

func (s *server) registerExplain() {
	register(s, tagged(huma.Operation{
		OperationID: "explain", Summary: "Why a request was refused, and what to change", Method: http.MethodGet, Path: "explain",
		RejectUnknownQueryParameters: true, Errors: []int{http.StatusNotFound},
	}, "telemetry"), account.Viewer, s.explain)
}

func (s *server) explain(ctx context.Context, in *explainInput) (*explainOutput, error) {
	r, err := s.refused(ctx, in)
	if err != nil {
		return nil, err
	}
	lib, err := s.shelf(ctx)
	if err != nil {
		return nil, err
	}
	out := new(explainOutput)
	out.Body.Request = *r
	out.Body.Explanation = explain.Of(explain.Refusal{
		At: r.Time.Time(), ServerID: r.ServerID, IP: r.IP, UserID: r.UserID, DeviceID: r.DeviceID, ClientName: r.ClientName,
		ClientVersion: r.ClientVersion, URI: r.URI, Reason: r.Reason, Rule: r.Rule,
	}, lib, time.Now())
	return out, nil
}

// refused returns the refusal that is asked about.
func (s *server) refused(ctx context.Context, in *explainInput) (*telemetry.BlockedRequest, error) {
	if (in.RequestID == "") == (in.ID == 0) {
		return nil, &store.QueryError{Name: "request_id", Takes: "the id that the player was told; or give id, that of a row of telemetry/blocked-requests, alone"}
	}
	if in.ID != 0 {
		row, err := analytics.BlockedRequests.Row(ctx, s.Analytics, in.ID)
		if row == nil && err == nil {
			err = huma.Error404NotFound("telemetry/blocked-requests has no row with this id: what is older than RETENTION_BLOCKED_REQUESTS is gone")
		}
		return row, err
	}
	page, err := analytics.BlockedRequests.Page(ctx, s.Analytics, analytics.Selection{
		Where: map[string]string{"request_id": in.RequestID}, Limit: 1,
	})
	if err != nil {
		return nil, err
	}
	if len(page.Items) == 0 {
		return nil, huma.Error404NotFound(unknownRequest(in.RequestID))
	}
	return &page.Items[0], nil
}

var requestID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func unknownRequest(id string) string {
	if !requestID.MatchString(id) {
		return "no refusal has this request id, which has not the form of one: 32 digits 0-9 a-f, as in the header X-Request-Id or at the end of the message that the player showed"
	}
	return "no refusal with this request id is stored: slaves report within a minute or so, so try again soon; what is older than RETENTION_BLOCKED_REQUESTS is gone; and requests that were let through are under telemetry/access-logs"
}

// shelf reads all that may have refused a request.
func (s *server) shelf(ctx context.Context) (lib explain.Library, err error) {
	for _, read := range []func() error{
		func() error { lib.Servers, err = everything(ctx, s.Store.Servers); return err },
		func() error { lib.Profiles, err = everything(ctx, s.Store.Profiles); return err },
		func() error { lib.Players, err = everything(ctx, s.Store.Players); return err },
		func() error { lib.URIRules, err = everything(ctx, s.Store.URIRules); return err },
		func() error { lib.NginxMaps, err = everything(ctx, s.Store.NginxMaps); return err },
		func() error { lib.LocationRules, err = everything(ctx, s.Store.LocationRules); return err },
		func() error { lib.RateLimits, err = everything(ctx, s.Store.RateLimitRules); return err },
		func() error { lib.StreamRules, err = everything(ctx, s.Store.StreamRules); return err },
		func() error { lib.Enforcements, err = everything(ctx, s.Store.Enforcements); return err },
	} {
		if err := read(); err != nil {
			return lib, fmt.Errorf("read the library: %w", err)
		}
	}
	return lib, nil
}

// everything reads a whole resource.
func everything[T any](ctx context.Context, table store.Table[T]) ([]T, error) {
	var rows []T
	for cursor := ""; ; {
		page, err := table.List(ctx, store.Query{Limit: store.MaxLimit, Cursor: cursor})
		if err != nil {
			return nil, err
		}
		rows = append(rows, page.Items...)
		if cursor = page.Next; cursor == "" {
			return rows, nil
		}
	}
}
