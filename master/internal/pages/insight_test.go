package pages

import (
	"os"
	"regexp"
	"slices"
	"testing"
	"time"
)

// TestReasons: the reasons that lists can be filtered by are those that package explain has an explanation for.
func TestReasons(t *testing.T) {
	source, err := os.ReadFile("../explain/texts.go")
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, m := range regexp.MustCompile(`(?m)^\t"([a-z_]+)": \{$`).FindAllStringSubmatch(string(source), -1) {
		known = append(known, m[1])
	}
	slices.Sort(known)
	if len(known) < 10 || !slices.Equal(known, reasons) {
		t.Errorf("there are explanations for %q, filters for %q", known, reasons)
	}
}

// TestTextsOfInsight: whatever a column, a filter, a kind or a dimension is called has a text.
func TestTextsOfInsight(t *testing.T) {
	texts, err := readTexts()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, k := range telemetryKinds {
		want = append(want, "telemetry."+k.path, "telemetry."+k.path+".lead")
		for _, c := range slices.Concat(k.columns, k.more) {
			want = append(want, "column."+c.Name)
		}
		for _, f := range k.filters {
			want = append(want, "column."+f.Name)
		}
	}
	for _, reason := range reasons {
		want = append(want, "option."+reason)
	}
	for _, d := range analyticsBy {
		want = append(want, "analytics.by."+d.name)
	}
	for _, order := range orders {
		want = append(want, "analytics.order."+order)
	}
	for _, s := range steps {
		want = append(want, "analytics.step."+s.name)
	}
	for choice := range lengths {
		want = append(want, "period."+choice)
	}
	for _, kind := range []string{"many_networks", "many_devices", "distant_streams"} {
		want = append(want, "signals."+kind)
	}
	for _, key := range want {
		if !texts.has(key) {
			t.Errorf("there is no text %s", key)
		}
	}
}

// TestFromMidnight: a span of days begins with a day of UTC, one of hours where it begins, and so does what was entered.
func TestFromMidnight(t *testing.T) {
	from := time.Date(2026, 11, 20, 9, 30, 0, 0, time.FixedZone("", 8*3600))
	for choice, want := range map[string]time.Time{"": from, "24h": from, "7d": time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)} {
		if got := (period{Choice: choice, From: from}).fromMidnight().From; !got.Equal(want) {
			t.Errorf("%q begins at %s, want %s", choice, got, want)
		}
	}
}

// TestShort: ids are cut, names are not.
func TestShort(t *testing.T) {
	for text, want := range map[string]string{
		"0123456789abcdef0123456789abcdef": "0123456789…", "203.0.113.7": "203.0.113.7", "Wohnzimmer": "Wohnzimmer", "": "",
	} {
		if got, _ := short(text); got != want {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}
