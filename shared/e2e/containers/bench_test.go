package containers

import (
	"net/http"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// The bars of a slave's start, from the start of its container.
const (
	firstConfigBar = 5 * time.Second
	coldStartBar   = 1500 * time.Millisecond
)

// BenchmarkFirstConfig: from the start of a container with an empty volume to the first release that serves. Redis
// and master are there, the configuration is published.
func BenchmarkFirstConfig(b *testing.B) {
	s := newSlave(b, "bench-first")
	b.Cleanup(func() { must(b, s.end()) })
	var made struct{ ID int64 }
	must(b, s.fleet.admin.Do(b.Context(), http.MethodPost, "snapshots", map[string]any{"note": "bench", "hosts": []string{s.server.Host}}, &made))
	for b.Loop() {
		b.StopTimer()
		_, err := s.compose(within(b), "rm", "-sfv", "openresty")
		must(b, err)
		_, err = run(within(b), nil, "docker", "volume", "rm", "-f", s.name+"_slave")
		must(b, err)
		_, err = s.compose(within(b), "up", "--no-start")
		must(b, err)
		docker(b, "start", s.redis)
		docker(b, "network", "connect", s.fleet.mediaNet, s.container)
		docker(b, "network", "connect", s.fleet.name+"_default", s.container)
		b.StartTimer()
		s.startToReady(b, firstConfigBar)
	}
	if d := s.applied(b, made.ID); d.Status != api.AckApplied {
		b.Errorf("%+v", d)
	}
}

// BenchmarkColdStart: from the start of a container with a release on its volume to ready. The master is away.
func BenchmarkColdStart(b *testing.B) {
	s := newSlave(b, "bench-cold")
	s.up(b)
	s.publish(b)
	s.ready(b)
	docker(b, "network", "disconnect", s.fleet.name+"_default", s.container)
	for b.Loop() {
		b.StopTimer()
		docker(b, "kill", s.container)
		b.StartTimer()
		s.startToReady(b, coldStartBar)
	}
}

// startToReady starts the container and waits until it serves; it is an error when that takes longer than the bar.
func (s *slave) startToReady(b *testing.B, bar time.Duration) {
	b.Helper()
	began := time.Now()
	docker(b, "start", s.container)
	started := time.Since(began)
	must(b, testbed.WaitHTTP(within(b), s.monitor+"/readyz", http.StatusOK))
	took := time.Since(began)
	b.Logf("ready after %v, of which docker start %v", took.Round(time.Millisecond), started.Round(time.Millisecond))
	if took > bar {
		b.Errorf("ready after %v, at most %v", took, bar)
	}
}
