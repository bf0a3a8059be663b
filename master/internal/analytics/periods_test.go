package analytics

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestPeriodsCover: every hour of a span is counted once, whole days as days.
func TestPeriodsCover(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		from := at.Truncate(time.Hour).Add(time.Duration(random.IntN(100)) * time.Hour)
		s := Span{From: from, To: from.Add(time.Duration(1+random.IntN(200)) * time.Hour)}
		p := s.periods()
		covered := begins(p.hours, time.Hour)
		for _, d := range begins(p.days, day) {
			if d%day.Milliseconds() != 0 {
				t.Fatalf("%d begins no UTC day", d)
			}
			for h := range 24 {
				covered = append(covered, d+int64(h)*time.Hour.Milliseconds())
			}
		}
		slices.Sort(covered)
		if want := begins([]stretch{{s.From, s.To}}, time.Hour); !slices.Equal(covered, want) {
			t.Fatalf("%s to %s is covered by %v", s.From, s.To, covered)
		}
		if len(p.hours) > 0 && len(begins(p.hours, time.Hour)) > 46 {
			t.Fatalf("%s to %s takes %d single hours", s.From, s.To, len(begins(p.hours, time.Hour)))
		}
	}
}

// TestPeriodsOfAnOpenSpan: a span that goes up to now takes the sum of its last day, which has no more than its hours.
func TestPeriodsOfAnOpenSpan(t *testing.T) {
	midnight := at.Truncate(day)
	p := Span{From: midnight.Add(-5 * time.Hour), To: midnight.Add(13 * time.Hour), isOpen: true}.periods()
	if len(begins(p.hours, time.Hour)) != 5 || !slices.Equal(begins(p.days, day), []int64{midnight.UnixMilli()}) {
		t.Errorf("it is made of %v", p)
	}
	within := Span{From: midnight.Add(2 * time.Hour), To: midnight.Add(13 * time.Hour), isOpen: true}.periods()
	if len(within.days) != 0 || len(begins(within.hours, time.Hour)) != 11 {
		t.Errorf("hours of one day are made of %v", within)
	}
}
