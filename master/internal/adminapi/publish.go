package adminapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

type publishInput struct {
	Body struct {
		Note        string   `json:"note" maxLength:"1000" doc:"why, for people"`
		Hosts       []string `json:"hosts" doc:"only these; all when absent"`
		AllowShrink bool     `json:"allow_shrink" doc:"dropping most servers of a host, or all, is intended"`
	}
}

type publishOutput struct {
	Location string `header:"Location"`
	Body     *publish.Result
}

func (s *server) registerPublish() {
	register(s, tagged(huma.Operation{
		OperationID: "publish", Summary: "Publish: render what is configured now and hand it to the slaves",
		Description: "Waiting slaves hear of it at once. Rate limits, stream rules and enforcements need no publish.",
		Method:      http.MethodPost, Path: "snapshots", DefaultStatus: http.StatusCreated,
	}, "snapshots"), account.Operator, func(ctx context.Context, in *publishInput) (*publishOutput, error) {
		result, err := s.Publisher.Publish(ctx, publish.Request{
			Note: in.Body.Note, By: principalOf(ctx).Name, Hosts: in.Body.Hosts, AllowShrink: in.Body.AllowShrink,
		})
		if err != nil {
			return nil, err
		}
		return &publishOutput{fmt.Sprintf("%s/snapshots/%d", Prefix, result.ID), result}, nil
	})
	register(s, listOf("snapshots", nil), account.Viewer, func(ctx context.Context, in *listInput) (*pageOutput[store.Snapshot], error) {
		page, err := s.Store.Snapshots(ctx, in.query())
		return &pageOutput[store.Snapshot]{page}, err
	})
	register(s, tagged(huma.Operation{
		OperationID: "get-snapshot", Summary: "Get one snapshot", Method: http.MethodGet, Path: "snapshots/{id}",
	}, "snapshots"), account.Viewer, func(ctx context.Context, in *idInput) (*struct{ Body *store.Snapshot }, error) {
		row, err := s.Store.Snapshot(ctx, in.ID)
		return &struct{ Body *store.Snapshot }{row}, err
	})
	register(s, listOf("distributions", store.DistributionFilters), account.Viewer, func(ctx context.Context, in *listInput) (*pageOutput[store.Distribution], error) {
		page, err := s.Store.Distributions(ctx, in.query())
		return &pageOutput[store.Distribution]{page}, err
	})
	register(s, listOf("hosts", []string{"service_type"}), account.Viewer, s.listHosts)
}

// listHosts pages through the hosts, which are made of three tables, in memory: a fleet has hundreds.
func (s *server) listHosts(ctx context.Context, in *listInput) (*pageOutput[store.Host], error) {
	hosts, err := s.Store.Hosts(ctx)
	if err != nil {
		return nil, err
	}
	for name := range in.where {
		if name != "service_type" {
			return nil, &store.QueryError{Name: name, Takes: "no value: filters are service_type"}
		}
	}
	limit := in.Limit
	if limit == 0 {
		limit = store.DefaultLimit
	}
	page := store.Page[store.Host]{Items: []store.Host{}}
	for _, h := range hosts {
		key := h.Host + " " + string(h.ServiceType)
		switch {
		case in.Cursor != "" && key <= in.Cursor:
		case in.where["service_type"] != "" && in.where["service_type"] != string(h.ServiceType):
		case !strings.Contains(strings.ToLower(h.Host), strings.ToLower(in.Q)):
		case len(page.Items) == limit:
			last := page.Items[limit-1]
			page.Next = last.Host + " " + string(last.ServiceType)
			return &pageOutput[store.Host]{page}, nil
		default:
			page.Items = append(page.Items, h)
		}
	}
	return &pageOutput[store.Host]{page}, nil
}
