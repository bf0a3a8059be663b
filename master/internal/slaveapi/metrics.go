package slaveapi

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/shared/api"
)

type metrics struct {
	requests *prometheus.CounterVec
	acks     *prometheus.CounterVec
	away     *prometheus.CounterVec
}

func newMetrics(cfg Config, waiting *atomic.Int64) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_slave_requests_total",
			Help: "Answers of the slave API, by route and status; 499: the slave went away.",
		}, []string{"route", "code"}),
		acks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_acks_total",
			Help: "What slaves said became of snapshots.",
		}, []string{"status"}),
		away: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_slave_requests_sent_away_total",
			Help: "Requests that were told to come back later, since too many of their kind ran.",
		}, []string{"kind"}),
	}
	for _, status := range []string{api.AckApplied, api.AckFailed} {
		m.acks.WithLabelValues(status) // shown from the start
	}
	cfg.Registry.MustRegister(m.requests, m.acks, m.away, published{cfg.Board}, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "uhd_slaves_waiting",
		Help: "Slaves that wait for their configuration to change; one that left may be among them until its wait ends.",
	}, func() float64 { return float64(waiting.Load()) }))
	return m
}

// published collects, per group, when its configuration was published; its age is time() minus that.
type published struct{ board *publish.Board }

var publishedDesc = prometheus.NewDesc("uhd_config_published_timestamp_seconds",
	"When the configuration in force was published.", []string{"host", "service_type"}, nil)

// Describe implements prometheus.Collector.
func (p published) Describe(ch chan<- *prometheus.Desc) { ch <- publishedDesc }

// Collect implements prometheus.Collector.
func (p published) Collect(ch chan<- prometheus.Metric) {
	for _, e := range p.board.All() {
		ch <- prometheus.MustNewConstMetric(publishedDesc, prometheus.GaugeValue, float64(e.PublishedAt.Unix()), e.Group.Host, string(e.Group.ServiceType))
	}
}
