package testbed

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"
)

// FreePort returns a TCP port of the loopback address that nothing listens on now.
func FreePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).Port, nil
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
