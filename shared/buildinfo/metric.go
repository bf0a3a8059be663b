package buildinfo

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric tells monitors which version runs: always 1, the version is a label.
func Metric() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "uhd_build_info",
		Help:        "1; the labels say which version of the gateway runs and which Go built it.",
		ConstLabels: prometheus.Labels{"version": Version(), "goversion": runtime.Version()},
	}, func() float64 { return 1 })
}
