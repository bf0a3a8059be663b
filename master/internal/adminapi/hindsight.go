package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/hindsight"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Rows of a question have the form of their resources, and the same defaults.
type (
	askedPlayer    struct{ library.Player }
	askedURIRule   struct{ library.URIRule }
	askedRateLimit struct{ library.RateLimitRule }
)

type hindsightInput struct {
	Body struct {
		ServiceType    api.ServiceType  `json:"service_type" required:"true" enum:"emby,jellyfin,all" doc:"whose requests are looked at; with all, rules for one kind of media server let everything be"`
		ServerIDs      []int64          `json:"server_ids" doc:"only requests to these servers; all of the service type when empty"`
		Hours          int              `json:"hours" minimum:"1" maximum:"168" doc:"how far back; 24 when absent"`
		Players        []askedPlayer    `json:"players" maxItems:"5000" doc:"the whole whitelist; an empty list lets every client in"`
		Unidentified   api.Unidentified `json:"unidentified" enum:"allow,reject" doc:"with players: what becomes of clients that state no name; allow when absent"`
		URIRules       []askedURIRule   `json:"uri_rules" maxItems:"5000" doc:"all of them: what a skip rule meets passes rates and whitelist"`
		RateLimitRules []askedRateLimit `json:"rate_limit_rules" maxItems:"1000"`
		Patience       int64            `json:"patience_ms" minimum:"1" maximum:"10000" doc:"milliseconds after which the answer is of what was examined so far; 700 when absent"`
	}
}

func (s *server) registerHindsight() {
	register(s, tagged(huma.Operation{
		OperationID: "hindsight", Summary: "What rules would have refused in the last hours",
		Description: "Judges the requests that slaves have reported, the newest first, until patience_ms are over: examined and of say how many, " +
			"examined_from since when; of earlier ones, players has the clients of devices. A section is answered when the question has its list. Rules that are disabled or for other media servers let everything be. " +
			"Quotas are not examined but read from what slaves have counted, over all media servers. Nothing is stored.",
		Method: http.MethodPost, Path: "hindsight",
	}, "hindsight"), account.Operator, s.hindsight)
}

func (s *server) hindsight(ctx context.Context, in *hindsightInput) (*struct{ Body *hindsight.Answer }, error) {
	q := hindsight.Question{
		ServiceType: in.Body.ServiceType, Hours: in.Body.Hours, Unidentified: in.Body.Unidentified, Patience: patience,
	}
	if q.Hours == 0 {
		q.Hours = 24
	}
	if in.Body.Patience > 0 {
		q.Patience = time.Duration(in.Body.Patience) * time.Millisecond
	}
	var errs fleet.FieldErrors
	q.Players = askedRows(&errs, "players", in.Body.Players, func(r *askedPlayer) *library.Player { return &r.Player })
	q.URIRules = askedRows(&errs, "uri_rules", in.Body.URIRules, func(r *askedURIRule) *library.URIRule { return &r.URIRule })
	q.RateLimits = askedRows(&errs, "rate_limit_rules", in.Body.RateLimitRules, func(r *askedRateLimit) *library.RateLimitRule { return &r.RateLimitRule })
	servers, err := everything(ctx, s.Store.Servers)
	if err != nil {
		return nil, fmt.Errorf("read servers: %w", err)
	}
	q.Servers = serversOf(&errs, servers, q.ServiceType, in.Body.ServerIDs)
	if err := errs.ErrorOrNil(); err != nil {
		return nil, err
	}
	answer, err := s.Hindsight.Ask(ctx, q)
	return &struct{ Body *hindsight.Answer }{answer}, err
}

// askedRows returns the checked rows of a list, nil where the question has none.
func askedRows[A, T any, P interface {
	*T
	SetDefaults()
	Validate() error
}](errs *fleet.FieldErrors, list string, asked []A, row func(*A) P) []T {
	if asked == nil {
		return nil
	}
	rows := make([]T, len(asked))
	for i := range asked {
		r := row(&asked[i])
		r.SetDefaults()
		wrong, _ := errors.AsType[fleet.FieldErrors](r.Validate())
		for _, f := range wrong {
			errs.Add(fmt.Sprintf("%s[%d].%s", list, i, f.Field), f.Message)
		}
		rows[i] = *r
	}
	return rows
}

// serversOf returns the ids of the servers that a question is about.
func serversOf(errs *fleet.FieldErrors, all []fleet.Server, of api.ServiceType, only []int64) []int64 {
	var ids []int64
	for i := range all {
		if of == library.All || all[i].ServiceType == of {
			ids = append(ids, all[i].ID)
		}
	}
	if len(only) == 0 {
		return ids
	}
	for i, id := range only {
		if !slices.Contains(ids, id) {
			errs.Add(fmt.Sprintf("server_ids[%d]", i), fmt.Sprintf("must be the id of a server of %s: %d is none", of, id))
		}
	}
	return only
}

func (r *askedPlayer) UnmarshalJSON(b []byte) error {
	r.Player = library.NewPlayer()
	return json.Unmarshal(b, &r.Player)
}

func (r *askedURIRule) UnmarshalJSON(b []byte) error {
	r.URIRule = library.NewURIRule()
	return json.Unmarshal(b, &r.URIRule)
}

func (r *askedRateLimit) UnmarshalJSON(b []byte) error {
	r.RateLimitRule = library.NewRateLimitRule()
	return json.Unmarshal(b, &r.RateLimitRule)
}

func (askedPlayer) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[library.Player](), true, "")
}

func (askedURIRule) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[library.URIRule](), true, "")
}

func (askedRateLimit) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[library.RateLimitRule](), true, "")
}
