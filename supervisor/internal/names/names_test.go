package names_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/supervisor/internal/names"
)

// TestAnswers: what the host knows of a name, nginx learns, as soon as the host does.
func TestAnswers(t *testing.T) {
	var known atomic.Bool
	s, err := names.Listen(t.Context(), names.Config{
		Root: t.TempDir(), Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		Lookup: func(_ context.Context, _, host string) ([]netip.Addr, error) {
			switch {
			case host == "broken":
				return nil, errors.New("no name server answers")
			case host != "emby" || !known.Load():
				return nil, &net.DNSError{Name: host, IsNotFound: true}
			}
			many := []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fe80::1%eth0")}
			return append(many, slices.Repeat(many[:2], 20)...), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(context.WithoutCancel(t.Context())) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-ended); err != nil {
			t.Error(err)
		}
	})
	client := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.Addr())
	}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	want := func(name string, temporary bool) {
		t.Helper()
		_, err := client.LookupNetIP(ctx, "ip", name)
		if failure, ok := errors.AsType[*net.DNSError](err); !ok || failure.IsNotFound == temporary {
			t.Errorf("%s: %v", name, err)
		}
	}
	want("emby.", false)
	want("broken.", true)
	known.Store(true)
	found, err := client.LookupNetIP(ctx, "ip4", "emby.")
	if err != nil || found[0].Unmap().String() != "192.0.2.1" || len(found) > 12 {
		t.Errorf("%v, %v", found, err)
	}
	found, err = client.LookupNetIP(ctx, "ip6", "emby.")
	if err != nil || found[0].String() != "2001:db8::1" {
		t.Errorf("%v, %v", found, err)
	}
}

// TestAddresses: slaves on one host have addresses of their own, the same at each start.
func TestAddresses(t *testing.T) {
	listen := func(root string) *names.Server {
		s, err := names.Listen(t.Context(), names.Config{Root: root, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	one, two := t.TempDir(), t.TempDir()
	first, other := listen(one), listen(two)
	if first.Addr() == other.Addr() {
		t.Errorf("both have %s", first.Addr())
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if again := listen(one); again.Addr() != first.Addr() {
		t.Errorf("%s is %s now", first.Addr(), again.Addr())
	}
}
