package store

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// fleetPatience bounds what a scrape asks of the database.
const fleetPatience = 2 * time.Second

var (
	lastSeenDesc = prometheus.NewDesc("uhd_slave_last_seen_timestamp_seconds",
		"When a host's slave was last heard of, by heartbeat or ack.", []string{"host", "service_type"}, nil)
	slaveStatusDesc = prometheus.NewDesc("uhd_slave_status",
		"1 for the status that a host's slave stated last: ready, degraded or starting.", []string{"host", "service_type", "status"}, nil)
	slaveVersionDesc = prometheus.NewDesc("uhd_slave_config_version",
		"Version that a host's slave said it serves, with its last heartbeat.", []string{"host", "service_type"}, nil)
	distributionDesc = prometheus.NewDesc("uhd_distribution_status",
		"1 for what became of the configuration in force on a host: pending, delivered, applied or failed.", []string{"host", "service_type", "status"}, nil)
)

// fleetCollector tells monitors of each host, also of those whose slave they cannot reach: slaves dial out. It
// asks the database at each scrape, and says nothing while that does not answer, when uhd_ready is 0.
type fleetCollector struct{ s *Store }

// Describe implements prometheus.Collector.
func (c fleetCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{lastSeenDesc, slaveStatusDesc, slaveVersionDesc, distributionDesc} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (c fleetCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), fleetPatience)
	defer cancel()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	var agents []Agent
	if err := c.s.db.NewSelect().Model(&agents).Column("host", "service_type", "status", "config_version", "last_seen").Scan(ctx); err != nil {
		return
	}
	for i := range agents {
		a := &agents[i]
		gauge(lastSeenDesc, float64(a.LastSeen.Unix()), a.Host, string(a.ServiceType))
		gauge(slaveVersionDesc, float64(a.ConfigVersion), a.Host, string(a.ServiceType))
		if a.Status != "" {
			gauge(slaveStatusDesc, 1, a.Host, string(a.ServiceType), statusLabel(a.Status))
		}
	}
	var current []Distribution
	if err := inForce(c.s.db.NewSelect().Model(&current).Column("host", "service_type", "status")).Scan(ctx); err != nil {
		return
	}
	for i := range current {
		gauge(distributionDesc, 1, current[i].Host, string(current[i].ServiceType), current[i].Status)
	}
}

// statusLabel bounds what slaves can make of a label.
func statusLabel(status string) string {
	switch status {
	case "ready", "degraded", "starting":
		return status
	}
	return "other"
}
