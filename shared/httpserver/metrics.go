package httpserver

import "github.com/prometheus/client_golang/prometheus"

// Metrics are of one server's connections.
type Metrics struct {
	open    prometheus.Gauge
	refused prometheus.Counter
}

// NewMetrics returns the metrics of a server; they have to be registered.
func NewMetrics() *Metrics {
	return &Metrics{
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "uhd_http_connections",
			Help: "Open connections of the API, those of waiting slaves among them.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_http_refused_connections_total",
			Help: "Connections that were closed at once, since MAX_CONNECTIONS were open.",
		}),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.open.Collect(ch)
	m.refused.Collect(ch)
}
