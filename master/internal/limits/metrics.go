package limits

import "github.com/prometheus/client_golang/prometheus"

var (
	failuresDesc = prometheus.NewDesc("uhd_limits_reload_failures_total",
		"Times that limits or kicks could not be read; slaves go by the older ones meanwhile.", nil, nil)
	enforcementsDesc = prometheus.NewDesc("uhd_enforcements_in_force",
		"Bans and throttles that hold now, by who made them.", []string{"by"}, nil)
	kicksDesc = prometheus.NewDesc("uhd_kicks_in_force", "Sessions that slaves must refuse now.", nil, nil)
)

// Describe implements prometheus.Collector.
func (b *Board) Describe(ch chan<- *prometheus.Desc) {
	ch <- failuresDesc
	ch <- enforcementsDesc
	ch <- kicksDesc
}

// Collect implements prometheus.Collector.
func (b *Board) Collect(ch chan<- prometheus.Metric) {
	b.mu.Lock()
	defer b.mu.Unlock()
	automatic, kicks := 0, 0
	for i := range b.common.Enforcements {
		if b.common.Enforcements[i].Automatic != nil {
			automatic++
		}
	}
	for _, of := range b.kicks {
		kicks += len(of)
	}
	ch <- prometheus.MustNewConstMetric(failuresDesc, prometheus.CounterValue, float64(b.failures.Load()))
	ch <- prometheus.MustNewConstMetric(enforcementsDesc, prometheus.GaugeValue, float64(automatic), "quota")
	ch <- prometheus.MustNewConstMetric(enforcementsDesc, prometheus.GaugeValue, float64(len(b.common.Enforcements)-automatic), "admin")
	ch <- prometheus.MustNewConstMetric(kicksDesc, prometheus.GaugeValue, float64(kicks))
}
