// Command demo is `make run`: a master, a stand-in media server and a gateway on this machine, brought
// together through the admin API, with a first configuration published.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/setting"
	"github.com/uhdadmin/media-gateway/shared/standin"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// settings move the demo's ports and its state.
type settings struct {
	MasterPort        int    `env:"MASTER_PORT" envDefault:"8000" takes:"a port number"`
	ProxyPort         int    `env:"PROXY_PORT" envDefault:"8080" takes:"a port number"`
	ProxyTLSPort      int    `env:"PROXY_TLS_PORT" envDefault:"8443" takes:"a port number"`
	MediaPort         int    `env:"MEDIA_PORT" envDefault:"8096" takes:"a port number"`
	SlaveMetricsPort  int    `env:"SLAVE_METRICS_PORT" envDefault:"9145" takes:"a port number"`
	MasterMetricsPort int    `env:"MASTER_METRICS_PORT" envDefault:"9146" takes:"a port number"`
	Dir               string `env:"RUN_DIR" envDefault:"run" takes:"a directory"`
	NginxBin          string `env:"NGINX_BIN" takes:"the path of an nginx with the Lua module"`
}

const (
	host      = "127.0.0.1" // groups the demo's two servers into one slave
	plainName = "localhost"
	tlsName   = "tls.localhost"
	username  = "admin"
)

func main() {
	s, err := setting.Load[settings](os.Environ())
	if err != nil {
		fmt.Fprintln(os.Stderr, "make run:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "make run:", err)
		os.Exit(1)
	}
}

// run starts everything, waits for ctx to end, and ends everything in reverse order.
func run(ctx context.Context, s settings) (err error) {
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return err
	}
	if err := checkPorts(s); err != nil {
		return err
	}
	for _, sub := range []string{"master", "tls"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	logFile, err := os.Create(filepath.Join(dir, "demo.log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, logFile.Close()) }()
	echo := io.MultiWriter(os.Stdout, logFile)

	say := func(format string, args ...any) { _, _ = fmt.Fprintf(os.Stdout, format+"\n", args...) }
	starting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	say("1/4  stand-in media server on :%d", s.MediaPort)
	closeMedia, err := serveMedia(s.MediaPort)
	if err != nil {
		return err
	}
	defer closeMedia()

	say("2/4  master on :%d", s.MasterPort)
	password, err := kept(filepath.Join(dir, "admin-password"), func() (string, error) { return rand.Text()[:16], nil })
	if err != nil {
		return err
	}
	master, err := testbed.StartMaster(starting, testbed.MasterConfig{
		Bin: "bin/uhd-master", Dir: filepath.Join(dir, "master"),
		Port: s.MasterPort, MetricsPort: s.MasterMetricsPort,
		Username: username, Password: password, Env: []string{"STARTING_SET=true"}, Echo: echo,
	})
	if err != nil {
		return fmt.Errorf("%w (a database of another installation under %s? remove it to start afresh)", err, dir)
	}
	defer func() { err = errors.Join(err, stopProcess(master.Process)) }()

	say("3/4  registering two servers, publishing the first configuration")
	token, err := register(starting, master.Admin, s, dir)
	if err != nil {
		return err
	}
	snapshot, err := master.Admin.Publish(starting, "make run")
	if err != nil {
		return err
	}

	say("4/4  supervisor and nginx on :%d and :%d", s.ProxyPort, s.ProxyTLSPort)
	slave, err := testbed.StartSlave(testbed.SlaveConfig{
		Bin: "bin/uhd-supervisor", Root: filepath.Join(dir, "slave"), MasterURL: master.URL, Token: token,
		MetricsPort: s.SlaveMetricsPort, PlaceholderPort: s.ProxyPort, Env: slaveEnv(s, dir), Echo: echo,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProcess(slave.Process)) }()
	applied, err := master.Admin.WaitDistribution(starting, snapshot, host)
	if err != nil {
		return err
	}
	if applied.Status != api.AckApplied {
		return fmt.Errorf("the slave refused the first configuration at stage %s: %s", applied.Stage, applied.Error)
	}
	say(greeting, s.MasterPort, username, password, s.ProxyPort, s.ProxyTLSPort,
		s.ProxyPort, s.ProxyPort, s.MasterPort, username, password, s.MasterPort, s.SlaveMetricsPort, dir)

	select {
	case <-ctx.Done():
		say("\nstopping; streams that run may take a moment to end")
		return nil
	case <-master.Done():
		return fmt.Errorf("the master ended with exit code %d", master.ExitCode())
	case <-slave.Done():
		return fmt.Errorf("the supervisor ended with exit code %d", slave.ExitCode())
	}
}

const greeting = `
The gateway serves, and the master has its ack.

  admin         http://localhost:%[1]d/admin/   user %[2]s, password %[3]s
  admin API     http://localhost:%[1]d/api/v1/openapi.json
  proxy         http://localhost:%[4]d and https://tls.localhost:%[5]d (self-signed)

A player's request through the gateway to the media server:
  curl http://localhost:%[6]d/System/Info/Public
One that is refused, and says why:
  curl -i http://localhost:%[7]d/Items -H 'Authorization: MediaBrowser Client="Unknown Player", DeviceId="d", Version="1.0"'
What became of the configuration:
  curl -sc run/cookies -H 'Content-Type: application/json' -d '{"username":"%[9]s","password":"%[10]s"}' http://localhost:%[8]d/api/v1/admin/auth/login
  curl -sb run/cookies http://localhost:%[11]d/api/v1/admin/distributions
  curl http://localhost:%[12]d/status

State and logs are in %[13]s. Ctrl-C stops it all.
`

// slaveEnv gives the demo's slave nginx, and, where nginx's workers could not enter the checkout (one
// below /root), workers that run as root: for a demo on one's own machine that is better than no demo.
func slaveEnv(s settings, dir string) []string {
	environ := []string{"RELOAD_MIN_INTERVAL=1s", "DRAIN_TIMEOUT=10s"}
	if s.NginxBin != "" {
		environ = append(environ, "NGINX_BIN="+s.NginxBin)
	}
	if os.Geteuid() == 0 && !enterable(dir) {
		environ = append(environ, "NGINX_USER=root")
	}
	return environ
}

// enterable tells whether any user may enter dir and all folders above it.
func enterable(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

// checkPorts names a port that is taken before anything is started.
func checkPorts(s settings) error {
	for _, p := range []struct {
		variable string
		port     int
	}{
		{"MASTER_PORT", s.MasterPort},
		{"PROXY_PORT", s.ProxyPort},
		{"PROXY_TLS_PORT", s.ProxyTLSPort},
		{"MEDIA_PORT", s.MediaPort},
		{"SLAVE_METRICS_PORT", s.SlaveMetricsPort},
		{"MASTER_METRICS_PORT", s.MasterMetricsPort},
	} {
		ln, err := net.Listen("tcp", ":"+strconv.Itoa(p.port))
		if err != nil {
			return fmt.Errorf("port %d is taken (%w); set %s to a free one", p.port, err, p.variable)
		}
		if err := ln.Close(); err != nil {
			return err
		}
	}
	return nil
}

func serveMedia(port int) (stop func(), err error) {
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("MEDIA_PORT is %d: %w", port, err)
	}
	srv := &http.Server{Handler: standin.New(standin.Options{}), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(ln) }() // ends with ErrServerClosed
	return func() { _ = srv.Close() }, nil
}

// register makes sure that the demo's servers exist, at the ports of this run, and returns a slave token.
// The rule is added the first time only, so that what the user changes stays; players come with a new master.
func register(ctx context.Context, admin *testbed.Admin, s settings, dir string) (string, error) {
	cert, key, err := testbed.WriteCertificate(filepath.Join(dir, "tls"), 365*24*time.Hour, tlsName)
	if err != nil {
		return "", err
	}
	upstream := net.JoinHostPort(host, strconv.Itoa(s.MediaPort))
	luaRoot := filepath.Join(dir, "slave", "lua")
	plain, err := admin.PutServer(ctx, testbed.Server{
		Name: "demo", ServiceType: api.Jellyfin, Host: host, ServerName: plainName,
		Upstream: upstream, ListenHTTP: s.ProxyPort, LuaRoot: luaRoot,
	})
	if err != nil {
		return "", err
	}
	if _, err := admin.PutServer(ctx, testbed.Server{
		Name: "demo with TLS", ServiceType: api.Jellyfin, Host: host, ServerName: tlsName,
		Upstream: upstream, SSLCertPath: cert, SSLKeyPath: key, ListenHTTPS: s.ProxyTLSPort, LuaRoot: luaRoot,
	}); err != nil {
		return "", err
	}
	return kept(filepath.Join(dir, "slave-token"), func() (string, error) {
		rule := map[string]any{
			"name": "logs stay private", "action": "block", "match_type": api.MatchPrefix,
			"pattern": "/System/Logs", "service_type": api.Jellyfin, "enabled": true,
		}
		if err := admin.Do(ctx, http.MethodPost, "uri-rules", rule, nil); err != nil {
			return "", err
		}
		return admin.NewToken(ctx, plain.ID)
	})
}

// kept returns the text in the file at path; the first time it makes the text and keeps it.
func kept(path string, generate func() (string, error)) (string, error) {
	if b, err := os.ReadFile(path); err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	text, err := generate()
	if err != nil {
		return "", err
	}
	return text, os.WriteFile(path, []byte(text+"\n"), 0o600)
}

// stopProcess gives a process 15 s to end.
func stopProcess(p *testbed.Process) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	return p.Stop(ctx)
}
