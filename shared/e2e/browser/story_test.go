package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/uhdadmin/media-gateway/shared/standin"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// story is one operator, one host and one media server, from the first run on.
type story struct {
	*tab
	root string // of the slave
	port int    // where its nginx listens
}

// TestFirstRunToRefusal: with nothing but the pages somebody gets from the password that the master prints to a gateway
// that refuses a player, learns why, and goes back.
func TestFirstRunToRefusal(t *testing.T) {
	media := httptest.NewServer(standin.New(standin.Options{}))
	t.Cleanup(media.Close)
	s := &story{root: filepath.Join(shortDir(t), "slave"), port: freePort(t)}
	printed := s.firstRun(t)
	s.changePassword(printed)

	s.visit("/admin/hosts")
	s.wantUsable("hosts without any")
	s.follow("main", "Add a server")
	s.fill("main form.edit", "Name", "Living room", "Service", "jellyfin", "Host", "127.0.0.1", "Domain name", "jf.test")
	s.fill("main form.edit", "Address", strings.TrimPrefix(media.URL, "http://"))
	s.set("#f-listen_http", fmt.Sprint(s.port))
	s.set("#f-listen_https", "0")
	s.set("#f-lua_root", filepath.Join(s.root, "lua"))
	s.follow("main form.edit", "Save")
	s.wantText(".notice", "Created")
	s.startSlave(t)

	s.visit("/admin/players")
	s.follow("main", "Add a player")
	s.fill("main form.edit", "Player", "Jellyfin Web", "Minimum version", "10.8", "Service", "jellyfin")
	s.follow("main form.edit", "Save")
	s.visit("/admin/uri-rules")
	s.follow("main", "Add a rule")
	s.fill("main form.edit", "Name", "logs stay private", "Match", "prefix", "Pattern", "/System/Logs")
	s.follow("main form.edit", "Save")
	first := s.publish("players and a rule")
	s.awaitText("/admin/hosts", "main", "up to date")
	s.wantUsable("hosts")

	s.asks("/Items", "10.11.5", http.StatusOK)
	s.asks("/Items", "10.7.9", http.StatusForbidden)
	id := s.asks("/emby/system/logs", "10.11.5", http.StatusForbidden)
	s.explained(id)

	s.visit("/admin/uri-rules/1")
	s.fill("main form.edit", "Pattern", "/System/Activity")
	s.follow("main form.edit", "Save")
	s.publish("another path")
	s.asks("/System/Logs", "10.11.5", http.StatusOK)
	s.visit(first)
	s.follow("main", "Go back to this publish")
	s.follow("main", "Roll back to #1")
	s.awaitText(s.path(), "main", "applied 1")
	s.asks("/System/Logs", "10.11.5", http.StatusForbidden)
}

// firstRun starts a master that nobody has set up and returns the password that it prints.
func (s *story) firstRun(t *testing.T) string {
	t.Helper()
	port := freePort(t)
	p, err := testbed.Start("master", masterBin, []string{
		fmt.Sprintf("LISTEN_ADDR=127.0.0.1:%d", port), fmt.Sprintf("METRICS_ADDR=127.0.0.1:%d", freePort(t)),
		"DATABASE_URL=sqlite://" + filepath.Join(t.TempDir(), "master.db"), "STARTING_SET=false",
	}, nil)
	must(t, err)
	stopAtEnd(t, p)
	m := &testbed.Master{Process: p, URL: fmt.Sprintf("http://127.0.0.1:%d", port)}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, testbed.WaitHTTP(ctx, m.URL+"/readyz", http.StatusOK))
	printed := regexp.MustCompile(`First admin: username admin, password (\S+)`).FindStringSubmatch(p.Log.String())
	if printed == nil {
		t.Fatalf("no password is printed: %s", p.Log)
	}
	s.tab = open(t, m, look{language: "en"})
	s.visit("/")
	s.wantText("h1", "Sign in")
	s.signInAs("admin", printed[1])
	s.wantText("h1", "Dashboard")
	s.wantUsable("the first dashboard")
	return printed[1]
}

// changePassword sets one's own password, and comes back with it.
func (s *story) changePassword(from string) {
	s.Helper()
	s.visit("/admin/account")
	s.fill("main form", "Current password", from, "New password (8 characters at least)", password, "New password again", password)
	s.follow("main", "Change")
	s.wantText(".notice", "changed")
	s.press(`form[action="/admin/sign-out"] button`)
	s.signIn()
}

// startSlave makes a token on the page of the server, and starts a slave with the .env that is shown once.
func (s *story) startSlave(t *testing.T) {
	t.Helper()
	s.visit("/admin/hosts")
	s.follow("main", "Tokens")
	s.fill("main form", "Name", "living room")
	s.follow("main", "Create")
	env := map[string]string{}
	for line := range strings.Lines(s.text("pre.secret")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	if env["APP_TOKEN"] == "" || env["API_BASE"] != s.url {
		t.Fatalf("the .env is %v", env)
	}
	slave, err := testbed.StartSlave(testbed.SlaveConfig{
		Bin: supervisorBin, Root: s.root, MasterURL: env["API_BASE"], Token: env["APP_TOKEN"], MetricsPort: freePort(t), PlaceholderPort: freePort(t),
		Env: []string{"RELOAD_MIN_INTERVAL=0", "CONFIG_PULL_INTERVAL=1s", "DRAIN_TIMEOUT=5s", "TELEMETRY_FLUSH_INTERVAL=1"},
	})
	must(t, err)
	stopAtEnd(t, slave.Process)
	s.visit("/admin/servers/1/tokens")
	var page string
	s.run(chromedp.OuterHTML("html", &page, chromedp.ByQuery))
	if strings.Contains(page, env["APP_TOKEN"]) {
		t.Error("the token is shown again")
	}
}

// publish publishes what is configured, waits until the host has it, and returns the publish's path.
func (s *story) publish(note string) string {
	s.Helper()
	s.visit("/admin/publish")
	s.wantText("main", "passed")
	s.fill("main", "Note", note)
	s.press(`form[action="/admin/publish"] .buttons button`)
	path := s.path()
	s.awaitText(path, "main", "applied 1")
	return path
}

// asks has a player ask the gateway, wants the status, and returns the request's id.
func (s *story) asks(path, version string, status int) string {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path), nil)
	must(s, err)
	req.Host = "jf.test"
	req.Header.Set("Authorization", `MediaBrowser Client="Jellyfin Web", Device="Firefox", DeviceId="d1", Version="`+version+`"`)
	res, err := (&http.Client{Timeout: time.Minute}).Do(req)
	must(s, err)
	_ = res.Body.Close()
	refused := res.StatusCode == http.StatusForbidden
	if refused != (status == http.StatusForbidden) {
		s.Errorf("%s of %s is answered %s, want %d", path, version, res.Status, status)
	}
	return res.Header.Get("X-Request-Id")
}

// explained looks a request id up, and follows the link to the rule.
func (s *story) explained(id string) {
	s.Helper()
	testbed.Await(s, patience, func() error { // until it is reported
		s.visit("/admin/explain")
		s.fill("main", "Request id", id)
		s.follow("main", "Explain")
		if said := s.text("main"); !strings.Contains(said, "What lets it in") {
			return fmt.Errorf("explained by %q", said)
		}
		return nil
	})
	s.wantUsable("explain")
	s.press(`main a[href="/admin/uri-rules/1"]`)
	if got := s.value("#f-pattern"); got != "/System/Logs" {
		s.Errorf("the link leads to a rule of %q", got)
	}
}

// path of the page that is shown.
func (t *tab) path() string { return strings.TrimPrefix(t.at(), t.url) }

// shortDir is a temporary directory with a short path: unix sockets below it take at most 107 bytes. Any user may enter
// it, since nginx's workers have to.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "uhd")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
