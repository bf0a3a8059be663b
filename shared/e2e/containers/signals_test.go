package containers

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// exitCodes: the container's is the supervisor's, whatever ended it.
func (s *slave) exitCodes(t *testing.T) {
	t.Helper()
	docker(t, "update", "--restart=no", s.container)
	s.sh(t, fmt.Sprintf("kill -9 %d", s.supervisorPID(t)))
	if code := exitCode(t, s.container); code != 137 {
		t.Errorf("after its supervisor was killed the container exits %d, want 137", code)
	}
	docker(t, "start", s.container)
	slaveImage := "uhd-slave:" + runID
	for name, tt := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a missing setting": {[]string{slaveImage}, 2, "APP_TOKEN is required"},
		"a bad setting":     {[]string{"-e", "APP_TOKEN=uhd_x", "-e", "API_BASE=nowhere", slaveImage}, 2, "API_BASE"},
		"a root that is no folder": {[]string{
			"-e", "APP_TOKEN=uhd_x", "-e", "API_BASE=http://192.0.2.1", "-e", "SLAVE_ROOT=/etc/passwd", slaveImage,
		}, 1, "/etc/passwd"},
		"an unknown command": {[]string{slaveImage, "dance"}, 2, "unknown command"},
		"version":            {[]string{slaveImage, "version"}, 0, ""},
	} {
		out, err := run(within(t), nil, "sh", append([]string{"-c", `docker run --rm "$@" 2>&1; echo "exit $?"`, "sh"}, tt.args...)...)
		if err != nil || !strings.HasSuffix(out, fmt.Sprintf("exit %d\n", tt.code)) || !strings.Contains(out, tt.says) {
			t.Errorf("%s: %v, want exit %d and %q:\n%s", name, err, tt.code, tt.says, out)
		}
	}
}

// signals: docker kill -s of each does what --help says.
func (s *slave) signals(t *testing.T) {
	t.Helper()
	s.healthy(t, "unhealthy") // there is no release
	s.publish(t)
	s.ready(t)
	s.healthy(t, "healthy")

	// SIGUSR1: nginx opens its logs anew.
	s.sh(t, "mv /opt/slave/spool/access.log /opt/slave/spool/moved")
	docker(t, "kill", "-s", "USR1", s.container)
	eventually(t, func() error {
		_, err := run(t.Context(), nil, "docker", "exec", s.container, "test", "-e", "/opt/slave/spool/access.log")
		return err
	})

	// SIGHUP: the master is asked now. Each time it is not there, the next try is later: soon only a signal explains one.
	docker(t, "network", "disconnect", s.fleet.name+"_default", s.container)
	for range 8 {
		before := s.pollErrors(t)
		eventually(t, func() error {
			docker(t, "kill", "-s", "HUP", s.container)
			if s.pollErrors(t) == before {
				return fmt.Errorf("SIGHUP asks nobody: %d polls failed", before)
			}
			return nil
		})
	}

	// Others change nothing.
	for _, signal := range []string{"USR2", "WINCH"} {
		docker(t, "kill", "-s", signal, s.container)
	}
	s.serves(t)

	for _, tt := range []struct {
		signal string
		code   int
	}{{"TERM", 0}, {"INT", 0}, {"QUIT", 0}, {"KILL", 137}} {
		docker(t, "kill", "-s", tt.signal, s.container)
		if code := exitCode(t, s.container); code != tt.code {
			t.Errorf("SIG%s: exit code %d, want %d", tt.signal, code, tt.code)
		}
		docker(t, "start", s.container)
		s.ready(t) // from its disk: the master is away
		s.serves(t)
	}
	if n := strings.Count(s.logs(t), `msg="Supervisor stopped"`); n != 3 {
		t.Errorf("%d orderly ends in the log, want 3", n)
	}
}

var pollErrorsLine = regexp.MustCompile(`(?m)^uhd_config_poll_errors_total (\d+)$`)

func (s *slave) pollErrors(t *testing.T) int {
	t.Helper()
	match := pollErrorsLine.FindStringSubmatch(s.metrics(t))
	if match == nil {
		t.Fatal("uhd_config_poll_errors_total is missing")
	}
	n, err := strconv.Atoi(match[1])
	must(t, err)
	return n
}

func (s *slave) healthy(t *testing.T, want string) {
	t.Helper()
	eventually(t, func() error {
		if health := inspect(t, s.container).State.Health.Status; health != want {
			return fmt.Errorf("the container is %s, not %s", health, want)
		}
		return nil
	})
}

// TestStopDrains: docker stop lets a running stream end, and takes no new players meanwhile.
func TestStopDrains(t *testing.T) {
	t.Parallel()
	s := startSlave(t, "drain")
	v := s.watch(t, "ends")
	stopped := make(chan error, 1)
	ctx := within(t)
	go func() {
		_, err := run(ctx, nil, "docker", "stop", "-t", "120", s.container)
		stopped <- err
	}()
	s.logged(t, "draining nginx")
	eventually(t, func() error {
		if status := s.status(t, "/System/Info/Public"); status != 0 {
			return fmt.Errorf("a new player is answered %d", status)
		}
		return nil
	})
	v.finish(t)
	must(t, <-stopped)
	if code := exitCode(t, s.container); code != 0 {
		t.Errorf("exit code %d after a drain", code)
	}
	if logs := s.logs(t); strings.Contains(logs, "still running after a signal") {
		t.Errorf("the drain did not end with the stream:\n%s", logs)
	}

	// A stream that does not end is cut when DRAIN_TIMEOUT has passed.
	s.replaceEnv(t, "SECRETS_DIR=", "DRAIN_TIMEOUT=1s\nSECRETS_DIR=")
	_, err := s.compose(within(t), "up", "--no-start")
	must(t, err)
	docker(t, "network", "connect", s.fleet.mediaNet, s.container)
	docker(t, "start", s.container)
	s.ready(t)
	if v = s.watch(t, "is-cut"); v.res.StatusCode != http.StatusOK {
		t.Fatalf("a stream after the restart: %s", v.res.Status)
	}
	began := time.Now()
	docker(t, "stop", "-t", "120", s.container)
	t.Logf("stopped after %v", time.Since(began))
	if code := exitCode(t, s.container); code != 0 || !strings.Contains(s.logs(t), "still running after a signal") {
		t.Errorf("exit code %d after a drain that was cut", code)
	}
}
