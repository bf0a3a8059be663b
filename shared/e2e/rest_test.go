package e2e

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// TestAtRest: a supervisor with nothing to do takes under 30 MB and under 0.5 % of a core, all its
// threads together.
func TestAtRest(t *testing.T) {
	g := startGateway(t, []string{"CONFIG_PULL_INTERVAL=30s"}, "jf.test")
	pid := g.slave.PID()
	const span = 10 * time.Second
	before := cpuTime(t, pid)
	time.Sleep(span) // what is measured is doing nothing
	used := cpuTime(t, pid) - before
	if share := float64(used) / float64(span); share > 0.005 {
		t.Errorf("at rest it uses %.2f %% of a core, want under 0.5", share*100)
	} else {
		t.Logf("at rest: %.3f %% of a core", share*100)
	}
	if rss := residentBytes(t, pid); rss > 30<<20 {
		t.Errorf("at rest it holds %.1f MB, want under 30", float64(rss)/(1<<20))
	} else {
		t.Logf("at rest: %.1f MB resident", float64(rss)/(1<<20))
	}
}

// cpuTime is what all threads of a process have run, from the scheduler: nanoseconds, not ticks.
func cpuTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	must(t, err)
	var sum time.Duration
	for _, file := range files {
		ns, err := strconv.ParseInt(strings.Fields(read(t, file))[0], 10, 64)
		must(t, err)
		sum += time.Duration(ns)
	}
	return sum
}

func residentBytes(t testing.TB, pid int) int64 {
	t.Helper()
	return memoryOf(t, pid, "VmRSS:")
}

// memoryOf reads one of the sizes in /proc/PID/status.
func memoryOf(t testing.TB, pid int, name string) int64 {
	t.Helper()
	for line := range strings.Lines(read(t, fmt.Sprintf("/proc/%d/status", pid))) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			must(t, err)
			return kb << 10
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// TestMetrics: what operators watch a slave by is there after a first configuration.
func TestMetrics(t *testing.T) {
	g := startGateway(t, nil, "jf.test")
	cert, key, err := testbed.WriteCertificate(shortDir(t), time.Hour, "tls.test")
	must(t, err)
	server := g.server
	server.Name, server.ServerName, server.ListenHTTP, server.ListenHTTPS = "tls", "tls.test", 0, freePort(t)
	server.SSLCertPath, server.SSLKeyPath = cert, key
	_, err = g.master.Admin.AddServer(t.Context(), server)
	must(t, err)
	if d := g.publish(t, "with a certificate"); d.Status != api.AckApplied {
		t.Fatalf("%+v", d)
	}
	version := g.waitMetric(t, "uhd_config_version")
	if version == "0" {
		t.Error("the applied version is 0")
	}
	for _, name := range []string{
		`uhd_config_stage_seconds_count{stage="verify"}`,
		`uhd_config_applies_total{result="applied",stage=""}`,
		"uhd_config_poll_errors_total",
		"uhd_nginx_up",
		"uhd_nginx_generation",
		"uhd_nginx_old_workers",
		"uhd_nginx_old_workers_resident_bytes",
		`uhd_nginx_reloads_total{result="ok"}`,
		`uhd_shared_dict_free_bytes{dict="config_cache"}`,
		`uhd_certificate_expiry_timestamp_seconds{path="` + cert + `"}`,
	} {
		g.waitMetric(t, name)
	}
}

// waitMetric returns one sample of the supervisor's /metrics, named with its labels.
func (g *gateway) waitMetric(t testing.TB, name string) string {
	t.Helper()
	var value string
	eventually(t, func() error {
		res, err := http.Get(g.slave.URL + "/metrics")
		must(t, err)
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		must(t, err)
		for line := range strings.Lines(string(body)) {
			if rest, ok := strings.CutPrefix(line, name+" "); ok {
				value = strings.TrimSpace(rest)
				return nil
			}
		}
		return fmt.Errorf("no metric %s in\n%s", name, body)
	})
	return value
}
