package httpserver_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/httpserver"
)

// server is a running server whose requests to /wait are parked until the test answers them.
type server struct {
	addr    string
	parked  chan context.Context // of each request, once it is parked
	release chan string          // what one of them answers; "panic": it panics
	stop    func()
	served  chan error
}

func start(t *testing.T, change func(*httpserver.Config)) *server {
	t.Helper()
	ln, err := httpserver.Listen(t.Context(), "LISTEN_ADDR", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: ln.Addr().String(), parked: make(chan context.Context, 10), release: make(chan string), served: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("/wait", func(w http.ResponseWriter, r *http.Request) {
		httpserver.Park(w, r, func(ctx context.Context, w http.ResponseWriter) {
			s.parked <- ctx
			select {
			case answer := <-s.release:
				if answer == "panic" {
					panic("as ordered")
				}
				w.Header().Set("X-Answer", answer)
				w.WriteHeader(http.StatusAccepted)
				_, _ = io.WriteString(w, answer)
			case <-ctx.Done():
			}
		})
	})
	mux.HandleFunc("/now", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "now") })
	cfg := httpserver.Config{Listener: ln, Handler: mux, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	ctx, stop := context.WithCancel(t.Context())
	s.stop = stop
	go func() { s.served <- httpserver.Serve(ctx, cfg) }()
	t.Cleanup(func() {
		stop()
		if err := <-s.served; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return s
}

// ended waits for Serve to return, and leaves its error for the end of the test.
func (s *server) ended() {
	err := <-s.served
	s.served <- err
}

// ask does one request, and reports whether an earlier one's connection served it.
func ask(t *testing.T, client *http.Client, url string) (body string, res *http.Response, reused bool) {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err = client.Do(req)
	if err != nil {
		t.Error(err)
		return "", nil, reused
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return string(text), res, reused
}

// TestPark: a parked request is answered as any other, and its connection takes the next one, by TLS too.
func TestPark(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1, ForceAttemptHTTP2: true}}
			defer client.CloseIdleConnections()
			s := start(t, func(cfg *httpserver.Config) {
				if scheme == "http" {
					return
				}
				borrowed := httptest.NewTLSServer(nil)
				defer borrowed.Close()
				cfg.TLS = &tls.Config{Certificates: borrowed.TLS.Certificates}
				trusted := x509.NewCertPool()
				trusted.AddCert(borrowed.Certificate())
				client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: trusted, ServerName: "example.com"}
			})
			base := scheme + "://" + s.addr
			for i, want := range []string{"first", "second"} {
				go func() {
					<-s.parked
					s.release <- want
				}()
				body, res, reused := ask(t, client, base+"/wait")
				if res == nil || body != want || res.StatusCode != http.StatusAccepted || res.Header.Get("X-Answer") != want || res.Header.Get("Date") == "" {
					t.Errorf("answer %q: %+v, want %q", body, res, want)
				}
				if reused != (i > 0) {
					t.Errorf("request %d on a used connection: %t", i, reused)
				}
			}
			if body, _, reused := ask(t, client, base+"/now"); body != "now" || !reused {
				t.Errorf("then %q, on a used connection: %t", body, reused)
			}
		})
	}
}

// TestParkedAtTheEnd: who waits when the server stops is answered, and told that it was the last time.
func TestParkedAtTheEnd(t *testing.T) {
	s := start(t, nil)
	conn := dial(t, s.addr)
	send(t, conn, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
	<-s.parked
	s.stop()
	for { // until it takes no more connections: then it knows that it stops
		other, err := net.Dial("tcp", s.addr)
		if err != nil {
			break
		}
		_ = other.Close()
	}
	s.release <- "bye"
	res := read(t, conn, bufio.NewReader(conn))
	if !res.Close || res.Header.Get("X-Answer") != "bye" {
		t.Errorf("answer %+v", res)
	}
	s.ended()
}

// TestGraceEnds: an answer that does not come is given up, and so is a connection on which nothing is asked.
func TestGraceEnds(t *testing.T) {
	s := start(t, func(cfg *httpserver.Config) { cfg.Grace = time.Millisecond })
	_ = dial(t, s.addr)
	conn := dial(t, s.addr)
	send(t, conn, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
	waiting := <-s.parked
	if waiting.Err() != nil {
		t.Error("given up before the end")
	}
	s.stop()
	s.ended()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a request that was given up gets %v, want the connection's end", err)
	}
}

// TestParkedPanic: it costs its own connection and nothing else.
func TestParkedPanic(t *testing.T) {
	s := start(t, nil)
	conn := dial(t, s.addr)
	send(t, conn, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
	<-s.parked
	s.release <- "panic"
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read %v, want the connection's end", err)
	}
	if status, body := get(t, "http://"+s.addr+"/now"); status != http.StatusOK || body != "now" {
		t.Errorf("then %d %q", status, body)
	}
}

// TestPipelined: a request that was sent behind a parked one is not answered out of turn.
func TestPipelined(t *testing.T) {
	s := start(t, nil)
	conn := dial(t, s.addr)
	send(t, conn, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\n\r\n")
	<-s.parked
	s.release <- "first"
	in := bufio.NewReader(conn)
	if res := read(t, conn, in); res.Header.Get("X-Answer") != "first" || !res.Close {
		t.Errorf("answer %+v, want the first and the last", res)
	}
	if _, err := in.ReadByte(); err == nil {
		t.Error("more comes after the last answer")
	}
}

// TestMaxConns: a connection too many is closed at once, and one that ends makes room, parked or not.
func TestMaxConns(t *testing.T) {
	s := start(t, func(cfg *httpserver.Config) { cfg.MaxConns = 2 })
	waiting, other := dial(t, s.addr), dial(t, s.addr)
	send(t, waiting, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
	<-s.parked
	works := func(conn net.Conn) bool {
		if _, err := io.WriteString(conn, "GET /now HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			return false
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
	if !works(other) {
		t.Error("the second connection does not work")
	}
	if works(dial(t, s.addr)) {
		t.Error("a third connection works")
	}
	s.release <- "done"
	_ = read(t, waiting, bufio.NewReader(waiting))
	if !works(waiting) {
		t.Error("one that was parked works no more")
	}
	if works(dial(t, s.addr)) {
		t.Error("a third connection works, since one was parked")
	}
	_ = waiting.Close()
	for !works(dial(t, s.addr)) { // once the server has seen the end; the test's own bounds it
		time.Sleep(time.Millisecond)
	}
}

// TestParkElsewhere: without a server of ours the request is answered in place.
func TestParkElsewhere(t *testing.T) {
	rec := httptest.NewRecorder()
	httpserver.Park(rec, httptest.NewRequest(http.MethodGet, "/", nil), func(_ context.Context, w http.ResponseWriter) {
		_, _ = io.WriteString(w, "here")
	})
	if rec.Body.String() != "here" {
		t.Errorf("answer %q", rec.Body)
	}
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func send(t *testing.T, conn net.Conn, request string) {
	t.Helper()
	if _, err := io.Copy(conn, strings.NewReader(request)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, conn net.Conn, in *bufio.Reader) *http.Response {
	t.Helper()
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("%s: %v", conn.LocalAddr(), err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res
}
