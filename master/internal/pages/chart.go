package pages

// point of a chart.
type point struct {
	Label string
	Value float64
	Text  string // the value with its unit
}

// chart is a row of bars, drawn as SVG by the template "chart". Coordinates are of a drawing that is 100 high and
// ten wide per bar.
type chart struct {
	Bars  []bar // drawn, and listed in a table for those who do not see them
	Width int
	Peak  string // the text of the highest
}

type bar struct {
	point
	X, Y, Height float64
}

func newChart(points []point) chart {
	c := chart{Width: 10 * max(1, len(points))}
	highest := 0.0
	for _, p := range points {
		if p.Value >= highest {
			highest, c.Peak = p.Value, p.Text
		}
	}
	for i, p := range points {
		height := 0.0
		if highest > 0 {
			height = 100 * p.Value / highest
			if p.Value > 0 {
				height = max(height, 1)
			}
		}
		c.Bars = append(c.Bars, bar{p, float64(10*i + 1), 100 - height, height})
	}
	return c
}
