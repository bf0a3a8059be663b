package slaveapi_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// report posts a body of telemetry; header is name, value, …
func (m *master) report(kind, body string, header ...string) answer {
	m.t.Helper()
	return m.reports().ask("POST", "/telemetry/"+kind, body, header...)
}

// reports is m with the other half of the slave API.
func (m *master) reports() *master {
	other := *m
	other.url = strings.TrimSuffix(m.url, api.PathMediaSlave) + api.PathSlave
	return &other
}

// entry is an access log line of now.
func entry(members string) string {
	return fmt.Sprintf(`{"timestamp":%d,"ip":"192.0.2.1","verdict":"allow"%s}`, time.Now().Unix(), members)
}

func compress(t *testing.T, coding, body string) string {
	t.Helper()
	var b bytes.Buffer
	switch coding {
	case "gzip":
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(body)); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
	case "zstd":
		w, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
	default:
		b.WriteString(body)
	}
	return b.String()
}

// TestTelemetry: batches are taken in each encoding, once each, for the servers of the token's host only.
func TestTelemetry(t *testing.T) {
	m := newMaster(t)
	sibling, _ := m.addServer(m.server.Host, "b.com")
	stranger, _ := m.addServer("203.0.113.99", "c.com")
	for i, coding := range []string{"", "identity", "gzip", "zstd"} {
		body := compress(t, coding, `{"entries":[`+entry(fmt.Sprintf(`,"scope":"%d"`, sibling.ID))+`,`+entry(fmt.Sprintf(`,"scope":"%d"`, stranger.ID))+`,`+entry(`,"scope":"a.com"`)+`,7]}`)
		for round := range 2 {
			a := m.report("access-logs", body, "Content-Encoding", coding, "Idempotency-Key", "k"+coding)
			got := decode[api.ReportAnswer](t, a.body)
			if a.status != 200 || got != (api.ReportAnswer{Accepted: 3, Duplicate: round == 1}) {
				t.Errorf("%s: %d %s", coding, a.status, a.body)
			}
		}
		if n := m.telemetryRows("access_logs WHERE server_id = " + fmt.Sprint(sibling.ID)); n != i+1 {
			t.Errorf("%d rows of the sibling", n)
		}
	}
	if all, own := m.telemetryRows("access_logs"), m.telemetryRows("access_logs WHERE server_id = "+fmt.Sprint(m.server.ID)); all != 12 || own != 8 {
		t.Errorf("%d rows, %d of the token's server", all, own)
	}
	if n := m.metric("uhd_telemetry_skipped_rows_total", `"no object"`); n != 8 { // of duplicates, too
		t.Errorf("%v rows counted as skipped", n)
	}
}

// TestTelemetryOfOlderAgents: the App scheme gets its envelope.
func TestTelemetryOfOlderAgents(t *testing.T) {
	m := newMaster(t)
	a := m.report("login", `{"event_type":"login","emby_user_id":"u","success":true}`, "Authorization", "App "+m.token)
	e := decode[api.Envelope](t, a.body)
	if a.status != 200 || e.Code != 200 || string(e.Data) != `{"accepted":1,"duplicate":false}` {
		t.Errorf("%d %s", a.status, a.body)
	}
	a = m.report("playback/start", `[`, "Authorization", "App "+m.token)
	if e := decode[api.Envelope](t, a.body); a.status != 400 || e.Code != 400 || e.Message == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestBadTelemetry: what cannot be taken is refused with what would be.
func TestBadTelemetry(t *testing.T) {
	m := newMaster(t)
	m.wantProblem(m.report("access-logs", `{"entries":[`), 400, "JSON")
	m.wantProblem(m.report("access-logs", `{"entries":7}`), 400, "entries takes a list")
	m.wantProblem(m.report("access-logs", "not gzip", "Content-Encoding", "gzip"), 400, "cannot be read")
	m.wantProblem(m.report("access-logs", "not zstd", "Content-Encoding", "zstd"), 400, "cannot be read")
	m.wantProblem(m.report("access-logs", "{}", "Content-Encoding", "br"), 415, "zstd, gzip")
	m.wantProblem(m.report("access-logs", "{}", "Idempotency-Key", strings.Repeat("k", 201)), 400, "Idempotency-Key takes")
	m.wantProblem(m.report("access-logs", "["+strings.Repeat("{},", 10_000)+"{}]"), 413, "entries")
	bomb := strings.Repeat(" ", 9<<20)
	for _, coding := range []string{"", "gzip", "zstd"} {
		m.wantProblem(m.report("access-logs", compress(t, coding, bomb), "Content-Encoding", coding), 413, "send fewer entries")
	}
	m.wantProblem(m.report("nothing", "{}"), 404, "no such path")
	m.wantProblem(m.reports().ask("GET", "/telemetry/login", ""), 405, "method")
	m.wantProblem(m.report("login", "{}", "Authorization", "Bearer uhd_unknown"), 401, "")
	if n := m.telemetryRows("access_logs"); n != 0 {
		t.Errorf("%d rows stored", n)
	}
}

// telemetryRows counts.
func (m *master) telemetryRows(from string) int {
	m.t.Helper()
	var n int
	if err := m.telemetry.Reader().NewRaw("SELECT count(*) FROM "+from).Scan(m.t.Context(), &n); err != nil {
		m.t.Fatal(err)
	}
	return n
}
