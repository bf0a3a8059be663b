package store

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

func open(t *testing.T) *Store {
	t.Helper()
	return openURL(t, "sqlite://"+filepath.Join(t.TempDir(), "sub dir", "m?ster.db"))
}

// onBoth runs a test on an empty database of each kind.
func onBoth(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Run("sqlite", func(t *testing.T) { test(t, open(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, openURL(t, testbed.Postgres(t))) })
}

func openURL(t *testing.T, databaseURL string) *Store {
	t.Helper()
	s, err := Open(t.Context(), databaseURL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newServer(name string) *fleet.Server {
	server := fleet.NewServer()
	server.Name, server.ServiceType, server.Host = name, api.Emby, "203.0.113.10"
	server.ServerName = name + ".example.com"
	server.Upstream = fleet.Upstream{{Address: "203.0.113.10:8096", Weight: 1}, {Address: "203.0.113.11:8096", Weight: 3}}
	return &server
}

func TestRowRoundTrip(t *testing.T) { onBoth(t, testRowRoundTrip) }

func testRowRoundTrip(t *testing.T, s *Store) {
	server := newServer("a")
	if err := s.Servers.Create(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	got, err := s.Servers.Get(t.Context(), server.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Upstream[1] != server.Upstream[1] || !got.CreatedAt.Equal(server.CreatedAt) || got.CreatedAt.Format(time.RFC3339Nano) != server.CreatedAt.Format(time.RFC3339Nano) || got.Revision != 1 {
		t.Errorf("stored %+v, read %+v", server, got)
	}

	until := time.Now().Add(time.Hour)
	ban := &library.Enforcement{Enforcement: api.Enforcement{
		Dimension: "ip", DimensionValue: "192.0.2.1", Action: "reject", EffectiveUntil: &until,
	}, Enabled: true}
	past := until.Add(-2 * time.Hour)
	over := &library.Enforcement{Enforcement: api.Enforcement{
		Dimension: "ip", DimensionValue: "192.0.2.2", Action: "reject", EffectiveUntil: &past,
	}, Enabled: true}
	rule := new(library.NewRateLimitRule())
	rule.RatePerSecond = 5
	off := new(library.NewRateLimitRule())
	off.RatePerSecond, off.Enabled = 5, false
	for _, err := range []error{
		s.Enforcements.Create(t.Context(), over), s.Enforcements.Create(t.Context(), ban),
		s.RateLimitRules.Create(t.Context(), off), s.RateLimitRules.Create(t.Context(), rule),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	limits, err := s.RateLimits(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(limits.Rules) != 1 || limits.Rules[0].ID != rule.ID || limits.Rules[0].RatePerSecond != 5 {
		t.Errorf("rules %+v, want only the enabled one with its id", limits.Rules)
	}
	if len(limits.Enforcements) != 1 || limits.Enforcements[0].DimensionValue != "192.0.2.1" {
		t.Errorf("enforcements %+v, want only the one in effect", limits.Enforcements)
	}
}

func TestUpdateGuardsRevision(t *testing.T) { onBoth(t, testUpdateGuardsRevision) }

func testUpdateGuardsRevision(t *testing.T, s *Store) {
	server := newServer("a")
	if err := s.Servers.Create(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	rename := func(name string) func(*fleet.Server) error {
		return func(r *fleet.Server) error {
			r.Name, r.ID, r.Revision = name, 99, 99
			return nil
		}
	}
	got, err := s.Servers.Update(t.Context(), server.ID, 1, rename("b"))
	if err != nil || got.Name != "b" || got.ID != server.ID || got.Revision != 2 {
		t.Fatalf("updated to %+v, %v", got, err)
	}
	if _, err := s.Servers.Update(t.Context(), server.ID, 1, rename("c")); !errors.Is(err, ErrStale) {
		t.Errorf("an update of revision 1 gives %v, want ErrStale", err)
	}
	if _, err := s.Servers.Update(t.Context(), server.ID, 0, rename("c")); err != nil {
		t.Errorf("an unguarded update gives %v", err)
	}
	if err := s.Servers.Delete(t.Context(), server.ID, 1); !errors.Is(err, ErrStale) {
		t.Errorf("deleting revision 1 gives %v, want ErrStale", err)
	}
	if _, err := s.Servers.Update(t.Context(), 12345, 0, rename("c")); !errors.Is(err, ErrNotFound) {
		t.Errorf("an update of nothing gives %v, want ErrNotFound", err)
	}
}

func TestListPages(t *testing.T) { onBoth(t, testListPages) }

func testListPages(t *testing.T, s *Store) {
	for _, name := range []string{"one", "two", "three", "100%"} {
		server := newServer(strings.ReplaceAll(name, "%", "p"))
		server.Name, server.Enabled = name, name != "two"
		if err := s.Servers.Create(t.Context(), server); err != nil {
			t.Fatal(err)
		}
	}
	list := func(q Query) (names []string, next string) {
		t.Helper()
		page, err := s.Servers.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Items {
			names = append(names, r.Name)
		}
		return names, page.Next
	}
	first, next := list(Query{Limit: 2})
	second, end := list(Query{Limit: 2, Cursor: next})
	if got := strings.Join(append(first, second...), " "); got != "one two three 100%" || end != "" {
		t.Errorf("pages hold %q and end in %q", got, end)
	}
	if got, _ := list(Query{Q: "TW"}); strings.Join(got, " ") != "two" {
		t.Errorf("q=TW finds %q", got)
	}
	if got, _ := list(Query{Q: "\x00"}); len(got) != 0 {
		t.Errorf("q=NUL finds %q", got)
	}
	if got, _ := list(Query{Q: "%"}); strings.Join(got, " ") != "100%" {
		t.Errorf("q=%% finds %q", got)
	}
	if got, _ := list(Query{Where: map[string]string{"enabled": "false", "host": "203.0.113.10"}}); strings.Join(got, " ") != "two" {
		t.Errorf("enabled=false finds %q", got)
	}
	for _, q := range []Query{
		{Cursor: "x"}, {Where: map[string]string{"profile_id": "one"}}, {Where: map[string]string{"enabled": "perhaps"}}, {Where: map[string]string{"nothing": "1"}},
	} {
		if _, err := s.Servers.List(t.Context(), q); err == nil {
			t.Errorf("%+v is accepted", q)
		} else if _, ok := errors.AsType[*QueryError](err); !ok {
			t.Errorf("%+v gives %v, want a QueryError", q, err)
		}
	}
}

func TestConstraints(t *testing.T) { onBoth(t, testConstraints) }

func testConstraints(t *testing.T, s *Store) {
	if err := s.Servers.Create(t.Context(), newServer("a")); err != nil {
		t.Fatal(err)
	}
	err := s.Servers.Create(t.Context(), newServer("a"))
	if conflict, ok := errors.AsType[*ConflictError](err); !ok || conflict.Field != "server_name" {
		t.Errorf("a second server of that name gives %v, want a conflict of server_name", err)
	}

	profiles, err := s.Profiles.List(t.Context(), Query{})
	if err != nil || len(profiles.Items) != 2 || !profiles.Items[0].IsDefault {
		t.Fatalf("profiles at the start are %+v, %v; want a default one each", profiles.Items, err)
	}
	if err := s.Profiles.Delete(t.Context(), profiles.Items[0].ID, 0); !errors.Is(err, ErrInUse) {
		t.Errorf("deleting a default profile gives %v, want ErrInUse", err)
	}
	jellyfin := profiles.Items[1].ID
	server := newServer("b")
	server.ProfileID = &jellyfin
	if err := s.Servers.Create(t.Context(), server); err == nil || !strings.Contains(err.Error(), "profile_id") {
		t.Errorf("an Emby server with a Jellyfin profile gives %v, want an error naming profile_id", err)
	}
	player := new(library.NewPlayer())
	player.ClientName = "Infuse"
	own := new(library.NewProfile())
	own.Name, own.ServiceType, own.PlayerIDs = "own", api.Emby, []int64{1}
	if err := s.Profiles.Create(t.Context(), own); err == nil || !strings.Contains(err.Error(), "player_ids") {
		t.Errorf("a profile with an unknown player gives %v, want an error naming player_ids", err)
	}
	if err := s.Players.Create(t.Context(), player); err != nil {
		t.Fatal(err)
	}
	if err := s.Profiles.Create(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	if err := s.Players.Delete(t.Context(), player.ID, 0); !errors.Is(err, ErrInUse) {
		t.Errorf("deleting a selected player gives %v, want ErrInUse", err)
	}
}

func TestLastAdminStays(t *testing.T) { onBoth(t, testLastAdminStays) }

func testLastAdminStays(t *testing.T, s *Store) {
	if isNew, err := s.PutUser(t.Context(), "root", account.Admin, "hash"); err != nil || !isNew {
		t.Fatalf("first user: new %v, %v", isNew, err)
	}
	if isNew, err := s.PutUser(t.Context(), "root", account.Admin, "other"); err != nil || isNew {
		t.Fatalf("reset of the user: new %v, %v", isNew, err)
	}
	user, err := s.UserByName(t.Context(), "root")
	if err != nil || user.PasswordHash != "other" {
		t.Fatalf("read %+v, %v", user, err)
	}
	if err := s.Users.Delete(t.Context(), user.ID, 0); !errors.Is(err, ErrInUse) {
		t.Errorf("deleting the last admin gives %v, want ErrInUse", err)
	}
	_, err = s.Users.Update(t.Context(), user.ID, 0, func(u *account.User) error {
		u.Role = account.Viewer
		return nil
	})
	if !errors.Is(err, ErrInUse) {
		t.Errorf("demoting the last admin gives %v, want ErrInUse", err)
	}
}

func TestRotateToken(t *testing.T) { onBoth(t, testRotateToken) }

func testRotateToken(t *testing.T, s *Store) {
	server := newServer("a")
	if err := s.Servers.Create(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	old := &fleet.Token{ServerID: server.ID, Name: "slave", Prefix: "uhd_a", Hash: "old", Scopes: []string{"media_slave:1"}}
	if err := s.Tokens.Create(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	until := now().Add(time.Hour)
	next := &fleet.Token{Prefix: "uhd_b", Hash: "new"}
	if err := s.RotateToken(t.Context(), server.ID, old.ID, until, next); err != nil {
		t.Fatal(err)
	}
	for hash, expires := range map[string]*time.Time{"old": &until, "new": nil} {
		id, err := s.SlaveByToken(t.Context(), hash)
		if err != nil {
			t.Fatal(err)
		}
		if id.ServerID != server.ID || id.Scopes[0] != "media_slave:1" || (expires == nil) != (id.ExpiresAt == nil) ||
			expires != nil && !id.ExpiresAt.Equal(*expires) {
			t.Errorf("the %s token stands for %+v", hash, id)
		}
	}
	if err := s.RevokeToken(t.Context(), server.ID, old.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.RotateToken(t.Context(), server.ID, old.ID, until, &fleet.Token{Hash: "x"}); !errors.Is(err, ErrEnded) {
		t.Errorf("rotating a revoked token gives %v, want ErrEnded", err)
	}
	if err := s.RevokeToken(t.Context(), server.ID+1, next.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("revoking through another server gives %v, want ErrNotFound", err)
	}
	if _, err := s.SlaveByToken(t.Context(), "nothing"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown token gives %v, want ErrNotFound", err)
	}
}

func TestSessions(t *testing.T) { onBoth(t, testSessions) }

func testSessions(t *testing.T, s *Store) {
	ss := s.Sessions()
	for token, life := range map[string]time.Duration{"live": time.Hour, "dead": -time.Hour} {
		for range 2 { // the second commit replaces
			if err := ss.CommitCtx(t.Context(), token, []byte{0, 1, 255}, time.Now().Add(life)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if data, found, err := ss.FindCtx(t.Context(), "live"); err != nil || !found || string(data) != "\x00\x01\xff" {
		t.Errorf("found %v %q, %v", found, data, err)
	}
	if _, found, err := ss.FindCtx(t.Context(), "dead"); err != nil || found {
		t.Errorf("an expired session is found (%v)", err)
	}
	if err := ss.DeleteExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := ss.s.db.NewSelect().Model((*session)(nil)).Count(t.Context()); err != nil || n != 1 {
		t.Errorf("%d sessions are left, %v; want 1", n, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, url := range []string{"postgres://user:secret@h:port/master", "mysql://user:secret@h/master", "sqlite://", "master.db", "sqlite:///proc/nothing/master.db"} {
		_, err := Open(t.Context(), url, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
			t.Errorf("%s gives %v, want an error naming DATABASE_URL", url, err)
		} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s gives %q, which tells the password or has several lines", url, err)
		}
	}
}

// TestWritersTakeTurns: no write is lost and none fails because another is at work, while readers read.
func TestWritersTakeTurns(t *testing.T) { onBoth(t, testWritersTakeTurns) }

func testWritersTakeTurns(t *testing.T, s *Store) {
	server := newServer("a")
	if err := s.Servers.Create(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	const writers, writes = 8, 20
	var group errgroup.Group
	for range writers {
		group.Go(func() error {
			for range writes {
				_, err := s.Servers.Update(t.Context(), server.ID, 0, func(r *fleet.Server) error {
					r.ListenHTTP++
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		group.Go(func() error {
			for range writes {
				if _, err := s.Servers.List(t.Context(), Query{}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	got, err := s.Servers.Get(t.Context(), server.ID)
	if err != nil || got.ListenHTTP != 80+writers*writes || got.Revision != 1+writers*writes {
		t.Errorf("port %d, revision %d, %v after %d writes", got.ListenHTTP, got.Revision, err, writers*writes)
	}
}
