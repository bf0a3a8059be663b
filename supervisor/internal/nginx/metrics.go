package nginx

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what happens; collector reports what is.
type metrics struct {
	restarts  prometheus.Counter
	reloads   *prometheus.CounterVec
	rehearsal prometheus.Histogram
}

func newMetrics() *metrics {
	m := &metrics{
		restarts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_nginx_restarts_total",
			Help: "Times nginx has died and was started again.",
		}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_nginx_reloads_total",
			Help: "Reloads by result: ok, refused (by nginx), failed (no answer in time).",
		}, []string{"result"}),
		rehearsal: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "uhd_nginx_rehearsal_seconds",
			Help:    "Duration of rehearsals.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 20},
		}),
	}
	for _, result := range []string{"ok", "refused", "failed"} {
		m.reloads.WithLabelValues(result)
	}
	return m
}

func (m *metrics) observeReload(err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	if _, ok := errors.AsType[*ReloadError](err); ok {
		result = "refused"
	}
	m.reloads.WithLabelValues(result).Inc()
}

func (m *metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.restarts.Collect(ch)
	m.reloads.Collect(ch)
	m.rehearsal.Collect(ch)
}

// scrapeTimeout bounds the question to nginx that a scrape asks.
const scrapeTimeout = time.Second

var (
	descUp         = prometheus.NewDesc("uhd_nginx_up", "1 while a worker answers on the admin socket.", nil, nil)
	descGeneration = prometheus.NewDesc("uhd_nginx_generation", "Starts and reloads of the running nginx.", nil, nil)
	descOld        = prometheus.NewDesc("uhd_nginx_old_workers", "Workers of earlier generations that finish their transfers.", nil, nil)
	descOldMemory  = prometheus.NewDesc("uhd_nginx_old_workers_resident_bytes", "Memory of these workers, shared pages counted for each.", nil, nil)
	descCapacity   = prometheus.NewDesc("uhd_shared_dict_capacity_bytes", "Size of a shared dict.", []string{"dict"}, nil)
	descFree       = prometheus.NewDesc("uhd_shared_dict_free_bytes", "Free whole pages of a shared dict.", []string{"dict"}, nil)
)

// collector asks nginx at each scrape: at rest nothing polls.
type collector struct{ server *Server }

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descUp, descGeneration, descOld, descOldMemory, descCapacity, descFree} {
		ch <- desc
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	if old, err := c.server.OldWorkers(); err == nil {
		var memory uint64
		for _, w := range old {
			memory += w.RSS
		}
		gauge(descOld, float64(len(old)))
		gauge(descOldMemory, float64(memory))
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	state, err := c.server.State(ctx)
	if err != nil {
		gauge(descUp, 0)
		return
	}
	gauge(descUp, 1)
	gauge(descGeneration, float64(state.Generation))
	for name, dict := range state.Dicts {
		gauge(descCapacity, float64(dict.Capacity), name)
		gauge(descFree, float64(dict.Free), name)
	}
}
