package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// BenchmarkPublish times what an operator waits for: from the call that publishes to the first answer of
// the gateway by the new configuration, through the real master. rules changes rules alone, reload a
// server block.
func BenchmarkPublish(b *testing.B) {
	b.Run("rules", func(b *testing.B) {
		g := startGateway(b, nil, "jf.test")
		var took durations
		for b.Loop() {
			path := fmt.Sprintf("/blocked/%d", len(took))
			must(b, g.master.Admin.Do(b.Context(), http.MethodPost, "uri-rules", map[string]any{
				"name": path, "action": "block", "match_type": api.MatchExact, "pattern": path, "service_type": "jellyfin", "enabled": true,
			}, nil))
			took = append(took, g.timePublish(b, func() bool { return g.get(b, "jf.test", path) == http.StatusForbidden }))
		}
		took.report(b)
	})
	b.Run("reload", func(b *testing.B) {
		g := startGateway(b, nil, "jf.test")
		var took durations
		for b.Loop() {
			mark := fmt.Sprintf("mark-%d", len(took))
			must(b, g.master.Admin.Do(b.Context(), http.MethodPatch, fmt.Sprintf("servers/%d", g.server.ID), map[string]any{
				"custom_nginx": "add_header X-Mark " + mark + " always;",
			}, nil))
			took = append(took, g.timePublish(b, func() bool {
				res := g.do(b, "jf.test", "/System/Info/Public")
				_ = res.Body.Close()
				return res.Header.Get("X-Mark") == mark
			}))
		}
		took.report(b)
	})
}

// timePublish publishes, asks the gateway until it serves what was published, and returns the time
// between; then it waits for the ack, so that one publish does not meet the next.
func (g *gateway) timePublish(b *testing.B, serves func() bool) time.Duration {
	b.Helper()
	begun := time.Now()
	snapshot, err := g.master.Admin.Publish(b.Context(), "benchmark")
	must(b, err)
	eventually(b, func() error {
		if !serves() {
			return fmt.Errorf("snapshot %d does not serve", snapshot)
		}
		return nil
	})
	took := time.Since(begun)
	g.waitApplied(b, snapshot)
	return took
}

type durations []time.Duration

// report adds median and highest, for the mean that a benchmark prints counts the ack as well.
func (d durations) report(b *testing.B) {
	slices.Sort(d)
	b.ReportMetric(float64(d[len(d)/2].Milliseconds()), "median-ms")
	b.ReportMetric(float64(d[len(d)-1].Milliseconds()), "max-ms")
}
