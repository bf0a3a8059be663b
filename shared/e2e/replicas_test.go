package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// follower is what a slave is to the master: it waits for versions, fetches them, and goes to another
// master when one does not answer.
type follower struct {
	host    string
	token   string
	masters *urls

	mu       sync.Mutex
	version  api.Version
	hashes   map[int64]string // of each version that was heard of
	problems []string
}

// urls are the masters that there are at the time.
type urls struct {
	mu  sync.Mutex
	all []string
}

func (u *urls) set(all ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all = all
}

func (u *urls) any() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.all[rand.IntN(len(u.all))]
}

func (f *follower) run(ctx context.Context, client *http.Client) {
	for ctx.Err() == nil {
		f.mu.Lock()
		last := f.version
		f.mu.Unlock()
		var next api.Version
		path := fmt.Sprintf("/config/version?current=%d&hash=%s&wait=2", last.Version, last.ConfigHash)
		if !f.get(ctx, client, path, &next) || !next.HasUpdate {
			continue
		}
		var config json.RawMessage
		if !f.get(ctx, client, "/config", &config) {
			continue
		}
		f.apply(config)
	}
}

// apply takes a configuration over, as a slave does: if it has the hash that it says.
func (f *follower) apply(document json.RawMessage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var config api.Config
	if err := json.Unmarshal(document, &config); err != nil {
		f.problems = append(f.problems, err.Error())
		return
	}
	if hash, err := api.ContentHash(document); err != nil || hash != config.ConfigHash {
		f.problems = append(f.problems, fmt.Sprintf("version %d has the hash %s, not %s (%v)", config.Version, hash, config.ConfigHash, err))
	}
	if known := f.hashes[config.Version]; known != "" && known != config.ConfigHash {
		f.problems = append(f.problems, fmt.Sprintf("version %d is %s and %s", config.Version, known, config.ConfigHash))
	}
	f.hashes[config.Version] = config.ConfigHash
	f.version = api.Version{Version: config.Version, ConfigHash: config.ConfigHash, SnapshotID: config.SnapshotID}
}

func (f *follower) snapshot() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.version.SnapshotID
}

// get reports whether a master answered.
func (f *follower) get(ctx context.Context, client *http.Client, path string, into any) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.masters.any()+api.PathMediaSlave+path, nil)
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+f.token)
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return err == nil && res.StatusCode == http.StatusOK && json.Unmarshal(body, into) == nil
}

// balancer is one address for all masters: each request goes to any of them, as behind a load balancer.
func balancer(t *testing.T, masters *urls) string {
	t.Helper()
	srv := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			to, err := url.Parse(masters.any())
			if err != nil {
				t.Error(err)
				return
			}
			r.SetURL(to)
		},
		ErrorLog: log.New(io.Discard, "", 0),
	})
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestReplicaKilledWhilePublishing: of three masters over one PostgreSQL one is killed again and again
// while all of them publish, each something else. Every slave ends on the newest version, and none ever
// gets one that is not whole or that another master knows otherwise: neither twenty that only fetch, nor a
// real one with its nginx.
func TestReplicaKilledWhilePublishing(t *testing.T) {
	database := "DATABASE_URL=" + testbed.Postgres(t)
	a, b := startMaster(t, "", database), startMaster(t, "", database)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()

	masters := &urls{all: []string{a.URL, b.URL}}
	register := func(host string, change func(*testbed.Server)) (token string) {
		server := testbed.Server{
			Name: host, ServiceType: api.Emby, Host: host, ServerName: "media." + host + ".example.com",
			Upstream: host + ":8096", ListenHTTP: 80, ListenHTTPS: 443,
		}
		if change != nil {
			change(&server)
		}
		server, err := a.Admin.AddServer(ctx, server)
		must(t, err)
		token, err = a.Admin.NewToken(ctx, server.ID)
		must(t, err)
		return token
	}
	var followers []*follower
	for i := range 20 {
		host := fmt.Sprintf("198.51.100.%d", i+1)
		followers = append(followers, &follower{host: host, token: register(host, nil), masters: masters, hashes: map[int64]string{}})
	}
	root := filepath.Join(shortDir(t), "slave")
	token := register(groupHost, func(s *testbed.Server) {
		s.Upstream, s.ListenHTTP, s.ListenHTTPS, s.LuaRoot = "127.0.0.1:9", freePort(t), 0, filepath.Join(root, "lua")
	})
	slave := startSlave(t, testbed.SlaveConfig{Root: root, MasterURL: balancer(t, masters), Token: token})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: len(followers)}}
	following, end := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, f := range followers {
		running.Go(func() { f.run(following, client) })
	}
	defer running.Wait()
	defer end()

	rounds := 3
	if os.Getenv("SOAK") != "" {
		rounds = 30
	}
	for round := range rounds {
		victim := startMaster(t, "", database)
		masters.set(a.URL, b.URL, victim.URL)
		var publishing sync.WaitGroup
		for i, m := range []*testbed.Master{a, victim, b, victim, a, victim} {
			publishing.Go(func() {
				err := publishChange(ctx, m, fmt.Sprintf("round %d, %d", round, i))
				if err != nil && m != victim {
					t.Errorf("round %d: a master that lives does not publish: %v", round, err)
				}
			})
		}
		time.Sleep(rand.N(300 * time.Millisecond)) // anywhere in those publishes
		must(t, victim.Signal(os.Kill))
		publishing.Wait()
		masters.set(a.URL, b.URL)
	}
	newest, err := a.Admin.Publish(ctx, "the last")
	must(t, err)
	published := distributions(ctx, t, b)
	for _, f := range followers {
		for f.snapshot() != newest && ctx.Err() == nil {
			time.Sleep(20 * time.Millisecond)
		}
		f.mu.Lock()
		if f.version.SnapshotID != newest {
			t.Errorf("%s ends on snapshot %d, not %d", f.host, f.version.SnapshotID, newest)
		}
		for _, p := range f.problems {
			t.Errorf("%s: %s", f.host, p)
		}
		for version, hash := range f.hashes {
			if want := published[f.host][version]; hash != want {
				t.Errorf("%s got version %d as %s, published was %q", f.host, version, hash, want)
			}
		}
		f.mu.Unlock()
	}

	d, err := b.Admin.WaitDistribution(ctx, newest, groupHost)
	if err != nil || d.Status != api.AckApplied {
		t.Fatalf("the real slave ends with %+v, %v; it printed:\n%s", d, err, slave.Log)
	}
	if release, err := slave.Release(); err != nil || release != d.ConfigHash {
		t.Errorf("the real slave serves %s, %v; published was %s", release, err, d.ConfigHash)
	}
	if strings.Contains(slave.Log.String(), "content hash is") {
		t.Errorf("the real slave was given a mix:\n%s", slave.Log)
	}
}

// publishChange publishes a configuration that no other publish has.
func publishChange(ctx context.Context, m *testbed.Master, name string) error {
	err := m.Admin.Do(ctx, http.MethodPost, "uri-rules", map[string]any{
		"name": name, "action": "block", "match_type": api.MatchExact, "pattern": "/" + strings.ReplaceAll(name, " ", "-"), "service_type": "all", "enabled": true,
	}, nil)
	if err != nil {
		return err
	}
	_, err = m.Admin.Publish(ctx, name)
	return err
}

// distributions returns the content hash of each version that was published, by host.
func distributions(ctx context.Context, t *testing.T, m *testbed.Master) map[string]map[int64]string {
	t.Helper()
	all := map[string]map[int64]string{}
	for cursor := ""; ; {
		var page struct {
			Items      []testbed.Distribution `json:"items"`
			NextCursor string                 `json:"next_cursor"`
		}
		must(t, m.Admin.Do(ctx, http.MethodGet, "distributions?limit=200&cursor="+url.QueryEscape(cursor), nil, &page))
		for _, d := range page.Items {
			if all[d.Host] == nil {
				all[d.Host] = map[int64]string{}
			}
			all[d.Host][d.Version] = d.ConfigHash
		}
		if cursor = page.NextCursor; cursor == "" {
			return all
		}
	}
}
