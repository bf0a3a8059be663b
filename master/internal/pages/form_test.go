package pages

import (
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/library"
)

// send returns what a browser sends of inputs.
func send(form url.Values, inputs []input) url.Values {
	for _, in := range inputs {
		if in.Optional {
			if !in.Own {
				continue
			}
			form.Set(in.Form+switchOwn, "true")
		}
		switch in.Kind {
		case object:
			if in.Null && !in.Set {
				continue
			}
			form.Set(in.Form+switchOn, "true")
			send(form, in.Inputs)
		case rows, messages:
			for _, row := range in.Rows {
				send(form, row)
			}
		case flag:
			if in.Checked {
				form.Set(in.Form, "true")
			}
		case manyOf:
			form[in.Form] = in.Chosen
		default:
			form.Set(in.Form, strings.ReplaceAll(in.Value, "\n", "\r\n"))
		}
	}
	return form
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFormsKeepValues: what a form shows of a row and sends back is the row, whatever it has in it, faults too, below a
// prefix as well.
func TestFormsKeepValues(t *testing.T) {
	setting := func(name string) []field { return []field{settingValue(name)} }
	for _, c := range []struct {
		fields []field
		row    string
	}{
		{upstream, `{"upstream":[{"address":"203.0.113.10:8096","backup":false},{"address":"b:1","backup":true,"fail_timeout":10,"max_fails":0,"weight":"two"}],"upstream_scheme":"https","upstream_tls_verify":false}`},
		{resourceAt("nginx-maps").fields, `{"default":"0","enabled":true,"entries":[{"match_type":"regex","pattern":"a b","value":"<1>"},{"match_type":"exact","value":"x"}],"everywhere":false,"kind":"deny","name":"m","service_type":"all","source":"uri"}`},
		{resourceAt("profiles").fields, `{"concurrent_streams":{"action_on_exceed":"reject","max_streams":2},"fake_counts_enabled":false,"location_rule_ids":[],"nginx_map_ids":[],"player_ids":[1,2],"proxy_header_ids":[],"settings":{"client_max_body_size":"1g","deny_messages":{"ban":{"*":"no","zh":"不"},"kicked":{"en":"out"}},"fake_counts":{"enabled":true,"value":888},"hsts":null},"service_type":"emby","unidentified":"allow","uri_rule_ids":[]}`},
		{setting("trusted_proxies"), `{"value":["203.0.113.0/24","not one"]}`},
		{setting("hsts"), `{"value":{"include_subdomains":true,"max_age":31536000,"preload":false}}`},
		{setting("hsts"), `{"value":null}`},
		{setting("http2"), `{"value":false}`},
		{setting("tls"), `{"value":"old"}`},
		{setting("of another master"), `{"value":{"a":[1,{"b":null}]}}`},
		{resourceAt("enforcements").fields, `{"action":"reject","dimension":"ip","dimension_value":"192.0.2.1","effective_until":"2026-03-04T05:06:00Z","enabled":true}`},
	} {
		for _, prefix := range []string{"", "players.3."} {
			values := rowOf(readRaw(c.row))
			form := send(url.Values{}, filling{zone: time.UTC}.inputs(c.fields, prefix, values))
			if got := asJSON(t, readFields(c.fields, form, prefix, time.UTC)); got != asJSON(t, values) {
				t.Errorf("%s\nbecomes, as %v,\n%s", c.row, form, got)
			}
		}
	}
}

// TestRowsOfForms: rows come and go without a script, empty ones are no rows, and one too many for a form is JSON.
func TestRowsOfForms(t *testing.T) {
	fields := resourceAt("nginx-maps").fields
	pattern := func(form url.Values) (patterns []any) {
		for _, entry := range readFields(fields, form, "", time.UTC)["entries"].([]any) {
			patterns = append(patterns, entry.(row)["pattern"])
		}
		return patterns
	}
	form := url.Values{
		"entries.0.pattern": {"a"}, "entries.0.match_type": {"exact"}, "entries.1.match_type": {"regex"}, "entries.1.pattern": {" "},
		"entries.10.pattern": {"c"}, "entries.2.pattern": {"b"},
	}
	if got := pattern(form); !reflect.DeepEqual(got, []any{"a", "b", "c"}) {
		t.Errorf("patterns %v", got)
	}
	form.Set("remove", "entries.2")
	if grow, again := regrow(form); grow != "" || !again {
		t.Errorf("to be removed: grow %q, again %v", grow, again)
	}
	if got := pattern(form); !reflect.DeepEqual(got, []any{"a", "c"}) {
		t.Errorf("removed: patterns %v", got)
	}
	values := readFields(fields, form, "", time.UTC)
	form = url.Values{"add": {"entries"}}
	grow, again := regrow(form)
	inputs := filling{zone: time.UTC, grow: grow}.inputs(fields, "", values)
	entries := inputs[slices.IndexFunc(inputs, func(in input) bool { return in.Name == "entries" })]
	if n := len(entries.Rows); !again || n != 3 || !entries.Rows[2][0].New || entries.Rows[2][1].Form != "entries.2.pattern" {
		t.Errorf("added: %d rows", n)
	}
	many := []any{}
	for range maxRows + 1 {
		many = append(many, map[string]any{"match_type": "exact", "pattern": "a", "value": "b"})
	}
	in := filling{zone: time.UTC}.inputs(fields, "", row{"entries": many})
	if got := readFields(fields, send(url.Values{}, in), "", time.UTC)["entries"]; !reflect.DeepEqual(got, any(many)) {
		t.Errorf("a long list becomes %v", got)
	}
}

// TestFaultsBesideInputs: each fault is told once, beside the input that it is about, or else above the form.
func TestFaultsBesideInputs(t *testing.T) {
	texts, err := readTexts()
	if err != nil {
		t.Fatal(err)
	}
	v := &visit{s: &server{texts: texts}, Lang: "en", Zone: time.UTC}
	problem := &Problem{Errors: []FieldError{
		{"one", "body.entries[1].pattern"},
		{"two", "body.entries"},
		{"three", "body.entries[7].value"},
		{"four", "body.value[2]"},
		{"five", "body.nothing"},
		{"six", "body.messages.ban.zh"},
		{"seven", "body.messages.ban"},
		{"eight", "body"},
	}}
	fields := []field{
		resourceAt("nginx-maps").field("entries"), {Name: "value", Kind: lines}, {Name: "messages", Kind: messages, Parts: messageParts},
	}
	fill := filling{zone: time.UTC, faults: problem.faults(v, "body.")}
	in := fill.inputs(fields, "", row{
		"entries": []any{row{"pattern": "a"}, row{"pattern": "b"}}, "messages": row{"ban": row{"en": "a", "zh": "b"}},
	})
	for _, c := range []struct{ got, want string }{
		{in[0].Rows[1][1].Error, "one"},
		{in[0].Rows[0][1].Error, ""},
		{in[0].Error, "two; 7.value three"},
		{in[1].Error, "line 3: four"},
		{in[2].Rows[1][2].Error, "six"},
		{in[2].Error, "ban seven"},
		{fill.faults.rest(), "nothing five; body eight"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// TestSettingsHaveInputs: each setting that the master knows has an input of its own kind, with a label and help, and
// profiles have those that they may have a value of.
func TestSettingsHaveInputs(t *testing.T) {
	texts, err := readTexts()
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(slices.Values(names(settingValues))); !slices.Equal(got, slices.Sorted(slices.Values(library.SettingNames()))) {
		t.Errorf("inputs for %v", got)
	}
	if got := slices.Sorted(slices.Values(names(profileSettings()))); !slices.Equal(got, slices.Sorted(slices.Values(library.ProfileSettingNames()))) {
		t.Errorf("inputs in profiles for %v", got)
	}
	for _, key := range textsOf(settingValues) {
		if !texts.has(key) {
			t.Errorf("no text %s", key)
		}
	}
	for _, name := range library.SettingNames() {
		if !texts.has("field."+name) || !texts.has("help."+name) {
			t.Errorf("%s has no label or no help", name)
		}
	}
	if got := slices.Sorted(slices.Values(messageParts[0].Options)); !slices.Equal(got, slices.Sorted(slices.Values(library.DenyReasons))) {
		t.Errorf("texts for the reasons %v", got)
	}
}
