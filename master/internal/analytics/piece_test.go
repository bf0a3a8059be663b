package analytics

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestPieces(t *testing.T) {
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	s := Span{From: day.Add(-30 * time.Hour), To: day.Add(50*time.Hour + 7*time.Minute)}
	got := s.pieces()
	want := []piece{
		{byHour, day.Add(-30 * time.Hour), day.Add(-24 * time.Hour)},
		{byDay, day.Add(-24 * time.Hour), day.Add(48 * time.Hour)},
		{byHour, day.Add(48 * time.Hour), day.Add(50 * time.Hour)},
		{byRequest, day.Add(50 * time.Hour), s.To},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// TestPiecesCover: the pieces of any span are the span, in order, each fit for its source.
func TestPiecesCover(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		from := at.Add(time.Duration(random.IntN(100*3600)) * time.Second)
		s := Span{From: from, To: from.Add(time.Duration(1+random.IntN(200*3600)) * time.Second)}
		if random.IntN(2) == 0 {
			s = s.Hours()
		}
		end := s.From
		for _, p := range s.pieces() {
			unit := []time.Duration{time.Second, time.Hour, 24 * time.Hour}[p.grain]
			if p.from != end || !p.from.Before(p.to) || p.from.Truncate(unit) != p.from || p.to.Truncate(unit) != p.to {
				t.Fatalf("%s to %s gives %v", s.From, s.To, s.pieces())
			}
			if p.grain == byRequest && s.Hours() == s {
				t.Fatalf("whole hours give single requests: %v", s.pieces())
			}
			end = p.to
		}
		if end != s.To {
			t.Fatalf("%s to %s gives %v", s.From, s.To, s.pieces())
		}
	}
}
