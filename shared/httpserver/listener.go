package httpserver

import (
	"net"
	"sync"
	"sync/atomic"
)

// listener accepts new connections, and those that come back from the lot.
type listener struct {
	net.Listener
	lot       *lot
	fresh     chan accepted
	accepting sync.WaitGroup
	closed    chan struct{}
	close     func() error
}

type accepted struct {
	conn net.Conn
	err  error
}

func newListener(ln net.Listener, l *lot) *listener {
	both := &listener{Listener: ln, lot: l, fresh: make(chan accepted), closed: make(chan struct{})}
	both.close = sync.OnceValue(func() error {
		close(both.closed)
		return ln.Close()
	})
	both.accepting.Go(both.accept)
	return both
}

// accept hands new connections to Accept until the listener is closed.
func (ln *listener) accept() {
	for {
		var a accepted
		a.conn, a.err = ln.Listener.Accept()
		select {
		case ln.fresh <- a:
		case <-ln.closed:
			if a.err == nil {
				_ = a.conn.Close()
			}
			return
		}
	}
}

// Accept implements net.Listener.
func (ln *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-ln.lot.back:
		return conn, nil
	case a := <-ln.fresh:
		return a.conn, a.err
	case <-ln.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (ln *listener) Close() error { return ln.close() }

// counting bounds how many connections are open. One more is closed at once: its client sees that and comes
// again later, where one that waited to be accepted would see nothing.
type counting struct {
	net.Listener
	most    int64 // 0: any number
	metrics *Metrics
	open    atomic.Int64
}

// Accept implements net.Listener.
func (c *counting) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		open := c.open.Add(1)
		if c.most > 0 && open > c.most {
			c.open.Add(-1)
			c.metrics.refused.Inc()
			_ = conn.Close()
			continue
		}
		c.metrics.open.Inc()
		return &counted{Conn: conn, in: c}, nil
	}
}

// counted is a connection that says when it is closed.
type counted struct {
	net.Conn
	in   *counting
	once sync.Once
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.once.Do(func() {
		c.in.open.Add(-1)
		c.in.metrics.open.Dec()
	})
	return c.Conn.Close()
}
