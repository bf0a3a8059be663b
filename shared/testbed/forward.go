package testbed

import (
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
)

// Forwarder passes TCP connections on to a server, until a test cuts them to see what becomes of who
// needs that server.
type Forwarder struct {
	Addr string // host:port

	network, target string
	mu              sync.Mutex
	listener        net.Listener // nil while cut
	conns           map[net.Conn]struct{}
	running         sync.WaitGroup
}

// NewForwarder returns a Forwarder to the target, "unix" and a path for one, that is cut until Restore.
func NewForwarder(t testing.TB, network, target string) *Forwarder {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	addr := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	f := &Forwarder{Addr: addr.String(), network: network, target: target, conns: map[net.Conn]struct{}{}}
	t.Cleanup(f.Cut)
	return f
}

// Restore lets connections through.
func (f *Forwarder) Restore(t testing.TB) {
	t.Helper()
	ln, err := net.Listen("tcp", f.Addr)
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.listener = ln
	f.mu.Unlock()
	f.running.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil { // cut
				return
			}
			f.running.Go(func() { f.pass(in) })
		}
	})
}

func (f *Forwarder) pass(in net.Conn) {
	out, err := net.Dial(f.network, f.target)
	if err != nil {
		_ = in.Close()
		return
	}
	f.mu.Lock()
	cut := f.listener == nil
	f.conns[in], f.conns[out] = struct{}{}, struct{}{}
	f.mu.Unlock()
	hangUp := func() {
		_ = in.Close()
		_ = out.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.conns, in)
		delete(f.conns, out)
	}
	defer hangUp()
	if cut {
		return
	}
	f.running.Go(func() {
		_, _ = io.Copy(out, in)
		hangUp()
	})
	_, _ = io.Copy(in, out)
}

// Cut ends all connections and takes no more; it returns when they are gone.
func (f *Forwarder) Cut() {
	f.mu.Lock()
	if f.listener != nil {
		_ = f.listener.Close()
		f.listener = nil
	}
	for c := range f.conns {
		_ = c.Close()
	}
	f.mu.Unlock()
	f.running.Wait()
}

// PostgresOverTCP returns databaseURL, of Postgres, as it is behind a Forwarder.
func PostgresOverTCP(t testing.TB, databaseURL string) (*Forwarder, string) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	f := NewForwarder(t, "unix", filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432"))
	u.Host, u.RawQuery = f.Addr, "sslmode=disable&connect_timeout=5"
	return f, u.String()
}
