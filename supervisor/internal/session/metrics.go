package session

import "github.com/prometheus/client_golang/prometheus"

// Who has decided a check-in.
const (
	byLocal  = "local"
	byMaster = "master"
)

type metrics struct {
	active         prometheus.GaugeFunc
	checkIns       *prometheus.CounterVec
	kicks          prometheus.Counter
	masterFailures prometheus.Counter
	ended          prometheus.Counter
	reports        *prometheus.CounterVec
}

func newMetrics(d *Desk) *metrics {
	m := &metrics{
		active: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "uhd_sessions_active",
			Help: "Streams that have checked in or sent bytes in the last 90 s.",
		}, func() float64 { return float64(d.Count()) }),
		checkIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_session_checkins_total",
			Help: "Check-ins by result (allowed, refused) and by who decided (master, local).",
		}, []string{"result", "by"}),
		kicks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_session_kicks_total",
			Help: "Sessions that had to make room for newer ones, or that an operator has kicked.",
		}),
		masterFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_session_master_failures_total",
			Help: "Check-ins that the master did not decide in time.",
		}),
		ended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_sessions_ended_total",
			Help: "Sessions that were reported stopped, replaced, kicked, or silent for 90 s.",
		}),
		reports: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_session_reports_total",
			Help: "Reports of sessions to the master by call (heartbeat, realtime, end) and result (sent, failed, not_offered).",
		}, []string{"call", "result"}),
	}
	for _, by := range []string{byLocal, byMaster} {
		m.checkIns.WithLabelValues("allowed", by)
		m.checkIns.WithLabelValues("refused", by)
	}
	return m
}

// note counts an answer, and returns it.
func (d *Desk) note(a Answer, by string) Answer {
	result := "refused"
	if a.Allowed {
		result = "allowed"
	}
	d.metrics.checkIns.WithLabelValues(result, by).Inc()
	d.metrics.kicks.Add(float64(len(a.Kick)))
	return a
}

func (m *metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.active.Collect(ch)
	m.checkIns.Collect(ch)
	m.kicks.Collect(ch)
	m.masterFailures.Collect(ch)
	m.ended.Collect(ch)
	m.reports.Collect(ch)
}
