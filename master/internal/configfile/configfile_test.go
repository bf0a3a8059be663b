package configfile_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/configfile"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

func open(t *testing.T, databaseURL string) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), databaseURL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func sqlite(t *testing.T) *store.Store {
	t.Helper()
	return open(t, "sqlite://"+filepath.Join(t.TempDir(), "master.db"))
}

func onBoth(t *testing.T, test func(*testing.T, *store.Store)) {
	t.Run("sqlite", func(t *testing.T) { test(t, sqlite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, open(t, testbed.Postgres(t))) })
}

// apply reads and applies a file.
func apply(t *testing.T, st *store.Store, text string, opt configfile.Options) (configfile.Result, error) {
	t.Helper()
	f, err := configfile.Parse(st, []byte(text))
	if err != nil {
		return configfile.Result{}, err
	}
	return configfile.Apply(store.WithActor(t.Context(), store.Actor{Name: "the test"}), st, f, opt)
}

func mustApply(t *testing.T, st *store.Store, text string, opt configfile.Options) configfile.Result {
	t.Helper()
	result, err := apply(t, st, text, opt)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func export(t *testing.T, st *store.Store) string {
	t.Helper()
	text, err := configfile.Export(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// whole has something of everything: names that are shared, references, times, long texts.
func whole(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/whole.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMoves: a file of one master makes another the same, whatever ids there are, and says so when it is
// applied again.
func TestMoves(t *testing.T) { onBoth(t, testMoves) }

func testMoves(t *testing.T, st *store.Store) {
	mustApply(t, st, whole(t), configfile.Options{})
	first := export(t, st)
	if first != whole(t) {
		t.Errorf("the file comes back as\n%s", first)
	}
	if found := regexp.MustCompile(`(?m)^\s*(- )?\w*(id|ids): .*`).FindString(first); found != "" {
		t.Errorf("it refers by id: %s", found)
	}
	if again := mustApply(t, st, first, configfile.Options{Prune: true}); len(again.Changes) > 0 {
		t.Errorf("applied again it changes %+v", again.Changes)
	}

	other := sqlite(t)
	for _, name := range []string{"one", "two"} { // ids are others there
		rule := library.NewURIRule()
		rule.Name, rule.Action, rule.Pattern = name, library.ActionSkip, "/"+name
		if err := other.URIRules.Create(t.Context(), &rule); err != nil {
			t.Fatal(err)
		}
	}
	moved := mustApply(t, other, first, configfile.Options{Prune: true})
	if moved.Count(configfile.Delete) < 2 || len(moved.Missing) != 0 {
		t.Errorf("on another master it does %+v, and misses %+v", moved.Changes, moved.Missing)
	}
	if got := export(t, other); got != first {
		t.Errorf("the other master has\n%s", got)
	}
}

// TestDryRun: it says what applying would do, and does nothing.
func TestDryRun(t *testing.T) { onBoth(t, testDryRun) }

func testDryRun(t *testing.T, st *store.Store) {
	before := export(t, st)
	would := mustApply(t, st, whole(t), configfile.Options{DryRun: true})
	if got := export(t, st); got != before {
		t.Errorf("a dry run makes it\n%s", got)
	}
	log, err := st.AuditLog(t.Context(), store.Query{})
	if err != nil || len(log.Items) > 0 {
		t.Errorf("a dry run leaves %+v, %v in the audit log", log.Items, err)
	}
	var dry, wet bytes.Buffer
	did := mustApply(t, st, whole(t), configfile.Options{})
	if err := errors.Join(would.Write(&dry), did.Write(&wet)); err != nil || dry.String() != wet.String() || dry.Len() == 0 {
		t.Errorf("the dry run says\n%s\nand it is\n%s, %v", &dry, &wet, err)
	}
}

// TestDiff: what changes is told by field, and a long text by line.
func TestDiff(t *testing.T) {
	st := sqlite(t)
	mustApply(t, st, whole(t), configfile.Options{})
	changed := strings.NewReplacer(
		"gzip off;", "gzip on;", `min_version: "7.10"`, "min_version: 8.0", "rate_per_second: 5", "rate_per_second: 6",
	).Replace(whole(t))
	for _, gone := range []string{"  - client_name: VLC\n    ua_patterns:\n      - ^VLC\n    service_type: all\n", "      - VLC\n"} {
		if !strings.Contains(changed, gone) {
			t.Fatalf("the file has no %q", gone)
		}
		changed = strings.Replace(changed, gone, "", 1)
	}
	result := mustApply(t, st, changed, configfile.Options{Prune: true})
	var out bytes.Buffer
	if err := result.Write(&out); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/diff.txt")
	if err != nil || out.String() != string(want) {
		t.Errorf("the diff is\n%s%v", &out, err)
	}
}

// TestAllOrNothing: when the last row cannot be stored, none is.
func TestAllOrNothing(t *testing.T) { onBoth(t, testAllOrNothing) }

func testAllOrNothing(t *testing.T, st *store.Store) {
	mustApply(t, st, whole(t), configfile.Options{})
	before := export(t, st)
	for name, c := range map[string]struct{ text, complaint string }{
		"a profile of another type": {
			"version: 1\nplayers:\n  - client_name: New\nprofiles:\n  - {name: tv, service_type: jellyfin}\n" +
				"servers:\n  - {name: x, service_type: emby, host: h, server_name: new.example.com, upstream: 'h:1', profile: {name: tv, service_type: jellyfin}}\n",
			"line 7: servers, emby h new.example.com, profile: must be a profile for emby",
		},
		"a name that is taken": {
			"version: 1\nplayers:\n  - client_name: New\nprofiles:\n  - {name: kids, service_type: emby, is_default: true}\n",
			"line 5: profiles, emby (default), name: is taken",
		},
		"in use": {"version: 1\nplayers: []\n", "players, all Infuse: still in use"},
	} {
		_, err := apply(t, st, c.text, configfile.Options{Prune: name == "in use"})
		var errs configfile.Errors
		if !errors.As(err, &errs) || !strings.Contains(err.Error(), c.complaint) {
			t.Errorf("%s: %v, want %q", name, err, c.complaint)
		}
		if got := export(t, st); got != before {
			t.Errorf("%s leaves\n%s", name, got)
		}
	}
}

// TestNewDatabase: a library that begins with a file gets no starting set beside it.
func TestNewDatabase(t *testing.T) {
	st := sqlite(t)
	mustApply(t, st, whole(t), configfile.Options{DryRun: true})
	mustApply(t, st, whole(t), configfile.Options{})
	if added, err := st.AddStartingSet(t.Context(), true); err != nil || added {
		t.Errorf("the starting set is added: %t, %v", added, err)
	}
	if st = sqlite(t); export(t, st) == "" {
		t.Error("a new database exports nothing")
	}
	if added, err := st.AddStartingSet(t.Context(), true); err != nil || !added {
		t.Errorf("export keeps the starting set away: %t, %v", added, err)
	}
}

// TestKeeps: what the file does not have stays, and what is not an operator's is neither told nor touched.
func TestKeeps(t *testing.T) { onBoth(t, testKeeps) }

func testKeeps(t *testing.T, st *store.Store) {
	mustApply(t, st, whole(t), configfile.Options{})
	automatic := &library.Enforcement{
		Enforcement: api.Enforcement{Dimension: "user", DimensionValue: "zz", Action: "reject"},
		Automatic:   &api.Automatic{RuleID: 1, PeriodType: "daily", PeriodKey: "2026-11-22"}, Enabled: true,
	}
	server, err := st.Servers.Get(t.Context(), 1)
	if err == nil {
		err = errors.Join(
			st.Enforcements.Create(t.Context(), automatic),
			st.Tokens.Create(t.Context(), &fleet.Token{ServerID: server.ID, Name: "slave", Prefix: "uhd_ABCD", Hash: "00ff", Scopes: []string{}}),
		)
	}
	if err != nil {
		t.Fatal(err)
	}
	before := export(t, st)
	for _, secret := range []string{"00ff", "uhd_ABCD", "zz"} {
		if strings.Contains(before, secret) {
			t.Errorf("the export has %s:\n%s", secret, before)
		}
	}
	if !strings.Contains(before, "tokens:\n      - slave\n") {
		t.Errorf("the export does not name the token:\n%s", before)
	}
	if r := mustApply(t, st, "version: 1\nplayers:\n  - client_name: VLC\n    ua_patterns: [^VLC]\n", configfile.Options{}); len(r.Changes) > 0 {
		t.Errorf("a part of it changes %+v", r.Changes)
	}
	pruned := mustApply(t, st, "version: 1\nenforcements: []\n", configfile.Options{Prune: true})
	if pruned.Count(configfile.Delete) != 2 || len(pruned.Changes) != 2 {
		t.Errorf("a section without entries deletes %+v", pruned.Changes)
	}
	if _, err := st.Enforcements.Get(t.Context(), automatic.ID); err != nil {
		t.Errorf("the automatic one: %v", err)
	}
	other := sqlite(t)
	r := mustApply(t, other, before, configfile.Options{})
	if len(r.Missing) != 1 || r.Missing[0].Name != "slave" {
		t.Errorf("another master misses %+v, want the token", r.Missing)
	}
}

// TestTells: slaves' limits flow at once, so whoever keeps them in memory must hear of it; the audit log says
// what was there before and after.
func TestTells(t *testing.T) { onBoth(t, testTells) }

func testTells(t *testing.T, st *store.Store) {
	seen := func() map[store.Change]int64 {
		revisions, err := st.Revisions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return revisions
	}
	mustApply(t, st, whole(t), configfile.Options{})
	before := seen()
	mustApply(t, st, whole(t), configfile.Options{})
	if got := seen(); got[store.ChangeLimits] != before[store.ChangeLimits] || got[store.ChangeSlaves] != before[store.ChangeSlaves] {
		t.Errorf("applied again, revisions are %v, were %v", got, before)
	}
	mustApply(t, st, strings.Replace(whole(t), "rate_per_second: 5", "rate_per_second: 50", 1), configfile.Options{})
	if got := seen(); got[store.ChangeLimits] == before[store.ChangeLimits] {
		t.Error("nobody is told of a changed limit")
	}
	log, err := st.AuditLog(t.Context(), store.Query{Limit: 1})
	if err != nil || len(log.Items) != 1 {
		t.Fatalf("the audit log has %+v, %v", log.Items, err)
	}
	if e := log.Items[0]; e.Actor != "the test" || e.Action != "update" || e.Resource != "rate-limit-rules" ||
		!strings.Contains(string(e.Before), `"rate_per_second":5,`) || !strings.Contains(string(e.After), `"rate_per_second":50,`) {
		t.Errorf("the audit log has %+v", e)
	}
}

// TestMistakes: each is told with its line and its cure, and all that Parse finds at once.
func TestMistakes(t *testing.T) {
	st := sqlite(t)
	for text, want := range map[string][]string{
		"":                                       {"line 1: the file is empty"},
		"# nothing\n":                            {"line 1: the file is empty"},
		"- a\n":                                  {"line 1: must be sections: settings, players"},
		"version: 1\nplayers: [\n":               {"is not YAML"},
		"version: 1\nplayers:\n\t- x\n":          {"line 3: is not YAML"},
		"version: 1\n---\nversion: 1\n":          {"is a second document"},
		"players: []\n":                          {"version: must be 1"},
		"version: 2\n":                           {"version: must be 1"},
		"version: 1\nplayer: []\n":               {"line 2: player: unknown section: there are settings, players"},
		"version: 1\nplayers: {}\n":              {"line 2: players: must be a list"},
		"version: 1\nplayers: [VLC]\n":           {"line 2: players, 1: must have fields: client_name"},
		"version: 1\nplayers: []\nplayers: []\n": {"line 3: players: stands there twice"},
		"version: 1\nplayers:\n  - client_name: VLC\n    min_verson: 1\n":  {"line 4: players, all VLC, min_verson: unknown field: is it min_version?"},
		"version: 1\nplayers:\n  - client_name: VLC\n    id: 7\n":          {"line 4: players, all VLC, id: unknown field"},
		"version: 1\nplayers:\n  - client_name: VLC\n    enabled: often\n": {"line 4: players, all VLC, enabled: does not take a string, but a true or false"},
		"version: 1\nplayers:\n  - client_name: VLC\n    ua_patterns:\n      - VLC\n      - '(a'\n  - client_name: ''\n": {
			"line 6: players, all VLC, ua_patterns[1]: ", "line 7: players, all, client_name: must not be empty",
		},
		"version: 1\nprofiles:\n  - name: a\n    service_type: emby\n    concurrent_streams:\n      max_stream: 1\n": {
			"line 6: profiles, emby a, concurrent_streams.max_stream: unknown field",
		},
		"version: 1\nprofiles:\n  - {name: a, service_type: emby, players: VLC}\n":      {"line 3: profiles, emby a, players: takes a list"},
		"version: 1\nservers:\n  - {name: a, upstream: [{address: 'h:1', wight: 2}]}\n": {"line 3: servers, 1, upstream: upstream must be"},
		"version: 1\nservers:\n  - name: a\n    profile: [kids]\n":                      {"line 4: servers, 1, profile: takes one name"},
	} {
		_, err := configfile.Parse(st, []byte(text))
		if _, ok := errors.AsType[configfile.Errors](err); !ok {
			t.Errorf("%q: %v, want Errors", text, err)
			continue
		}
		for _, line := range want {
			if !strings.Contains(err.Error(), line) {
				t.Errorf("%q gives\n%v\nwant %s", text, err, line)
			}
		}
	}
}

// TestReferences: a name that means nothing or several rows is an error with the cure.
func TestReferences(t *testing.T) {
	st := sqlite(t)
	mustApply(t, st, whole(t), configfile.Options{})
	profile := func(field, value string) string {
		return "version: 1\nprofiles:\n  - name: p\n    service_type: emby\n    " + field + ": " + value + "\n"
	}
	for text, want := range map[string]string{
		profile("players", "[VLC, Nobody]"):                                      `line 5: profiles, emby p, players[1]: names "Nobody", which is none of the players`,
		profile("uri_rules", "[web]"):                                            `names "web", which 3 of the uri-rules are called`,
		profile("uri_rules", "[{name: web, service_type: all, number: 3}]"):      `which is none of the uri-rules`,
		profile("uri_rules", "[{name: web, servicetype: all}]"):                  `takes name, service_type and number, not servicetype`,
		profile("uri_rules", "[{name: web, number: 2}, {name: web, number: 2}]"): `line 5: profiles, emby p, uri_rules: must name each entry once`,
		"version: 1\nservers:\n  - {name: x, service_type: emby, host: h, server_name: x.example.com, upstream: 'h:1', profile: tv}\n": `line 3: servers, emby h x.example.com, profile: must be a profile for emby`,
	} {
		if _, err := apply(t, st, text, configfile.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want %s", text, err, want)
		}
	}
	r := mustApply(t, st, profile("uri_rules", "[{name: web, number: 2}]"), configfile.Options{})
	made := r.Changes[0]
	if made.Op != configfile.Make || !slices.ContainsFunc(made.Fields, func(f configfile.FieldChange) bool { return f.Name == "uri_rules" }) {
		t.Errorf("made %+v", made)
	}
}

// FuzzParse: no text makes it fail but by Errors, and what it takes can be applied or is refused with Errors.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/whole.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("version: 1\nplayers: &a\n  - &b {client_name: x}\n  - *b\nuri-rules: *a\n"))
	f.Add([]byte("version: 1\nservers: [{? [a]: b}]\nprofiles: [{concurrent_streams: {? {}: 1}}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var errs configfile.Errors
		if _, err := configfile.Parse(new(store.Store), text); err != nil && !errors.As(err, &errs) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
