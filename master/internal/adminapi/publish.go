package adminapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

type publishInput struct {
	IfMatch string `header:"If-Match" doc:"ETag of a preview: 412 when what is configured has changed since"`
	Body    PublishBody
}

// PublishBody says what to publish, when and to whom. It is exported for huma, as FormatInput is.
type PublishBody struct {
	PublishOrder
	Hosts []string   `json:"hosts" doc:"only these; all when absent"`
	At    *time.Time `json:"at" doc:"publish then what is configured then; now when absent"`
}

// PublishOrder is what publishes and rollbacks take alike. It is exported for huma, as FormatInput is.
type PublishOrder struct {
	Note          string                 `json:"note" maxLength:"1000" doc:"why, for people"`
	AllowShrink   bool                   `json:"allow_shrink" doc:"dropping most servers of a host, or all, is intended"`
	Canary        *rollout.CanaryOptions `json:"canary" doc:"publish to a few hosts first, watch them, and go on or back by how they do"`
	SkipPreflight bool                   `json:"skip_preflight" doc:"admins only: leave the test to the slaves"`
}

type rollbackInput struct {
	ID   int64 `path:"id" minimum:"1"`
	Body struct {
		PublishOrder
		Hosts []string `json:"hosts" doc:"only these; all that the snapshot has and that there still are when absent"`
	}
}

// publishOutput is a publish.Result, or the store.Rollout of what was scheduled.
type publishOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     any
}

// request is what a body asks for, if who asks may.
func (s *server) request(ctx context.Context, o PublishOrder, hosts []string, snapshot int64) (publish.Request, error) {
	who := principalOf(ctx)
	if o.SkipPreflight && !who.Role.May(account.Admin) {
		return publish.Request{}, &forbidden{"skip_preflight takes the role admin"}
	}
	return publish.Request{Note: o.Note, By: who.Name, Order: rollout.Order{
		Hosts: hosts, AllowShrink: o.AllowShrink, Canary: o.Canary, SkipPreflight: o.SkipPreflight, Snapshot: snapshot,
	}}, nil
}

func (s *server) registerPublish() {
	register(s, s.answers(tagged(huma.Operation{
		OperationID: "publish", Summary: "Publish: render what is configured now and hand it to the slaves",
		Description: "Waiting slaves hear of it at once. nginx is asked first: 422 names the server, rule or setting that it refuses. " +
			"With canary a few hosts get it first; with at it is only noted (202). Rate limits, stream rules and enforcements need no publish.",
		Method: http.MethodPost, Path: "snapshots", DefaultStatus: http.StatusCreated,
	}, "snapshots")), account.Operator, s.publish)
	register(s, s.answers(tagged(huma.Operation{
		OperationID: "rollback", Summary: "Publish the content of an earlier snapshot again",
		Description: "It is checked and tested as any publish is; preview it first with its snapshot_id. What is configured stays as it is, and the next publish brings it.",
		Method:      http.MethodPost, Path: "snapshots/{id}/rollback", DefaultStatus: http.StatusCreated,
	}, "snapshots")), account.Operator, func(ctx context.Context, in *rollbackInput) (*publishOutput, error) {
		req, err := s.request(ctx, in.Body.PublishOrder, in.Body.Hosts, in.ID)
		if err != nil {
			return nil, err
		}
		return published(s.Publisher.Publish(ctx, req))
	})
	register(s, listOf("snapshots", nil), account.Viewer, func(ctx context.Context, in *ListInput) (*pageOutput[store.Snapshot], error) {
		page, err := s.Store.Snapshots(ctx, in.query())
		return &pageOutput[store.Snapshot]{page}, err
	})
	register(s, tagged(huma.Operation{
		OperationID: "get-snapshot", Summary: "Get one snapshot, and how far it is", Method: http.MethodGet, Path: "snapshots/{id}",
	}, "snapshots"), account.Viewer, func(ctx context.Context, in *idInput) (*struct{ Body SnapshotView }, error) {
		row, err := s.Store.Snapshot(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		view := SnapshotView{Snapshot: *row}
		r, err := s.Store.RolloutOf(ctx, in.ID)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return nil, err
		default:
			if view.Rollout, err = s.rolloutView(ctx, r); err != nil {
				return nil, err
			}
		}
		return &struct{ Body SnapshotView }{view}, nil
	})
	register(s, listOf("distributions", store.DistributionFilters), account.Viewer, func(ctx context.Context, in *ListInput) (*pageOutput[store.Distribution], error) {
		page, err := s.Store.Distributions(ctx, in.query())
		return &pageOutput[store.Distribution]{page}, err
	})
	register(s, listOf("hosts", []string{"service_type"}), account.Viewer, s.listHosts)
}

// answers describes the two forms of publishOutput.
func (s *server) answers(op huma.Operation) huma.Operation {
	schema := func(t reflect.Type) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{"application/json": {Schema: s.api.OpenAPI().Components.Schemas.Schema(t, true, "")}}
	}
	op.Responses = map[string]*huma.Response{
		"201": {Description: "Published", Content: schema(reflect.TypeFor[publish.Result]())},
	}
	if op.OperationID != "rollback" {
		op.Responses["202"] = &huma.Response{Description: "Scheduled", Content: schema(reflect.TypeFor[store.Rollout]())}
	}
	return op
}

func (s *server) publish(ctx context.Context, in *publishInput) (*publishOutput, error) {
	req, err := s.publishRequest(ctx, in.IfMatch, in.Body)
	if err != nil {
		return nil, err
	}
	if in.Body.At != nil {
		return scheduled(s.Publisher.Schedule(ctx, req, *in.Body.At))
	}
	return published(s.Publisher.Publish(ctx, req))
}

// publishRequest is request of a body, guarded by the ETag of a preview.
func (s *server) publishRequest(ctx context.Context, ifMatch string, body PublishBody) (publish.Request, error) {
	req, err := s.request(ctx, body.PublishOrder, body.Hosts, 0)
	if ifMatch != "*" {
		req.Expect = strings.Trim(strings.TrimPrefix(ifMatch, "W/"), `"`)
	}
	return req, err
}

func scheduled(row *store.Rollout, err error) (*publishOutput, error) {
	if err != nil {
		return nil, err
	}
	return &publishOutput{http.StatusAccepted, fmt.Sprintf("%s/rollouts/%d", Prefix, row.ID), row}, nil
}

func published(result *publish.Result, err error) (*publishOutput, error) {
	if err != nil {
		return nil, err
	}
	return &publishOutput{http.StatusCreated, fmt.Sprintf("%s/snapshots/%d", Prefix, result.ID), result}, nil
}

// listHosts pages through the hosts, which are made of three tables, in memory: a fleet has hundreds.
func (s *server) listHosts(ctx context.Context, in *ListInput) (*pageOutput[store.Host], error) {
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
		case !found(&h, in.Q):
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
