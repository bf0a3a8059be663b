package adminapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
)

// newKey is an API key as it is shown once.
type newKey struct {
	account.APIKey
	Text string `json:"key" doc:"the key; it is not shown again"`
}

type newKeyOutput struct {
	ETag string `header:"ETag" doc:"for If-Match"`
	Body newKey
}

func (s *server) registerAccounts() {
	resource[account.User]{
		path: "users", one: "user", table: s.Store.Users, fresh: account.NewUser,
		role: account.Admin, extra: s.password, schema: passwordSchema,
		guard: func(_ auth.Principal, _, row *account.User) error {
			if row.PasswordHash == "" {
				return fleet.FieldErrors{{Field: "password", Message: "is required for a new user"}}
			}
			return nil
		},
	}.register(s)

	keys := resource[account.APIKey]{
		path: "api-keys", one: "api-key", table: s.Store.APIKeys, fresh: account.NewAPIKey,
		role: account.Admin, readOnly: []string{"prefix", "last_used_at"},
		guard: func(_ auth.Principal, _, row *account.APIKey) error { return s.checkScopes(row.Scopes) },
	}
	keys.registerReads(s)
	register(s, keys.withBody(s, huma.Operation{
		OperationID: "create-api-key", Summary: "Make a new API key", Method: http.MethodPost, Path: keys.path,
		DefaultStatus: http.StatusCreated,
	}), account.Admin, func(ctx context.Context, in *createInput) (*newKeyOutput, error) {
		secret := auth.NewSecret(auth.APIKeyPrefix)
		keys := keys
		keys.extra = func(context.Context, json.RawMessage) (func(*account.APIKey), error) {
			return func(k *account.APIKey) { k.Prefix, k.Hash, k.LastUsedAt = secret.Prefix, secret.Hash, nil }, nil
		}
		row, err := keys.create(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return &newKeyOutput{etag(row.Revision), newKey{*row, secret.Text}}, nil
	})
	keys.registerChanges(s)
}

// password hashes the password in a user's body, if it has one.
func (s *server) password(ctx context.Context, body json.RawMessage) (func(*account.User), error) {
	var in struct{ Password *string }
	if err := json.Unmarshal(body, &in); err != nil || in.Password == nil {
		return func(*account.User) {}, err
	}
	if err := account.CheckPassword(*in.Password); err != nil {
		return nil, err
	}
	hash, err := s.Passwords.Hash(ctx, *in.Password)
	return func(u *account.User) { u.PasswordHash = hash }, err
}

func passwordSchema(schema *huma.Schema) {
	shortest, longest := account.MinPassword, account.MaxPassword
	schema.Properties["password"] = &huma.Schema{
		Type: huma.TypeString, WriteOnly: true, MinLength: &shortest, MaxLength: &longest,
		Description: "required for a new user; absent, it stays",
	}
}
