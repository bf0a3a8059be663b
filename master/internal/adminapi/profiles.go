package adminapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/library"
)

type cloneInput struct {
	ID   int64 `path:"id" minimum:"1"`
	Body struct {
		Name string `json:"name" required:"true" doc:"of the copy"`
	}
}

func (s *server) registerClone() {
	register(s, tagged(huma.Operation{
		OperationID: "clone-profile", Summary: "Make a copy of a profile",
		Description: "The copy of a default profile is no default: it selects what the default selects now. custom_lua is not copied.",
		Method:      http.MethodPost, Path: "profiles/{id}/clone", DefaultStatus: http.StatusCreated,
	}, "profiles"), account.Operator, func(ctx context.Context, in *cloneInput) (*itemOutput[library.Profile], error) {
		copied, err := s.Store.CloneProfile(ctx, in.ID, in.Body.Name)
		if err != nil {
			return nil, err
		}
		return &itemOutput[library.Profile]{ETag: etag(copied.Revision), Body: copied}, nil
	})
}
