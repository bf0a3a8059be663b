package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// heard is what a waiting slave was answered.
type heard struct {
	status  int
	after   string // Retry-After
	version api.Version
	err     error
}

// TestCrowd: hundreds of slaves wait, in none of net/http's goroutines; each hears of a publish; and when the
// master stops each is told when to come back, not all at the same moment.
func TestCrowd(t *testing.T) {
	const crowd = 500
	m := startMaster(t)
	slave := m.slaveOf(t, "emby1")
	transport := &http.Transport{MaxIdleConnsPerHost: crowd}
	defer transport.CloseIdleConnections()
	answers := make(chan heard, crowd)
	wait := func(v api.Version) {
		for range crowd {
			go func() { answers <- hear(t, transport, slave, v) }()
		}
		waitFor(t, "all of them wait", func() bool { return m.waiting(t) == crowd })
	}

	wait(api.Version{})
	var stacks bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 2); err != nil {
		t.Fatal(err)
	}
	if serving := strings.Count(stacks.String(), "net/http.(*conn).serve("); serving > crowd/10 {
		t.Errorf("net/http serves %d connections while all slaves wait", serving)
	}
	m.admin.do(t, "POST", "/api/v1/admin/snapshots", `{}`).want(t, http.StatusCreated)
	published := versionAt(t, slave, m, "")
	for range crowd {
		if h := <-answers; h.err != nil || h.status != http.StatusOK || h.version != published {
			t.Fatalf("a slave hears %+v, published was %+v", h, published)
		}
	}

	wait(published)
	m.stop()
	moments := map[string]bool{}
	for range crowd {
		h := <-answers
		if after, err := strconv.Atoi(h.after); h.status != http.StatusServiceUnavailable || err != nil || after < 2 || after > 27 {
			t.Fatalf("when the master stops a slave hears %+v", h)
		}
		moments[h.after] = true
	}
	if len(moments) < 10 {
		t.Errorf("%d slaves come back at %d moments", crowd, len(moments))
	}
}

// hear waits for another version than v.
func hear(t *testing.T, transport http.RoundTripper, slave *client, v api.Version) (h heard) {
	url := fmt.Sprintf("%s%s/config/version?current=%d&hash=%s&wait=60", slave.base, api.PathMediaSlave, v.Version, v.ConfigHash)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return heard{err: err}
	}
	req.Header.Set("Authorization", slave.auth)
	res, err := transport.RoundTrip(req)
	if err != nil {
		return heard{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	h = heard{status: res.StatusCode, after: res.Header.Get("Retry-After")}
	h.err = json.NewDecoder(res.Body).Decode(&h.version)
	return h
}

// waiting is how many slaves wait at the master.
func (m *master) waiting(t *testing.T) int {
	t.Helper()
	res, err := http.Get(m.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "uhd_slaves_waiting "); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(value))
			return n
		}
	}
	t.Fatal("no metric uhd_slaves_waiting")
	return 0
}
