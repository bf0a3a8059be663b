// Command dashboards writes the Grafana dashboards: JSON that nobody reads, from tables that one can. Run it by
// go generate ./docker/observability/dashboards after a change.
package main

//go:generate go run . ../grafana/dashboards

import (
	"fmt"
	"os"
	"path/filepath"
)

// boards are all dashboards.
var boards = []board{fleet, slave, master, telemetry}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dashboards DIRECTORY")
		os.Exit(2)
	}
	for _, b := range boards {
		text, err := b.render()
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Args[1], b.file()), text, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "dashboards:", err)
			os.Exit(1)
		}
	}
}
