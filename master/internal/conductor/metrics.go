package conductor

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

type metrics struct {
	active   *prometheus.GaugeVec
	ended    *prometheus.CounterVec
	failures prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		active: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "uhd_rollouts", Help: "Rollouts that have not ended, by state.",
		}, []string{"state"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_rollouts_ended_total", Help: "Rollouts that this process has ended, by state: done, halted, cancelled, failed.",
		}, []string{"state"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_rollout_failures_total", Help: "Times that rollouts could not be carried on; it is tried again.",
		}),
	}
	for _, state := range []rollout.State{rollout.Done, rollout.Halted, rollout.Cancelled, rollout.Failed} {
		m.ended.WithLabelValues(string(state))
	}
	m.tell(nil)
	reg.MustRegister(m.active, m.ended, m.failures)
	return m
}

// tell shows what is under way.
func (m metrics) tell(active []store.Rollout) {
	counts := map[rollout.State]int{}
	for i := range active {
		counts[active[i].State]++
	}
	for _, state := range rollout.Active {
		m.active.WithLabelValues(string(state)).Set(float64(counts[state]))
	}
}
