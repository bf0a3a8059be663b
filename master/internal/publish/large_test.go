package publish_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

const manyRules = 5000

// openLarge returns a publisher over a SQLite file with one server and a library of manyRules rules, all of
// which its profile selects, too.
func openLarge(tb testing.TB) (*publish.Publisher, *publish.Board) {
	tb.Helper()
	s, err := store.Open(tb.Context(), "sqlite://"+filepath.Join(tb.TempDir(), "master.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	err = s.Atomically(tb.Context(), func(ctx context.Context) error {
		profile := library.NewProfile()
		profile.Name, profile.ServiceType = "strict", api.Emby
		for i := range manyRules {
			r := library.NewURIRule()
			r.Name, r.Action, r.MatchType, r.Pattern = "r", library.ActionBlock, api.MatchRegex, fmt.Sprintf("^/items/%d/(download|file)", i)
			if err := s.URIRules.Create(ctx, &r); err != nil {
				return err
			}
			profile.URIRuleIDs = append(profile.URIRuleIDs, r.ID)
		}
		if err := s.Profiles.Create(ctx, &profile); err != nil {
			return err
		}
		v := fleet.NewServer()
		v.Name, v.ServiceType, v.Host, v.ServerName, v.ProfileID = "large", api.Emby, "h", "large.example.com", &profile.ID
		v.Upstream = fleet.Upstream{{Address: "203.0.113.10:8096", Weight: 1}}
		return s.Servers.Create(ctx, &v)
	})
	if err != nil {
		tb.Fatal(err)
	}
	board, err := publish.LoadBoard(tb.Context(), s)
	if err != nil {
		tb.Fatal(err)
	}
	return publish.New(publish.Config{Store: s, Board: board, Log: slog.New(slog.DiscardHandler)}), board
}

// TestLargeLibrary: a library of 5,000 rules is published whole.
func TestLargeLibrary(t *testing.T) {
	p, board := openLarge(t)
	if _, err := p.Publish(t.Context(), publish.Request{}); err != nil {
		t.Fatal(err)
	}
	entry := board.Current(fleet.Group{Host: "h", ServiceType: api.Emby})
	var config api.Config
	if err := json.Unmarshal(entry.Document.JSON(), &config); err != nil {
		t.Fatal(err)
	}
	for id, c := range config.LuaConfigs {
		if len(c.BlockList) != manyRules {
			t.Errorf("profile %s has %d rules", id, len(c.BlockList))
		}
	}
}

// BenchmarkPublishLarge publishes a library of 5,000 rules: reading, rendering, signing none, storing.
func BenchmarkPublishLarge(b *testing.B) {
	p, _ := openLarge(b)
	for b.Loop() {
		if _, err := p.Publish(b.Context(), publish.Request{}); err != nil {
			b.Fatal(err)
		}
	}
}

// manyHosts is a fleet with the starting set, published twice: a rule of all hosts changed between.
type manyHosts struct {
	config        publish.Config
	first, second int64 // snapshots
}

func openFleet(tb testing.TB, hosts int) *manyHosts {
	tb.Helper()
	log := slog.New(slog.DiscardHandler)
	s, err := store.Open(tb.Context(), "sqlite://"+filepath.Join(tb.TempDir(), "master.db"), log)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	if _, err := s.AddStartingSet(tb.Context(), true); err != nil {
		tb.Fatal(err)
	}
	err = s.Atomically(tb.Context(), func(ctx context.Context) error {
		for i := range hosts {
			v := fleet.NewServer()
			v.Name, v.ServiceType, v.Host = "s", api.Emby, fmt.Sprintf("host-%d", i)
			v.ServerName, v.Upstream = fmt.Sprintf("s%d.example.com", i), fleet.Upstream{{Address: "203.0.113.10:8096", Weight: 1}}
			if err := s.Servers.Create(ctx, &v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	board, err := publish.LoadBoard(tb.Context(), s)
	if err != nil {
		tb.Fatal(err)
	}
	f := &manyHosts{config: publish.Config{Store: s, Board: board, Log: log}}
	for _, id := range []*int64{&f.first, &f.second} {
		result, err := publish.New(f.config).Publish(tb.Context(), publish.Request{})
		if err != nil {
			tb.Fatal(err)
		}
		for _, d := range result.Distributions {
			if err := s.MarkDelivered(tb.Context(), d.ID); err != nil {
				tb.Fatal(err)
			}
		}
		*id = result.ID
		r := library.NewURIRule()
		r.Name, r.Action, r.MatchType, r.Pattern = "no sync", library.ActionBlock, api.MatchPrefix, fmt.Sprintf("/sync%d", result.ID)
		if err := s.URIRules.Create(tb.Context(), &r); err != nil {
			tb.Fatal(err)
		}
	}
	return f
}
