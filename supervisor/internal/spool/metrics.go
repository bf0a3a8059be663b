package spool

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	bytes, segments      *prometheus.GaugeVec
	lagBytes, lagSeconds *prometheus.GaugeVec
	rotations, vanished  *prometheus.CounterVec

	droppedSegments, droppedBytes *prometheus.CounterVec

	longLines *prometheus.CounterVec
	errors    prometheus.Counter
	limit     prometheus.Gauge
}

func newMetrics(maxBytes int64) *metrics {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		bytes:           gauge("uhd_spool_bytes", "Bytes in the spool, by log.", "log"),
		segments:        gauge("uhd_spool_segments", "Segments that wait in the spool, by log.", "log"),
		lagBytes:        gauge("uhd_spool_lag_bytes", "Bytes that a consumer is not done with.", "log", "consumer"),
		lagSeconds:      gauge("uhd_spool_lag_seconds", "Seconds since a consumer was done with all there was.", "log", "consumer"),
		rotations:       counter("uhd_spool_rotations_total", "Times a log became a segment.", "log"),
		vanished:        counter("uhd_spool_vanished_total", "Files of the spool that someone else deleted, truncated or replaced.", "log"),
		droppedSegments: counter("uhd_spool_dropped_segments_total", "Segments dropped because of SPOOL_MAX_BYTES.", "log"),
		droppedBytes:    counter("uhd_spool_dropped_bytes_total", "Bytes dropped because of SPOOL_MAX_BYTES.", "log"),
		longLines:       counter("uhd_spool_long_lines_total", "Lines skipped because they are too long to be one, by consumer.", "log", "consumer"),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_spool_errors_total", Help: "Times the spool could not be looked after, each cause once while it lasts.",
		}),
		limit: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "uhd_spool_limit_bytes", Help: "What both logs may take together: SPOOL_MAX_BYTES.",
		}),
	}
	m.limit.Set(float64(maxBytes))
	for _, log := range []string{Access, Usage} { // a count that begins at 1 is not seen to rise
		for _, c := range []*prometheus.CounterVec{m.rotations, m.vanished, m.droppedSegments, m.droppedBytes} {
			c.WithLabelValues(log)
		}
	}
	return m
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{
		m.bytes, m.segments, m.lagBytes, m.lagSeconds, m.rotations, m.vanished,
		m.droppedSegments, m.droppedBytes, m.longLines, m.errors, m.limit,
	}
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
