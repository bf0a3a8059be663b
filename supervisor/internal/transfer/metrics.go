package transfer

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	records, garbage, gaps, errors prometheus.Counter
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "uhd_transfer_" + name, Help: help})
	}
	return &metrics{
		records: counter("records_total", "Records of running transfers that are in the usage log."),
		garbage: counter("garbage_records_total", "Records of nginx that are no entries, and skipped."),
		gaps:    counter("missing_records_total", "Records that nginx had numbered and could not keep."),
		errors:  counter("errors_total", "Times nginx did not hand records over, or the disk did not take them; they stay in nginx."),
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.records, m.garbage, m.gaps, m.errors}
}

func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(ch)
	}
}

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(ch)
	}
}
