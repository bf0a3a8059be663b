package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// TestPagesOfCertificatesAndFailures: the dashboard says which certificates end when, and what hosts could not apply.
func TestPagesOfCertificatesAndFailures(t *testing.T) {
	m := startMaster(t)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	b.want(http.StatusOK, "/admin/", nil, "No slave has told of certificates yet", "No host has reported a failure")
	slave := m.slaveOf(t, "one")
	server := m.admin.do(t, "GET", "/api/v1/admin/servers/1", nil).object(t)
	m.admin.do(t, "PATCH", "/api/v1/admin/servers/1", map[string]any{"ssl_cert_path": "/ssl/one.pem", "ssl_key_path": "/ssl/one.key"}).want(t, http.StatusOK)
	m.admin.do(t, "POST", "/api/v1/admin/snapshots", map[string]any{"skip_preflight": true}).want(t, http.StatusCreated)
	now := time.Now()
	beat := api.Heartbeat{AgentVersion: "2.0", Status: "ready", Metadata: map[string]any{"certificates": []api.Certificate{
		{Path: "/ssl/gone.pem", NotAfter: now.Add(-time.Hour)},
		{Path: "/ssl/one.pem", NotAfter: now.Add(5*24*time.Hour + time.Hour)},
		{Path: "/ssl/fine.pem", NotAfter: now.Add(60*24*time.Hour + time.Hour)},
	}}}
	slave.do(t, "POST", api.PathMediaSlave+"/heartbeat", beat).want(t, http.StatusOK)
	emerg := `nginx: [emerg] unknown directive "x" in /opt/slave/conf/server.conf:3`
	slave.do(t, "POST", api.PathMediaSlave+"/ack", api.Ack{SnapshotID: 1, Status: api.AckFailed, Stage: "test", Error: emerg}).want(t, http.StatusOK)
	page := b.want(http.StatusOK, "/admin/", nil, "2 to look after", "ended", "5 d", "60 d", server["server_name"].(string),
		"Failed at test", strings.ReplaceAll(emerg, `"`, "&#34;"), "/admin/snapshots/1")
	if gone, one, fine := strings.Index(page, "/ssl/gone.pem"), strings.Index(page, "/ssl/one.pem"), strings.Index(page, "/ssl/fine.pem"); gone < 0 || gone > one || one > fine {
		t.Errorf("in the order %d, %d, %d", gone, one, fine)
	}
	slave.do(t, "POST", api.PathMediaSlave+"/ack", api.Ack{SnapshotID: 1, Status: api.AckApplied}).want(t, http.StatusOK)
	b.want(http.StatusOK, "/admin/", nil, "proven since", "Failed at test")
	beat.Metadata["certificates"] = "of another shape"
	slave.do(t, "POST", api.PathMediaSlave+"/heartbeat", beat).want(t, http.StatusOK)
	b.want(http.StatusOK, "/admin/", nil, "No slave has told of certificates yet")
}
