package adminapi

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

type csvRow struct {
	At    time.Time  `json:"at"`
	Text  string     `json:"text"`
	N     int64      `json:"n"`
	Share float64    `json:"share"`
	On    bool       `json:"on"`
	Ended *time.Time `json:"ended"`
	List  []string   `json:"list,omitempty"`
	csvInner
	Before *csvInner        `json:"before,omitempty"`
	Seen   telemetry.Millis `json:"seen"`
	Hidden string           `json:"-"`
}

type csvInner struct {
	M int64 `json:"m"`
}

func TestCSV(t *testing.T) {
	at := time.Date(2026, 11, 22, 20, 0, 0, 5e8, time.UTC)
	texts := []string{
		`plain`, `=HYPERLINK("http://evil","x")`, `+1`, `-2+3`, `@SUM(A1)`, "\t=1", "\r=1", "＝1", `a "quoted", text`,
		"two\nlines", "中文 ü", "", "\x00=1",
	}
	var out bytes.Buffer
	w, err := newCSV[csvRow](&out, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		if err := w.Write(&csvRow{At: at, Text: text, N: int64(-i), Share: 0.25, On: true, Ended: &at, List: []string{"a", "b"}, Hidden: "x", csvInner: csvInner{5}, Seen: 1500}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(out.String(), "\xEF\xBB\xBF")
	if !ok {
		t.Error("there is no byte order mark")
	}
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"at", "text", "n", "share", "on", "ended", "list", "m", "before_m", "seen"}; !slices.Equal(records[0], want) {
		t.Errorf("the names are %q", records[0])
	}
	if want := []string{"2026-11-22T20:00:00.5Z", "plain", "0", "0.25", "true", "2026-11-22T20:00:00.5Z", `["a","b"]`, "5", "", "1970-01-01T00:00:01.500Z"}; !slices.Equal(records[1], want) {
		t.Errorf("the first row is %q", records[1])
	}
	for i, record := range records[1:] {
		if got := record[1]; strings.ContainsAny(got[:min(1, len(got))], "=+-@\t\r") {
			t.Errorf("%q is written as %q, which is a formula", texts[i], got)
		}
	}
	if got := records[6][1]; got != "'\t=1" {
		t.Errorf("a guarded text is %q", got)
	}
}
