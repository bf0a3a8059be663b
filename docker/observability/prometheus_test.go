package observability_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// needPrometheus skips a test, and says so, on a machine without Prometheus.
func needPrometheus(t *testing.T) {
	t.Helper()
	for _, bin := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(bin); err != nil {
			t.Skipf("NOT TESTED WITH PROMETHEUS: no %s here; `.ci/install test` installs it", bin)
		}
	}
}

// prometheus is a running Prometheus with the configuration of this folder.
type prometheus struct{ url string }

// startPrometheus starts one on a copy of this folder's configuration that scrapes s every second.
func startPrometheus(t *testing.T, s *stack) prometheus {
	t.Helper()
	dir := t.TempDir()
	must(t, os.CopyFS(filepath.Join(dir, "rules"), os.DirFS("rules")))
	must(t, os.MkdirAll(filepath.Join(dir, "targets"), 0o755))
	for name, targets := range map[string][]string{
		"slaves":        {strings.TrimPrefix(s.slave.URL, "http://"), fmt.Sprintf("127.0.0.1:%d", freePort(t))},
		"masters":       {fmt.Sprintf("127.0.0.1:%d", s.master.MetricsPort), fmt.Sprintf("127.0.0.1:%d", freePort(t))},
		"alertmanagers": {},
	} {
		text, err := yaml.Marshal([]map[string]any{{"targets": targets}})
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, "targets", name+".yml"), text, 0o600))
	}
	text, err := os.ReadFile("prometheus.yml")
	must(t, err)
	quick := strings.ReplaceAll(string(text), "_interval: 15s", "_interval: 1s")
	must(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(quick), 0o600))
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	p, err := testbed.Start("prometheus", "prometheus", nil, nil,
		"--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	must(t, err)
	stopAtEnd(t, p)
	server := prometheus{"http://" + address}
	eventually(t, func() error {
		_, err := server.query("up")
		return err
	})
	return server
}

// query returns the values of an instant vector, without those that are no numbers.
func (p prometheus) query(expr string) ([]string, error) {
	res, err := http.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Error string
		Data  struct {
			ResultType string
			Result     []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s", expr, answer.Error)
	}
	var values []string
	for _, sample := range answer.Data.Result {
		if value, _ := sample.Value[1].(string); value != "NaN" {
			values = append(values, value)
		}
	}
	return values, nil
}
