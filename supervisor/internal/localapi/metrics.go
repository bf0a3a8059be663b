package localapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	logins   *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_local_requests_total",
			Help: "Requests of nginx's workers to the supervisor, by call and status.",
		}, []string{"call", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "uhd_local_request_seconds",
			Help:    "Time to answer them; workers wait for 0.3 s.",
			Buckets: []float64{.0005, .001, .005, .025, .1, .25, .3, 1},
		}, []string{"call"}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_logins_total",
			Help: "Logins at media servers, by result (succeeded, failed).",
		}, []string{"result"}),
	}
	m.logins.WithLabelValues("succeeded")
	m.logins.WithLabelValues("failed")
	return m
}

// measure counts and times what next answers. A call that there is not is named "other".
func (m *metrics) measure(next *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		_, call := next.Handler(r)
		if call == "" {
			call = "other"
		}
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		m.requests.WithLabelValues(call, strconv.Itoa(recorder.status)).Inc()
		m.seconds.WithLabelValues(call).Observe(time.Since(began).Seconds())
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (m *metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.requests.Collect(ch)
	m.seconds.Collect(ch)
	m.logins.Collect(ch)
}
