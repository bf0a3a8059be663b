package store

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// TestFleetMetrics: monitors hear of each host what its slave said last, and nothing while the database is away.
func TestFleetMetrics(t *testing.T) { onBoth(t, testFleetMetrics) }

func testFleetMetrics(t *testing.T, s *Store) {
	for host, status := range map[string]string{"a.example": "ready", "b.example": `"} 1 `} {
		group := fleet.Group{Host: host, ServiceType: api.Emby}
		if err := s.Beat(t.Context(), group, api.Heartbeat{CurrentConfigVersion: 1706959200, Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	collector := fleetCollector{s}
	want := `
# HELP uhd_slave_config_version Version that a host's slave said it serves, with its last heartbeat.
# TYPE uhd_slave_config_version gauge
uhd_slave_config_version{host="a.example",service_type="emby"} 1.7069592e+09
uhd_slave_config_version{host="b.example",service_type="emby"} 1.7069592e+09
# HELP uhd_slave_status 1 for the status that a host's slave stated last: ready, degraded or starting.
# TYPE uhd_slave_status gauge
uhd_slave_status{host="a.example",service_type="emby",status="ready"} 1
uhd_slave_status{host="b.example",service_type="emby",status="other"} 1
`
	if err := testutil.CollectAndCompare(collector, strings.NewReader(want), "uhd_slave_config_version", "uhd_slave_status"); err != nil {
		t.Error(err)
	}
	if n := testutil.CollectAndCount(collector, "uhd_slave_last_seen_timestamp_seconds"); n != 2 {
		t.Errorf("%d hosts were heard of, want 2", n)
	}
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	if n := testutil.CollectAndCount(collector); n != 0 {
		t.Errorf("%d metrics without a database", n)
	}
}
