package identity

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	known        prometheus.GaugeFunc
	pushFailures prometheus.Counter
}

func newMetrics(b *Book) *metrics {
	return &metrics{
		known: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "uhd_identities_known",
			Help: "Tokens whose user is known.",
		}, func() float64 { return float64(b.Count()) }),
		pushFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_identity_push_failures_total",
			Help: "Times that a running nginx did not take the users of tokens.",
		}),
	}
}

func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.known.Describe(ch)
	m.pushFailures.Describe(ch)
}

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.known.Collect(ch)
	m.pushFailures.Collect(ch)
}
