package main

import "fmt"

// bars are the figures that must hold.
type bars []bar

type bar struct {
	name           string
	measured, most float64
}

func (b *bars) atMost(name string, measured, most float64) {
	*b = append(*b, bar{name, measured, most})
}

// print writes the table and reports whether all were held.
func (b bars) print() (held bool) {
	held = true
	fmt.Printf("\n%-56s %10s %10s\n", "", "measured", "bar")
	for _, bar := range b {
		verdict := "held"
		if bar.measured > bar.most {
			verdict, held = "MISSED", false
		}
		fmt.Printf("%-56s %10.2f %10s  %s\n", bar.name, bar.measured, fmt.Sprintf("<= %g", bar.most), verdict)
	}
	return held
}
