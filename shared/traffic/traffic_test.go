package traffic_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/traffic"
)

// TestLines: lines are JSON, the same for the same seed, and spread over the time asked for.
func TestLines(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	one, other := traffic.New(traffic.Config{Seed: 1, Users: 50, Items: 100}), traffic.New(traffic.Config{Seed: 1, Users: 50, Items: 100})
	kinds := map[string]int{}
	lines := 0
	last := from
	traffic.Times(from, from.Add(48*time.Hour), 5000, func(at time.Time) bool {
		if at.Before(last) || !at.Before(from.Add(48*time.Hour)) {
			t.Fatalf("%s after %s", at, last)
		}
		last = at
		line := one.Line(nil, at)
		if again := other.Line(nil, at); string(again) != string(line) {
			t.Fatalf("the same seed gives %s and %s", line, again)
		}
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		kinds[v["verdict"].(string)]++
		for _, name := range []string{"playback", "login"} {
			if v[name] != nil {
				kinds[name]++
			}
		}
		lines++
		return true
	})
	if lines != 5000 || kinds["allow"] == 0 || kinds["reject"] == 0 || kinds["playback"] == 0 || kinds["login"] == 0 {
		t.Errorf("%d lines, of kinds %v", lines, kinds)
	}
}

func BenchmarkLine(b *testing.B) {
	g := traffic.New(traffic.Config{Seed: 1})
	var line []byte
	for b.Loop() {
		line = g.Line(line[:0], time.UnixMilli(1_780_000_000_000))
	}
	b.ReportMetric(float64(len(line)), "bytes")
}
