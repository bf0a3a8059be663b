package decision

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	active   prometheus.GaugeFunc
	failures prometheus.Counter
}

func newMetrics(s *Set) *metrics {
	return &metrics{
		active: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "uhd_decisions_active",
			Help: "Decisions in force beside the rules: kicked sessions, exhausted quotas, bans and throttles.",
		}, func() float64 { return float64(s.Status().Count) }),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_decision_push_failures_total",
			Help: "Sets of decisions that a running nginx did not take.",
		}),
	}
}

func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.active.Describe(ch)
	m.failures.Describe(ch)
}

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.active.Collect(ch)
	m.failures.Collect(ch)
}
