// Package names answers nginx's questions for the addresses of named upstreams, on this host's loopback
// network. nginx looks names up itself, at a DNS server: it knows neither /etc/hosts, where containers have
// their host and each other, nor search domains. The answers here are those that any other program on this
// host would get, so what works with curl works with nginx.
package names

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/dns/dnsmessage"
)

const (
	port     = 9153
	patience = 4 * time.Second // less than nginx waits before it asks again
	ttl      = 5               // seconds
	// maxAnswers fit a UDP message of 512 bytes, which every client takes.
	maxAnswers  = 12
	maxMessage  = 512
	maxInFlight = 64
)

// Config of a Server.
type Config struct {
	Root       string // of the slave: each has an address of its own, so that many run on one host
	Lookup     func(ctx context.Context, network, host string) ([]netip.Addr, error)
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Server is a name server for A and AAAA.
type Server struct {
	cfg     Config
	conn    net.PacketConn
	answers *prometheus.CounterVec
}

// Listen takes the slave's address, which is the same at each start: it stands in nginx.conf.
func Listen(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Lookup == nil {
		cfg.Lookup = net.DefaultResolver.LookupNetIP
	}
	s := &Server{cfg: cfg, answers: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "uhd_name_lookups_total", Help: "Questions of nginx for names of upstreams, by answer: found, unknown or failed.",
	}, []string{"result"})}
	for _, result := range []string{"found", "unknown", "failed"} {
		s.answers.WithLabelValues(result) // a count that begins at 1 is not seen to rise
	}
	sum := sha256.Sum256([]byte(cfg.Root))
	address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 64 | sum[0]&63, sum[1], sum[2]}), port)
	var err error
	if s.conn, err = new(net.ListenConfig).ListenPacket(ctx, "udp4", address.String()); err != nil {
		return nil, fmt.Errorf("listen for questions about names: %w", err)
	}
	return s, cfg.Registerer.Register(s.answers)
}

// Addr is what nginx's resolver takes.
func (s *Server) Addr() string { return s.conn.LocalAddr().String() }

// Close ends Serve.
func (s *Server) Close() error {
	if err := s.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Serve answers until ctx ends or Close is called.
func (s *Server) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, maxInFlight)
	question := make([]byte, maxMessage)
	for {
		n, from, err := s.conn.ReadFrom(question)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read questions about names: %w", err)
		}
		var query dnsmessage.Message
		if query.Unpack(question[:n]) != nil || query.Response || len(query.Questions) != 1 {
			continue // nothing that nginx sends
		}
		select {
		case places <- struct{}{}:
		default:
			continue // nginx asks again
		}
		running.Go(func() {
			defer func() { <-places }()
			s.answer(ctx, query, from)
		})
	}
}

func (s *Server) answer(ctx context.Context, query dnsmessage.Message, to net.Addr) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	q := query.Questions[0]
	answer := dnsmessage.Message{Questions: query.Questions, Header: dnsmessage.Header{
		ID: query.ID, Response: true, RecursionDesired: query.RecursionDesired, RecursionAvailable: true,
	}}
	host := strings.TrimSuffix(q.Name.String(), ".")
	addresses, err := s.cfg.Lookup(ctx, "ip", host)
	result := "found"
	if failure, ok := errors.AsType[*net.DNSError](err); ok && failure.IsNotFound {
		result, answer.RCode = "unknown", dnsmessage.RCodeNameError
	} else if err != nil {
		result, answer.RCode = "failed", dnsmessage.RCodeServerFailure
		s.cfg.Log.Warn("Name of an upstream not looked up", "name", host, "error", err)
	}
	s.answers.WithLabelValues(result).Inc()
	for _, a := range addresses {
		if len(answer.Answers) == maxAnswers {
			break
		}
		var body dnsmessage.ResourceBody
		switch a = a.Unmap(); {
		case a.Zone() != "":
		case a.Is4() && q.Type == dnsmessage.TypeA:
			body = &dnsmessage.AResource{A: a.As4()}
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			body = &dnsmessage.AAAAResource{AAAA: a.As16()}
		}
		if body != nil {
			answer.Answers = append(answer.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: ttl}, Body: body,
			})
		}
	}
	packed, err := answer.Pack()
	if err != nil {
		s.cfg.Log.Warn("Answer about a name not written", "name", host, "error", err)
		return
	}
	_, _ = s.conn.WriteTo(packed, to) // nginx asks again
}
