package slaveapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// distribution returns the stored one of a snapshot for the master's server.
func (m *master) distribution(snapshotID int64) store.Distribution {
	m.t.Helper()
	page, err := m.store.Distributions(m.t.Context(), store.Query{Where: map[string]string{"snapshot_id": fmt.Sprint(snapshotID), "host": m.server.Host}})
	if err != nil || len(page.Items) != 1 {
		m.t.Fatalf("distributions of snapshot %d: %+v, %v", snapshotID, page.Items, err)
	}
	return page.Items[0]
}

func (m *master) agent() store.Agent {
	m.t.Helper()
	agents, err := m.store.Agents(m.t.Context())
	if err != nil || len(agents) != 1 {
		m.t.Fatalf("agents: %+v, %v", agents, err)
	}
	return agents[0]
}

// TestDistribution follows one from publish to ack.
func TestDistribution(t *testing.T) {
	m := newMaster(t)
	first := m.publish().ID
	m.ask("GET", "/config/version?current=0", "")
	if d := m.distribution(first); d.Status != store.DistributionPending || d.DeliveredAt != nil {
		t.Errorf("before the config was fetched: %+v", d)
	}
	m.ask("GET", "/config", "")
	if d := m.distribution(first); d.Status != store.DistributionDelivered || d.DeliveredAt == nil {
		t.Errorf("delivered: %+v", d)
	}
	a := m.ask("POST", "/ack", fmt.Sprintf(`{"snapshot_id": %d, "status": "failed", "stage": "test", "error": "nginx: [emerg] …", "timings": {"test": 12}}`, first))
	if a.status != 200 || string(a.body) != "{}" {
		t.Errorf("ack: %d %s", a.status, a.body)
	}
	d := m.distribution(first)
	if d.Status != store.DistributionFailed || d.Stage != "test" || d.Error != "nginx: [emerg] …" || d.Timings["test"] != 12 || d.AckedAt == nil {
		t.Errorf("failed: %+v", d)
	}
	// The contract's name for when and how long.
	if text, err := json.Marshal(d); err != nil || !strings.Contains(string(text), `"times":{"created_at":`) || !strings.Contains(string(text), `"steps":{"test":12}`) {
		t.Errorf("%s, %v", text, err)
	}
	if e := m.current(); e.Version == 0 {
		t.Error("a failure took the configuration away")
	}

	// Loose numbers, as Lua sends them.
	second := m.publish().ID
	m.ask("POST", "/ack", fmt.Sprintf(`{"snapshot_id": "%d", "status": "applied", "version": 1.7069592e+09, "error": null}`, second))
	if d := m.distribution(second); d.Status != store.DistributionApplied || d.Error != "" {
		t.Errorf("applied: %+v", d)
	}

	// A late report about the first snapshot leaves the second as it is.
	m.ask("POST", "/ack", fmt.Sprintf(`{"snapshot_id": %d, "status": "applied"}`, first))
	m.ask("POST", "/ack", fmt.Sprintf(`{"snapshot_id": %d, "status": "failed", "stage": "late"}`, first))
	if d := m.distribution(second); d.Status != store.DistributionApplied || d.Stage != "" {
		t.Errorf("after a late failure of an older snapshot: %+v", d)
	}
	if a := m.agent(); a.AppliedSnapshotID != second || a.FailedSnapshotID != first || a.FailedStage != "late" {
		t.Errorf("agent: %+v", a)
	}
	// Fetching again does not undo an ack.
	m.ask("GET", "/config", "")
	if d := m.distribution(second); d.Status != store.DistributionApplied {
		t.Errorf("after another fetch: %+v", d)
	}
	if n := m.metric("uhd_acks_total", api.AckApplied); n != 2 {
		t.Errorf("%v applied acks counted, want 2", n)
	}
}

func TestBadReports(t *testing.T) {
	m := newMaster(t)
	_, other := m.addServer("203.0.113.11", "b.com")
	res, err := m.pub.Publish(t.Context(), publish.Request{Order: rollout.Order{Hosts: []string{"203.0.113.11"}}})
	if err != nil {
		t.Fatal(err)
	}
	theirs := fmt.Sprintf(`{"snapshot_id": %d, "status": "applied"}`, res.ID)
	m.wantProblem(m.ask("POST", "/ack", theirs), 404, "never published to 203.0.113.10")
	m.wantProblem(m.ask("POST", "/ack", `{"snapshot_id": 999, "status": "applied"}`), 404, "snapshot_id 999")
	m.wantProblem(m.ask("POST", "/ack", `{"snapshot_id": 1, "status": "done"}`), 400, "status takes")
	m.wantProblem(m.ask("POST", "/ack", `{"snapshot_id": "x", "status": "applied"}`), 400, "not an integer")
	m.wantProblem(m.ask("POST", "/ack", `{`), 400, "JSON object")
	m.wantProblem(m.ask("POST", "/ack", `{"error": "`+strings.Repeat("x", 70<<10)+`"}`), 413, "65536")
	if a := m.ask("POST", "/ack", theirs, "Authorization", "Bearer "+other); a.status != 200 {
		t.Errorf("its own snapshot: %d %s", a.status, a.body)
	}
}

func TestHeartbeat(t *testing.T) {
	m := newMaster(t)
	for _, body := range []string{
		`{"agent_version": "1.2", "current_config_version": "1706959200", "status": "ready", "metadata": {"workers": 4}}`,
		`{"agent_version": "1.3", "current_config_version": 1706959201, "status": "degraded", "metadata": []}`,
	} {
		if a := m.ask("POST", "/heartbeat", body); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	a := m.agent()
	if a.AgentVersion != "1.3" || a.ConfigVersion != 1706959201 || a.Status != "degraded" || a.LastSeen.IsZero() {
		t.Errorf("%+v", a)
	}
	if a.Host != m.server.Host || a.ServiceType != m.server.ServiceType {
		t.Errorf("heartbeat of %s (%s)", a.Host, a.ServiceType)
	}
}

// TestLuaAgent plays what the agents in the field send: the App scheme, an envelope for every answer.
func TestLuaAgent(t *testing.T) {
	m := newMaster(t)
	app := []string{"Authorization", "App " + m.token}
	ask := func(method, path, body string) (int, api.Envelope) {
		t.Helper()
		a := m.ask(method, path, body, app...)
		if ct := a.header.Get("Content-Type"); ct != "application/json" {
			t.Errorf("%s: Content-Type %s", path, ct)
		}
		return a.status, decode[api.Envelope](t, a.body)
	}
	status, e := ask("GET", "/config", "")
	if status != 404 || e.Code != 404 || !strings.Contains(e.Message, "publish a snapshot first") || string(e.Data) != "null" {
		t.Errorf("before a publish: %d %+v", status, e)
	}
	res := m.publish()
	_, e = ask("GET", "/config/version", "")
	v := decode[api.Version](t, e.Data)
	if e.Code != 200 || !v.HasUpdate || v.SnapshotID != res.ID {
		t.Errorf("%+v %+v", e, v)
	}
	_, e = ask("GET", "/config", "")
	c := decode[api.Config](t, e.Data)
	if hash, err := api.ContentHash(e.Data); err != nil || hash != c.ConfigHash || c.Mode != "multi_server" || c.SiblingCount != 1 || c.RenderedNginx == "" {
		t.Errorf("config in an envelope: %s, %v, %+v", hash, err, c)
	}
	if status, e = ask("POST", "/ack", fmt.Sprintf(`{"snapshot_id":%d,"status":"applied"}`, res.ID)); status != 200 || string(e.Data) != "{}" {
		t.Errorf("ack: %d %+v", status, e)
	}
	_, e = ask("GET", "/rate-limits", "")
	if !strings.HasSuffix(string(e.Data), `,"rules":[],"enforcements":[],"stream_rules":[],"kicks":[]}`) {
		t.Errorf("rate limits: %s", e.Data)
	}
	app[1] = "App uhd_unknown"
	if status, e = ask("GET", "/config/version", ""); status != 401 || e.Code != 401 {
		t.Errorf("unknown token: %d %+v", status, e)
	}
	if status, e = ask("GET", "/nowhere", ""); status != 404 || e.Code != 404 {
		t.Errorf("unknown path: %d %+v", status, e)
	}
}

func TestConfigAge(t *testing.T) {
	m := newMaster(t)
	m.publish()
	if m.metric("uhd_config_published_timestamp_seconds", m.server.Host) == 0 {
		t.Error("no publish time of " + m.server.Host)
	}
	m.ask("GET", "/config", "")
	if n := m.metric("uhd_slave_requests_total", `"config"`); n != 1 {
		t.Errorf("%v requests counted, want 1", n)
	}
}
