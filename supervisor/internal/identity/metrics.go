package identity

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	known        prometheus.GaugeFunc
	pushFailures prometheus.Counter

	resolved       *prometheus.CounterVec
	redisLookups   *prometheus.CounterVec
	redisFailures  prometheus.Counter
	redisAvailable prometheus.Gauge
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
		resolved: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_identity_resolved_total",
			Help: "Answers about tokens that nobody has seen log in, by result: known (Jellyfin knows the token), stated (Emby knows the device), not_yet, unknown, failed, busy (too many questions run).",
		}, []string{"result"}),
		redisLookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_identity_redis_lookups_total",
			Help: "Tokens that were asked about at Redis, by result (known, unknown, failed, busy).",
		}, []string{"result"}),
		redisFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_identity_redis_failures_total",
			Help: "Times that Redis did not take bindings of tokens; they are written when it is back.",
		}),
		redisAvailable: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "uhd_identity_redis_available",
			Help: "1 when Redis took the last bindings of tokens, 0 when it did not or there is none.",
		}),
	}
}

func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.known.Describe(ch)
	m.pushFailures.Describe(ch)
	m.resolved.Describe(ch)
	m.redisLookups.Describe(ch)
	m.redisFailures.Describe(ch)
	m.redisAvailable.Describe(ch)
}

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.known.Collect(ch)
	m.pushFailures.Collect(ch)
	m.resolved.Collect(ch)
	m.redisLookups.Collect(ch)
	m.redisFailures.Collect(ch)
	m.redisAvailable.Collect(ch)
}
