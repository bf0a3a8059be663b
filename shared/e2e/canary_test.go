package e2e

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// site is one host of a fleet: a slave with one server.
type site struct {
	host   string
	port   int
	server testbed.Server
	slave  *testbed.Slave
}

// rolloutOf is what the admin API tells of a rollout.
type rolloutOf struct {
	ID         int64  `json:"id"`
	State      string `json:"state"`
	Reason     string `json:"reason"`
	SnapshotID int64  `json:"snapshot_id"`
}

// TestRollouts takes two hosts through a publish that nginx refuses, one at a set time, and one whose canary
// fails, while the master is killed in the middle of both; it signs with two keys, of which each slave knows one.
func TestRollouts(t *testing.T) {
	_, upstream := startMedia(t)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	}))
	t.Cleanup(broken.Close)

	var seeds, public []string
	for i := range 2 {
		key := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+i)), ed25519.SeedSize)))
		seeds = append(seeds, base64.StdEncoding.EncodeToString(key.Seed()))
		public = append(public, base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)))
	}
	master := startMaster(t, shortDir(t), "SIGNING_KEY="+strings.Join(seeds, ","))
	// killed -9, and started again as it was.
	restart := func() {
		t.Helper()
		must(t, master.Signal(os.Kill))
		<-master.Done()
		again, err := testbed.StartMaster(within(t), master.MasterConfig)
		must(t, err)
		stopAtEnd(t, again.Process)
		master = again
	}

	sites := []*site{{host: "canary.example.com"}, {host: "other.example.com"}}
	for i, s := range sites {
		s.port = freePort(t)
		root := filepath.Join(shortDir(t), "slave")
		var err error
		s.server, err = master.Admin.AddServer(t.Context(), testbed.Server{
			Name: s.host, ServiceType: api.Jellyfin, Host: s.host, ServerName: s.host, Upstream: upstream, ListenHTTP: s.port,
			LuaRoot: filepath.Join(root, "lua"),
		})
		must(t, err)
		token, err := master.Admin.NewToken(t.Context(), s.server.ID)
		must(t, err)
		s.slave = startSlave(t, testbed.SlaveConfig{Root: root, MasterURL: master.URL, Token: token, Env: []string{
			"CONFIG_PUBLIC_KEY=" + public[i], "TELEMETRY_FLUSH_INTERVAL=1", "HEARTBEAT_INTERVAL=1",
		}})
	}
	applied := func(snapshot int64, s *site) {
		t.Helper()
		d, err := master.Admin.WaitDistribution(within(t), snapshot, s.host)
		must(t, err)
		if d.Status != api.AckApplied {
			t.Fatalf("%s: %s at %s: %s", s.host, d.Status, d.Stage, d.Error)
		}
	}
	first, err := master.Admin.Publish(t.Context(), "first")
	must(t, err)
	for _, s := range sites {
		applied(first, s)
	}
	patch := func(s *site, fields map[string]any) {
		t.Helper()
		must(t, master.Admin.Do(t.Context(), http.MethodPatch, fmt.Sprintf("servers/%d", s.server.ID), fields, nil))
	}

	// What nginx refuses is refused, with the server that it comes from.
	patch(sites[0], map[string]any{"custom_nginx": "no_such_thing 1;"})
	_, err = master.Admin.Publish(t.Context(), "bad")
	problem, ok := errors.AsType[*api.Problem](err)
	if !ok || problem.Status != http.StatusUnprocessableEntity || !strings.Contains(problem.Detail, "canary.example.com") || !strings.Contains(problem.Detail, "no_such_thing") {
		t.Fatalf("a publish that nginx refuses: %v", err)
	}
	patch(sites[0], map[string]any{"custom_nginx": "add_header X-Scheduled 1;"})

	// Scheduled, then the master is killed: it is published all the same.
	var scheduled rolloutOf
	must(t, master.Admin.Do(t.Context(), http.MethodPost, "snapshots", map[string]any{"note": "later", "at": time.Now().Add(8 * time.Second)}, &scheduled))
	restart()
	ended := func(id int64, state string) rolloutOf {
		t.Helper()
		var r rolloutOf
		eventually(t, func() error {
			r = rolloutOf{}
			if err := master.Admin.Do(t.Context(), http.MethodGet, fmt.Sprintf("rollouts/%d", id), nil, &r); err != nil {
				return err
			}
			if r.State != state {
				return fmt.Errorf("rollout %d is %s (%s), want %s", id, r.State, r.Reason, state)
			}
			return nil
		})
		return r
	}
	done := ended(scheduled.ID, "done")
	for _, s := range sites {
		applied(done.SnapshotID, s)
	}

	// A media server that answers 500 is none of nginx's business, but the canary shows it.
	before, err := sites[1].slave.Release()
	must(t, err)
	for _, s := range sites {
		patch(s, map[string]any{"upstream": strings.TrimPrefix(broken.URL, "http://")})
	}
	var published struct {
		ID      int64     `json:"id"`
		Rollout rolloutOf `json:"rollout"`
	}
	must(t, master.Admin.Do(t.Context(), http.MethodPost, "snapshots", map[string]any{
		"canary": map[string]any{"hosts": []string{sites[0].host}, "soak": "1h", "min_requests": 20, "max_5xx_rate": 0.1},
	}, &published))
	applied(published.ID, sites[0])
	ended(published.Rollout.ID, "soaking")
	restart()

	// Players go on asking until the canary is as it was.
	asking, stop := context.WithCancel(t.Context())
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for asking.Err() == nil {
			for _, s := range sites {
				if res, err := get(asking, s.port, s.host); err == nil {
					_ = res.Body.Close()
				}
			}
			time.Sleep(20 * time.Millisecond) // some tens of requests a second
		}
	}()
	halted := ended(published.Rollout.ID, "halted")
	stop()
	<-asked
	if !strings.Contains(halted.Reason, "canary.example.com answers 5xx to") {
		t.Errorf("the reason is %q", halted.Reason)
	}
	eventually(t, func() error {
		res, err := get(t.Context(), sites[0].port, sites[0].host)
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("the canary still answers %s", res.Status)
		}
		return nil
	})
	if after, err := sites[1].slave.Release(); err != nil || after != before {
		t.Errorf("the other host has %s, before %s, %v", after, before, err)
	}
	var list struct {
		Items []testbed.Distribution `json:"items"`
	}
	must(t, master.Admin.Do(t.Context(), http.MethodGet, "distributions?host="+sites[1].host, nil, &list))
	for _, d := range list.Items {
		if d.SnapshotID >= published.ID {
			t.Errorf("the other host was given %+v", d)
		}
	}
}

// get asks a site for what everybody may know.
func get(ctx context.Context, port int, host string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/System/Info/Public", port), nil)
	if err != nil {
		return nil, err
	}
	req.Host = host
	return oneShot.Do(req)
}
