package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// keyTouch is how often an API key's last use is written, at most.
const keyTouch = time.Minute

// byKey returns whose API key the Authorization header holds.
func (a *Admins) byKey(ctx context.Context, authorization string) (Principal, error) {
	scheme, text, _ := strings.Cut(authorization, " ")
	text = strings.TrimSpace(text)
	if !strings.EqualFold(scheme, SchemeBearer) || !strings.HasPrefix(text, APIKeyPrefix) {
		return Principal{}, errUnknown
	}
	key, err := a.store.APIKeyByHash(ctx, hashSecret(text))
	if errors.Is(err, store.ErrNotFound) {
		return Principal{}, errUnknown
	}
	if err != nil {
		return Principal{}, fmt.Errorf("look up API key: %w", err)
	}
	now := a.now()
	if !key.Enabled || key.ExpiresAt != nil && !key.ExpiresAt.After(now) {
		return Principal{}, errUnknown
	}
	if key.LastUsedAt == nil || now.Sub(*key.LastUsedAt) > keyTouch {
		if err := a.store.TouchAPIKey(ctx, key.ID, now); err != nil {
			a.log.Warn("Last use of API key not written", "key", key.Name, "error", err)
		}
	}
	return Principal{Name: key.Name, Role: key.Role, KeyID: key.ID, Scopes: key.Scopes}, nil
}
