package pages

import (
	"fmt"
	"math"
	"strings"
)

// point of a chart.
type point struct {
	Label string  // its time in full
	Tick  string  // its time in short, below the chart; "" for most points
	Value float64 // NaN where there is none
}

// chart is a row of bars over time, drawn as SVG by the template "chart": bars in a drawing that is ten wide for each and
// 100 high and is stretched to the width of the page, and beside it the scale and the times, which keep their size.
type chart struct {
	Bars  []bar
	Width int
	Path  string // of all bars
	Grid  string // the path of the lines behind them
	Ticks []tick
	Scale []string // what the top, the middle and the foot stand for
	Peak  string   // the text of the highest
}

type bar struct {
	point
	X    int
	Text string // the value with its unit
}

// tick is a time below the bars, at X percent of their width.
type tick struct {
	X    float64
	Text string
}

// The steps from unit to unit of what a chart shows: KiB, MiB and so on, or none.
const (
	binary   = 1024.0
	unitless = 1.0
)

// newChart draws points; write puts a value with its unit in words, of which each is base of the one before.
func newChart(write func(any) string, base float64, points []point) chart {
	c := chart{Width: 10 * max(1, len(points))}
	highest := 0.0
	for _, p := range points {
		highest = max(highest, zeroed(p.Value))
	}
	top := roundTop(highest, base)
	c.Grid = fmt.Sprintf("M0 0H%[1]dM0 50H%[1]d", c.Width)
	c.Peak, c.Scale = write(highest), []string{write(top), write(top / 2), write(0.0)}
	var path strings.Builder
	for i, p := range points {
		b := bar{p, 10 * i, write(p.Value)}
		if math.IsNaN(p.Value) {
			b.Text = "–"
		}
		if height := 100 * zeroed(p.Value) / top; height > 0 {
			fmt.Fprintf(&path, "M%d 100V%.1fh8V100z", b.X+1, 100-max(1, height)) // one percent is still seen
		}
		if p.Tick != "" {
			c.Ticks = append(c.Ticks, tick{100 * (float64(i) + .5) / float64(len(points)), p.Tick})
		}
		c.Bars = append(c.Bars, b)
	}
	c.Path = path.String()
	return c
}

// roundTop is where a scale ends that has room for the highest value: 2, 4, 6, 8 or 10 times a power of ten of a unit, so
// that its half is a round number as well.
func roundTop(highest, base float64) float64 {
	if highest <= 0 {
		return 2
	}
	unit := 1.0
	for base > 1 && highest > unit*base/2 {
		unit *= base
	}
	if unit > 1 && highest <= unit {
		return unit
	}
	power := math.Pow(10, math.Floor(math.Log10(highest/unit)))
	if power > 1 && highest == power*unit {
		return highest
	}
	for _, m := range []float64{2, 4, 6, 8} {
		if highest <= m*power*unit {
			return m * power * unit
		}
	}
	return 10 * power * unit
}

func zeroed(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return f
}
