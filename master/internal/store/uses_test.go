package store

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

func create[T any](t *testing.T, table Table[T], row T, change func(*T)) T {
	t.Helper()
	change(&row)
	if err := table.Create(t.Context(), &row); err != nil {
		t.Fatal(err)
	}
	return row
}

func valueMap(m *library.NginxMap) {
	m.Name, m.Source, m.Default = "place", "remote_addr", "abroad"
	m.Entries = []library.MapEntry{{Pattern: "192.0.2.7/24", Value: "home"}}
}

func header(h *library.ProxyHeader) {
	h.Name, h.Action, h.Header, h.Value = "place", library.HeaderSetRequest, "X-Place", "${map_place}"
}

func deny(r *library.LocationRule) {
	r.Name, r.Kind, r.Pattern, r.DenyMaps = "no deleting", library.KindDeny, "/x", []string{"delete"}
}

// TestLibraryRoundTrip: rows of the library come back as they were stored.
func TestLibraryRoundTrip(t *testing.T) { onBoth(t, testLibraryRoundTrip) }

func testLibraryRoundTrip(t *testing.T, s *Store) {
	m := create(t, s.NginxMaps, library.NewNginxMap(), valueMap)
	if got, err := s.NginxMaps.Get(t.Context(), m.ID); err != nil || !reflect.DeepEqual(got.Entries, m.Entries) || got.Default != "abroad" || got.Entries[0].Pattern != "192.0.2.0/24" {
		t.Errorf("%+v, %v; want %+v", got, err, m)
	}
	h := create(t, s.ProxyHeaders, library.NewProxyHeader(), header)
	l := create(t, s.LocationRules, library.NewLocationRule(), func(r *library.LocationRule) {
		deny(r)
		r.Kind, r.UpstreamScheme = library.KindProxy, fleet.SchemeHTTPS
		r.Upstream = fleet.Upstream{{Address: "b.example:1", Weight: 2}}
	})
	got, err := s.LocationRules.Get(t.Context(), l.ID)
	if err != nil || !reflect.DeepEqual(got.Upstream, l.Upstream) || got.UpstreamTLS != l.UpstreamTLS || !reflect.DeepEqual(got.DenyMaps, l.DenyMaps) {
		t.Errorf("%+v, %v; want %+v", got, err, l)
	}
	p := create(t, s.Profiles, library.NewProfile(), func(p *library.Profile) {
		p.Name, p.ServiceType = "kids", api.Emby
		p.NginxMapIDs, p.ProxyHeaderIDs, p.LocationRuleIDs = []int64{m.ID}, []int64{h.ID}, []int64{l.ID}
		p.Settings = map[string]json.RawMessage{library.SettingHSTS: json.RawMessage(` {"max_age": 1} `)}
	})
	if got, err := s.Profiles.Get(t.Context(), p.ID); err != nil || !reflect.DeepEqual(got.ProxyHeaderIDs, p.ProxyHeaderIDs) || string(got.Settings[library.SettingHSTS]) != `{"max_age":1}` {
		t.Errorf("%+v, %v; want %+v", got, err, p)
	}
	copied, err := s.CloneProfile(t.Context(), p.ID, "guests")
	if err != nil || !reflect.DeepEqual(copied.LocationRuleIDs, p.LocationRuleIDs) || string(copied.Settings[library.SettingHSTS]) != `{"max_age":1}` {
		t.Errorf("the copy is %+v, %v", copied, err)
	}
	copied, err = s.CloneProfile(t.Context(), 1, "as the default")
	if err != nil || !reflect.DeepEqual(copied.NginxMapIDs, []int64{m.ID}) || !reflect.DeepEqual(copied.LocationRuleIDs, []int64{l.ID}) {
		t.Errorf("the copy of the default profile is %+v, %v", copied, err)
	}
}

// TestUses: who uses a row is known, keeps it from being deleted, and can be made to let go.
func TestUses(t *testing.T) { onBoth(t, testUses) }

func testUses(t *testing.T, s *Store) {
	m := create(t, s.NginxMaps, library.NewNginxMap(), valueMap)
	h := create(t, s.ProxyHeaders, library.NewProxyHeader(), header)
	player := create(t, s.Players, library.NewPlayer(), func(p *library.Player) { p.ClientName, p.ServiceType = "Infuse", api.Emby })
	p := create(t, s.Profiles, library.NewProfile(), func(p *library.Profile) {
		p.Name, p.ServiceType, p.PlayerIDs, p.NginxMapIDs = "kids", api.Emby, []int64{player.ID}, []int64{m.ID}
	})
	server := newServer("a")
	server.ProfileID = &p.ID
	if err := s.Servers.Create(t.Context(), server); err != nil {
		t.Fatal(err)
	}

	uses, err := s.Players.Uses(t.Context(), player.ID)
	want := []Use{{Resource: "profiles", ID: 1, Name: "default", Implicit: true}, {Resource: "profiles", ID: p.ID, Name: "kids", Field: "player_ids"}}
	if err != nil || !reflect.DeepEqual(uses, want) {
		t.Errorf("the player is used by %+v, %v; want %+v", uses, err, want)
	}
	if _, err := s.Players.Uses(t.Context(), 99); !errors.Is(err, ErrNotFound) {
		t.Errorf("no player: %v", err)
	}
	users := func(err error) []string {
		t.Helper()
		used, ok := errors.AsType[*InUseError](err)
		if !ok || !errors.Is(err, ErrInUse) {
			t.Fatalf("%v, want an InUseError", err)
		}
		var names []string
		for _, u := range used.Uses {
			names = append(names, u.Resource+"."+u.Field)
		}
		return names
	}
	if got := users(s.Players.Delete(t.Context(), player.ID, 0)); !slices.Equal(got, []string{"profiles.player_ids"}) {
		t.Errorf("the player is kept by %v", got)
	}
	if got := users(s.NginxMaps.Delete(t.Context(), m.ID, 0)); !slices.Equal(got, []string{"profiles.nginx_map_ids", "proxy-headers.value"}) {
		t.Errorf("the map is kept by %v", got)
	}
	if got := users(s.NginxMaps.Detach(t.Context(), m.ID, 0)); !slices.Equal(got, []string{"proxy-headers.value"}) {
		t.Errorf("the map cannot be taken from %v", got)
	}
	if got := users(s.Profiles.Delete(t.Context(), p.ID, 0)); !slices.Equal(got, []string{"servers.profile_id"}) {
		t.Errorf("the profile is kept by %v", got)
	}
	if err := s.Profiles.Detach(t.Context(), 1, 0); !errors.Is(err, ErrInUse) {
		t.Errorf("a default profile: %v", err)
	}
	if _, err := s.NginxMaps.Update(t.Context(), m.ID, 0, func(m *library.NginxMap) error { m.Name = "country"; return nil }); err == nil {
		t.Error("a map that a header names gets another name")
	}

	if err := s.Players.Detach(t.Context(), player.ID, 1); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Profiles.Get(t.Context(), p.ID); err != nil || len(got.PlayerIDs) != 0 || got.Revision != 2 {
		t.Errorf("the profile without its player is %+v, %v", got, err)
	}
	for _, err := range []error{s.ProxyHeaders.Delete(t.Context(), h.ID, 0), s.NginxMaps.Detach(t.Context(), m.ID, 0), s.Profiles.Detach(t.Context(), p.ID, 0)} {
		if err != nil {
			t.Error(err)
		}
	}
	if got, err := s.Servers.Get(t.Context(), server.ID); err != nil || got.ProfileID != nil {
		t.Errorf("the server has profile %v, %v", got.ProfileID, err)
	}
	// What is done to others stands in the audit log, too.
	log, err := s.AuditLog(t.Context(), Query{Where: map[string]string{"resource": "servers", "action": "update"}})
	if err != nil || len(log.Items) != 1 {
		t.Errorf("audit of the server: %+v, %v", log.Items, err)
	}
}

// TestUnknownReferences: what is named has to be there.
func TestUnknownReferences(t *testing.T) {
	s := open(t)
	h := library.NewProxyHeader()
	header(&h)
	l := library.NewLocationRule()
	deny(&l)
	l.DenyMaps = []string{"old"}
	p := library.NewProfile()
	p.Name, p.ServiceType, p.LocationRuleIDs = "p", api.Emby, []int64{5}
	for field, err := range map[string]error{
		"value": s.ProxyHeaders.Create(t.Context(), &h), "deny_maps": s.LocationRules.Create(t.Context(), &l), "location_rule_ids": s.Profiles.Create(t.Context(), &p),
	} {
		if fields, ok := errors.AsType[fleet.FieldErrors](err); !ok || fields[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestStartingSet: a new database gets it once, one that was in use never.
func TestStartingSet(t *testing.T) { onBoth(t, testStartingSet) }

func testStartingSet(t *testing.T, s *Store) {
	if added, err := s.AddStartingSet(t.Context(), true); err != nil || !added {
		t.Fatalf("%v, %v", added, err)
	}
	players, err := s.Players.List(t.Context(), Query{Limit: MaxLimit})
	if err != nil || len(players.Items) < 27 {
		t.Errorf("%d players, %v", len(players.Items), err)
	}
	rules, err := s.URIRules.List(t.Context(), Query{})
	if err != nil || len(rules.Items) < 5 {
		t.Errorf("%d rules, %v", len(rules.Items), err)
	}
	for _, r := range rules.Items {
		if r.Action != library.ActionSkip {
			t.Errorf("%s: a starting set refuses nobody a path", r.Name)
		}
	}
	if err := s.Players.Delete(t.Context(), 1, 0); err != nil {
		t.Fatal(err)
	}
	if added, err := s.AddStartingSet(t.Context(), true); err != nil || added {
		t.Errorf("a second time: %v, %v", added, err)
	}
}

func TestNoStartingSet(t *testing.T) {
	s := open(t)
	for _, wanted := range []bool{false, true} { // not wanted at first: never
		if added, err := s.AddStartingSet(t.Context(), wanted); err != nil || added {
			t.Errorf("%v, %v", added, err)
		}
	}
}
