package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/uhdadmin/media-gateway/lua"
	"github.com/uhdadmin/media-gateway/nginx"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// bed is where the measurements lie: an upstream, and the nginx in front of it that were started.
type bed struct {
	options
	dir      string
	upstream int // port
	running  []*server
}

// server is a running nginx with one worker.
type server struct {
	name   string
	root   string
	port   int
	worker int // pid
	cmd    *exec.Cmd
	stderr *bytes.Buffer // read when the server has ended
	slave  *http.Server  // on its supervisor's socket; nil for plain
	done   chan struct{}
}

func newBed(o options) (*bed, error) {
	dir, err := os.MkdirTemp("", "uhd") // short: unix sockets below it take 107 bytes
	if err != nil {
		return nil, err
	}
	b := &bed{options: o, dir: dir}
	if err := errors.Join(os.Chmod(dir, 0o755), b.startUpstream()); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// startUpstream serves a small body from memory, and a sparse file for streams.
func (b *bed) startUpstream() error {
	root, port, err := b.newRoot("upstream")
	if err != nil {
		return err
	}
	stream, err := os.Create(filepath.Join(root, "film"))
	if err != nil {
		return err
	}
	if err := errors.Join(stream.Truncate(b.streamBytes), stream.Close()); err != nil {
		return err
	}
	conf := fmt.Sprintf(`worker_processes 1;
pid %[1]s/run/nginx.pid;
error_log stderr error;
worker_rlimit_nofile 4096;
events { worker_connections 2048; }
http {
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; default_type application/json;
    server {
        listen 127.0.0.1:%[2]d;
        location / { return 200 '%[3]s'; }
        location = /Videos/1/stream.mkv { default_type video/x-matroska; alias %[1]s/film; }
    }
}
`, root, port, `{"Items":[`+strings.Repeat(`{"Name":"A film","Id":"0123456789abcdef","Type":"Movie"},`, 8)+`{}]}`)
	if err := os.WriteFile(filepath.Join(root, "conf", "nginx.conf"), []byte(conf), 0o644); err != nil {
		return err
	}
	b.upstream = port
	_, err = b.start("upstream", root, port)
	return err
}

func (b *bed) newRoot(name string) (root string, port int, err error) {
	root = filepath.Join(b.dir, name)
	for _, sub := range []string{"conf", "run", "spool"} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(root, sub), 0o755))
	}
	port, portErr := testbed.FreePort()
	return root, port, errors.Join(err, portErr)
}

// startGateway starts an nginx with the rendered server block and our nginx.conf; plain is the same
// without Lua and without an access log.
func (b *bed) startGateway(name string, rules []byte, plain bool) (*server, error) {
	root, port, err := b.newRoot(name)
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(filepath.Join(root, "lua"), lua.Files); err != nil {
		return nil, err
	}
	main, err := nginx.Render(nginx.Params{Root: root, Workers: 1})
	if err != nil {
		return nil, err
	}
	servers, err := b.serverConf(root, port)
	if err != nil {
		return nil, err
	}
	if plain {
		rules = nil
		if main, err = withoutLua(main); err != nil {
			return nil, err
		}
		if servers, err = withoutLua(servers); err != nil {
			return nil, err
		}
	}
	for file, text := range map[string][]byte{"nginx.conf": main, "upstream.conf": nil, "maps.conf": nil, "server.conf": servers, "rules.json": rules} {
		if err := os.WriteFile(filepath.Join(root, "conf", file), text, 0o644); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(root, "run", "probe.key"), []byte("key"), 0o600); err != nil {
		return nil, err
	}
	s, err := b.start(name, root, port)
	if err == nil && !plain {
		s.slave, err = listenSupervisor(root)
	}
	return s, err
}

// serverConf is the rendered file, with addresses and paths of this bed.
func (b *bed) serverConf(root string, port int) ([]byte, error) {
	text, err := os.ReadFile(b.template)
	if err != nil {
		return nil, fmt.Errorf("%w: run from the top of the repository, or name one with -template", err)
	}
	ds, err := nginxconf.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.template, err)
	}
	nginxconf.Walk(ds, func(d *nginxconf.Directive) {
		switch {
		case d.Name == "server" && !d.HasBlock:
			d.Args = []string{fmt.Sprintf("127.0.0.1:%d", b.upstream)}
		case strings.HasSuffix(d.Name, "_by_lua_file"):
			d.Args = []string{filepath.Join(root, "lua", filepath.Base(d.Args[0]))}
		}
		if d.Name == "server" && d.HasBlock {
			d.Block = slices.DeleteFunc(d.Block, func(in *nginxconf.Directive) bool { return in.Name == "listen" })
			d.Block = append(d.Block, &nginxconf.Directive{Name: "listen", Args: []string{fmt.Sprintf("127.0.0.1:%d", port)}})
		}
	})
	return nginxconf.Format(ds), nil
}

// chainOnly matches the directives that make the difference between the gateway and a plain proxy.
var chainOnly = regexp.MustCompile(`(^lua_|_by_lua|^access_log$)`)

func withoutLua(text []byte) ([]byte, error) {
	ds, err := nginxconf.Parse(text)
	if err != nil {
		return nil, err
	}
	var strip func(ds []*nginxconf.Directive) []*nginxconf.Directive
	strip = func(ds []*nginxconf.Directive) (kept []*nginxconf.Directive) {
		for _, d := range ds {
			if chainOnly.MatchString(d.Name) || d.Name == "server" && onSocket(d) {
				continue
			}
			d.Block = strip(d.Block)
			kept = append(kept, d)
			if d.Name == "http" {
				d.Block = append(d.Block, &nginxconf.Directive{Name: "access_log", Args: []string{"off"}})
			}
		}
		return kept
	}
	return nginxconf.Format(strip(ds)), nil
}

func onSocket(server *nginxconf.Directive) bool {
	return slices.ContainsFunc(server.Block, func(d *nginxconf.Directive) bool {
		return d.Name == "listen" && strings.HasPrefix(d.Args[0], "unix:")
	})
}

func (b *bed) start(name, root string, port int) (*server, error) {
	s := &server{name: name, root: root, port: port, stderr: &bytes.Buffer{}, done: make(chan struct{})}
	s.cmd = exec.Command(b.nginx, "-e", "stderr", "-c", filepath.Join(root, "conf", "nginx.conf"), "-g", "daemon off;")
	s.cmd.Stderr = s.stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait() // its log tells
		close(s.done)
	}()
	b.running = append(b.running, s)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = conn.Close()
			if s.worker, err = childOf(s.cmd.Process.Pid); err == nil {
				return s, nil
			}
		}
		select {
		case <-s.done:
			return nil, fmt.Errorf("nginx %s ended: %s", name, s.stderr)
		default:
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("nginx %s does not answer: %w", name, err)
		}
	}
}

// stop ends a server; the bed forgets it.
func (b *bed) stop(s *server) error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
		return fmt.Errorf("nginx %s did not stop", s.name)
	}
	if s.slave != nil {
		_ = s.slave.Close()
	}
	b.running = slices.DeleteFunc(b.running, func(other *server) bool { return other == s })
	return s.checkLog()
}

// faults are log lines that no measurement should cause.
var faults = regexp.MustCompile(`(?m)^.*\[(error|crit|alert|emerg)\].*$`)

func (s *server) checkLog() error {
	if line := faults.Find(s.stderr.Bytes()); line != nil {
		return fmt.Errorf("nginx %s logged: %s", s.name, line)
	}
	return nil
}

// checkLogs ends all servers and reports the first fault that one logged.
func (b *bed) checkLogs() error {
	var errs []error
	for _, s := range slices.Backward(slices.Clone(b.running)) {
		errs = append(errs, b.stop(s))
	}
	return errors.Join(errs...)
}

func (b *bed) close() error { return errors.Join(b.checkLogs(), os.RemoveAll(b.dir)) }
