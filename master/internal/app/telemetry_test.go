package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestTelemetry: agents old and new report, each in its way, and a batch counts once.
func TestTelemetry(t *testing.T) { onBoth(t, testTelemetry) }

func testTelemetry(t *testing.T, m *master) {
	slave := m.slaveOf(t, "emby1")
	entries := fmt.Sprintf(`{"entries":[{"timestamp":%d,"ip":"192.0.2.1","uri":"/Items","status":"200"}]}`, time.Now().Unix())
	post := func(c *client, path string) map[string]any {
		t.Helper()
		res := c.do(t, "POST", path, entries, "Idempotency-Key", "one")
		res.want(t, http.StatusOK)
		return res.object(t)
	}
	if got := post(slave, "/api/v1/slave/telemetry/access-logs"); got["accepted"] != 1.0 || got["duplicate"] != false {
		t.Errorf("answered %v", got)
	}
	old := m.anonymous(t)
	old.auth = strings.Replace(slave.auth, "Bearer", "App", 1)
	got := post(old, "/api/v1/media-slave/../slave/telemetry/access-logs")
	if data, _ := got["data"].(map[string]any); got["code"] != 200.0 || data["accepted"] != 1.0 || data["duplicate"] != true {
		t.Errorf("an old agent is answered %v", got)
	}
	m.anonymous(t).do(t, "POST", "/api/v1/slave/telemetry/login", "{}").problem(t, http.StatusUnauthorized)
}
