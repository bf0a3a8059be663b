package mediaserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Question is a token whose user is wanted, and the device that its request states.
type Question struct {
	Token    string // plain; kept nowhere
	DeviceID string
	Client   string
	Since    time.Time // as UserOf returned it for the same token before; zero for the first question
}

// User is whose a token is.
type User struct {
	ID string
	// Stated is true where the server was asked by the device that the request states, which Emby leaves no
	// other way to: it may change, and is to be asked about again before long.
	Stated bool
}

// UserOf asks the media server of a scope. Jellyfin is asked with the token itself and knows.
//
// Emby has no such call. Its sessions say which user was last seen on a device, and the device is what the
// request states, so a request could borrow the user of another's device. Two things bound that: the sessions
// must name one user only for this device and client, and Emby must have seen the device after the question
// first came up (ErrNotYet until then; the time that is returned is Since of the next question): with each request it puts the
// session down to the user of that request's own token.
func (d *Directory) UserOf(ctx context.Context, scope string, q Question) (User, time.Time, error) {
	s := d.of(scope)
	if s == nil || !isToken(q.Token) {
		return User{}, q.Since, ErrUnknown
	}
	jellyfin, err := s.isJellyfin(ctx)
	if err != nil {
		return User{}, q.Since, err
	}
	if jellyfin {
		user, err := s.me(ctx, q.Token)
		return user, q.Since, err
	}
	return s.onDevice(ctx, q)
}

// isToken reports whether a header can carry text; the servers' own tokens are 32 hexadecimal digits.
func isToken(text string) bool {
	return text != "" && len(text) <= 1024 && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// me is Jellyfin's: 401 for a token that is not valid, 400 for one that is no user's.
func (s *server) me(ctx context.Context, token string) (User, error) {
	a, err := s.ask(ctx, "me", http.MethodGet, "/Users/Me", token)
	if err != nil {
		return User{}, err
	}
	var user struct {
		ID string `json:"Id"`
	}
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusBadRequest, a.status == http.StatusForbidden:
		return User{}, ErrUnknown
	case a.status != http.StatusOK || json.Unmarshal(a.body, &user) != nil || user.ID == "":
		return User{}, fmt.Errorf("GET /Users/Me: status %d without a user", a.status)
	}
	return User{ID: user.ID}, nil
}

// onDevice is Emby's, and needs the key.
func (s *server) onDevice(ctx context.Context, q Question) (User, time.Time, error) {
	if s.address.Key == "" || q.DeviceID == "" || q.Client == "" {
		return User{}, q.Since, ErrUnknown
	}
	sessions, date, err := s.sessions(ctx, q.DeviceID)
	if err != nil {
		return User{}, q.Since, err
	}
	if q.Since.IsZero() {
		// The server's clock has whole seconds here: what it saw in this one may have been before.
		return User{}, date.Add(time.Second), ErrNotYet
	}
	user, seen := "", time.Time{}
	for _, session := range sessions {
		if !strings.EqualFold(session.Client, q.Client) {
			continue
		}
		if user != "" && session.UserID != user {
			return User{}, q.Since, ErrUnknown
		}
		user, seen = session.UserID, session.LastActivityDate
	}
	switch {
	case user == "":
		return User{}, q.Since, ErrUnknown
	case !seen.After(q.Since):
		return User{}, q.Since, ErrNotYet
	}
	return User{ID: user, Stated: true}, date.Add(time.Second), nil
}

// session is one of the list that both servers answer with.
type session struct {
	ID               string `json:"Id"`
	UserID           string `json:"UserId"`
	DeviceID         string `json:"DeviceId"`
	PlaySessionID    string `json:"PlaySessionId"` // Emby's newer versions
	Client           string
	LastActivityDate time.Time
	NowPlayingItem   *struct {
		ID string `json:"Id"`
	}
}

// sessions returns those of a device, and the server's time.
func (s *server) sessions(ctx context.Context, deviceID string) ([]session, time.Time, error) {
	a, err := s.ask(ctx, "sessions", http.MethodGet, "/Sessions?"+url.Values{"DeviceId": {deviceID}}.Encode(), s.address.Key)
	if err != nil {
		return nil, a.date, err
	}
	if err := s.keyAnswered(a.status); err != nil {
		return nil, a.date, err
	}
	var all, of []session
	if a.status != http.StatusOK || json.Unmarshal(a.body, &all) != nil {
		return nil, a.date, fmt.Errorf("GET /Sessions: status %d without a list", a.status)
	}
	for _, each := range all { // a server that does not know the filter answers with all
		if each.DeviceID == deviceID {
			of = append(of, each)
		}
	}
	return of, a.date, nil
}
