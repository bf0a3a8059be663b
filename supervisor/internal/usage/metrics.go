package usage

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	lines        *prometheus.CounterVec
	skipped      *prometheus.CounterVec
	lost         *prometheus.CounterVec
	readFailures prometheus.Counter
	full         prometheus.Counter

	saveFailures *prometheus.CounterVec
	saveTime     *prometheus.GaugeVec
	up           *prometheus.GaugeVec
	rewrites     prometheus.Counter

	synced       prometheus.Counter
	syncFailures prometheus.Counter

	gauges []prometheus.Collector
}

func newMetrics(c *Counter) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	counters := func(label, name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	gauges := func(label, name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label})
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			c.mu.Lock()
			defer c.mu.Unlock()
			return value()
		})
	}
	m := &metrics{
		lines:        counters("log", "uhd_usage_lines_total", "Lines of the spool that were looked at for usage."),
		skipped:      counters("log", "uhd_usage_skipped_lines_total", "Lines that are no entries: cut off, or garbage."),
		lost:         counters("log", "uhd_usage_lost_bytes_total", "Bytes of lines that were dropped before they were counted."),
		readFailures: counter("uhd_usage_read_failures_total", "Reads of the spool that failed; they are tried again."),
		full:         counter("uhd_usage_refused_total", "Counts that found no room: there are as many addresses, users and devices as are counted apart."),
		saveFailures: counters("store", "uhd_usage_store_failures_total", "Reads and saves of counters that failed, by where: disk or redis."),
		saveTime:     gauges("store", "uhd_usage_save_seconds", "Time that the last save took."),
		up:           gauges("store", "uhd_usage_store_up", "1 while the store takes counters, 0 while it does not."),
		rewrites:     counter("uhd_usage_rewrites_total", "Times that all counters were written to Redis, since it had forgotten or was away for long."),
		synced:       counter("uhd_quota_synced_counters_total", "Counters that the master took."),
		syncFailures: counter("uhd_quota_sync_failures_total", "Syncs with the master that failed."),
	}
	m.gauges = []prometheus.Collector{
		gauge("uhd_usage_counters", "Counters in memory.", func() float64 { return float64(c.book.counters) }),
		gauge("uhd_usage_subjects", "Addresses, users, devices, profiles and totals that are counted.", func() float64 { return float64(len(c.book.subjects)) }),
		gauge("uhd_quota_exhausted", "Quotas that are exhausted now, of all values.", func() float64 { return float64(len(c.judge.over)) }),
		gauge("uhd_quota_synced_timestamp_seconds", "When the master had all counters last; 0: not since the start.", func() float64 {
			if c.sync.at.IsZero() {
				return 0
			}
			return float64(c.sync.at.Unix())
		}),
	}
	return m
}

func (m *metrics) all() []prometheus.Collector {
	return append(m.gauges, m.lines, m.skipped, m.lost, m.readFailures, m.full, m.saveFailures, m.saveTime, m.up, m.rewrites,
		m.synced, m.syncFailures)
}

func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(ch)
	}
}

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(ch)
	}
}

// counted notes a batch of a log.
func (m *metrics) counted(log string, o outcome, lost int64) {
	m.lines.WithLabelValues(log).Add(float64(o.lines))
	m.skipped.WithLabelValues(log).Add(float64(o.skipped))
	m.lost.WithLabelValues(log).Add(float64(lost))
	m.full.Add(float64(o.full))
}

// saved notes a save.
func (m *metrics) saved(store string, took time.Duration, err error) {
	if err != nil {
		m.saveFailures.WithLabelValues(store).Inc()
		m.up.WithLabelValues(store).Set(0)
		return
	}
	m.saveTime.WithLabelValues(store).Set(took.Seconds())
	m.up.WithLabelValues(store).Set(1)
}
