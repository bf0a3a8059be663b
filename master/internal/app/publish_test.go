package app_test

import (
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

// slaveOf makes a server and a token and returns a client that sends it.
func (m *master) slaveOf(t *testing.T, name string) *client {
	t.Helper()
	made := m.admin.do(t, "POST", servers, newServer(name))
	made.want(t, http.StatusCreated)
	token := m.admin.do(t, "POST", fmt.Sprintf("%s/%v/tokens", servers, made.object(t)["id"]), map[string]any{"name": "slave"})
	token.want(t, http.StatusCreated)
	c := m.anonymous(t)
	c.auth = "Bearer " + token.object(t)["token"].(string)
	return c
}

// TestPublishReachesSlave goes all the way: admin, snapshot, waiting slave, config, ack, hosts.
func TestPublishReachesSlave(t *testing.T) { onBoth(t, testPublishReachesSlave) }

func testPublishReachesSlave(t *testing.T, m *master) {
	m.admin.do(t, "POST", "/api/v1/admin/snapshots", `{}`).problem(t, 422) // nothing to publish
	slave := m.slaveOf(t, "emby1")
	if hosts := m.admin.do(t, "GET", "/api/v1/admin/hosts", nil).items(t, "agent"); !slices.Equal(hosts, []string{"<nil>"}) {
		t.Errorf("agents before the first word are %v", hosts)
	}

	// The slave waits, then the publish comes: it hears at once.
	heard := make(chan response, 1)
	go func() {
		defer close(heard) // also when do fails the test
		heard <- slave.do(t, "GET", api.PathMediaSlave+"/config/version?current=0&wait=30", nil)
	}()
	published := m.admin.do(t, "POST", "/api/v1/admin/snapshots", map[string]any{"note": "first"})
	published.want(t, http.StatusCreated)
	var version api.Version
	if err := json.Unmarshal((<-heard).body, &version); err != nil || !version.HasUpdate || version.SnapshotID != 1 {
		t.Fatalf("the slave hears %+v, %v", version, err)
	}

	config := slave.do(t, "GET", api.PathMediaSlave+"/config", nil)
	config.want(t, http.StatusOK)
	if got := config.object(t); got["config_hash"] != version.ConfigHash || !strings.Contains(got["rendered_nginx"].(string), "emby1.example.com") {
		t.Errorf("the config is %s", config.body)
	}
	slave.do(t, "POST", api.PathMediaSlave+"/heartbeat", api.Heartbeat{AgentVersion: "2.0", CurrentConfigVersion: api.Int(version.Version), Status: "ready"}).want(t, http.StatusOK)
	slave.do(t, "POST", api.PathMediaSlave+"/ack", api.Ack{SnapshotID: 1, Status: api.AckApplied, Version: api.Int(version.Version)}).want(t, http.StatusOK)
	m.admin.do(t, "POST", "/api/v1/admin/snapshots", map[string]any{"note": "second", "hosts": []string{"203.0.113.10"}}).want(t, http.StatusCreated)
	slave.do(t, "POST", api.PathMediaSlave+"/ack", api.Ack{SnapshotID: 2, Status: api.AckFailed, Stage: "test", Error: "emerg: no"}).want(t, http.StatusOK)

	var hosts struct {
		Items []struct {
			Host    string
			Servers []struct{ Name string }
			Agent   struct {
				Version  string
				LastSeen time.Time `json:"last_seen"`
			}
			Release struct {
				Published   struct{ Status string }
				Applied     int64
				Proven      struct{ Version int64 }
				LastFailure struct{ Stage, Error string } `json:"last_failure"`
			}
		}
	}
	res := m.viewHosts(t)
	if err := json.Unmarshal(res.body, &hosts); err != nil || len(hosts.Items) != 1 {
		t.Fatalf("hosts are %s, %v", res.body, err)
	}
	h := hosts.Items[0]
	if h.Host != "203.0.113.10" || h.Servers[0].Name != "emby1" || h.Agent.Version != "2.0" || h.Agent.LastSeen.IsZero() ||
		h.Release.Applied != version.Version || h.Release.Proven.Version != version.Version ||
		h.Release.Published.Status != api.AckFailed || h.Release.LastFailure.Stage != "test" || h.Release.LastFailure.Error != "emerg: no" {
		t.Errorf("the host is %s", res.body)
	}
	if notes := m.admin.do(t, "GET", "/api/v1/admin/snapshots", nil).items(t, "note"); !slices.Equal(notes, []string{"second", "first"}) {
		t.Errorf("snapshots are %v", notes)
	}
	if got := m.admin.do(t, "GET", "/api/v1/admin/distributions?status=applied", nil).items(t, "snapshot_id"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("applied are %v", got)
	}
	m.admin.do(t, "GET", "/api/v1/admin/snapshots/2", nil).want(t, http.StatusOK)
	m.admin.do(t, "GET", "/api/v1/admin/snapshots/3", nil).problem(t, http.StatusNotFound)
	if p := m.admin.do(t, "POST", "/api/v1/admin/snapshots", `{"hosts": ["198.51.100.1"]}`).problem(t, 422); !names(p, "body.hosts[0]") {
		t.Errorf("publishing to an unknown host gives %+v", p)
	}
}

func (m *master) viewHosts(t *testing.T) response {
	t.Helper()
	res := m.admin.do(t, "GET", "/api/v1/admin/hosts?service_type=emby&q=203.0", nil)
	res.want(t, http.StatusOK)
	return res
}

// TestLimitsFlowLive: no publish is needed.
func TestLimitsFlowLive(t *testing.T) { onBoth(t, testLimitsFlowLive) }

func testLimitsFlowLive(t *testing.T, m *master) {
	slave := m.slaveOf(t, "emby1")
	rules := func() []any {
		return slave.do(t, "GET", api.PathMediaSlave+"/rate-limits", nil).object(t)["rules"].([]any)
	}
	if got := rules(); len(got) != 0 {
		t.Fatalf("rules at the start are %v", got)
	}
	m.admin.do(t, "POST", "/api/v1/admin/rate-limit-rules", `{"apply_to": "ip", "rate_per_second": 10}`).want(t, http.StatusCreated)
	waitFor(t, "the rule flows", func() bool {
		got := rules()
		return len(got) == 1 && got[0].(map[string]any)["rate_per_second"] == 10.0
	})
	m.admin.do(t, "PATCH", "/api/v1/admin/rate-limit-rules/1", `{"enabled": false}`).want(t, http.StatusOK)
	waitFor(t, "the disabled rule flows no more", func() bool { return len(rules()) == 0 })
}

// TestSlaveIsShutOutAtOnce: writes to tokens and servers reach the cache of identities.
func TestSlaveIsShutOutAtOnce(t *testing.T) { onBoth(t, testSlaveIsShutOutAtOnce) }

func testSlaveIsShutOutAtOnce(t *testing.T, m *master) {
	slave := m.slaveOf(t, "emby1")
	const path = api.PathMediaSlave + "/config/version"
	slave.do(t, "GET", path, nil).want(t, http.StatusOK)
	m.admin.do(t, "PATCH", servers+"/1", `{"enabled": false}`).want(t, http.StatusOK)
	slave.do(t, "GET", path, nil).problem(t, http.StatusForbidden)
	m.admin.do(t, "PATCH", servers+"/1", `{"enabled": true}`).want(t, http.StatusOK)
	slave.do(t, "GET", path, nil).want(t, http.StatusOK)

	// Agents in the field: scheme App, dot segments sent literally, answers in an envelope.
	old := m.anonymous(t)
	old.auth = strings.Replace(slave.auth, "Bearer", "App", 1)
	if got := old.do(t, "GET", "/api/v1/slave/../media-slave/config/version", nil).object(t); got["code"] != 200.0 || got["data"] == nil {
		t.Errorf("an old agent gets %v", got)
	}

	m.admin.do(t, "DELETE", servers+"/1/tokens/1", nil).want(t, http.StatusNoContent)
	slave.do(t, "GET", path, nil).problem(t, http.StatusUnauthorized)
	m.anonymous(t).do(t, "GET", path, nil).problem(t, http.StatusUnauthorized)
}

// TestStopLetsWaitersGo: the end of the master does not wait for slaves that wait for a publish.
func TestStopLetsWaitersGo(t *testing.T) {
	m := startMaster(t)
	slave := m.slaveOf(t, "emby1")
	answered := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, m.url+api.PathMediaSlave+"/config/version?current=0&wait=60", http.NoBody)
		if err != nil {
			answered <- err
			return
		}
		req.Header.Set("Authorization", slave.auth)
		res, err := slave.http.Do(req)
		if err == nil {
			err = res.Body.Close()
		}
		answered <- err
	}()
	metrics := m.anonymous(t)
	metrics.base = m.metrics
	waitFor(t, "the slave waits", func() bool {
		return strings.Contains(string(metrics.do(t, "GET", "/metrics", nil).body), "\nuhd_slaves_waiting 1\n")
	})
	began := time.Now()
	m.stop()
	if err := <-answered; err != nil {
		t.Errorf("the waiting slave gets %v", err)
	}
	if took := time.Since(began); took > 8*time.Second { // less than the grace of running requests
		t.Errorf("the master took %s to stop", took)
	}
}
