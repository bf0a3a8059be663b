package adminapi

import (
	"context"
	"net"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
)

type loginInput struct {
	Body struct {
		Username string `json:"username" required:"true" maxLength:"64"`
		Password string `json:"password" required:"true" maxLength:"256" writeOnly:"true"`
	}
	address string
}

// Resolve keeps the address that the attempt is counted under.
func (in *loginInput) Resolve(ctx huma.Context) []error {
	in.address = ctx.RemoteAddr()
	if host, _, err := net.SplitHostPort(in.address); err == nil {
		in.address = host
	}
	return nil
}

type principalOutput struct{ Body auth.Principal }

func (s *server) registerLogin() {
	register(s, tagged(huma.Operation{
		OperationID: "login", Summary: "Log in: starts a session and sets its cookie", Method: http.MethodPost, Path: "auth/login",
	}, "auth"), public, func(ctx context.Context, in *loginInput) (*principalOutput, error) {
		who, err := s.Admins.Login(ctx, in.Body.Username, in.Body.Password, in.address)
		if err != nil {
			return nil, err
		}
		s.Log.InfoContext(ctx, "User logged in", "user", who.Name, "address", in.address)
		return &principalOutput{who}, nil
	})
	register(s, tagged(huma.Operation{
		OperationID: "logout", Summary: "Log out: ends the session", Method: http.MethodPost, Path: "auth/logout",
	}, "auth"), public, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		return nil, s.Admins.Logout(ctx)
	})
	register(s, tagged(huma.Operation{
		OperationID: "me", Summary: "Who makes this request", Method: http.MethodGet, Path: "auth/me",
	}, "auth"), account.Viewer, func(ctx context.Context, _ *struct{}) (*principalOutput, error) {
		return &principalOutput{principalOf(ctx)}, nil
	})
}
