package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
	"github.com/uhdadmin/media-gateway/shared/traffic"
)

// TestMasterKilledWhileItStores: slaves send batches until each is answered, and the master is killed again and
// again meanwhile. Then every row is there once, and the sums are those of the rows. SOAK=1: 100 kills.
func TestMasterKilledWhileItStores(t *testing.T) {
	kills := int64(5)
	if os.Getenv("SOAK") != "" {
		kills = 100
	}
	const slaves, lines, perKill = 4, 300, 8
	g := &gateway{master: startMaster(t, shortDir(t))}
	server, err := g.master.Admin.AddServer(within(t), testbed.Server{
		Name: "one", ServiceType: api.Emby, Host: "198.51.100.1", ServerName: "one.test", Upstream: "198.51.100.1:8096", ListenHTTP: 80, ListenHTTPS: 443,
	})
	must(t, err)
	token, err := g.master.Admin.NewToken(within(t), server.ID)
	must(t, err)
	url := g.master.URL + api.PathSlave + "/telemetry/access-logs"

	batches := kills * perKill
	var next, answered, repeated atomic.Int64
	var running sync.WaitGroup
	for range slaves {
		running.Go(func() {
			for n := next.Add(1); n <= batches; n = next.Add(1) {
				body := trafficBatch(n, server.ID, lines)
				for deadline := time.Now().Add(2 * patience); !sendBatch(url, token, fmt.Sprint(n), body, lines, &repeated); time.Sleep(20 * time.Millisecond) {
					if t.Context().Err() != nil || time.Now().After(deadline) {
						t.Errorf("batch %d is never taken", n)
						return
					}
				}
				answered.Add(1)
			}
		})
	}
	for kill := range kills {
		eventually(t, func() error {
			if answered.Load() < kill*perKill {
				return fmt.Errorf("%d batches are answered", answered.Load())
			}
			return nil
		})
		must(t, g.master.Signal(syscall.SIGKILL))
		<-g.master.Done()
		g.restartMaster(t, g.master.Dir)
	}
	running.Wait()

	db := g.telemetryDB(t)
	for query, want := range map[string]int64{
		"SELECT count(*) FROM access_logs":                                                                                  batches * lines,
		"SELECT count(DISTINCT request_id) FROM access_logs":                                                                batches * lines,
		"SELECT sum(requests) FROM rollup_hourly WHERE dimension = 'all'":                                                   batches * lines,
		"SELECT sum(requests) FROM rollup_daily WHERE dimension = 'ip'":                                                     batches * lines,
		"SELECT sum(requests) FROM bandwidth":                                                                               batches * lines,
		"SELECT (SELECT sum(bytes) FROM rollup_daily WHERE dimension = 'user') - (SELECT sum(bytes_sent) FROM access_logs)": 0,
		"SELECT count(*) FROM telemetry_batches":                                                                            batches,
	} {
		var got int64
		must(t, db.QueryRowContext(t.Context(), query).Scan(&got))
		if got != want {
			t.Errorf("%s is %d, want %d", query, got, want)
		}
	}
	t.Logf("%d batches, %d of them were sent again after they had been stored", batches, repeated.Load())
}

// trafficBatch is the body of batch n.
func trafficBatch(n, server int64, lines int) []byte {
	g := traffic.New(traffic.Config{Seed: uint64(n), Users: 50, Items: 50, Servers: []int64{server}})
	body := []byte(`{"entries":[`)
	for i := range lines {
		if i > 0 {
			body = append(body, ',')
		}
		body = g.Line(body, time.Now().Add(-time.Duration(i)*time.Second))
	}
	return append(body, "]}"...)
}

// sendBatch reports whether the master has taken the batch, now or before.
func sendBatch(url, token, key string, body []byte, lines int, repeated *atomic.Int64) bool {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Idempotency-Key", key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false // killed, or not back yet
	}
	defer func() { _ = res.Body.Close() }()
	var answer api.ReportAnswer
	if res.StatusCode != http.StatusOK || json.NewDecoder(res.Body).Decode(&answer) != nil || answer.Accepted != lines {
		return false
	}
	if answer.Duplicate {
		repeated.Add(1)
	}
	return true
}
