package containers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// project is one run of docker-compose.yml under a name of its own, with its own .env.
type project struct {
	name string
	dir  string // .env and secrets
}

// compose runs docker-compose for the project and returns what it printed.
func (p *project) compose(ctx context.Context, args ...string) (string, error) {
	command := composeCommand()
	all := append(command[1:len(command):len(command)], "-p", p.name, "-f", "docker-compose.yml", "--env-file", filepath.Join(p.dir, ".env"))
	return run(ctx, nil, command[0], append(all, args...)...)
}

// newProject writes .env: what tests of this machine need, and lines.
func newProject(dir, name string, lines ...string) (*project, error) {
	bases, err := baseImages()
	if err != nil {
		return nil, err
	}
	p := &project{name: "uhd-" + runID + "-" + name, dir: dir}
	env := append([]string{
		"VERSION=" + runID,
		"SECRETS_DIR=" + filepath.Join(dir, "secrets"),
		"SSL_DIR=" + filepath.Join(dir, "ssl"),
		"SLAVE_CONTAINER=" + p.name + "-openresty",
		"REDIS_CONTAINER=" + p.name + "-redis",
		"MASTER_CONTAINER=" + p.name + "-master",
		"DEMO_CONTAINER=" + p.name + "-media",
		"REDIS_IMAGE=" + bases["REDIS_IMAGE"],
	}, lines...)
	for _, sub := range []string{"secrets", "ssl"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	return p, os.WriteFile(filepath.Join(dir, ".env"), []byte(strings.Join(env, "\n")+"\n"), 0o600)
}

// end removes all the project made.
func (p *project) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := p.compose(ctx, "down", "-v", "--timeout", "1", "--remove-orphans")
	return err
}

// fleet is a master and a media server in containers, which all tests share: each has a server of its own.
type fleet struct {
	project
	admin    *testbed.Admin
	media    string // its address, at mediaNet
	mediaNet string
	password string
	servers  atomic.Int64
}

var (
	startFleet = sync.OnceValues(newFleet)
	fleetUp    atomic.Pointer[fleet]
)

func newFleet() (_ *fleet, err error) {
	dir, err := os.MkdirTemp("", "uhd-fleet-")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	f := &fleet{password: "correct horse battery " + runID}
	p, err := newProject(dir, "fleet",
		fmt.Sprintf("MASTER_PORT=127.0.0.1:%d", ports[0]), fmt.Sprintf("MASTER_METRICS_PORT=127.0.0.1:%d", ports[1]),
		"ADMIN_PASSWORD_FILE=/run/secrets/admin_password", "DATABASE_URL_FILE=/run/secrets/database_url",
		"PREFLIGHT=require",  // there is an nginx in the image, and it can test configurations there
		"STARTING_SET=false", // tests say themselves which players there are
	)
	if err != nil {
		return nil, err
	}
	f.project, f.mediaNet = *p, p.name+"-media"
	fleetUp.Store(f)
	for name, value := range map[string]string{"admin_password": f.password, "database_url": "sqlite:///data/master.db"} {
		// The master is not root in its container; on a real host its user would own the file.
		if err := os.WriteFile(filepath.Join(dir, "secrets", name), []byte(value+"\n"), 0o644); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := f.compose(ctx, "up", "-d", "master", "media"); err != nil {
		return nil, err
	}
	// The media server is on a network of its own, so that a slave can lose the master and keep it.
	if _, err := run(ctx, nil, "docker", "network", "create", f.mediaNet); err != nil {
		return nil, err
	}
	if _, err := run(ctx, nil, "docker", "network", "connect", f.mediaNet, f.name+"-media"); err != nil {
		return nil, err
	}
	f.media, err = run(ctx, nil, "docker", "inspect", "-f", fmt.Sprintf("{{(index .NetworkSettings.Networks %q).IPAddress}}", f.mediaNet), f.name+"-media")
	if err != nil {
		return nil, err
	}
	f.media = net.JoinHostPort(strings.TrimSpace(f.media), "8096")
	url := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	if err := testbed.WaitHTTP(ctx, url+"/readyz", http.StatusOK); err != nil {
		return nil, err
	}
	f.admin, err = testbed.Login(ctx, url, "admin", f.password)
	return f, err
}

func endFleet() {
	f := fleetUp.Load()
	if f == nil {
		return
	}
	err := f.end()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, gone := run(ctx, nil, "docker", "network", "rm", f.mediaNet); gone != nil || err != nil {
		fmt.Fprintln(os.Stderr, "left behind:", err, gone)
	}
	_ = os.RemoveAll(f.dir)
}

// slave is a slave and its Redis in containers.
type slave struct {
	project
	fleet     *fleet
	server    testbed.Server
	token     string
	container string
	redis     string // container
	port      int    // where players come in
	monitor   string // URL of /metrics, /readyz and /status
}

// The film that players watch; more than all buffers between the media server and a player hold.
const (
	filmSize = 64 << 20
	film     = "/Videos/0a1b/stream.mkv?static=true&size=67108864"
)

// newSlave registers a server at the master, publishes it, and prepares a slave for it with more lines of .env.
func newSlave(t testing.TB, name string, lines ...string) *slave {
	t.Helper()
	needImages(t)
	f, err := startFleet()
	must(t, err)
	ports, err := freePorts(3)
	must(t, err)
	s := &slave{fleet: f, port: ports[0], monitor: fmt.Sprintf("http://127.0.0.1:%d", ports[2])}
	s.server, err = f.admin.AddServer(t.Context(), testbed.Server{
		Name: name, ServiceType: api.Jellyfin, Host: fmt.Sprintf("198.51.100.%d", f.servers.Add(1)),
		ServerName: "media.test", Upstream: f.media, ListenHTTP: 80,
	})
	must(t, err)
	s.token, err = f.admin.NewToken(t.Context(), s.server.ID)
	must(t, err)
	dir := t.TempDir()
	p, err := newProject(dir, name, append([]string{
		fmt.Sprintf("HTTP_PORT=127.0.0.1:%d", ports[0]), fmt.Sprintf("HTTPS_PORT=127.0.0.1:%d", ports[1]),
		fmt.Sprintf("METRICS_PORT=127.0.0.1:%d", ports[2]),
		"API_BASE=http://master:8000", "REDIS_HOST=redis", "REDIS_PORT=6379",
		"APP_TOKEN_FILE=/run/secrets/app_token",
	}, lines...)...)
	must(t, err)
	s.project, s.container, s.redis = *p, p.name+"-openresty", p.name+"-redis"
	s.secret(t, "app_token", s.token)
	return s
}

// secret writes a file for NAME_FILE variables.
func (s *slave) secret(t testing.TB, name, value string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(s.dir, "secrets", name), []byte(value+"\n"), 0o600))
}

// up creates the containers, connects the slave to master and media server, and starts them.
func (s *slave) up(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command("docker", "logs", s.container).CombinedOutput()
			t.Logf("%s printed:\n%s", s.container, out)
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
	_, err := s.compose(within(t), "up", "--no-start")
	must(t, err)
	docker(t, "network", "connect", s.fleet.mediaNet, s.container)
	docker(t, "network", "connect", s.fleet.name+"_default", s.container)
	_, err = s.compose(within(t), "up", "-d")
	must(t, err)
}

// publish publishes for this slave's host alone and waits until it is applied.
func (s *slave) publish(t testing.TB) testbed.Distribution {
	t.Helper()
	var made struct{ ID int64 }
	must(t, s.fleet.admin.Do(t.Context(), http.MethodPost, "snapshots", map[string]any{"note": s.name, "hosts": []string{s.server.Host}}, &made))
	return s.applied(t, made.ID)
}

func (s *slave) applied(t testing.TB, snapshot int64) testbed.Distribution {
	t.Helper()
	d, err := s.fleet.admin.WaitDistribution(within(t), snapshot, s.server.Host)
	must(t, err)
	if d.Status != api.AckApplied {
		t.Fatalf("snapshot %d failed at %s: %s", snapshot, d.Stage, d.Error)
	}
	return d
}

// ready waits until the slave serves a release.
func (s *slave) ready(t testing.TB) {
	t.Helper()
	must(t, testbed.WaitHTTP(within(t), s.monitor+"/readyz", http.StatusOK))
}

// startSlave has a slave up that has applied its first configuration.
func startSlave(t testing.TB, name string, lines ...string) *slave {
	t.Helper()
	s := newSlave(t, name, lines...)
	s.up(t)
	s.publish(t)
	s.ready(t)
	return s
}

// exec runs a command in the slave's container.
func (s *slave) exec(t testing.TB, args ...string) string {
	t.Helper()
	return docker(t, append([]string{"exec", s.container}, args...)...)
}

// sh runs a line of shell in the slave's container.
func (s *slave) sh(t testing.TB, script string) string {
	t.Helper()
	return s.exec(t, "sh", "-c", script)
}

// logs is what the slave has printed.
func (s *slave) logs(t testing.TB) string {
	t.Helper()
	out, err := exec.CommandContext(within(t), "docker", "logs", s.container).CombinedOutput()
	must(t, err)
	return string(out)
}

// output is what a command that runs has printed so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// follow collects what the slave's container prints from its start to its end.
func (s *slave) follow(t testing.TB) *output {
	t.Helper()
	o := &output{}
	cmd := exec.CommandContext(t.Context(), "docker", "logs", "-f", s.container)
	cmd.Stdout, cmd.Stderr = o, o
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() }) // ends with the container, or the test
	return o
}

// logged waits until the slave has printed all of the texts.
func (s *slave) logged(t testing.TB, texts ...string) {
	t.Helper()
	eventually(t, func() error {
		printed := s.logs(t)
		for _, text := range texts {
			if !strings.Contains(printed, text) {
				return fmt.Errorf("never printed: %s", text)
			}
		}
		return nil
	})
}

// do asks the slave as a player; header are pairs of names and values.
func (s *slave) do(ctx context.Context, method, path, body string, header ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Host = s.server.ServerName
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return oneShot.Do(req)
}

// oneShot opens a connection per request, as separate players do.
var oneShot = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// status asks for a path and returns the status code, 0 when nobody answers.
func (s *slave) status(t testing.TB, path string) int {
	t.Helper()
	res, err := s.do(within(t), http.MethodGet, path, "")
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// serves fails unless a player is let through to the media server.
func (s *slave) serves(t testing.TB) {
	t.Helper()
	if status := s.status(t, "/System/Info/Public"); status != http.StatusOK {
		t.Fatalf("a player's request was answered %d", status)
	}
}

// metrics is the text of /metrics.
func (s *slave) metrics(t testing.TB) string {
	t.Helper()
	return fetch(t, s.monitor+"/metrics")
}

func fetch(t testing.TB, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), http.MethodGet, url, nil)
	must(t, err)
	res, err := oneShot.Do(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	must(t, err)
	return string(text)
}

// inspection is the part of docker inspect that tests look at.
type inspection struct {
	Name, Image string
	State       struct {
		Status   string
		ExitCode int
		Health   struct{ Status string }
	}
	HostConfig struct {
		ReadonlyRootfs       bool
		CapAdd, CapDrop      []string
		SecurityOpt          []string
		Memory               int64
		LogConfig            struct{ Config map[string]string }
		RestartPolicy        struct{ Name string }
		PidsLimit            int64
		Privileged           bool
		NetworkMode, PidMode string
	}
}

func inspect(t testing.TB, container string) inspection {
	t.Helper()
	var all []inspection
	must(t, json.Unmarshal([]byte(docker(t, "inspect", container)), &all))
	return all[0]
}

// exitCode waits until the container has ended.
func exitCode(t testing.TB, container string) int {
	t.Helper()
	var code int
	_, err := fmt.Sscan(docker(t, "wait", container), &code)
	must(t, err)
	return code
}

func freePorts(n int) ([]int, error) {
	var ports []int
	for range n { // all are held until all are found
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = ln.Close() }()
		ports = append(ports, ln.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// viewing is a film on its way to a player who has stopped reading: it goes on when the test reads.
type viewing struct {
	res  *http.Response
	read int64
}

// watch begins a film in a play session.
func (s *slave) watch(t testing.TB, session string, header ...string) *viewing {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	res, err := s.do(ctx, http.MethodGet, film+"&PlaySessionId="+session, "", header...)
	must(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	v := &viewing{res: res}
	if res.StatusCode == http.StatusOK {
		n, err := io.CopyN(io.Discard, res.Body, 1<<20)
		must(t, err)
		v.read = n
	}
	return v
}

// finish reads the film to its end.
func (v *viewing) finish(t testing.TB) {
	t.Helper()
	n, err := io.Copy(io.Discard, v.res.Body)
	if v.read += n; err != nil || v.read != filmSize {
		t.Errorf("the film ended after %d of %d bytes: %v", v.read, filmSize, err)
	}
}

// replaceEnv changes .env before the containers are made, or made anew.
func (p *project) replaceEnv(t testing.TB, old, replacement string) {
	t.Helper()
	path := filepath.Join(p.dir, ".env")
	text, err := os.ReadFile(path)
	must(t, err)
	changed := strings.Replace(string(text), old, replacement, 1)
	if changed == string(text) {
		t.Fatalf(".env has no %s", old)
	}
	must(t, os.WriteFile(path, []byte(changed), 0o600))
}
