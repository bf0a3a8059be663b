package auth

import "context"

// Again is Authenticate for a request that lasts: it goes by what the session is by now, not by what it was when the
// request came.
func (a *Admins) Again(ctx context.Context, authorization string) (Principal, error) {
	if authorization != "" {
		return a.Authenticate(ctx, authorization)
	}
	now, err := a.sessions.Load(without{ctx}, a.sessions.Token(ctx))
	if err != nil {
		return Principal{}, err
	}
	return a.Authenticate(now, "")
}

// without is a context without its values: the session that the request came with is among them.
type without struct{ context.Context }

func (without) Value(any) any { return nil }
