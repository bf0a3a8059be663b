package configfile_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/uhdadmin/media-gateway/master/internal/configfile"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// asJSON is a file's sections as JSON.
func asJSON(t *testing.T, file string) []byte {
	t.Helper()
	var sections map[string]any
	if err := yaml.Unmarshal([]byte(file), &sections); err != nil {
		t.Fatal(err)
	}
	delete(sections, "version")
	text, err := json.Marshal(sections)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestJSON: sections as JSON mean what they mean as YAML, odd texts and large numbers, too.
func TestJSON(t *testing.T) {
	st := sqlite(t)
	file, err := configfile.FromJSON(st, asJSON(t, whole(t)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := configfile.Apply(t.Context(), st, file, configfile.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := export(t, st); got != whole(t) {
		t.Errorf("it comes back as\n%s", got)
	}
	odd := `{"players": [{"client_name": "yes \ud83c\udfac <&>: #- \"' {{x}}", "min_version": "1e3"}], "rate-limit-rules": [{"apply_to": "device", "bandwidth_monthly_bytes": 9007199254740991}]}`
	if file, err = configfile.FromJSON(st, []byte(odd)); err == nil {
		_, err = configfile.Apply(t.Context(), st, file, configfile.Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
	players, err := st.Players.List(t.Context(), store.Query{Q: "{{x}}"})
	if err != nil || len(players.Items) != 1 || players.Items[0].ClientName != "yes 🎬 <&>: #- \"' {{x}}" || players.Items[0].MinVersion != "1e3" {
		t.Errorf("players %+v, %v", players.Items, err)
	}
	rules, err := st.RateLimitRules.List(t.Context(), store.Query{})
	if err != nil || rules.Items[len(rules.Items)-1].BandwidthMonthlyBytes != 9007199254740991 {
		t.Errorf("rules %+v, %v", rules.Items, err)
	}
}

// TestPaths: mistakes are told with the place in the JSON, whatever rows there are before.
func TestPaths(t *testing.T) {
	st := sqlite(t)
	paths := func(text string) []string {
		file, err := configfile.FromJSON(st, []byte(text))
		if err == nil {
			_, err = configfile.Apply(t.Context(), st, file, configfile.Options{DryRun: true})
		}
		errs, ok := errors.AsType[configfile.Errors](err)
		if !ok {
			t.Fatalf("%s gives %v", text, err)
		}
		var found []string
		for _, e := range errs {
			found = append(found, e.Path())
		}
		return found
	}
	for text, want := range map[string]string{
		`{"shiny": []}`:  "shiny",
		`{"players": 1}`: "players",
		`{"players": [{"client_name": "a"}, 1, {"client_name": "b", "ua_patterns": ["x", "(y"]}, {"client_name": ""}]}`:                                 "players[1] players[2].ua_patterns[1] players[3].client_name",
		`{"profiles": [{"name": "a", "service_type": "emby"}, {"name": "b", "service_type": "emby", "players": ["x"]}]}`:                                "profiles[1].players[0]",
		`{"profiles": [{"name": "a", "service_type": "emby", "concurrent_streams": {"max_stream": 1}}]}`:                                                "profiles[0].concurrent_streams.max_stream",
		`{"location-rules": [{"name": "a", "pattern": "/a", "kind": "return"}, {"name": "b", "pattern": "/b", "kind": "deny", "deny_maps": ["none"]}]}`: "location-rules[1].deny_maps",
	} {
		if got := paths(text); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: mistakes at %q, want %s", text, got, want)
		}
	}
	if _, err := configfile.FromJSON(st, []byte(`[`)); err == nil {
		t.Error("takes what is no JSON")
	}
}
