package pages

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// TestRoundTop: a scale has room for the highest value and ends at a round number, whose half is one, too.
func TestRoundTop(t *testing.T) {
	for _, c := range []struct{ highest, base, want float64 }{
		{0, unitless, 2},
		{1, unitless, 2},
		{3, unitless, 4},
		{10, unitless, 10},
		{11, unitless, 20},
		{81, unitless, 100},
		{521, unitless, 600},
		{12_345, unitless, 20_000},
		{0.032, unitless, 0.04},
		{100, binary, 100},
		{700, binary, 1024},
		{3 << 20, binary, 4 << 20},
		{1 << 40, binary, 1 << 40},
	} {
		if got := roundTop(c.highest, c.base); math.Abs(got-c.want) > 1e-9*c.want {
			t.Errorf("%v, by %v: the scale ends at %v, want %v", c.highest, c.base, got, c.want)
		}
	}
}

// TestChart: bars are as high as their values say, what is little is seen, and what is not there is no bar.
func TestChart(t *testing.T) {
	write := func(n any) string { return fmt.Sprint(n, " x") }
	c := newChart(write, unitless, []point{{"a", "A", 10}, {"b", "", 0}, {"c", "C", math.NaN()}, {"d", "", 0.001}})
	if want := "M1 100V0.0h8V100zM31 100V99.0h8V100z"; c.Path != want {
		t.Errorf("bars are %s, want %s", c.Path, want)
	}
	if c.Peak != "10 x" || strings.Join(c.Scale, ",") != "10 x,5 x,0 x" || c.Bars[2].Text != "–" {
		t.Errorf("drawn is %+v", c)
	}
	if len(c.Ticks) != 2 || c.Ticks[0].X != 12.5 || c.Ticks[1].X != 62.5 {
		t.Errorf("ticks are %+v", c.Ticks)
	}
	if empty := newChart(write, unitless, nil); empty.Path != "" || empty.Width == 0 {
		t.Errorf("of nothing is drawn %+v", empty)
	}
}

// TestTicks: below a timeline stand a few times, each of them round where steps are hours.
func TestTicks(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	for step, length := range map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour} {
		for n := 1; n <= 101; n++ {
			line := timeline{Step: step}
			for i := range n {
				line.Items = append(line.Items, interval{From: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC).Add(time.Duration(i) * length)})
			}
			shown := 0
			for i := range n {
				if line.tick(i, zone) != "" {
					shown++
				}
			}
			if shown > 6 || shown == 0 && n > 24 {
				t.Errorf("%d times below %d steps of a %s", shown, n, step)
			}
		}
	}
	line := timeline{Step: "hour", Items: make([]interval, 24)}
	line.Items[3].From = time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC)
	line.Items[4].From = time.Date(2026, 11, 22, 22, 0, 0, 0, time.UTC)
	if midnight, morning := line.tick(3, zone), line.tick(4, zone); midnight != "11-23" || morning != "06:00" {
		t.Errorf("midnight is %q, the morning %q", midnight, morning)
	}
}
