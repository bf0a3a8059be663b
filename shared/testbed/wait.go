package testbed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// Ports that FreePort chooses among: below those from which Linux takes the local end of any connection
// (net.ipv4.ip_local_port_range), or a port might be taken between the question and its use.
const firstPort, endPort = 12000, 32768

// FreePort returns a TCP port of the loopback address that nothing listens on now.
func FreePort() (int, error) {
	var errs []error
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprintf(":%d", firstPort+rand.N(endPort-firstPort)))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		return ln.Addr().(*net.TCPAddr).Port, ln.Close()
	}
	return 0, fmt.Errorf("no free port: %w", errors.Join(errs...))
}

// WaitHTTP returns once url answers with the wanted status; certificates are not checked, since the
// testbed signs its own.
func WaitHTTP(ctx context.Context, url string, status int) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
	}}
	var last string
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if res, err := client.Do(req); err != nil {
			last = err.Error()
		} else {
			_ = res.Body.Close()
			if res.StatusCode == status {
				return nil
			}
			last = res.Status
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s never answered %d, last: %s", url, status, last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
