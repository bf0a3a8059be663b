package agent

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/api"
)

type metrics struct {
	stages          *prometheus.HistogramVec
	applies         *prometheus.CounterVec
	configVersion   prometheus.Gauge
	wantedVersion   prometheus.Gauge
	pollErrors      prometheus.Counter
	heartbeatErrors prometheus.Counter
	drifts          prometheus.Counter
	limitsFailures  prometheus.Counter
	deferral        prometheus.Gauge
}

// stages are those of the pipeline, and the renewal of certificates.
var stages = []string{"fetch", "check", "stage", "test", "rehearse", "commit", "push", "reload", "verify", "certificates"}

func newMetrics() *metrics {
	m := &metrics{
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "uhd_config_stage_seconds",
			Help:    "Duration of the pipeline's stages.",
			Buckets: []float64{.005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"stage"}),
		applies: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_config_applies_total",
			Help: "Configurations that went through the pipeline, by result and the stage that failed.",
		}, []string{"result", "stage"}),
		configVersion: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "uhd_config_version",
			Help: "Version that serves: Unix time at which it was published; 0: none yet.",
		}),
		wantedVersion: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "uhd_config_wanted_version",
			Help: "Version that the master wants here, as it said last; 0: it has not been heard of since the start.",
		}),
		pollErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_config_poll_errors_total",
			Help: "Version checks that the master did not answer as it should.",
		}),
		heartbeatErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_heartbeat_errors_total",
			Help: "Heartbeats that the master did not take.",
		}),
		drifts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_managed_file_edits_total",
			Help: "Times managed files were found edited by someone else.",
		}),
		limitsFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_limits_push_failures_total",
			Help: "Live limits that nginx did not take; they are pushed again.",
		}),
		deferral: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "uhd_reload_deferred",
			Help: "1 while a reload waits for workers of earlier generations to end.",
		}),
	}
	m.applies.WithLabelValues(api.AckApplied, "")
	for _, stage := range stages { // a count that begins at 1 is not seen to rise
		m.applies.WithLabelValues(api.AckFailed, stage)
	}
	return m
}

// time measures a stage from now until the returned function is called.
func (m *metrics) time(stage string) func() {
	begun := time.Now()
	return func() { m.stages.WithLabelValues(stage).Observe(time.Since(begun).Seconds()) }
}

func (m *metrics) applied(result, stage string) { m.applies.WithLabelValues(result, stage).Inc() }

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.stages, m.applies, m.configVersion, m.wantedVersion, m.pollErrors, m.heartbeatErrors, m.drifts, m.limitsFailures, m.deferral}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(ch)
	}
}
