package mediaserver

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	available  *prometheus.GaugeVec
	stops      *prometheus.CounterVec
	keyRefused prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_mediaserver_requests_total",
			Help: "Questions to the media server's own API by call (info, me, sessions, stop) and result: a status, error, busy (too many at a time), left_alone (after failures).",
		}, []string{"call", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "uhd_mediaserver_request_seconds",
			Help:    "Time that it took to answer.",
			Buckets: []float64{.005, .025, .1, .25, 1, 3},
		}, []string{"call"}),
		available: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "uhd_mediaserver_available",
			Help: "1 when the media server answered the last question, 0 when it is left alone after failures; by server id.",
		}, []string{"server_id"}),
		stops: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_mediaserver_stops_total",
			Help: "Kicked playbacks that the media server was to stop, by result (sent, not_found, failed, dropped).",
		}, []string{"result"}),
		keyRefused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_mediaserver_key_refused_total",
			Help: "Times that EMBY_API_KEY was refused.",
		}),
	}
	for _, result := range []string{"sent", "not_found", "failed", "dropped"} {
		m.stops.WithLabelValues(result) // a count that begins at 1 is not seen to rise
	}
	return m
}

func resultOf(status int, err error) string {
	if status == 0 && err != nil {
		return "error"
	}
	return strconv.Itoa(status)
}

func (m *metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.requests.Collect(ch)
	m.seconds.Collect(ch)
	m.available.Collect(ch)
	m.stops.Collect(ch)
	m.keyRefused.Collect(ch)
}
