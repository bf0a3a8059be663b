package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// startReplicas starts two masters over one PostgreSQL database.
func startReplicas(t *testing.T) (a, b *master) {
	t.Helper()
	databaseURL := "DATABASE_URL=" + testbed.Postgres(t)
	return startMaster(t, databaseURL), startMaster(t, databaseURL)
}

// at returns the client of the same login, session or token at another replica.
func (c *client) at(m *master) *client {
	return &client{base: m.url, auth: c.auth, http: c.http}
}

// versionAt is what the slave is told by a replica.
func versionAt(t *testing.T, slave *client, m *master, query string) api.Version {
	t.Helper()
	res := slave.at(m).do(t, "GET", api.PathMediaSlave+"/config/version"+query, nil)
	res.want(t, http.StatusOK)
	var v api.Version
	if err := json.Unmarshal(res.body, &v); err != nil {
		t.Error(err)
	}
	return v
}

// TestReplicasPublish: a slave that waits at one replica hears of what is published and limited at the
// other, at once; and all replicas tell it the same.
func TestReplicasPublish(t *testing.T) {
	a, b := startReplicas(t)
	slave := a.slaveOf(t, "emby1")
	heard := make(chan api.Version, 1)
	wait := func(query string) {
		go func() { heard <- versionAt(t, slave, b, query) }()
	}
	wait("?current=0&wait=60")
	a.admin.do(t, "POST", "/api/v1/admin/snapshots", `{}`).want(t, http.StatusCreated)
	v := <-heard
	if !v.HasUpdate || v.SnapshotID != 1 || v != versionAt(t, slave, a, "?current=0") {
		t.Fatalf("the slave hears %+v", v)
	}
	config := slave.at(b).do(t, "GET", api.PathMediaSlave+"/config", nil)
	config.want(t, http.StatusOK)
	if got := config.object(t)["config_hash"]; got != v.ConfigHash {
		t.Errorf("the other replica has the config %v", got)
	}

	wait(fmt.Sprintf("?current=%d&hash=%s&limits=%s&wait=60", v.Version, v.ConfigHash, v.LimitsRevision))
	a.admin.do(t, "POST", "/api/v1/admin/enforcements", `{"dimension": "ip", "dimension_value": "192.0.2.1", "action": "reject"}`).want(t, http.StatusCreated)
	if after := <-heard; after.LimitsRevision == v.LimitsRevision || after.HasUpdate {
		t.Errorf("after a ban the slave hears %+v", after)
	}

	// Both publish at once.
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			m := []*master{a, b}[i%2]
			m.admin.do(t, "POST", "/api/v1/admin/snapshots", `{}`).want(t, http.StatusCreated)
		})
	}
	group.Wait()
	var distributions struct{ Items []struct{ Version int64 } }
	list := a.admin.do(t, "GET", "/api/v1/admin/distributions", nil)
	if err := json.Unmarshal(list.body, &distributions); err != nil || len(distributions.Items) != 7 {
		t.Fatalf("distributions are %s, %v", list.body, err)
	}
	for i, d := range distributions.Items[1:] {
		if d.Version >= distributions.Items[i].Version {
			t.Errorf("of the newest snapshot first, versions are %+v", distributions.Items)
		}
	}
	waitFor(t, "both replicas tell the newest version", func() bool {
		atA, atB := versionAt(t, slave, a, "?current=0"), versionAt(t, slave, b, "?current=0")
		return atA == atB && atA.SnapshotID == 7
	})

	// One is left, and what the other has published is there.
	a.stop()
	b.admin.do(t, "POST", "/api/v1/admin/snapshots", `{}`).want(t, http.StatusCreated)
	if v := versionAt(t, slave, b, "?current=0"); v.SnapshotID != 8 {
		t.Errorf("the replica that is left tells %+v", v)
	}
}

// TestReplicasShutOut: who is no longer let in at one replica is not at the other.
func TestReplicasShutOut(t *testing.T) {
	a, b := startReplicas(t)
	session := a.login(t, "root", adminPassword)
	const me = "/api/v1/admin/auth/me"
	session.at(b).do(t, "GET", me, nil).want(t, http.StatusOK)
	session.do(t, "POST", "/api/v1/admin/auth/logout", nil).want(t, http.StatusNoContent)
	session.at(b).do(t, "GET", me, nil).problem(t, http.StatusUnauthorized)

	key := a.withRole(t, "viewer")
	key.at(b).do(t, "GET", me, nil).want(t, http.StatusOK)
	a.admin.do(t, "PATCH", "/api/v1/admin/api-keys/1", `{"enabled": false}`).want(t, http.StatusOK)
	key.at(b).do(t, "GET", me, nil).problem(t, http.StatusUnauthorized)

	const check = api.PathMediaSlave + "/config/version"
	slave := a.slaveOf(t, "emby1")
	slave.at(b).do(t, "GET", check, nil).want(t, http.StatusOK)
	a.admin.do(t, "PATCH", servers+"/1", `{"enabled": false}`).want(t, http.StatusOK)
	answers := func(status int) func() bool {
		return func() bool { return slave.at(b).do(t, "GET", check, nil).StatusCode == status }
	}
	waitFor(t, "the disabled server's slave is refused", answers(http.StatusForbidden))
	a.admin.do(t, "PATCH", servers+"/1", `{"enabled": true}`).want(t, http.StatusOK)
	waitFor(t, "it is let in again", answers(http.StatusOK))
	a.admin.do(t, "DELETE", servers+"/1/tokens/1", nil).want(t, http.StatusNoContent)
	waitFor(t, "its revoked token is refused", answers(http.StatusUnauthorized))
}

// TestReplicasReport: what a slave reports to one replica shows at the other, once, though it was sent to
// both.
func TestReplicasReport(t *testing.T) {
	a, b := startReplicas(t)
	slave := a.slaveOf(t, "emby1")
	slave.do(t, "POST", api.PathMediaSlave+"/heartbeat", api.Heartbeat{AgentVersion: "2.0", Status: "ready"}).want(t, http.StatusOK)
	if got := b.admin.do(t, "GET", "/api/v1/admin/hosts", nil); !strings.Contains(string(got.body), `"version":"2.0"`) {
		t.Errorf("the other replica knows of %s", got.body)
	}
	const batch = `{"entries":[{"timestamp":1766000000.5,"request_id":"x","ip":"192.0.2.1","method":"GET","status":200,"uri":"/","verdict":"allow"}]}`
	var group sync.WaitGroup
	for _, m := range []*master{a, b, a, b} {
		group.Go(func() {
			slave.at(m).do(t, "POST", "/api/v1/slave/telemetry/access-logs", batch, "Idempotency-Key", "k1").want(t, http.StatusOK)
		})
	}
	group.Wait()
	const logs = "/api/v1/admin/telemetry/access-logs?from=2025-12-17T00:00:00Z&to=2025-12-18T00:00:00Z"
	for _, m := range []*master{a, b} {
		if got := m.admin.do(t, "GET", logs, nil).items(t, "ip"); !slices.Equal(got, []string{"192.0.2.1"}) {
			t.Errorf("access logs hold %v", got)
		}
	}
}

// TestDatabaseAway: slaves are served while PostgreSQL is away, and hear of what happened when it is back.
func TestDatabaseAway(t *testing.T) {
	direct := testbed.Postgres(t)
	forwarder, throughIt := testbed.PostgresOverTCP(t, direct)
	forwarder.Restore(t)
	a, b := startMaster(t, "DATABASE_URL="+direct), startMaster(t, "DATABASE_URL="+throughIt)
	slave := a.slaveOf(t, "emby1")
	a.admin.do(t, "POST", "/api/v1/admin/snapshots", `{}`).want(t, http.StatusCreated)
	waitFor(t, "both know of the publish", func() bool { return versionAt(t, slave, b, "?current=0").SnapshotID == 1 })

	// Each change of tokens, of which b hears when it likes, makes it look this one up once more.
	waitFor(t, "b is without the database and knows the slave", func() bool {
		forwarder.Cut()
		if slave.at(b).do(t, "GET", api.PathMediaSlave+"/config/version?current=0", nil).StatusCode == http.StatusOK {
			return true
		}
		forwarder.Restore(t)
		slave.at(b).do(t, "GET", api.PathMediaSlave+"/config/version?current=0", nil)
		return false
	})
	if v := versionAt(t, slave, b, "?current=0"); v.SnapshotID != 1 {
		t.Errorf("without the database the slave is told %+v", v)
	}
	slave.at(b).do(t, "GET", api.PathMediaSlave+"/config", nil).want(t, http.StatusOK)
	b.anonymous(t).do(t, "GET", "/readyz", nil).want(t, http.StatusServiceUnavailable)
	const logs, batch = "/api/v1/slave/telemetry/access-logs", `{"entries":[{"ip":"192.0.2.1","method":"GET","status":200,"uri":"/","verdict":"allow"}]}`
	slave.at(b).do(t, "POST", logs, batch, "Idempotency-Key", "k1").want(t, http.StatusServiceUnavailable)
	a.admin.do(t, "POST", "/api/v1/admin/snapshots", `{}`).want(t, http.StatusCreated)

	forwarder.Restore(t)
	waitFor(t, "the publish that was missed is heard of", func() bool { return versionAt(t, slave, b, "?current=0").SnapshotID == 2 })
	waitFor(t, "telemetry is taken", func() bool {
		return slave.at(b).do(t, "POST", logs, batch, "Idempotency-Key", "k1").StatusCode == http.StatusOK
	})
	if got := a.admin.do(t, "GET", "/api/v1/admin/telemetry/access-logs", nil).items(t, "ip"); len(got) != 1 {
		t.Errorf("the batch is there %d times", len(got))
	}
}
