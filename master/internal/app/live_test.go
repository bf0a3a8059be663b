package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// version asks what the slave should run; query is what it says of itself.
func (c *client) version(t *testing.T, query string) api.Version {
	t.Helper()
	res := c.do(t, "GET", api.PathMediaSlave+"/config/version?"+query, nil)
	res.want(t, http.StatusOK)
	var v api.Version
	if err := json.Unmarshal(res.body, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// hears has a slave wait for news while change happens, and returns how long after it came it heard.
func (c *client) hears(t *testing.T, v api.Version, change func()) time.Duration {
	t.Helper()
	type answer struct {
		v  api.Version
		at time.Time
	}
	heard := make(chan answer, 1)
	go func() {
		defer close(heard)
		is := c.version(t, fmt.Sprintf("current=%d&hash=%s&limits=%s&wait=60", v.Version, v.ConfigHash, url.QueryEscape(v.LimitsRevision)))
		heard <- answer{is, time.Now()}
	}()
	changed := time.Now()
	change()
	a := <-heard
	if a.v.LimitsRevision == v.LimitsRevision || a.v.HasUpdate {
		t.Errorf("the slave hears %+v after %+v", a.v, v)
	}
	return a.at.Sub(changed)
}

// TestLimitsReachWaitingSlave: what an admin changes by hand is with a slave in two seconds; nothing is
// published.
func TestLimitsReachWaitingSlave(t *testing.T) {
	m := startMaster(t)
	slave := m.slaveOf(t, "emby1")
	m.admin.do(t, "POST", "/api/v1/admin/snapshots", `{}`).want(t, http.StatusCreated)
	fetch := func() api.LiveLimits {
		var live api.LiveLimits
		if err := json.Unmarshal(slave.do(t, "GET", api.PathMediaSlave+"/rate-limits", nil).body, &live); err != nil {
			t.Fatal(err)
		}
		return live
	}
	for what, change := range map[string][2]string{
		"an enforcement": {"enforcements", `{"dimension": "user", "dimension_value": "ann", "action": "reject", "reason": "abuse"}`},
		"a rule":         {"rate-limit-rules", `{"apply_to": "ip", "rate_per_second": 10}`},
		"a stream rule":  {"stream-rules", `{"apply_to": "user", "max_streams": 2}`},
	} {
		v := slave.version(t, "limits=&wait=60") // at once: it has none
		took := slave.hears(t, v, func() {
			m.admin.do(t, "POST", "/api/v1/admin/"+change[0], change[1]).want(t, http.StatusCreated)
		})
		if took > 2*time.Second {
			t.Errorf("%s takes %s", what, took)
		}
	}
	live := fetch()
	if len(live.Enforcements) != 1 || len(live.Rules) != 1 || len(live.StreamRules) != 1 || live.Enforcements[0].DimensionValue != "ann" {
		t.Errorf("%+v", live)
	}
	if v := slave.version(t, ""); v.LimitsRevision != live.Revision {
		t.Errorf("revision %q of version %q", live.Revision, v.LimitsRevision)
	}
	v := slave.version(t, "")
	slave.hears(t, v, func() {
		until := time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)
		m.admin.do(t, "PATCH", "/api/v1/admin/enforcements/1", `{"effective_until": "`+until+`"}`).want(t, http.StatusOK)
	})
	waitFor(t, "the ban lapses", func() bool { return len(fetch().Enforcements) == 0 })
}

// TestSessionsAndQuotasForAdmins: what slaves report is there to see, and to act on.
func TestSessionsAndQuotasForAdmins(t *testing.T) { onBoth(t, testSessionsAndQuotas) }

func testSessionsAndQuotas(t *testing.T, m *master) {
	slave := m.slaveOf(t, "emby1")
	m.admin.do(t, "POST", "/api/v1/admin/rate-limit-rules", `{"apply_to": "user", "quota_monthly": 100}`).want(t, http.StatusCreated)
	waitFor(t, "the rule flows", func() bool {
		return strings.Contains(string(slave.do(t, "GET", api.PathMediaSlave+"/rate-limits", nil).body), `"quota_monthly":100`)
	})

	// As the Lua agents send it: dot segments, scheme App, numbers as strings, an envelope around the answer.
	old := m.anonymous(t)
	old.auth = strings.Replace(slave.auth, "Bearer", "App", 1)
	month := time.Now().UTC().Format("2006-01")
	synced := old.do(t, "POST", "/api/v1/media-slave/../slave/telemetry/quota-sync", `{"counters": [
		{"dimension": "user", "dimension_value": "A-NN", "period_type": "monthly", "period_key": "`+month+`", "request_count": "100", "bandwidth_bytes": 1.5e9}]}`)
	synced.want(t, http.StatusOK)
	if !strings.Contains(string(synced.body), `"code":200`) || !strings.Contains(string(synced.body), `"requests_left":0,"bandwidth_left":null`) {
		t.Errorf("an old agent's sync is answered by %s", synced.body)
	}
	old.do(t, "POST", "/api/v1/slave/telemetry/quota-sync", `{"counters": {}}`).want(t, http.StatusOK)
	usage := m.admin.do(t, "GET", "/api/v1/admin/quota-usage?period=monthly&value=ann", nil)
	if got := usage.items(t, "bandwidth_bytes"); len(got) != 1 || got[0] != "1.5e+09" {
		t.Errorf("usage: %s", usage.body)
	}
	if p := m.admin.do(t, "GET", "/api/v1/admin/quota-usage?tz=Mars", nil).problem(t, 422); !names(p, "query.tz") {
		t.Errorf("%+v", p)
	}
	stopped := m.admin.do(t, "GET", "/api/v1/admin/enforcements", nil)
	if got := stopped.items(t, "automatic"); len(got) != 1 || !strings.Contains(got[0], "quota_requests") {
		t.Errorf("enforcements: %s", stopped.body)
	}

	checked := slave.do(t, "POST", "/api/v1/slave/sessions/checkin", `{"play_session_id": "p1", "user_id": "ann", "device_id": "tv", "device_name": "TV", "item_id": 42, "client_ip": "192.0.2.1"}`)
	checked.want(t, http.StatusOK)
	slave.do(t, "POST", "/api/v1/slave/sessions/checkin", `{"user_id": "ann"}`).problem(t, 400)
	slave.do(t, "POST", "/api/v1/slave/sessions/heartbeat", `{}`).problem(t, 400)
	list := m.admin.do(t, "GET", "/api/v1/admin/sessions?user_id=ann&q=tv", nil)
	if got := list.items(t, "item_id"); len(got) != 1 || got[0] != "42" {
		t.Fatalf("sessions: %s", list.body)
	}
	id := list.items(t, "id")[0]
	m.withRole(t, "viewer").do(t, "DELETE", "/api/v1/admin/sessions/"+id, nil).problem(t, http.StatusForbidden)
	v := slave.version(t, "")
	if took := slave.hears(t, v, func() {
		m.admin.do(t, "DELETE", "/api/v1/admin/sessions/"+id+"?reason=enough", nil).want(t, http.StatusNoContent)
	}); took > 2*time.Second {
		t.Errorf("a kick takes %s", took)
	}
	if kicks := slave.do(t, "GET", api.PathMediaSlave+"/rate-limits", nil); !strings.Contains(string(kicks.body), `"play_session_id":"p1"`) {
		t.Errorf("limits are %s", kicks.body)
	}
	m.admin.do(t, "DELETE", "/api/v1/admin/sessions/"+id, nil).problem(t, http.StatusNotFound)
	if got := m.admin.do(t, "GET", "/api/v1/admin/sessions", nil).items(t, "id"); len(got) != 0 {
		t.Errorf("still live: %v", got)
	}
}
