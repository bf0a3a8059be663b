package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// Why a line is skipped, and why telemetry is held up.
const (
	causeGarbage  = "garbage"   // no entry
	causeRefused  = "refused"   // by the master, alone as well
	causeTooLarge = "too_large" // for the master, alone as well

	causeMaster = "master" // away, busy, or its token is refused
	causeDisk   = "disk"
)

type metrics struct {
	rows, batches, bytes, skipped, lost, errors *prometheus.CounterVec
	success                                     *prometheus.GaugeVec
}

func newMetrics() *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "uhd_telemetry_" + name, Help: help}, labels)
	}
	m := &metrics{
		rows:    counter("rows_total", "Rows that the master has taken.", "log"),
		batches: counter("batches_total", "Batches that the master has taken, by whether it had them before.", "log", "result"),
		bytes:   counter("sent_bytes_total", "Bytes of batches that the master has taken, compressed.", "log"),
		skipped: counter("skipped_lines_total", "Lines that are not reported, by cause.", "log", "cause"),
		lost:    counter("lost_bytes_total", "Bytes of the log that were dropped or deleted before they were reported.", "log"),
		errors:  counter("errors_total", "Attempts that failed and are repeated, by cause.", "log", "cause"),
		success: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "uhd_telemetry_last_success_timestamp_seconds", Help: "When the master last took a batch.",
		}, []string{"log"}),
	}
	for _, log := range []string{spool.Access, spool.Usage} { // a count that begins at 1 is not seen to rise
		m.rows.WithLabelValues(log)
		m.lost.WithLabelValues(log)
		for _, cause := range []string{causeGarbage, causeRefused, causeTooLarge} {
			m.skipped.WithLabelValues(log, cause)
		}
		for _, cause := range []string{causeMaster, causeDisk} {
			m.errors.WithLabelValues(log, cause)
		}
	}
	return m
}

// laneMetrics are those of one log.
type laneMetrics struct {
	rows, bytes, lost        prometheus.Counter
	batches, skipped, errors *prometheus.CounterVec
	success                  prometheus.Gauge
}

func (m *metrics) of(log string) laneMetrics {
	label := prometheus.Labels{"log": log}
	return laneMetrics{
		rows: m.rows.With(label), bytes: m.bytes.With(label), lost: m.lost.With(label),
		batches: m.batches.MustCurryWith(label), skipped: m.skipped.MustCurryWith(label), errors: m.errors.MustCurryWith(label),
		success: m.success.With(label),
	}
}

// taken counts a batch, or a part of one.
func (m *laneMetrics) taken(bytes int, answer api.ReportAnswer) {
	result := "accepted"
	if answer.Duplicate {
		result = "duplicate"
	}
	m.batches.WithLabelValues(result).Inc()
	m.bytes.Add(float64(bytes))
	m.success.SetToCurrentTime()
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.rows, m.batches, m.bytes, m.skipped, m.lost, m.errors, m.success}
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
