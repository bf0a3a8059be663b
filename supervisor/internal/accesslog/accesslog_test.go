package accesslog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const requestLine = `{"timestamp":1706959200.123,"request_id":"0123456789abcdef0123456789abcdef","ip":"203.0.113.9","method":"GET",` +
	`"status":206,"bytes_sent":1048576,"request_time":0.003,"upstream_time":"0.001, 0.002 : 0.1","upstream_status":"200",` +
	`"accounted":524288,"server_name":"media.test","scope":"7","profile":"3","client_name":"Infuse \"Pro\"","client_version":"7.6",` +
	`"device_id":"d1","device_name":"K\u00fcche","kind":"header","user_id":"u1","token_hash":"ab","user_agent":"Infuse/7.6",` +
	`"uri":"/videos/1/stream.mkv","play_session_id":"p1","item_id":"i1","verdict":"throttle","reason":"quota","rule":"12"}`

func TestParse(t *testing.T) {
	var p Parser
	var e Entry
	if err := p.Parse([]byte(requestLine), &e); err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		string(e.ClientName): `Infuse "Pro"`, string(e.DeviceName): "Küche", string(e.IP): "203.0.113.9", string(e.Scope): "7",
		string(e.UpstreamTime): "0.001, 0.002 : 0.1", string(e.Verdict): "throttle", string(e.PlaySessionID): "p1",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if e.Timestamp != 1706959200.123 || e.Status != 206 || e.BytesSent != 1048576 || e.Accounted != 524288 || e.RequestTime != .003 {
		t.Errorf("%+v", e)
	}
	report := `{"timestamp":1,"playback":{"event":"progress","position_ticks":36000000000,"is_paused":true}}`
	if err := p.Parse([]byte(report), &e); err != nil || string(e.Playback.Event) != "progress" || e.Playback.PositionTicks != 36e9 || !e.Playback.IsPaused {
		t.Errorf("%v %+v", err, e.Playback)
	}
	if e.IP != nil {
		t.Error("an entry keeps what was in the one before")
	}
	login := `{"timestamp":1,"login":{"success":true,"user_id":"u","user_name":null}}`
	if err := p.Parse([]byte(login), &e); err != nil || !e.Login.Present || !e.Login.Success || string(e.Login.UserID) != "u" {
		t.Errorf("%v %+v", err, e.Login)
	}
	record := `{"epoch":"170.5-12","seq":41,"timestamp":1,"bytes":8388608}`
	if err := p.Parse([]byte(record), &e); err != nil || e.Bytes != 8<<20 || e.Seq != 41 || string(e.Epoch) != "170.5-12" {
		t.Errorf("%v %+v", err, e)
	}
}

// TestEveryMemberIsRead: each field of Entry comes from the member of its name.
func TestEveryMemberIsRead(t *testing.T) {
	var p Parser
	var e Entry
	line := strings.TrimSuffix(requestLine, "}") + `,"playback":{"event":"stop","position_ticks":1,"is_paused":true},` +
		`"login":{"success":true,"user_id":"u","user_name":"n"},"bytes":1,"epoch":"e","seq":1}`
	if err := p.Parse([]byte(line), &e); err != nil {
		t.Fatal(err)
	}
	var empty func(v reflect.Value, name string)
	empty = func(v reflect.Value, name string) {
		for i := range v.NumField() {
			field, name := v.Field(i), name+"."+v.Type().Field(i).Name
			if field.Kind() == reflect.Struct {
				empty(field, name)
			} else if field.IsZero() {
				t.Errorf("%s is empty", name)
			}
		}
	}
	empty(reflect.ValueOf(e), "Entry")
}

// garbage is what may stand in a log after a full disk, a crash or a meddling hand.
var garbage = []string{
	"", "{", "}", "null", "[]", "17", `"text"`, `{"timestamp":`, `{}`, `{"timestamp":0}`, `{"timestamp":-1}`, `{"timestamp":"1706959200"}`,
	`{"timestamp":1e999}`, `{"timestamp":nan}`, `{"timestamp":1,"status":"200"}`, `{"timestamp":1,"bytes_sent":-1}`,
	`{"timestamp":1,"bytes_sent":99999999999999999999}`, `{"timestamp":1,"ip":7}`, `{"timestamp":1,"login":{"user_id":1}}`,
	requestLine[:200], requestLine[:150] + requestLine, strings.Repeat("\x00", 4096), "\xff\xfe{}", "{\"\":\"\x19\\b\"}", strings.Repeat("[", 100000),
	`{"timestamp":1,"a":` + strings.Repeat("[", 100000), `{"timestamp":1,"a":` + strings.Repeat(`{"a":`, 50000),
}

func TestGarbage(t *testing.T) {
	var p Parser
	var e Entry
	for _, line := range garbage {
		if err := p.Parse([]byte(line), &e); !errors.Is(err, ErrNoEntry) {
			t.Errorf("%.60q: %v", line, err)
		}
		if err := p.Parse([]byte(requestLine), &e); err != nil {
			t.Fatalf("after %.60q: %v", line, err)
		}
	}
	if err := p.Parse([]byte("{\"timestamp\":1,\"uri\":\"/\xff\xfe\"}"), &e); err != nil || string(e.URI) != "/\xff\xfe" {
		t.Errorf("invalid UTF-8 in a text: %v", err)
	}
}

// FuzzParse: any bytes are an entry or an error, and an entry is a JSON object.
func FuzzParse(f *testing.F) {
	for _, line := range append(garbage, requestLine) {
		f.Add([]byte(line))
	}
	var p Parser
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		alike(t, line)
		var e Entry
		p.Reset()
		if err := p.Parse(line, &e); err == nil {
			var object map[string]json.RawMessage
			if err := json.Unmarshal(line, &object); err != nil || object == nil {
				t.Errorf("what is no object is taken: %v", err)
			}
			if e.BytesSent < 0 || e.Accounted < 0 || e.Bytes < 0 || !(e.Timestamp > 0) {
				t.Errorf("%+v", e)
			}
		} else if !errors.Is(err, ErrNoEntry) {
			t.Error(err)
		}
		if !bytes.Equal(line, before) {
			t.Error("the line was changed")
		}
	})
}

// TestFlat: the usual lines are known without the parser for all, and nothing is that it would refuse.
func TestFlat(t *testing.T) {
	flat := strings.NewReplacer(`\"Pro\"`, "Pro", `\u00fc`, "ü").Replace(requestLine)
	var p Parser
	var e Entry
	if !p.parseFlat([]byte(flat), &e) {
		t.Error("a line of nginx is not known")
	}
	for _, line := range []string{
		`"a":1`, `"a":01`, `"a":1.`, `"a":.5`, `"a":1e5`, `"a":-1`, `"a":true`, `"a":"x"}y`, `"a":1,`, `"a"`, `"a":`, `"a":1}`, `"a":"`,
		`"a":"\"`, "\"control\":\"\x1f\"", `"a":1,"b"`, `"a":1.5,"b":""`, `,"a":1`, `"a":1 `, `"a":{}`, `"a":[1`,
	} {
		line = `{"timestamp":1,` + line + "}"
		if p.Parse([]byte(line), &e) == nil && !json.Valid([]byte(line)) {
			t.Errorf("%.60q is taken for JSON", line)
		}
	}
	for end := range len(flat) {
		if p.parseFlat([]byte(flat[:end]), &e) {
			t.Errorf("cut off: %q", flat[:end])
		}
	}
}

// TestForm: a line is read right whatever the form of the line before.
func TestForm(t *testing.T) {
	var p Parser
	for _, line := range []string{
		`{"timestamp":1,"ip":"a","status":200}`, `{"timestamp":2,"status":201,"ip":"b"}`, `{"timestamp":3,"ip":"c"}`, `{"ip":"d","timestamp":4}`,
		`{"timestamp":5,"ipx":"e","ip":"e"}`, `{"timestamp":6,"other":1,"ip":"f"}`, `{"timestamp":7,"other":"1","ip":"g"}`, `{"timestamp":8,"ip":"","ip":"h"}`,
		`{"timestamp":9,"ip":"i","status":1` + strings.Repeat(`,"x":1`, 100) + `}`, `{"timestamp":10,"ip":"j"}`,
	} {
		var e, want Entry
		var fresh Parser
		if err := errors.Join(p.Parse([]byte(line), &e), fresh.parseAny([]byte(line), &want)); err != nil || !reflect.DeepEqual(e, want) {
			t.Errorf("%s: %+v, want %+v; %v", line, e, want, err)
		}
	}
	if len(p.form) > longestForm {
		t.Errorf("%d members are remembered", len(p.form))
	}
}

// TestReset: entries with escapes stand beside each other until the parser is reset, and its memory does not grow.
func TestReset(t *testing.T) {
	var p Parser
	entries := make([]Entry, 3)
	for range 10 {
		p.Reset()
		for i := range entries {
			if err := p.Parse(fmt.Appendf(nil, `{"timestamp":1,"uri":"\"%d"}`, i), &entries[i]); err != nil {
				t.Fatal(err)
			}
		}
		for i, e := range entries {
			if want := fmt.Sprintf(`"%d`, i); string(e.URI) != want {
				t.Errorf("%q, want %q", e.URI, want)
			}
		}
	}
	if len(p.others) != len(entries) {
		t.Errorf("%d parsers", len(p.others))
	}
}

// TestCharacters: each byte at each place of a word is known for what it is.
func TestCharacters(t *testing.T) {
	for c := range 256 {
		for at := range 19 {
			line := bytes.Repeat([]byte("\xffa"), 10)[:19]
			line[at] = byte(c)
			if control, escape := characters(line); control != (c < 0x20) || escape != (c == '\\') {
				t.Fatalf("byte %#x at %d: control %v, escape %v", c, at, control, escape)
			}
		}
	}
}

// TestBothParsers read every line alike: the one for flat lines, and the one for all.
func TestBothParsers(t *testing.T) {
	flat := strings.NewReplacer(`\"Pro\"`, "Pro", `\u00fc`, "ü").Replace(requestLine)
	for _, line := range append(garbage, flat, requestLine, `{"timestamp":1,"other":"x","more":7,"bytes":12,"seq":3,"epoch":"e"}`, `{"timestamp":1,"playback":"x"}`,
		`{"timestamp":1,"login":7}`, `{"timestamp":12345678901234567.25,"request_time":0.0001}`, `{"timestamp":1,"bytes":1234567890123456789}`) {
		alike(t, []byte(line))
	}
}

// alike fails unless both parsers make the same of a line.
func alike(t *testing.T, line []byte) {
	t.Helper()
	var fast, slow Parser
	var a, b Entry
	errA := fast.Parse(line, &a)
	// With a space in it, a line is not flat any more.
	errB := slow.Parse(append([]byte(" "), line...), &b)
	if (errA == nil) != (errB == nil) || errA == nil && !reflect.DeepEqual(a, b) {
		t.Errorf("%.200q: %+v, %v; else %+v, %v", line, a, errA, b, errB)
	}
}

func BenchmarkParse(b *testing.B) {
	line := []byte(strings.NewReplacer(`\"Pro\"`, "Pro", `\u00fc`, "ü").Replace(requestLine))
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	var p Parser
	var e Entry
	for b.Loop() {
		if err := p.Parse(line, &e); err != nil {
			b.Fatal(err)
		}
	}
}
