package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// slave is a connection that speaks to the master as a supervisor does, in as little memory and processor
// time as ten thousand of them may take beside what is measured.
type slave struct {
	addr  string
	from  net.IP // this end's address
	token string

	conn net.Conn
	in   *bufio.Reader
	seen api.Version
}

// sources are how many loopback addresses slaves come from: one has 28,000 ports for one destination, and
// a connection that ended keeps its port for a minute.
const sources = 16

func newSlave(number int, addr, token string) *slave {
	return &slave{addr: addr, from: net.IPv4(127, 0, 1, byte(1+number%sources)), token: token}
}

func (s *slave) dial(ctx context.Context) error {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: s.from}, KeepAliveConfig: net.KeepAliveConfig{Enable: false}}
	conn, err := dialer.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return err
	}
	s.conn, s.in = conn, bufio.NewReaderSize(conn, 1024)
	return nil
}

func (s *slave) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// check asks for the version, waiting at most wait for another one than was seen.
func (s *slave) check(wait time.Duration) (api.Version, error) {
	path := fmt.Sprintf("/config/version?current=%d&hash=%s&limits=%s", s.seen.Version, s.seen.ConfigHash, s.seen.LimitsRevision)
	if wait > 0 {
		path += fmt.Sprintf("&wait=%d", int(wait.Seconds()))
	}
	var v api.Version
	err := s.get(path, func(body io.Reader) error { return json.NewDecoder(body).Decode(&v) })
	return v, err
}

// fetch gets the configuration and returns how many bytes came.
func (s *slave) fetch() (size int64, err error) {
	err = s.get("/config", func(body io.Reader) (err error) {
		size, err = io.Copy(io.Discard, body)
		return err
	})
	return size, err
}

// statusError is an answer other than 200.
type statusError struct {
	status     int
	retryAfter string
}

func (e *statusError) Error() string { return fmt.Sprintf("answered %d", e.status) }

func (s *slave) get(path string, read func(io.Reader) error) error {
	_, err := io.WriteString(s.conn, "GET "+api.PathMediaSlave+path+" HTTP/1.1\r\nHost: master\r\nUser-Agent: uhd-supervisor/bench\r\n"+
		"Accept: application/json\r\nAuthorization: Bearer "+s.token+"\r\nAccept-Encoding: gzip\r\n\r\n")
	if err != nil {
		return err
	}
	res, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, res.Body)
		return &statusError{res.StatusCode, res.Header.Get("Retry-After")}
	}
	return read(res.Body)
}
