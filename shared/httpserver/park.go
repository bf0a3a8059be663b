package httpserver

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// writeTimeout bounds the sending of a parked request's answer, which fits into a socket's buffer.
const writeTimeout = 10 * time.Second

// Park answers a request when answer does, which may take its time: it waits for what it waits for, and
// then writes as a handler does. The handler that calls Park writes nothing.
//
// For a request that is being handled, net/http holds two goroutines and its buffers, some 30 KB. Thousands of
// slaves wait at any time, so Park takes the connection away from it, keeps nothing but the connection
// and one small goroutine, about 5 KB, and gives it back for the next request. For that, answer must hold on to
// neither w nor r. Its ctx ends when the server stops waiting for running requests, and then it may leave the
// answer out; that the client has left shows when the answer is sent.
//
// What cannot be parked (HTTP/2, a server of another make) is answered before Park returns.
func Park(w http.ResponseWriter, r *http.Request, answer func(ctx context.Context, w http.ResponseWriter)) {
	l, ok := r.Context().Value(lotKey{}).(*lot)
	if !ok || !r.ProtoAtLeast(1, 1) || r.Close || r.ContentLength != 0 {
		answer(r.Context(), w)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		answer(r.Context(), w)
		return
	}
	// A client that has sent its next request already would lose it: it may send it again.
	last := buffered.Reader.Buffered() > 0
	l.parked.Go(func() { l.hold(conn, last, answer) })
}

// lotKey is where the context of a request has the lot of its server.
type lotKey struct{}

// lot is where one server's connections are parked.
type lot struct {
	ctx    context.Context // of answers
	log    *slog.Logger
	parked sync.WaitGroup

	back     chan net.Conn // for their next request
	stopping chan struct{} // closed when there is none
}

// hold waits for the answer of one connection, sends it, and gives the connection back.
func (l *lot) hold(conn net.Conn, last bool, answer func(context.Context, http.ResponseWriter)) {
	res := answered{header: http.Header{}}
	defer func() {
		if cause := recover(); cause != nil {
			l.log.Error("Parked request panicked", "cause", cause, "stack", string(debug.Stack()))
			_ = conn.Close()
		}
	}()
	answer(l.ctx, &res)
	select {
	case <-l.stopping:
		last = true
	default:
	}
	if res.status == 0 || res.send(conn, last) != nil || last { // given up, gone, or the last one
		_ = conn.Close()
		return
	}
	select {
	case l.back <- conn:
	case <-l.stopping:
		_ = conn.Close()
	}
}

// answered is an answer in memory.
type answered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answered) Header() http.Header { return a.header }

func (a *answered) WriteHeader(status int) { a.status = cmp.Or(a.status, status) }

func (a *answered) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// send writes the answer in one piece.
func (a *answered) send(conn net.Conn, last bool) error {
	a.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	res := http.Response{
		StatusCode: a.status, ProtoMajor: 1, ProtoMinor: 1, Header: a.header,
		ContentLength: int64(a.body.Len()), Body: io.NopCloser(&a.body), Close: last,
	}
	var message bytes.Buffer
	if err := res.Write(&message); err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := conn.Write(message.Bytes()); err != nil {
		return err
	}
	return conn.SetWriteDeadline(time.Time{})
}
