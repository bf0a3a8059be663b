package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGenerated: what Grafana gets is what the tables say, and every picture says in both languages what it shows.
func TestGenerated(t *testing.T) {
	dir := filepath.Join("..", "grafana", "dashboards")
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != len(boards) {
		t.Errorf("%s has %d files for %d dashboards, %v", dir, len(files), len(boards), err)
	}
	for _, b := range boards {
		want, err := b.render()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, b.file()))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the tables say (%v): go generate ./docker/observability/dashboards", b.file(), err)
		}
		for _, r := range b.rows {
			for _, p := range r.panels {
				if !isChinese(p.about) || isChinese(p.title) || p.unit == "" || p.width == 0 || len(p.queries) == 0 {
					t.Errorf("%s: %+v lacks a title, a description in Chinese, a unit, a width or a query", b.uid, p)
				}
			}
		}
	}
}

func isChinese(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return 0x4e00 <= r && r <= 0x9fff })
}
