package quota

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	seconds  prometheus.Histogram
	failures prometheus.Counter
	stored   prometheus.Counter
	skipped  prometheus.Counter
	made     prometheus.Counter
	lifted   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	m := &metrics{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "uhd_quota_sync_seconds", Help: "Time that quota syncs of slaves took.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		failures: counter("uhd_quota_failures_total", "Quota syncs, and looks at rules and totals, that failed; they are tried again."),
		stored:   counter("uhd_quota_counters_stored_total", "Counters that slaves sent."),
		skipped:  counter("uhd_quota_counters_skipped_total", "Counters that make no sense: an unknown dimension or period, or one long over."),
		made:     counter("uhd_quota_enforcements_made_total", "Enforcements made because a quota was used up."),
		lifted:   counter("uhd_quota_enforcements_lifted_total", "Such enforcements lifted or renewed because of a rule, or removed after their period."),
	}
	reg.MustRegister(m.seconds)
	return m
}
