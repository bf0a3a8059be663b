package analytics

import (
	"testing"
	"time"
)

// TestBuckets: they follow each other without gaps, are made of whole hours, and each day bucket holds the
// noon of its day and no other's.
func TestBuckets(t *testing.T) {
	for _, tz := range []string{"UTC", "Asia/Shanghai", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Berlin", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe"} {
		for _, from := range []string{"2026-03-01", "2026-10-05", "2025-12-20"} {
			s, err := ParseSpan(from, "", tz, at.AddDate(0, 1, 0), 0)
			if err != nil {
				t.Fatal(err)
			}
			s.To = s.From.AddDate(0, 0, 75)
			s = New(Config{}).cover(s)
			for _, step := range []Step{Hour, Day, Week, Month} {
				buckets, err := s.Buckets(step)
				if err != nil {
					t.Fatal(err)
				}
				end := s.From
				for i, b := range buckets {
					if b.From != end || !b.From.Before(b.To) || b.From.Truncate(time.Hour) != b.From {
						t.Fatalf("%s by %s: bucket %d is %s to %s, after %s", tz, step, i, b.From, b.To, end)
					}
					end = b.To
					whole := i > 0 && i < len(buckets)-1
					middle := b.From.Add(b.To.Sub(b.From) / 2).In(s.Zone)
					noons := 0
					for noon := b.From.Add(-36 * time.Hour); noon.Before(b.To.Add(36 * time.Hour)); noon = noon.Add(24 * time.Hour) {
						y, m, d := noon.In(s.Zone).Date()
						if n := time.Date(y, m, d, 12, 0, 0, 0, s.Zone); !n.Before(b.From) && n.Before(b.To) {
							noons++
						}
					}
					switch {
					case !whole:
					case step == Hour && b.To.Sub(b.From) != time.Hour,
						step == Day && noons != 1,
						step == Week && (noons != 7 || middle.Weekday() != time.Thursday),
						step == Month && (noons < 28 || noons > 31 || b.From.Add(24*time.Hour).In(s.Zone).Month() != middle.Month()):
						t.Errorf("%s by %s: bucket %d, %s to %s, has %d noons", tz, step, i, b.From.In(s.Zone), b.To.In(s.Zone), noons)
					}
				}
				if end != s.To {
					t.Errorf("%s by %s: the buckets end at %s, the span at %s", tz, step, end, s.To)
				}
			}
		}
	}
}

func TestBucketsAreBounded(t *testing.T) {
	s := Span{From: at.AddDate(-1, 0, 0), To: at, Zone: time.UTC}
	for _, step := range []Step{Hour, "minute", ""} {
		if _, err := s.Buckets(step); err == nil {
			t.Errorf("a year by %q is not refused", step)
		}
	}
	if _, err := s.Buckets(s.AutoStep()); err != nil {
		t.Error(err)
	}
}
