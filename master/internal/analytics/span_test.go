package analytics

import (
	"errors"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 22, 20, 30, 0, 0, time.UTC)

func TestParseSpan(t *testing.T) {
	for _, c := range []struct{ from, to, tz, wantFrom, wantTo string }{
		{"", "", "", "2026-11-21T20:30:00Z", "2026-11-22T20:30:00Z"},
		{"2026-11-01", "2026-11-20", "", "2026-11-01T00:00:00Z", "2026-11-21T00:00:00Z"},
		{"2026-11-01", "2026-11-01", "Asia/Shanghai", "2026-10-31T16:00:00Z", "2026-11-01T16:00:00Z"},
		{"2026-11-01", "2026-11-01", "Asia/Kolkata", "2026-10-31T18:30:00Z", "2026-11-01T18:30:00Z"},
		{"2026-10-25", "2026-10-25", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},     // 25 hours
		{"2026-03-29", "2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},     // 23 hours
		{"2018-11-04", "2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"}, // no midnight
		{"2026-11-01", "2026-11-01", "America/Havana", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},    // two midnights
		{"1700000000", "1700000000.5", "", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.5Z"},
		{"2026-11-22T18:00:00+08:00", "", "", "2026-11-22T10:00:00Z", "2026-11-22T20:30:00Z"},
	} {
		s, err := ParseSpan(c.from, c.to, c.tz, at, 24*time.Hour)
		from, to := s.From.UTC().Format(time.RFC3339Nano), s.To.UTC().Format(time.RFC3339Nano)
		if err != nil || from != c.wantFrom || to != c.wantTo {
			t.Errorf("%s to %s in %q is %s to %s (%v), want %s to %s", c.from, c.to, c.tz, from, to, err, c.wantFrom, c.wantTo)
		}
	}
}

func TestParseSpanNamesTheParameter(t *testing.T) {
	for _, c := range []struct{ from, to, tz, name string }{
		{"yesterday", "", "", "from"},
		{"", "2026-13-01", "", "to"},
		{"", "", "Mars/Phobos", "tz"},
		{"", "", "Local", "tz"},
		{"", "", "../etc/passwd", "tz"},
		{"2026-11-23", "2026-11-22", "", "from"},
		{"1026-11-23", "", "", "from"},
	} {
		_, err := ParseSpan(c.from, c.to, c.tz, at, time.Hour)
		if e, ok := errors.AsType[*ParamError](err); !ok || e.Name != c.name {
			t.Errorf("%+v gives %v, want a complaint about %s", c, err, c.name)
		}
	}
}

// TestStartOfDay: every moment lies in the day that begins last before it, in zones that have all kinds of
// odd days.
func TestStartOfDay(t *testing.T) {
	for _, name := range []string{
		"UTC", "Asia/Shanghai", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Berlin", "America/New_York", "America/Havana",
		"America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia", "America/Scoresbysund",
	} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for year := 2009; year < 2028; year++ {
			for month := time.January; month <= time.December; month++ {
				for day := 1; day <= 31; day++ {
					start, next := startOfDay(year, month, day, zone), startOfDay(year, month, day+1, zone)
					wanted := civil(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
					if name == "Pacific/Apia" && (wanted == 20111230 || wanted == 20111229) { // the 30th never was
						continue
					}
					if civil(start) != wanted || civil(start.Add(-time.Millisecond)) >= wanted || civil(next.Add(-time.Millisecond)) != wanted {
						t.Fatalf("%s: the day %d is %s to %s", name, wanted, start, next)
					}
				}
			}
		}
	}
}

func TestCover(t *testing.T) {
	kept := New(Config{HoursKept: 10 * day, Now: func() time.Time { return at }})
	for _, c := range []struct {
		a        *Analytics
		from, to time.Duration // before at
		want     [2]string
	}{
		{New(Config{}), 0, -90 * time.Minute, [2]string{"2026-11-22T20:00:00Z", "2026-11-22T22:00:00Z"}},
		{kept, 5 * day, 4 * day, [2]string{"2026-11-17T20:00:00Z", "2026-11-18T21:00:00Z"}},
		{kept, 15 * day, 4 * day, [2]string{"2026-11-07T00:00:00Z", "2026-11-18T21:00:00Z"}},
		{kept, 10*day + 3*time.Hour, 10*day - 2*time.Hour, [2]string{"2026-11-12T00:00:00Z", "2026-11-13T00:00:00Z"}}, // some of its hours are gone
		{kept, 15 * day, 14 * day, [2]string{"2026-11-07T00:00:00Z", "2026-11-09T00:00:00Z"}},
	} {
		s := c.a.cover(Span{From: at.Add(-c.from), To: at.Add(-c.to), Zone: time.UTC})
		if got := [2]string{s.From.Format(time.RFC3339), s.To.Format(time.RFC3339)}; got != c.want {
			t.Errorf("%s to %s before now is %v, want %v", c.from, c.to, got, c.want)
		}
	}
	b := Span{From: at, To: at.Add(2 * time.Hour)}.Before()
	if b.To != at || b.To.Sub(b.From) != 2*time.Hour {
		t.Errorf("before it is %s to %s", b.From, b.To)
	}
}
