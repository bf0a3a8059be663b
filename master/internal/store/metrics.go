package store

import "github.com/prometheus/client_golang/prometheus"

// metrics of a Store; they count from Open on, and Register shows them.
type metrics struct {
	repeats  prometheus.Counter
	failures prometheus.Counter
	listens  prometheus.Gauge
}

func newMetrics() metrics {
	return metrics{
		repeats: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_store_repeated_transactions_total",
			Help: "Transactions that PostgreSQL gave up because of another, and that were tried again.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_store_watch_failures_total",
			Help: "Times that changes of other replicas could not be taken over; tried again 2 s later.",
		}),
		listens: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "uhd_store_listening",
			Help: "1 while PostgreSQL tells of changes; at 0 other replicas' changes are seen 2 s later.",
		}),
	}
}

// Register shows the store's metrics.
func (s *Store) Register(reg prometheus.Registerer) {
	reg.MustRegister(s.metrics.failures, fleetCollector{s})
	if s.pool == nil {
		return
	}
	reg.MustRegister(s.metrics.repeats, s.metrics.listens,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "uhd_store_connections_used",
			Help: "Connections to PostgreSQL that are at work, of those for all but telemetry.",
		}, func() float64 { return float64(s.pool.Stat().AcquiredConns()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "uhd_store_connection_wait_seconds_total",
			Help: "How long transactions and queries have waited for a connection to PostgreSQL.",
		}, func() float64 { return s.pool.Stat().EmptyAcquireWaitTime().Seconds() }))
}
