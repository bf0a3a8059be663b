package nginx

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate makes a pair that is not valid any more: no reason for a configuration not to be applied.
func (s *slave) certificate() (certificate, key string) {
	s.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1_000_000_000, 0), DNSNames: []string{"two.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	s.must(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	s.must(err)
	certificate, key = filepath.Join(s.root, "ssl", "cert.pem"), filepath.Join(s.root, "ssl", "key.pem")
	s.must(os.MkdirAll(filepath.Dir(certificate), 0o755))
	s.must(os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	s.must(os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return certificate, key
}

// manyServers has addresses, names and paths of all kinds that a release may hold.
func (s *slave) manyServers() string {
	certificate, key := s.certificate()
	return strings.NewReplacer(
		"ROOT", s.root, "PLAIN", fmt.Sprintf("127.0.0.1:%d", freePort(s.t)), "TLS", fmt.Sprintf("127.0.0.1:%d", freePort(s.t)),
		"CERTIFICATE", certificate, "KEY", key,
		"CHAIN", fmt.Sprintf("access_by_lua_file %[1]s/lua/access.lua; header_filter_by_lua_file %[1]s/lua/header_filter.lua;", s.root),
	).Replace(`
proxy_cache_path ROOT/cache keys_zone=c:1m;
server {
    listen PLAIN default_server reuseport so_keepalive=on;
    listen TLS ssl http2 proxy_protocol backlog=7;
    server_name two.example *.wild.example;
    ssl_certificate CERTIFICATE;
    ssl_certificate_key KEY;
    if ($scheme = http) { return 301 https://$host$request_uri; }
    CHAIN
    location / { proxy_cache c; proxy_pass http://127.0.0.1:1; }
}
server { listen PLAIN; server_name ~^(?<name>.+)\.regex$ "~^a{2}"; CHAIN location / { empty_gif; } }
server { listen PLAIN; server_name ""; return 444; }
server { listen TLS ssl http2 proxy_protocol; server_name refused.example; ssl_reject_handshake on; }
server { listen PLAIN; server_name maintenance.example; return 503; }
server { listen PLAIN; server_name .dot.example suffix.*; location / { proxy_pass http://127.0.0.1:1; } }
server { listen unix:ROOT/run/extra.sock; server_name _; CHAIN location / { empty_gif; } }
`)
}

func TestManyServers(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	server, _ := s.run(nil)
	ctx := t.Context()
	dir := s.stage(release{hash: "b", extra: s.manyServers()})
	s.must(server.Test(ctx, dir))
	s.must(os.RemoveAll(filepath.Join(s.root, "cache"))) // nginx -t makes it
	s.must(server.Rehearse(ctx, dir))
	if !gone(filepath.Join(s.root, "cache")) {
		t.Error("the rehearsal made the real cache directory")
	}
	s.commit(dir)
	s.must(server.Reload(ctx))
	s.must(server.Verify(ctx, dir, "b"))

	// The chain that fails is found behind each kind of address.
	dir = s.stage(release{hash: "c", extra: s.manyServers(), access: `
		local host = ngx.var.host
		if host:find("^probe%.") or host == "two.example" then error("for " .. host) end`})
	contains(t, server.Rehearse(ctx, dir), "server two.example at 127.0.0.1:", "answers 500", "for two.example")
	s.commit(dir)
	s.must(server.Reload(ctx))
	contains(t, server.Verify(ctx, dir, "c"), "server two.example at 127.0.0.1:", "answers 500")
}

// A block that is only reached by a pattern is rehearsed as well.
func TestRehearseFindsFaultBehindRegexName(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	server, _ := s.run(nil)
	dir := s.stage(release{hash: "b", extra: fmt.Sprintf(
		`server { listen 127.0.0.1:%d; server_name ~^x; access_by_lua_block { error("behind a pattern") } }`, s.port)})
	contains(t, server.Rehearse(t.Context(), dir), "answers 500", "behind a pattern")
}

// What a media server does is no fault of the release, even when a chain of the release's own passes the
// probe on to it.
func TestMediaServerIsNotJudged(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	broken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = broken.Close() }()
	go func() { // ends with its listener
		for {
			conn, err := broken.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = conn.Close()
		}
	}()
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	server, _ := s.run(nil)
	server.probeTimeout = time.Second
	for name, upstream := range map[string]string{"dead": "127.0.0.1:1", "silent": silent.Addr().String(), "broken": broken.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			dir := s.stage(release{
				hash: "b-" + name, access: "ngx.ctx.checked = true",
				server: "location / { proxy_pass http://" + upstream + "; }",
			})
			s.must(server.Rehearse(t.Context(), dir))
		})
	}
}

// A chain that never ends holds its worker: no answer, and none to the admin socket either.
func TestRehearseFindsEndlessChain(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	server, _ := s.run(nil)
	server.probeTimeout = 500 * time.Millisecond
	dir := s.stage(release{hash: "b", access: "while true do end"})
	err := server.Rehearse(t.Context(), dir)
	contains(t, err, "the worker hangs")
	if _, ok := errors.AsType[*ProbeError](err); !ok {
		t.Errorf("got %T", err)
	}
	s.serves("a")
	if left := s.left(); len(left) != 3 {
		t.Errorf("left: %+v", left)
	}
}

// What only the start of nginx finds out: the error is nginx's own, with the paths an operator knows.
func TestRehearseSaysWhyNginxDoesNotStart(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	server, _ := s.run(nil)
	dir := s.stage(release{hash: "b", http: "ssl_certificate " + s.root + "/none.pem;", server: "listen unix:/nonexistent/dir.sock ssl; ssl_certificate_key " + s.root + "/none.key;"})
	err := server.Rehearse(t.Context(), dir)
	contains(t, err, "nginx does not start", s.root+"/none.pem")
	if strings.Contains(err.Error(), "/run/r/") {
		t.Errorf("%v names the private root", err)
	}
}
