package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

func openStore(t *testing.T) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "master.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func addServer(t *testing.T, st *store.Store, name string) *fleet.Server {
	t.Helper()
	server := fleet.NewServer()
	server.Name, server.ServiceType, server.Host, server.ServerName = name, api.Emby, "203.0.113.10", name+".example.com"
	server.Upstream = fleet.Upstream{{Address: "203.0.113.10:8096", Weight: 1}}
	if err := st.Servers.Create(t.Context(), &server); err != nil {
		t.Fatal(err)
	}
	return &server
}

func addToken(t *testing.T, st *store.Store, token fleet.Token) (text string, id int64) {
	t.Helper()
	secret := NewSecret(SlaveTokenPrefix)
	token.Name, token.Prefix, token.Hash = "slave", secret.Prefix, secret.Hash
	if err := st.Tokens.Create(t.Context(), &token); err != nil {
		t.Fatal(err)
	}
	return secret.Text, token.ID
}

func request(authorization string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/api/v1/media-slave/config/version", http.NoBody)
	r.Header.Set("Authorization", authorization)
	return r
}

func scope(id int64) []string { return []string{fmt.Sprintf("media_slave:%d", id)} }

func TestAuthenticateSlave(t *testing.T) {
	st := openStore(t)
	server, disabled := addServer(t, st, "a"), addServer(t, st, "b")
	_, err := st.Servers.Update(t.Context(), disabled.ID, 0, func(s *fleet.Server) error {
		s.Enabled = false
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Minute)
	good, _ := addToken(t, st, fleet.Token{ServerID: server.ID, Scopes: scope(server.ID)})
	wide, _ := addToken(t, st, fleet.Token{ServerID: server.ID, Scopes: []string{"media_slave"}})
	expired, _ := addToken(t, st, fleet.Token{ServerID: server.ID, Scopes: scope(server.ID), ExpiresAt: &past})
	revoked, _ := addToken(t, st, fleet.Token{ServerID: server.ID, Scopes: scope(server.ID), RevokedAt: &past})
	other, _ := addToken(t, st, fleet.Token{ServerID: server.ID, Scopes: scope(server.ID + 1)})
	off, _ := addToken(t, st, fleet.Token{ServerID: disabled.ID, Scopes: scope(disabled.ID)})

	slaves := NewSlaves(st, slog.New(slog.DiscardHandler))
	for range 2 { // from the database, then from memory
		for _, c := range []struct {
			authorization, scheme string
			want                  error
		}{
			{"Bearer " + good, SchemeBearer, nil},
			{"bearer  " + good, SchemeBearer, nil},
			{"App " + good, SchemeApp, nil},
			{"Bearer " + wide, SchemeBearer, nil},
			{"", SchemeBearer, api.ErrUnauthorized},
			{"Basic dXNlcg==", SchemeBearer, api.ErrUnauthorized},
			{"Bearer uhd_UNKNOWN", SchemeBearer, api.ErrUnauthorized},
			{"App nonsense", SchemeApp, api.ErrUnauthorized},
			{"Bearer " + expired, SchemeBearer, api.ErrUnauthorized},
			{"App " + revoked, SchemeApp, api.ErrUnauthorized},
			{"Bearer " + other, SchemeBearer, api.ErrForbidden},
			{"Bearer " + off, SchemeBearer, api.ErrForbidden},
		} {
			slave, err := slaves.Authenticate(request(c.authorization))
			if slave.Scheme != c.scheme || !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
				t.Errorf("%q: scheme %s, %v; want %s, %v", c.authorization, slave.Scheme, err, c.scheme, c.want)
			}
			if c.want == nil && slave.Group != (fleet.Group{Host: "203.0.113.10", ServiceType: api.Emby}) {
				t.Errorf("%q stands for %+v", c.authorization, slave)
			}
		}
	}
}

// TestSlavesAnswersFromMemory: writes are seen after Invalidate, and not asked for before.
func TestSlavesAnswersFromMemory(t *testing.T) {
	st := openStore(t)
	server := addServer(t, st, "a")
	text, id := addToken(t, st, fleet.Token{ServerID: server.ID, Scopes: scope(server.ID)})
	slaves := NewSlaves(st, slog.New(slog.DiscardHandler))
	authenticate := func() error {
		_, err := slaves.Authenticate(request("Bearer " + text))
		return err
	}
	if err := authenticate(); err != nil {
		t.Fatal(err)
	}
	if err := st.RevokeToken(t.Context(), server.ID, id); err != nil {
		t.Fatal(err)
	}
	if err := authenticate(); err != nil {
		t.Errorf("the database was asked again: %v", err)
	}
	slaves.Invalidate()
	if err := authenticate(); !errors.Is(err, api.ErrUnauthorized) {
		t.Errorf("a revoked token gives %v", err)
	}
}

func TestSlavesWriteLastUse(t *testing.T) {
	st := openStore(t)
	server := addServer(t, st, "a")
	text, id := addToken(t, st, fleet.Token{ServerID: server.ID, Scopes: scope(server.ID)})
	slaves := NewSlaves(st, slog.New(slog.DiscardHandler))
	used := time.Now().UTC().Truncate(time.Microsecond)
	slaves.now = func() time.Time { return used }
	if _, err := slaves.Authenticate(request("Bearer " + text)); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := slaves.Run(ended); err != nil {
		t.Fatal(err)
	}
	token, err := st.Tokens.Get(t.Context(), id)
	if err != nil || token.LastUsedAt == nil || !token.LastUsedAt.Equal(used) {
		t.Errorf("last use is %v, %v; want %v", token.LastUsedAt, err, used)
	}
}
