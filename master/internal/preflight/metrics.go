package preflight

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	runs    *prometheus.CounterVec
	seconds prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_preflight_runs_total", Help: "Preflights by result: passed, failed, not_run.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "uhd_preflight_seconds", Help: "Time that a preflight took.", Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}),
	}
	for _, s := range []Status{Passed, Failed, NotRun} {
		m.runs.WithLabelValues(string(s))
	}
	reg.MustRegister(m.runs, m.seconds)
	return m
}
