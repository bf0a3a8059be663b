package httpserver

import "github.com/prometheus/client_golang/prometheus"

// Ready is what /readyz says as a metric: whoever scrapes needs no second question.
func Ready(ready func() error) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "uhd_ready",
		Help: "1 while /readyz answers 200, 0 while it gives a reason not to.",
	}, func() float64 {
		if ready() != nil {
			return 0
		}
		return 1
	})
}
