package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// start runs a command and returns what it printed and its exit code.
func start(t *testing.T, environ []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut strings.Builder
	code = run(t.Context(), args, environ, &out, &errOut)
	return out.String(), errOut.String(), code
}

func TestCommandLine(t *testing.T) {
	db := "DATABASE_URL=sqlite://" + filepath.Join(t.TempDir(), "master.db")
	file, bad := filepath.Join(t.TempDir(), "file.yaml"), filepath.Join(t.TempDir(), "bad.yaml")
	for path, text := range map[string]string{file: "version: 1\nplayers:\n  - client_name: VLC\n", bad: "version: 1\nplyers: []\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args    []string
		environ []string
		code    int
		prints  string
	}{
		{[]string{"version"}, nil, 0, "uhd-master "},
		{[]string{"--help"}, nil, 0, "usage: uhd-master"},
		{[]string{"frobnicate"}, nil, 2, `"frobnicate"`},
		{[]string{"serve", "now"}, nil, 2, `"now"`},
		{[]string{"admin"}, nil, 2, "create"},
		{[]string{"admin", "create", "--nonsense"}, []string{db}, 2, "nonsense"},
		{[]string{"admin", "create", "--username", "ann"}, []string{db}, 2, "password"},
		{[]string{"admin", "create", "--username", "ann", "--password", "long enough", "--role", "boss"}, []string{db}, 2, "role"},
		{[]string{"admin", "create", "--username", "ann", "--password", "long enough", "extra"}, []string{db}, 2, `"extra"`},
		{[]string{"admin", "create", "--username", "ann", "--password", "long enough"}, []string{db}, 0, "User ann made, role admin"},
		{[]string{"admin", "create", "--username", "ann", "--password", "long enough", "--role", "viewer"}, []string{db}, 1, "last enabled admin"},
		{[]string{"admin", "create", "--username", "ann", "--password", "other enough"}, []string{db}, 0, "User ann reset, role admin"},
		{[]string{"export", "everything"}, []string{db}, 2, "everything"},
		{[]string{"apply"}, []string{db}, 2, "-f FILE"},
		{[]string{"apply", "-f", "no such file"}, []string{db}, 2, "no such file"},
		{[]string{"apply", "-f", file, "--dry-run"}, []string{db}, 3, "Would apply: 1 made, 0 changed, 0 deleted."},
		{[]string{"apply", "-f", file}, []string{db}, 0, "Applied: 1 made, 0 changed, 0 deleted."},
		{[]string{"apply", "-f", file, "--dry-run"}, []string{db}, 0, "No changes."},
		{[]string{"apply", "-f", file, "--prune"}, []string{db}, 0, "No changes."},
		{[]string{"export"}, []string{db}, 0, "players:\n  - client_name: VLC\n"},
		{[]string{"apply", "-f", bad}, []string{db}, 1, "bad.yaml is not applied:\nline 2: plyers: unknown section"},
		{[]string{"apply", "-f", file}, []string{"DATABASE_URL=mysql://db"}, 2, "DATABASE_URL"},
		{nil, []string{"LISTEN_ADDR=nonsense"}, 2, "LISTEN_ADDR"},
		{nil, []string{db, "LOG_LEVEL=loud"}, 2, "LOG_LEVEL"},
		{nil, []string{"DATABASE_URL=postgres://db:port/master"}, 2, "DATABASE_URL"},
		{[]string{"admin", "create", "--username", "ann", "--password", "long enough"}, []string{"DATABASE_URL=mysql://db"}, 2, "DATABASE_URL"},
	} {
		stdout, stderr, code := start(t, c.environ, c.args...)
		if code != c.code || !strings.Contains(stdout+stderr, c.prints) {
			t.Errorf("%v with %v: exit code %d, prints %s%s; want %d and %s", c.args, c.environ, code, stdout, stderr, c.code, c.prints)
		}
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, stderr, code := start(t, []string{
		"DATABASE_URL=sqlite://" + filepath.Join(t.TempDir(), "master.db"), "ADMIN_PASSWORD=long enough",
		"LISTEN_ADDR=" + taken.Addr().String(),
	})
	if code != 1 || !strings.Contains(stderr, "LISTEN_ADDR") {
		t.Errorf("exit code %d, prints %s; want 1 and LISTEN_ADDR", code, stderr)
	}
}

// TestServe: a first start prints a password once that works; a second one prints none; the end of the
// context ends both in good order.
func TestServe(t *testing.T) {
	environ := []string{
		"DATABASE_URL=sqlite://" + filepath.Join(t.TempDir(), "master.db"),
		"LISTEN_ADDR=127.0.0.1:0", "METRICS_ADDR=127.0.0.1:0", "LOG_FORMAT=json",
	}
	stdout, password := serveOnce(t, environ, func(_, stdout string) string {
		found := regexp.MustCompile(`username admin, password (\S+)`).FindStringSubmatch(stdout)
		if found == nil {
			t.Fatalf("the first start prints %q", stdout)
		}
		return found[1]
	})
	if strings.Count(stdout, password) != 1 {
		t.Errorf("the password is printed %d times", strings.Count(stdout, password))
	}
	stdout, _ = serveOnce(t, environ, func(base, _ string) string {
		body := strings.NewReader(`{"username": "admin", "password": "` + password + `"}`)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/v1/admin/auth/login", body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK {
			t.Errorf("the printed password gives %s", res.Status)
		}
		return ""
	})
	if stdout != "" {
		t.Errorf("the second start prints %q", stdout)
	}
}

// serveOnce runs the master until while has returned; stdout is what was printed until the log said that
// it started.
func serveOnce(t *testing.T, environ []string, while func(base, stdout string) string) (stdout, result string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	logs, logWriter := io.Pipe()
	var out strings.Builder
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, nil, environ, &out, logWriter)
		_ = logWriter.Close()
	}()
	lines := bufio.NewScanner(logs)
	address := regexp.MustCompile(`"msg":"Master started","address":"([^"]+)"`)
	for lines.Scan() {
		if found := address.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, logs) }() // ends with the master, which waits for a reader
			stdout = out.String()
			result = while("http://"+found[1], stdout)
			stop()
			break
		}
	}
	if got := <-code; got != 0 {
		t.Errorf("the master ends with exit code %d", got)
	}
	return stdout, result
}
