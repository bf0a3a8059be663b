package app_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	admin     = "/api/v1/admin"
	refusalID = "0123456789abcdef0123456789abcdef"
)

// reporting returns a master with one server, and a client that reports as its slave.
func reporting(t *testing.T, environ ...string) (*master, *client) {
	t.Helper()
	m := startMaster(t, environ...)
	m.admin.do(t, "POST", servers, newServer("emby1")).want(t, http.StatusCreated)
	made := m.admin.do(t, "POST", servers+"/1/tokens", map[string]any{"name": "slave"})
	made.want(t, http.StatusCreated)
	slave := m.anonymous(t)
	slave.auth = "Bearer " + made.object(t)["token"].(string)
	return m, slave
}

// line is an access log line of a slave; members replaces some of it.
func line(at time.Time, members string) string {
	return fmt.Sprintf(`{"timestamp":%.3f,"request_id":"%032x","ip":"203.0.113.7","method":"GET","status":200,"bytes_sent":1000,`+
		`"request_time":0.004,"upstream_time":"0.004","upstream_status":"200","accounted":0,"server_name":"emby1.example.com","scope":"1","profile":"1",`+
		`"client_name":"Infuse","client_version":"7.8","device_id":"d1","device_name":"=cmd()","kind":"header","user_id":"aabb","token_hash":"","user_agent":"x","uri":"/items",`+
		`"verdict":"allow","reason":"","rule":""%s}`, float64(at.UnixMilli())/1000, at.UnixMilli(), members)
}

func report(t *testing.T, slave *client, lines ...string) {
	t.Helper()
	body := `{"entries":[` + strings.Join(lines, ",") + `]}`
	slave.do(t, "POST", "/api/v1/slave/telemetry/access-logs", body).want(t, http.StatusOK)
}

func TestAnalyticsPages(t *testing.T) {
	m, slave := reporting(t)
	now := time.Now()
	report(
		t, slave, line(now.Add(-time.Minute), ""), line(now.Add(-2*time.Minute), `,"client_name":"VLC","user_id":"cc"`),
		line(now.Add(-3*time.Minute), `,"status":403,"request_id":"`+refusalID+`","verdict":"reject","reason":"rate_limited","rule":"1"`),
	)
	for path, want := range map[string]string{
		"by-client": "Infuse", "by-ip": "203.0.113.7", "by-user": "aabb", "by-reason": "rate_limited", "by-rule": "1",
	} {
		if got := m.admin.do(t, "GET", admin+"/analytics/"+path+"?compare=true&tz=Asia/Kolkata", nil).items(t, "value"); len(got) == 0 || got[0] != want {
			t.Errorf("%s has %v, want %s first", path, got, want)
		}
	}
	line := m.admin.do(t, "GET", admin+"/analytics/timeline?user_id=AA-BB&step=hour", nil)
	line.want(t, http.StatusOK)
	if total := line.object(t)["total"].(map[string]any); total["requests"] != 2.0 || total["refused"] != 1.0 || total["refusal_rate"] != 0.5 || total["p95_ms"] == nil {
		t.Errorf("the timeline's total is %v", total)
	}
	if got := m.admin.do(t, "GET", admin+"/telemetry/access-logs?user_id=AA-BB&limit=1", nil); len(got.items(t, "id")) != 1 || got.object(t)["next_cursor"] == "" {
		t.Errorf("the first page is %s", got.body)
	}

	sheet := m.admin.do(t, "GET", admin+"/telemetry/access-logs?format=csv&bom=true&limit=1", nil)
	sheet.want(t, http.StatusOK)
	if ct, name := sheet.Header.Get("Content-Type"), sheet.Header.Get("Content-Disposition"); ct != "text/csv; charset=utf-8" || !strings.Contains(name, "access-logs.csv") {
		t.Errorf("CSV is %q, named %q", ct, name)
	}
	records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(sheet.body), "\xEF\xBB\xBF"))).ReadAll()
	if err != nil || len(records) != 4 || records[0][0] != "id" || !strings.Contains(string(sheet.body), "'=cmd()") {
		t.Errorf("CSV is %q, %v", sheet.body, err)
	}
}

// TestAllKindsAreListed: as JSON and as CSV, whose columns are the members of the JSON.
func TestAllKindsAreListed(t *testing.T) {
	m, slave := reporting(t)
	report(t, slave, line(time.Now(), `,"play_session_id":"p1","item_id":"i1"`), line(time.Now(), `,"status":403,"verdict":"reject","reason":"ban","rule":""`))
	for kind, rows := range map[string]int{
		"access-logs": 2, "blocked-requests": 1, "login-events": 0, "playback-events": 0, "playback-sessions": 1, "devices": 1,
		"user-activities": 1, "realtime-sessions": 0, "api-calls": 1, "bandwidth": 1, "media-access": 1,
	} {
		path := admin + "/telemetry/" + kind + "?from=" + time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
		var page struct{ Items []map[string]any }
		listed := m.admin.do(t, "GET", path, nil)
		listed.want(t, http.StatusOK)
		if err := json.Unmarshal(listed.body, &page); err != nil || len(page.Items) != rows {
			t.Errorf("%s: %s, %v, want %d rows", kind, listed.body, err, rows)
		}
		sheet := m.admin.do(t, "GET", path+"&format=csv", nil)
		sheet.want(t, http.StatusOK)
		records, err := csv.NewReader(bytes.NewReader(sheet.body)).ReadAll()
		if err != nil || len(records) != rows+1 {
			t.Errorf("%s: CSV is %q, %v", kind, sheet.body, err)
			continue
		}
		for _, item := range page.Items {
			if got, want := slices.Sorted(slices.Values(records[0])), slices.Sorted(maps.Keys(item)); !slices.Equal(got, want) {
				t.Errorf("%s: CSV has the columns %q, JSON %q", kind, got, want)
			}
		}
	}
}

func TestAnalyticsParameters(t *testing.T) {
	m := startMaster(t)
	for path, field := range map[string]string{
		"/analytics/by-ip?from=yesterday":                  "query.from",
		"/analytics/by-ip?tz=Mars":                         "query.tz",
		"/analytics/by-ip?order=beauty":                    "query.order",
		"/analytics/by-ip?limit=0":                         "query.limit",
		"/analytics/by-ip?form=2026-11-22":                 "query.form",
		"/analytics/by-ip?server_id=one":                   "query.server_id",
		"/analytics/timeline?step=minute":                  "query.step",
		"/analytics/timeline?from=2000-01-01&step=hour":    "query.from",
		"/analytics/timeline?ip=1.2.3.4&client=x":          "query.ip",
		"/telemetry/access-logs?user=x":                    "query.user",
		"/telemetry/access-logs?status=ok":                 "query.status",
		"/telemetry/access-logs?cursor=x":                  "query.cursor",
		"/telemetry/devices?from=2026-01-02&to=2026-01-01": "query.from",
		"/signals/sharing?networks=1":                      "query.networks",
		"/signals/sharing?from=2026-01-01&to=2026-06-01":   "query.from",
		"/explain":                   "query.request_id",
		"/explain?request_id=x&id=1": "query.request_id",
	} {
		if p := m.admin.do(t, "GET", admin+path, nil).problem(t, 422); !names(p, field) {
			t.Errorf("%s gives %+v, want a complaint about %s", path, p, field)
		}
	}
}

func TestExplain(t *testing.T) {
	m, slave := reporting(t)
	m.admin.do(t, "POST", admin+"/rate-limit-rules", `{"apply_to": "user", "rate_per_minute": 5}`).want(t, http.StatusCreated)
	const ask = admin + "/explain?request_id="
	if missing := m.admin.do(t, "GET", ask+refusalID, nil).problem(t, http.StatusNotFound); !strings.Contains(missing.Detail, "minute") {
		t.Errorf("an id that was not reported gives %+v", missing)
	}
	if p := m.admin.do(t, "GET", ask+"banana", nil).problem(t, http.StatusNotFound); !strings.Contains(p.Detail, "32 digits") {
		t.Errorf("what is no id gives %+v", p)
	}
	report(t, slave, line(time.Now(), `,"status":429,"request_id":"`+refusalID+`","verdict":"reject","reason":"rate_limited","rule":"1"`))
	found := m.admin.do(t, "GET", ask+refusalID, nil)
	found.want(t, http.StatusOK)
	got := found.object(t)
	rule := got["rules"].([]any)[0].(map[string]any)
	if got["reason"] != "rate_limited" || rule["path"] != admin+"/rate-limit-rules/1" || rule["named"] != true || got["request"].(map[string]any)["ip"] != "203.0.113.7" {
		t.Errorf("explained by %s", found.body)
	}
	m.admin.do(t, "GET", rule["path"].(string), nil).want(t, http.StatusOK)

	// Older agents report refusals without an id.
	slave.do(t, "POST", "/api/v1/slave/telemetry/blocked-requests", fmt.Sprintf(`{"entries":[{"reason":"ban","ip":"192.0.2.9","uri":"/x","timestamp":%d}]}`, time.Now().Unix())).want(t, http.StatusOK)
	ids := m.admin.do(t, "GET", admin+"/telemetry/blocked-requests?ip=192.0.2.9", nil).items(t, "id")
	if len(ids) != 1 {
		t.Fatalf("listed are %q", ids)
	}
	if got := m.admin.do(t, "GET", admin+"/explain?id="+ids[0], nil); got.object(t)["reason"] != "ban" {
		t.Errorf("a refusal without a request id is explained by %s", got.body)
	}
	m.admin.do(t, "GET", admin+"/explain?id=1", nil).problem(t, http.StatusNotFound)
}

// TestAddressesAreKeptAsSet: the setting holds for what comes after it, from its answer on.
func TestAddressesAreKeptAsSet(t *testing.T) {
	m, slave := reporting(t)
	for i, c := range []struct{ value, want string }{{"truncated", "203.0.113.0/24"}, {"none", ""}, {"full", "203.0.113.7"}} {
		body := fmt.Sprintf(`{"name": "telemetry_addresses", "value": %q}`, c.value)
		if i == 0 {
			m.admin.do(t, "POST", admin+"/settings", body).want(t, http.StatusCreated)
		} else {
			m.admin.do(t, "PUT", admin+"/settings/1", body).want(t, http.StatusOK)
		}
		device := fmt.Sprint("device", i)
		report(t, slave, line(time.Now(), `,"device_id":"`+device+`"`))
		for _, kind := range []string{"access-logs", "devices", "bandwidth"} {
			if got := m.admin.do(t, "GET", admin+"/telemetry/"+kind+"?device_id="+device, nil).items(t, "ip"); len(got) != 1 || got[0] != c.want {
				t.Errorf("%s: %s has the addresses %q, want %q", c.value, kind, got, c.want)
			}
		}
	}
	if got := m.admin.do(t, "GET", admin+"/telemetry/access-logs?ip=203.0.113.99", nil).items(t, "ip"); len(got) != 1 || got[0] != "203.0.113.0/24" {
		t.Errorf("an address of the network finds %q", got)
	}
}

func TestErasure(t *testing.T) {
	m, slave := reporting(t)
	const erasures = admin + "/privacy/erasures"
	report(t, slave, line(time.Now(), ""), line(time.Now(), `,"user_id":"bb"`))
	if p := m.admin.do(t, "POST", erasures, `{"user_id": ""}`).problem(t, 422); !names(p, "body.user_id") {
		t.Errorf("no user gives %+v", p)
	}
	m.admin.do(t, "GET", erasures+"/1", nil).problem(t, http.StatusNotFound)
	ordered := m.admin.do(t, "POST", erasures, `{"user_id": "AA-BB"}`)
	ordered.want(t, http.StatusAccepted)
	at := ordered.Header.Get("Location")
	if at != erasures+"/1" {
		t.Errorf("the job is at %q", at)
	}
	waitFor(t, "the user is erased", func() bool { return m.admin.do(t, "GET", at, nil).object(t)["state"] == "done" })
	if job := m.admin.do(t, "GET", at, nil).object(t); job["progress"] != 1.0 || job["requested_by"] != "root" || job["finished_at"] == nil {
		t.Errorf("the job is %v", job)
	}
	if got := m.admin.do(t, "GET", admin+"/telemetry/access-logs", nil).items(t, "user_id"); len(got) != 1 || got[0] != "bb" {
		t.Errorf("there are requests of %q", got)
	}
	if got := m.admin.do(t, "GET", erasures+"?limit=1", nil).items(t, "user_id"); len(got) != 1 || got[0] != "aabb" {
		t.Errorf("the list has %q", got)
	}
}
