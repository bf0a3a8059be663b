// Package traffic counts what a slave answered, from its access log: how many requests came, which were
// refused and why, how long the others took, and the bytes that went out. The numbers are for monitors, per
// process and as they come; who is counted, for quotas, is package usage's business.
package traffic

import (
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/supervisor/internal/accesslog"
)

// mostReasons bounds the values of a label: reasons come from a file, which may hold anything.
const mostReasons = 64

// buckets are the upper bounds, in seconds, of how long requests took.
var buckets = [...]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// verdicts are the access chain's, in the order of their counters.
var verdicts = [...]string{"allow", "throttle", "warn", "reject", "none"}

// Counter counts entries. It is a prometheus.Collector.
type Counter struct {
	mu       sync.Mutex
	requests [len(verdicts)][6]uint64 // by the first digit of the status; 0: of none
	refused  map[string]uint64
	bytes    uint64
	took     [len(buckets) + 1]uint64
	seconds  float64
}

// New returns a counter of nothing yet.
func New() *Counter { return &Counter{refused: map[string]uint64{}} }

// Add counts an entry of either log.
func (c *Counter) Add(e *accesslog.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(e.Epoch) > 0 { // a record of a running transfer
		c.bytes += uint64(max(0, e.Bytes))
		return
	}
	c.bytes += uint64(max(0, e.BytesSent-e.Accounted))
	verdict := verdictOf(e.Verdict)
	class := e.Status / 100
	if class < 1 || class > 5 {
		class = 0
	}
	c.requests[verdict][class]++
	if verdicts[verdict] == "reject" {
		c.refuse(e.Reason)
		return
	}
	if e.Status == 101 || len(e.ItemID) > 0 && len(e.Playback.Event) == 0 {
		return // a stream takes as long as its film
	}
	c.seconds += e.RequestTime
	at := 0
	for at < len(buckets) && e.RequestTime > buckets[at] {
		at++
	}
	c.took[at]++
}

func verdictOf(text []byte) int {
	for i, v := range verdicts {
		if string(text) == v {
			return i
		}
	}
	return len(verdicts) - 1
}

func (c *Counter) refuse(reason []byte) {
	if _, known := c.refused[string(reason)]; known {
		c.refused[string(reason)]++ // does not allocate
		return
	}
	name := strings.ToValidUTF8(string(reason), "?")
	if len(c.refused) >= mostReasons {
		name = "other"
	}
	c.refused[name]++
}

var (
	requestsDesc = prometheus.NewDesc("uhd_requests_total",
		"Requests that nginx answered, by the access chain's verdict (allow, throttle, warn, reject; none: before it) and the class of the status.", []string{"verdict", "status"}, nil)
	refusedDesc = prometheus.NewDesc("uhd_refused_requests_total",
		"Requests that the access chain refused, by reason.", []string{"reason"}, nil)
	bytesDesc = prometheus.NewDesc("uhd_sent_bytes_total",
		"Bytes sent to players, counted while they flow.", nil, nil)
	secondsDesc = prometheus.NewDesc("uhd_request_seconds",
		"How long requests took that were neither refused nor streams.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *Counter) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{requestsDesc, refusedDesc, bytesDesc, secondsDesc} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *Counter) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	counter := func(desc *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
	}
	for i, verdict := range verdicts {
		for class, n := range c.requests[i] {
			switch {
			case class > 0:
				counter(requestsDesc, n, verdict, string(rune('0'+class))+"xx")
			case n > 0:
				counter(requestsDesc, n, verdict, "none")
			}
		}
	}
	for reason, n := range c.refused {
		counter(refusedDesc, n, reason)
	}
	counter(bytesDesc, c.bytes)
	within := make(map[float64]uint64, len(buckets))
	var count uint64
	for i, bound := range buckets {
		count += c.took[i]
		within[bound] = count
	}
	count += c.took[len(buckets)]
	ch <- prometheus.MustNewConstHistogram(secondsDesc, count, c.seconds, within)
}
