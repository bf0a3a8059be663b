package telemetry

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Why rows are skipped.
const (
	skippedTime      = "time"          // before 2015, or a day ahead
	skippedNoObject  = "no object"     // of JSON
	skippedNoSession = "no session_id" // in a session
)

type metrics struct {
	rows       *prometheus.CounterVec
	skipped    *prometheus.CounterVec
	duplicates prometheus.Counter
	refused    prometheus.Counter
	failures   prometheus.Counter
	commits    prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, waiting *atomic.Int64) *metrics {
	m := &metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_telemetry_rows_total",
			Help: "Telemetry rows stored, by kind.",
		}, []string{"kind"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_telemetry_skipped_rows_total",
			Help: "Telemetry rows that could not be stored, by cause.",
		}, []string{"cause"}),
		duplicates: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_telemetry_duplicate_batches_total",
			Help: "Batches that came again after they had been stored.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_telemetry_refused_batches_total",
			Help: "Batches that were sent away because too many waited; slaves send them again.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_telemetry_failed_batches_total",
			Help: "Batches that the database did not take; slaves send them again.",
		}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "uhd_telemetry_commit_seconds",
			Help:    "How long a transaction of telemetry took, which stores all batches that waited.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 7),
		}),
	}
	for _, kind := range []Kind{AccessLogs, BlockedRequests, LoginEvents, PlaybackEvents} {
		m.rows.WithLabelValues(string(kind)) // a count that begins at 1 is not seen to rise
	}
	for _, cause := range []string{skippedTime, skippedNoObject, skippedNoSession} {
		m.skipped.WithLabelValues(cause)
	}
	reg.MustRegister(m.rows, m.skipped, m.duplicates, m.refused, m.failures, m.commits,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "uhd_telemetry_waiting_rows",
			Help: "Telemetry rows in memory that wait to be stored.",
		}, func() float64 { return float64(waiting.Load()) }))
	return m
}
