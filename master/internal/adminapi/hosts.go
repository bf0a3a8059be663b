package adminapi

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

type changeHostInput struct {
	Host        string          `path:"host" maxLength:"253" example:"203.0.113.10"`
	ServiceType api.ServiceType `query:"service_type" required:"true" enum:"emby,jellyfin" example:"emby"`
	Body        json.RawMessage
}

// HostPatch is what all servers of a host can be given at once. It is exported for huma, as FormatInput is.
type HostPatch struct {
	ProfileID *int64 `json:"profile_id" nullable:"true" minimum:"1" doc:"null: the default profile; as it is when absent"`
	Enabled   *bool  `json:"enabled" doc:"as it is when absent"`
}

// registerHostChanges adds what is done to all servers of a host at once.
func (s *server) registerHostChanges() {
	schema := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[HostPatch](), true, "")
	register(s, tagged(huma.Operation{
		OperationID: "patch-host", Summary: "Change all servers of a host at once",
		Description: "All of them, or none when one of them cannot be changed. Slaves get it with the next publish.",
		Method:      http.MethodPatch, Path: "hosts/{host}",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}},
	}, "hosts"), account.Operator, func(ctx context.Context, in *changeHostInput) (*struct{ Body *store.Host }, error) {
		change, err := in.change()
		if err != nil {
			return nil, err
		}
		group := fleet.Group{Host: in.Host, ServiceType: in.ServiceType}
		if err := s.Store.ChangeServersOf(ctx, group, change); err != nil {
			return nil, err
		}
		s.Slaves.Invalidate()
		host, err := s.Store.Host(ctx, group)
		return &struct{ Body *store.Host }{host}, err
	})
}

// change returns what the body does to each server. A profile that is null is another thing than one that is absent.
func (in *changeHostInput) change() (func(*fleet.Server) error, error) {
	var patch HostPatch
	var given map[string]json.RawMessage
	for _, into := range []any{&patch, &given} {
		if err := json.Unmarshal(in.Body, into); err != nil {
			return nil, huma.Error400BadRequest(err.Error())
		}
	}
	_, hasProfile := given["profile_id"]
	if !hasProfile && patch.Enabled == nil {
		return nil, fleet.FieldErrors{{Field: "profile_id", Message: "must be there, or enabled: nothing else is changed here"}}
	}
	return func(server *fleet.Server) error {
		if hasProfile {
			server.ProfileID = patch.ProfileID
		}
		if patch.Enabled != nil {
			server.Enabled = *patch.Enabled
		}
		return nil
	}, nil
}

// found reports whether a host's address, or a name or domain of one of its servers, has q in it, in any case.
func found(h *store.Host, q string) bool {
	q = strings.ToLower(q)
	if strings.Contains(strings.ToLower(h.Host), q) {
		return true
	}
	for _, server := range h.Servers {
		if strings.Contains(strings.ToLower(server.Name), q) || strings.Contains(strings.ToLower(server.ServerName), q) {
			return true
		}
	}
	return false
}
