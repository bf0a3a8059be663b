package app_test

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/configfile"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// notInFiles are resources that can be made and replaced by the API but are no part of a configuration file:
// they hold secrets, or, as drafts, parts of such files.
var notInFiles = []string{"users", "api-keys", "drafts"}

// TestFilesHoldEveryResource: one that is new in the API must not be forgotten in export and apply.
func TestFilesHoldEveryResource(t *testing.T) {
	m := startMaster(t)
	all := operations(t, m)
	has := func(method, path string) bool {
		return slices.ContainsFunc(all, func(op operation) bool { return op.method == method && op.path == path })
	}
	var want []string
	for _, op := range all {
		name := strings.TrimPrefix(op.path, admin+"/")
		if op.method == "POST" && has("PUT", op.path+"/1") && !slices.Contains(notInFiles, name) {
			want = append(want, name)
		}
	}
	got := configfile.Resources()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(want) < 8 {
		t.Errorf("files hold %q, the API has %q", got, want)
	}
}

// TestApplyReachesRunningMaster: what the command line writes into the database holds at once for slaves of a
// master that runs, and operators see it.
func TestApplyReachesRunningMaster(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testApplyReaches(t, "") })
	t.Run("postgres", func(t *testing.T) { testApplyReaches(t, testbed.Postgres(t)) })
}

func testApplyReaches(t *testing.T, databaseURL string) {
	var environ []string
	if databaseURL != "" {
		environ = append(environ, "DATABASE_URL="+databaseURL)
	}
	m, slave := reporting(t, environ...)
	if databaseURL == "" {
		databaseURL = "sqlite://" + m.dbPath
	}
	st, err := store.Open(t.Context(), databaseURL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	file, err := configfile.Parse(st, []byte("version: 1\n"+
		"servers:\n  - {name: emby1, service_type: emby, host: 203.0.113.10, server_name: emby1.example.com, upstream: '203.0.113.10:8096', enabled: false}\n"+
		"rate-limit-rules:\n  - {apply_to: user, rate_per_minute: 7}\n"))
	if err != nil {
		t.Fatal(err)
	}
	const limits = "/api/v1/media-slave/rate-limits"
	slave.do(t, "GET", limits, nil).want(t, http.StatusOK)
	if _, err := configfile.Apply(t.Context(), st, file, configfile.Options{}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the slave of a server that is disabled now is refused", func() bool {
		return slave.do(t, "GET", limits, nil).StatusCode == http.StatusForbidden
	})
	m.admin.do(t, "PATCH", servers+"/1", `{"enabled": true}`).want(t, http.StatusOK)
	waitFor(t, "the new rule is with the slave", func() bool {
		return strings.Contains(string(slave.do(t, "GET", limits, nil).body), `"rate_per_minute":7`)
	})
}
