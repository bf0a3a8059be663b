package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// measure prints a line per page, the slowest first, and reports whether all keep to their bars.
func (v *visitor) measure(ctx context.Context, paths []string, rounds int) (held bool, err error) {
	type line struct {
		path        string
		bytes, gzip int
		median, p95 time.Duration
	}
	var lines []line
	for _, path := range paths {
		l := line{path: path}
		var took []time.Duration
		for range rounds {
			began := time.Now()
			text, err := v.page(ctx, path)
			if err != nil {
				return false, err
			}
			took = append(took, time.Since(began))
			if len(text) > l.bytes {
				l.bytes, l.gzip = len(text), compressed(text)
			}
		}
		slices.Sort(took)
		l.median, l.p95 = took[len(took)/2], took[len(took)*95/100]
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b line) int { return int(b.median - a.median) })
	held = true
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "page\tKB\tgzip KB\tmedian ms\tp95 ms\t")
	for _, l := range lines {
		verdict := ""
		if l.bytes > maxBytes {
			verdict = "too large"
		}
		if l.median > maxTime {
			verdict += " too slow"
		}
		held = held && verdict == ""
		_, _ = fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%s\n", l.path, kb(l.bytes), kb(l.gzip), ms(l.median), ms(l.p95), verdict)
	}
	if err := w.Flush(); err != nil {
		return false, err
	}
	fmt.Printf("\n%d pages; bars: %d KB, %d ms in the median of %d\n", len(lines), maxBytes/1000, maxTime.Milliseconds(), rounds)
	return held, nil
}

func kb(bytes int) float64 { return float64(bytes) / 1000 }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// compressed is how many bytes a proxy would send that compresses.
func compressed(text string) int {
	var n counter
	w := gzip.NewWriter(&n)
	_, _ = io.WriteString(w, text) // a counter takes everything
	_ = w.Close()
	return int(n)
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
