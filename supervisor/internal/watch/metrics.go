package watch

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/api"
)

type metrics struct {
	drifted prometheus.Gauge
	polling prometheus.Gauge
	expiry  *expiry
}

func newMetrics() *metrics {
	return &metrics{
		drifted: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "uhd_managed_files_drifted",
			Help: "Managed files that differ from the release they belong to.",
		}),
		polling: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "uhd_watch_polling",
			Help: "1 when file system events are not available and changes are found by polling.",
		}),
		expiry: &expiry{notAfter: map[string]time.Time{}},
	}
}

func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.drifted.Describe(ch)
	m.polling.Describe(ch)
	ch <- descExpiry
}

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.drifted.Collect(ch)
	m.polling.Collect(ch)
	m.expiry.collect(ch)
}

var descExpiry = prometheus.NewDesc("uhd_certificate_expiry_timestamp_seconds",
	"Unix time at which the certificate in this file ends.", []string{"path"}, nil)

// expiry holds when each watched certificate ends.
type expiry struct {
	mu       sync.Mutex
	notAfter map[string]time.Time
}

// update reads the certificates anew; keys and files without a certificate have no expiry.
func (e *expiry) update(paths []string) {
	read := map[string]time.Time{}
	for _, path := range paths {
		if end, ok := notAfter(path); ok {
			read[path] = end
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.notAfter = read
}

func (e *expiry) collect(ch chan<- prometheus.Metric) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for path, end := range e.notAfter {
		ch <- prometheus.MustNewConstMetric(descExpiry, prometheus.GaugeValue, float64(end.Unix()),
			strings.ToValidUTF8(path, "?"))
	}
}

// list returns the certificates, those that end first before others.
func (e *expiry) list() []api.Certificate {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]api.Certificate, 0, len(e.notAfter))
	for path, end := range e.notAfter {
		list = append(list, api.Certificate{Path: path, NotAfter: end.UTC()})
	}
	slices.SortFunc(list, func(a, b api.Certificate) int {
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), strings.Compare(a.Path, b.Path))
	})
	return list
}

// notAfter returns the end of the leaf, which stands first in a certificate file.
func notAfter(path string) (time.Time, bool) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return time.Time{}, false
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return time.Time{}, false
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return time.Time{}, false
		}
		return certificate.NotAfter, true
	}
}
