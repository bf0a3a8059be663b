package adminapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/configfile"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// roleKey is where an operation's metadata holds the role that it needs.
const roleKey = "role"

// public is the role of operations that need no login.
const public account.Role = "public"

type principalKey struct{}

// principalOf returns who makes the request; admit has put it there.
func principalOf(ctx context.Context) auth.Principal {
	p, _ := ctx.Value(principalKey{}).(auth.Principal)
	return p
}

// admit lets a request through to its operation when who makes it has the role. It runs before the body
// is read.
func (s *server) admit(ctx huma.Context, next func(huma.Context)) {
	needed, ok := ctx.Operation().Metadata[roleKey].(account.Role)
	if !ok {
		needed = account.Admin
	}
	if needed == public {
		next(ctx)
		return
	}
	who, err := s.Admins.Authenticate(ctx.Context(), ctx.Header("Authorization"))
	resource := strings.Join(ctx.Operation().Tags, "")
	switch write := ctx.Method() != http.MethodGet; {
	case err != nil:
	case !who.Role.May(needed):
		err = &forbidden{fmt.Sprintf("%s is %s; this takes %s", who.Name, who.Role, needed)}
	case !who.May(resource, write):
		scope := resource
		if !write {
			scope += account.ReadSuffix
		}
		err = &forbidden{fmt.Sprintf("the API key %s has the scopes %s; this takes %s", who.Name, strings.Join(who.Scopes, ", "), scope)}
	}
	if err == nil {
		actor := store.Actor{Name: who.Name, UserID: who.UserID, KeyID: who.KeyID, Address: hostOf(ctx.RemoteAddr())}
		next(huma.WithContext(ctx, store.WithActor(context.WithValue(ctx.Context(), principalKey{}, who), actor)))
		return
	}
	problem := s.problem(ctx.Context(), err)
	if problem.GetStatus() == http.StatusUnauthorized {
		ctx.SetHeader("WWW-Authenticate", `Bearer realm="uhd-master"`)
	}
	_ = huma.WriteErr(s.api, ctx, problem.GetStatus(), problem.Error()) // the client is gone
}

// forbidden says which right is missing.
type forbidden struct{ detail string }

func (e *forbidden) Error() string { return e.detail }
func (*forbidden) Unwrap() error   { return api.ErrForbidden }

// guardCustomNginx leaves raw nginx to admins.
func guardCustomNginx(who auth.Principal, old, row *fleet.Server) error {
	if row.CustomNginx == old.CustomNginx || who.Role.May(account.Admin) {
		return nil
	}
	return &forbidden{"custom_nginx takes the role admin: it is written into the slave's nginx files as it is"}
}

// guardDraft is guardCustomLua for a draft, and keeps API keys to their scopes whatever a draft may change.
func guardDraft(who auth.Principal, changes []configfile.RowChange) error {
	for _, c := range changes {
		raw := slices.ContainsFunc(c.Fields, func(f configfile.FieldChange) bool { return f.Name == "custom_lua" })
		if raw && !who.Role.May(account.Admin) {
			return &forbidden{fmt.Sprintf("the draft changes custom_lua of %s, which takes the role admin: leave it as it is, or let an admin apply the draft", c.Row)}
		}
	}
	resources := []string{"snapshots"}
	for _, c := range changes {
		resources = append(resources, c.Kind)
	}
	for _, resource := range resources {
		if !who.May(resource, true) {
			return &forbidden{fmt.Sprintf("the API key %s has the scopes %s; applying this draft takes %s, too", who.Name, strings.Join(who.Scopes, ", "), resource)}
		}
	}
	return nil
}

// guardCustomLua leaves raw Lua to admins.
func guardCustomLua(who auth.Principal, old, row *library.Profile) error {
	if row.CustomLua == old.CustomLua || who.Role.May(account.Admin) {
		return nil
	}
	return &forbidden{"custom_lua takes the role admin: the slave runs it as it is"}
}
