package adminapi

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/store"
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
	in.address = hostOf(ctx.RemoteAddr())
	return nil
}

// hostOf returns the address without the port.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

type principalOutput struct{ Body auth.Principal }

func (s *server) registerLogin() {
	register(s, tagged(huma.Operation{
		OperationID: "login", Summary: "Log in: starts a session and sets its cookie", Method: http.MethodPost, Path: "auth/login",
		Errors: []int{http.StatusUnauthorized, http.StatusTooManyRequests},
	}, "auth"), public, func(ctx context.Context, in *loginInput) (*principalOutput, error) {
		who, err := s.Admins.Login(ctx, in.Body.Username, in.Body.Password, in.address)
		if errors.Is(err, auth.ErrLogin) {
			ctx = store.WithActor(ctx, store.Actor{Name: in.Body.Username, Address: in.address})
			err = errors.Join(err, s.Store.Audit(ctx, "login-failed", "auth", 0, nil, nil))
		}
		if err != nil {
			return nil, err
		}
		ctx = store.WithActor(ctx, store.Actor{Name: who.Name, UserID: who.UserID, Address: in.address})
		if err := s.Store.Audit(ctx, "login", "auth", 0, nil, nil); err != nil {
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
