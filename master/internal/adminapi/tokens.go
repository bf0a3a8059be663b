package adminapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/field"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// defaultOverlap is how long a rotated token stays valid beside its successor: time to deploy it.
const defaultOverlap = 24 * time.Hour

// newToken is a token as it is shown once.
type newToken struct {
	fleet.Token
	Text string `json:"token" doc:"the token; it is not shown again"`
}

type newTokenOutput struct{ Body newToken }

type tokenInput struct {
	ID  int64 `path:"id" minimum:"1" doc:"of the server"`
	TID int64 `path:"tid" minimum:"1" doc:"of the token"`
}

type createTokenInput struct {
	ID   int64 `path:"id" minimum:"1" doc:"of the server"`
	Body struct {
		Name      string     `json:"name" required:"true"`
		ExpiresAt *time.Time `json:"expires_at" doc:"null: never"`
	}
}

type listTokensInput struct {
	ID     int64  `path:"id" minimum:"1" doc:"of the server"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" doc:"rows per page; 100 when absent"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

type rotateInput struct {
	ID   int64 `path:"id" minimum:"1" doc:"of the server"`
	TID  int64 `path:"tid" minimum:"1" doc:"of the token"`
	Body *struct {
		Overlap *int64 `json:"overlap_seconds" minimum:"0" maximum:"2592000" doc:"how long the old token stays valid; 86400 when absent"`
	}
}

func (s *server) registerTokens() {
	const path = "servers/{id}/tokens"
	register(s, tagged(huma.Operation{
		OperationID: "create-token", Summary: "Make a token for a server's slave", Method: http.MethodPost, Path: path,
		DefaultStatus: http.StatusCreated,
	}, "servers"), account.Operator, s.createToken)
	register(s, tagged(huma.Operation{
		OperationID: "list-tokens", Summary: "List a server's tokens", Method: http.MethodGet, Path: path,
	}, "servers"), account.Viewer, s.listTokens)
	register(s, tagged(huma.Operation{
		OperationID: "revoke-token", Summary: "Revoke a token; its row stays, with revoked_at",
		Method: http.MethodDelete, Path: path + "/{tid}",
	}, "servers"), account.Operator, s.revokeToken)
	register(s, tagged(huma.Operation{
		OperationID: "rotate-token", Summary: "Make a token's successor; the old one stays valid for a while",
		Method: http.MethodPost, Path: path + "/{tid}/rotate", DefaultStatus: http.StatusCreated,
	}, "servers"), account.Operator, s.rotateToken)
}

func (s *server) createToken(ctx context.Context, in *createTokenInput) (*newTokenOutput, error) {
	var errs fleet.FieldErrors
	errs.Check("name", field.Name(in.Body.Name, 64))
	if in.Body.ExpiresAt != nil && !in.Body.ExpiresAt.After(time.Now()) {
		errs.Add("expires_at", "must be in the future, or null for never")
	}
	if err := errs.ErrorOrNil(); err != nil {
		return nil, err
	}
	secret := auth.NewSecret(auth.SlaveTokenPrefix)
	token := fleet.Token{
		ServerID: in.ID, Name: in.Body.Name, Prefix: secret.Prefix, Hash: secret.Hash,
		Scopes: []string{fmt.Sprintf("%s:%d", auth.ScopeMediaSlave, in.ID)}, ExpiresAt: in.Body.ExpiresAt,
	}
	if err := s.Store.Tokens.Create(ctx, &token); err != nil {
		return nil, err
	}
	s.Slaves.Invalidate()
	return &newTokenOutput{newToken{token, secret.Text}}, nil
}

func (s *server) listTokens(ctx context.Context, in *listTokensInput) (*pageOutput[fleet.Token], error) {
	if _, err := s.Store.Servers.Get(ctx, in.ID); err != nil {
		return nil, err
	}
	page, err := s.Store.Tokens.List(ctx, store.Query{
		Limit: in.Limit, Cursor: in.Cursor, Where: map[string]string{"server_id": strconv.FormatInt(in.ID, 10)},
	})
	return &pageOutput[fleet.Token]{page}, err
}

func (s *server) revokeToken(ctx context.Context, in *tokenInput) (*struct{}, error) {
	if err := s.Store.RevokeToken(ctx, in.ID, in.TID); err != nil {
		return nil, err
	}
	s.Slaves.Invalidate()
	return nil, nil
}

func (s *server) rotateToken(ctx context.Context, in *rotateInput) (*newTokenOutput, error) {
	overlap := defaultOverlap
	if in.Body != nil && in.Body.Overlap != nil {
		overlap = time.Duration(*in.Body.Overlap) * time.Second
	}
	secret := auth.NewSecret(auth.SlaveTokenPrefix)
	successor := fleet.Token{Prefix: secret.Prefix, Hash: secret.Hash}
	if err := s.Store.RotateToken(ctx, in.ID, in.TID, time.Now().Add(overlap).UTC(), &successor); err != nil {
		return nil, err
	}
	s.Slaves.Invalidate()
	return &newTokenOutput{newToken{successor, secret.Text}}, nil
}
