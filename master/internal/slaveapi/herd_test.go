package slaveapi_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// TestHerd: while as many reports are being read as may be, one more is told when to come back, and version
// checks, configurations and acks are answered.
func TestHerd(t *testing.T) {
	m := newMaster(t)
	published := m.publish()
	const places = 48
	reports := strings.TrimSuffix(m.url, api.PathMediaSlave) + api.PathSlave + "/telemetry/access-logs"
	var reporting sync.WaitGroup
	defer reporting.Wait()
	for range places {
		body, more := io.Pipe()
		defer func() { _ = more.Close() }()
		reporting.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, reports, body)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+m.token)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			_ = res.Body.Close() // of half a body: 400
		})
		if _, err := io.WriteString(more, `{"entries":[`); err != nil {
			t.Fatal(err)
		}
	}
	m.until("all places taken", func() bool {
		// Only then is another one sent away.
		a := m.report("access-logs", `{"entries":[]}`)
		if a.status != http.StatusServiceUnavailable {
			return false
		}
		after, err := strconv.Atoi(a.header.Get("Retry-After"))
		if err != nil || after < 2 || after > 12 {
			t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
		}
		return true
	})
	if m.metric("uhd_slave_requests_sent_away_total", "telemetry") < 1 {
		t.Error("not counted")
	}
	for path, body := range map[string]string{
		"/config/version?current=0": "", "/config": "",
		"/ack": `{"snapshot_id": ` + strconv.FormatInt(published.ID, 10) + `, "status": "applied"}`,
	} {
		method := http.MethodGet
		if body != "" {
			method = http.MethodPost
		}
		if a := m.ask(method, path, body); a.status != http.StatusOK {
			t.Errorf("%s meanwhile: %d %s", path, a.status, a.body)
		}
	}
}
