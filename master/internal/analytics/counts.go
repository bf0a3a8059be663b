package analytics

import (
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// Counts is what the requests of a span come to.
type Counts struct {
	Requests    int64    `json:"requests"`
	Refused     int64    `json:"refused"`
	RefusalRate float64  `json:"refusal_rate" doc:"refused / requests"`
	Errors4xx   int64    `json:"errors_4xx" doc:"answers, not refusals"`
	Errors5xx   int64    `json:"errors_5xx"`
	Bytes       int64    `json:"bytes" doc:"sent to players within the span"`
	P50         *float64 `json:"p50_ms" doc:"half of the answers took at most so many milliseconds; streams and refusals do not count; null: there were none"`
	P95         *float64 `json:"p95_ms"`
}

func countsOf(c *telemetry.Counts) Counts {
	out := Counts{Requests: c.Requests, Refused: c.Refused, Errors4xx: c.Errors4xx, Errors5xx: c.Errors5xx, Bytes: c.Bytes}
	if c.Requests > 0 {
		out.RefusalRate = float64(c.Refused) / float64(c.Requests)
	}
	if c.Latency != [telemetry.Buckets]int64{} {
		out.P50, out.P95 = latency(0.5, c), latency(0.95, c)
	}
	return out
}

// bounds are those of the rollups' histograms, in milliseconds.
var bounds = func() []float64 {
	list := make([]float64, len(telemetry.LatencyBounds))
	for i, us := range telemetry.LatencyBounds {
		list[i] = float64(us) / 1000
	}
	return list
}()

func latency(q float64, c *telemetry.Counts) *float64 {
	ms := Quantile(q, bounds, c.Latency[:])
	return &ms
}

// add counts more, all but the latency.
func add(to, more *telemetry.Counts) {
	to.Requests += more.Requests
	to.Refused += more.Refused
	to.Errors4xx += more.Errors4xx
	to.Errors5xx += more.Errors5xx
	to.Bytes += more.Bytes
	for i, n := range more.Latency {
		to.Latency[i] += n
	}
}
