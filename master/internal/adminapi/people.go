package adminapi

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

type passwordInput struct {
	Body struct {
		Current  string `json:"current" required:"true" maxLength:"256" writeOnly:"true"`
		Password string `json:"password" required:"true" minLength:"8" maxLength:"256" writeOnly:"true" doc:"the new one"`
	}
	address string
}

// Resolve keeps the address that the attempt is counted under.
func (in *passwordInput) Resolve(ctx huma.Context) []error {
	in.address = hostOf(ctx.RemoteAddr())
	return nil
}

// auditInput selects entries, also by when they were made.
type auditInput struct {
	ListInput
	From time.Time `query:"from" doc:"only entries from this moment on"`
	To   time.Time `query:"to" doc:"only entries of before this moment"`
}

func (in *auditInput) query() store.Query {
	q := in.ListInput.query()
	q.From, q.To = in.From, in.To
	delete(q.Where, "from")
	delete(q.Where, "to")
	return q
}

// registerPeople adds what users do about their own logins, and admins about those of others.
func (s *server) registerPeople() {
	register(s, tagged(huma.Operation{
		OperationID: "change-password", Summary: "Change your password",
		Description: "All your other sessions end. Needs a session: an API key has no password.",
		Method:      http.MethodPost, Path: "auth/password", Errors: []int{http.StatusTooManyRequests},
	}, "auth"), account.Viewer, func(ctx context.Context, in *passwordInput) (*struct{}, error) {
		who, err := userOf(ctx)
		if err != nil {
			return nil, err
		}
		return nil, s.Admins.ChangePassword(ctx, who, in.Body.Current, in.Body.Password, in.address)
	})
	register(s, tagged(huma.Operation{
		OperationID: "end-own-sessions", Summary: "Log out everywhere: ends all your sessions, this one too",
		Method: http.MethodPost, Path: "auth/end-sessions",
	}, "auth"), account.Viewer, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		who, err := userOf(ctx)
		if err != nil {
			return nil, err
		}
		return nil, s.Admins.EndSessions(ctx, who.UserID)
	})
	register(s, tagged(huma.Operation{
		OperationID: "end-sessions", Summary: "End all sessions of a user", Method: http.MethodPost, Path: "users/{id}/end-sessions",
	}, "users"), account.Admin, func(ctx context.Context, in *idInput) (*struct{}, error) {
		return nil, s.Admins.EndSessions(ctx, in.ID)
	})
	list := listOf("audit", store.AuditFilters)
	list.Summary = "List who did what, from where, with what there was before and after; the newest first"
	list.Description = "Secrets are not in it; hidden names those that changed. q looks in actors and in rows before and after. Entries are kept for good."
	register(s, list, account.Admin, func(ctx context.Context, in *auditInput) (*pageOutput[store.AuditEntry], error) {
		page, err := s.Store.AuditLog(ctx, in.query())
		return &pageOutput[store.AuditEntry]{page}, err
	})
}

// userOf returns the user who makes the request.
func userOf(ctx context.Context) (auth.Principal, error) {
	who := principalOf(ctx)
	if who.UserID == 0 {
		return who, &forbidden{"this takes a user's session: an API key has none"}
	}
	return who, nil
}

// checkScopes refuses scopes that would let nothing through: a typing mistake.
func (s *server) checkScopes(scopes []string) error {
	var errs fleet.FieldErrors
	known := append(slices.Collect(maps.Keys(usedTags(s.api.OpenAPI()))), "*")
	slices.Sort(known)
	for _, scope := range scopes {
		if name := strings.TrimSuffix(scope, account.ReadSuffix); !slices.Contains(known, name) {
			errs.Add("scopes", scope+" is none: it takes "+strings.Join(known, ", ")+", each also with :read")
		}
	}
	return errs.ErrorOrNil()
}
