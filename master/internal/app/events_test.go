package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

const eventsPath = "/api/v1/admin/events"

// stream is what somebody hears.
type stream struct {
	res    *http.Response
	topics chan string // closed when the stream ends
	raw    chan string // lines that are no events
}

// listen opens a stream; query as in ?topics=sessions.
func (c *client) listen(t *testing.T, query string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+eventsPath+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s answers %d, %s", eventsPath, res.StatusCode, res.Header.Get("Content-Type"))
	}
	s := &stream{res: res, topics: make(chan string, 1000), raw: make(chan string, 1000)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(s.topics)
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				s.raw <- lines.Text()
				continue
			}
			var event struct{ Topics []string }
			if err := json.Unmarshal([]byte(data), &event); err != nil {
				t.Errorf("the event is %s: %v", data, err)
			}
			for _, topic := range event.Topics {
				s.topics <- topic
			}
		}
	}()
	t.Cleanup(func() { cancel(); _ = res.Body.Close(); <-ended })
	return s
}

// hears waits for a topic, and fails on any that is not among also.
func (s *stream) hears(t *testing.T, topic string, also ...string) {
	t.Helper()
	for {
		select {
		case got, open := <-s.topics:
			switch {
			case !open:
				t.Fatalf("the stream ended before it told of %s", topic)
			case got == topic:
				return
			case !slices.Contains(also, got):
				t.Errorf("the stream tells of %s, want %s", got, topic)
			}
		case <-time.After(time.Minute):
			t.Fatalf("the stream never told of %s", topic)
		}
	}
}

// ends waits for the stream's end.
func (s *stream) ends(t *testing.T) {
	t.Helper()
	for {
		select {
		case _, open := <-s.topics:
			if !open {
				return
			}
		case <-time.After(time.Minute):
			t.Fatal("the stream goes on")
		}
	}
}

// TestEvents: who listens hears of what operators do and of what slaves report, and of nothing else.
func TestEvents(t *testing.T) {
	m := startMaster(t)
	slave := m.slaveOf(t, "emby1")
	viewer := m.withRole(t, "viewer")
	all := m.admin.listen(t, "")
	for _, topic := range []string{"sessions", "distributions", "rollouts", "servers", "hosts", "limits", "minute"} {
		all.hears(t, topic)
	}
	some := viewer.listen(t, "?topics=sessions,distributions")
	some.hears(t, "sessions")
	some.hears(t, "distributions")

	const late = "minute"
	m.admin.do(t, "POST", "/api/v1/admin/enforcements", `{"dimension": "ip", "dimension_value": "192.0.2.1", "action": "reject"}`).want(t, http.StatusCreated)
	all.hears(t, "limits", late)
	m.admin.do(t, "PATCH", servers+"/1", `{"note": "new"}`).want(t, http.StatusOK)
	all.hears(t, "servers", late)
	m.admin.do(t, "POST", "/api/v1/admin/snapshots", `{}`).want(t, http.StatusCreated)
	all.hears(t, "distributions", late)
	some.hears(t, "distributions")

	slave.do(t, "GET", api.PathMediaSlave+"/config", nil).want(t, http.StatusOK) // delivered
	some.hears(t, "distributions")
	slave.do(t, "POST", api.PathMediaSlave+"/ack", `{"snapshot_id": 1, "status": "failed", "stage": "test", "error": "x"}`).want(t, http.StatusOK)
	some.hears(t, "distributions")
	all.hears(t, "hosts", late, "distributions")
	m.admin.do(t, "POST", "/api/v1/admin/snapshots", map[string]any{"at": time.Now().Add(time.Hour)}).want(t, http.StatusAccepted)
	all.hears(t, "rollouts", late, "distributions")

	const checkIn = `{"play_session_id": "p1", "user_id": "u1", "device_id": "d1", "item_id": "i1", "client_name": "Infuse", "client_ip": "192.0.2.9"}`
	slave.do(t, "POST", api.PathSlave+"/sessions/checkin", checkIn).want(t, http.StatusOK)
	some.hears(t, "sessions")
	m.admin.do(t, "DELETE", "/api/v1/admin/sessions/1", nil).want(t, http.StatusNoContent)
	some.hears(t, "sessions")
}

// TestEventsEnd: a stream ends with its login, and does not keep the master from stopping; nobody has too many, and who does
// not ask for a stream gets none.
func TestEventsEnd(t *testing.T) {
	m := startMaster(t)
	m.admin.do(t, "GET", eventsPath, nil).problem(t, http.StatusNotAcceptable)
	m.admin.do(t, "GET", eventsPath+"?topics=weather", nil).problem(t, http.StatusUnprocessableEntity)
	m.anonymous(t).do(t, "GET", eventsPath, nil, "Accept", "text/event-stream").problem(t, http.StatusUnauthorized)

	session := m.login(t, "root", adminPassword)
	left := session.listen(t, "?topics=limits")
	left.hears(t, "limits")
	key := m.withRole(t, "viewer")
	shut := key.listen(t, "?topics=limits")
	shut.hears(t, "limits")
	stays := m.admin.listen(t, "?topics=limits")
	stays.hears(t, "limits")
	session.do(t, "POST", "/api/v1/admin/auth/logout", nil).want(t, http.StatusNoContent)
	m.admin.do(t, "PATCH", keysPath+"/1", `{"enabled": false}`).want(t, http.StatusOK)
	m.admin.do(t, "POST", "/api/v1/admin/enforcements", `{"dimension": "ip", "dimension_value": "192.0.2.1", "action": "reject"}`).want(t, http.StatusCreated)
	left.ends(t)
	shut.ends(t)
	stays.hears(t, "limits")

	for range 15 {
		m.admin.listen(t, "?topics=minute")
	}
	tooMany := m.admin.do(t, "GET", eventsPath, nil, "Accept", "text/event-stream")
	if tooMany.problem(t, http.StatusTooManyRequests); tooMany.Header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	m.stop()
	stays.ends(t)
}

// TestEventsOfReplicas: what slaves report to one replica is heard at the other.
func TestEventsOfReplicas(t *testing.T) {
	a, b := startReplicas(t)
	slave := a.slaveOf(t, "emby1")
	heard := a.admin.at(b).listen(t, "?topics=sessions,distributions,limits")
	for _, topic := range []string{"sessions", "distributions", "limits"} {
		heard.hears(t, topic)
	}
	for i := range 2 {
		checkIn := fmt.Sprintf(`{"play_session_id": "p%d", "user_id": "u%d", "device_id": "d1", "item_id": "i1", "client_name": "Infuse", "client_ip": "192.0.2.9"}`, i, i)
		slave.do(t, "POST", api.PathSlave+"/sessions/checkin", checkIn).want(t, http.StatusOK)
		heard.hears(t, "sessions")
	}
	a.admin.do(t, "POST", "/api/v1/admin/snapshots", `{}`).want(t, http.StatusCreated)
	heard.hears(t, "distributions")
	slave.do(t, "POST", api.PathMediaSlave+"/ack", `{"snapshot_id": 1, "status": "applied"}`).want(t, http.StatusOK)
	heard.hears(t, "distributions")
}
