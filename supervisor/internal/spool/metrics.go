package spool

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	bytes, segments               prometheus.Gauge
	rotations                     prometheus.Counter
	droppedSegments, droppedBytes prometheus.Counter
}

func newMetrics() *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &metrics{
		bytes:           gauge("uhd_spool_bytes", "Bytes of access log in the spool."),
		segments:        gauge("uhd_spool_segments", "Segments of access log that wait in the spool."),
		rotations:       counter("uhd_spool_rotations_total", "Times the access log became a segment."),
		droppedSegments: counter("uhd_spool_dropped_segments_total", "Segments dropped because of SPOOL_MAX_BYTES."),
		droppedBytes:    counter("uhd_spool_dropped_bytes_total", "Bytes of access log dropped because of SPOOL_MAX_BYTES."),
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.bytes, m.segments, m.rotations, m.droppedSegments, m.droppedBytes}
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
