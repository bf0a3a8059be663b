package period_test

import (
	"testing"
	"time"
	_ "time/tzdata" // the test's zones, whatever the machine has

	"github.com/uhdadmin/media-gateway/shared/period"
)

func TestOf(t *testing.T) {
	for _, tt := range []struct {
		kind          period.Kind
		at, zone      string
		key, end, why string
	}{
		{period.Hourly, "2026-11-22T20:59:59Z", "UTC", "2026-11-22T20", "2026-11-22T21:00:00Z", ""},
		{period.Hourly, "2026-11-22T20:59:59Z", "Asia/Kolkata", "2026-11-22T20", "2026-11-22T21:00:00Z", "hours are of UTC"},
		{period.Daily, "2026-11-22T23:30:00Z", "Europe/Berlin", "2026-11-23", "2026-11-23T23:00:00Z", ""},
		{period.Daily, "2026-10-25T12:00:00Z", "Europe/Berlin", "2026-10-25", "2026-10-25T23:00:00Z", "a day of 25 h"},
		{period.Daily, "2018-11-03T12:00:00Z", "America/Sao_Paulo", "2018-11-03", "2018-11-04T03:00:00Z", "the next day begins at 1:00"},
		{period.Daily, "2018-11-04T03:00:00Z", "America/Sao_Paulo", "2018-11-04", "2018-11-05T02:00:00Z", "and this is its first moment"},
		{period.Weekly, "2026-11-22T12:00:00Z", "UTC", "2026-W47", "2026-11-23T00:00:00Z", "Sunday"},
		{period.Weekly, "2026-11-23T00:00:00Z", "UTC", "2026-W48", "2026-11-30T00:00:00Z", "Monday"},
		{period.Weekly, "2027-01-01T12:00:00Z", "UTC", "2026-W53", "2027-01-04T00:00:00Z", "of the year before"},
		{period.Monthly, "2026-12-31T23:59:59Z", "UTC", "2026-12", "2027-01-01T00:00:00Z", ""},
		{period.Monthly, "2026-11-30T16:00:00Z", "Asia/Shanghai", "2026-12", "2026-12-31T16:00:00Z", ""},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		p := period.Of(tt.kind, at, zone)
		if end := p.End.UTC().Format(time.RFC3339); p.Key != tt.key || end != tt.end {
			t.Errorf("%s of %s in %s: %s until %s; want %s until %s %s", tt.kind, tt.at, tt.zone, p.Key, end, tt.key, tt.end, tt.why)
		}
	}
}

// TestFollow: the end of a period is in the next one, the moment before it is not, and each is found by its
// key; for three years of each zone.
func TestFollow(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Apia", "Asia/Beirut"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range period.Kinds[1:] {
			last := time.Date(2013, 1, 1, 0, 0, 0, 0, time.UTC)
			for p := period.Of(kind, time.Date(2010, 1, 1, 12, 0, 0, 0, time.UTC), zone); p.End.Before(last); {
				if got := period.Of(kind, p.End.Add(-time.Second), zone); got.Key != p.Key {
					t.Fatalf("%s: the last moment of %s %s is in %s", name, kind, p.Key, got.Key)
				}
				if parsed, err := period.Parse(kind, p.Key, zone); err != nil || !parsed.End.Equal(p.End) {
					t.Fatalf("%s: %s %s is parsed as %v, %v; want an end at %v", name, kind, p.Key, parsed, err, p.End)
				}
				next := period.Of(kind, p.End, zone)
				if next.Key <= p.Key || !next.Start.Equal(p.End) || !next.End.After(p.End) {
					t.Fatalf("%s: after %s %s comes %s", name, kind, p.Key, next.Key)
				}
				p = next
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for kind, keys := range map[period.Kind][]string{
		period.Hourly:  {"", "2026-11-22", "2026-11-22T24", "2026-11-22T20Z"},
		period.Daily:   {"2026-11-31", "20261122", "2026-11-22T20"},
		period.Weekly:  {"2026-W54", "2026-W00", "2026-47", "2026-W47 "},
		period.Monthly: {"2026-13", "2026", "11-2026"},
		"yearly":       {"2026"},
	} {
		for _, key := range keys {
			if p, err := period.Parse(kind, key, time.UTC); err == nil {
				t.Errorf("%s %q was taken for %v", kind, key, p)
			}
		}
	}
}
