package sessions

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Outcomes of check-ins.
const (
	outcomeAllowed = "allowed"
	outcomeRenewed = "renewed" // runs already
	outcomeRefused = "refused"
	outcomeKicked  = "kicked" // was, and tries again
	outcomeFailed  = "failed"
)

// Why sessions end.
const (
	endReported = "reported"
	endReplaced = "replaced"
	endMissing  = "missing" // in its slave's list
	endSilent   = "silent"  // its slave has not been heard of
	endKicked   = "kicked"
	endAdmin    = "admin" // kicked by one
)

type metrics struct {
	checkIns *prometheus.CounterVec
	seconds  prometheus.Histogram
	ends     *prometheus.CounterVec
	live     prometheus.Gauge
	failures prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		checkIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_session_checkins_total", Help: "Playbacks that asked to start, by what they were told.",
		}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "uhd_session_checkin_seconds", Help: "Time that the decision about a playback took; slaves wait 250 ms.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
		}),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_session_ends_total", Help: "Sessions that ended, by why.",
		}, []string{"cause"}),
		live: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "uhd_sessions_live", Help: "Sessions that count, over all slaves.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_session_cleanup_failures_total", Help: "Times that sessions which are over could not be forgotten.",
		}),
	}
	for _, outcome := range []string{outcomeAllowed, outcomeRenewed, outcomeRefused, outcomeKicked, outcomeFailed} {
		m.checkIns.WithLabelValues(outcome) // shown from the start
	}
	for _, cause := range []string{endReported, endReplaced, endMissing, endSilent, endKicked, endAdmin} {
		m.ends.WithLabelValues(cause)
	}
	reg.MustRegister(m.checkIns, m.seconds, m.ends, m.live, m.failures)
	return m
}

func (m *metrics) note(v verdict, took time.Duration) {
	m.checkIns.WithLabelValues(v.outcome).Inc()
	m.seconds.Observe(took.Seconds())
	m.ends.WithLabelValues(endReplaced).Add(float64(len(v.replaced)))
	m.ends.WithLabelValues(endKicked).Add(float64(len(v.kicked)))
}
