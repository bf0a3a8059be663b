package testbed

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
)

// SlaveConfig of one slave.
type SlaveConfig struct {
	Bin             string // path of uhd-supervisor
	Root            string // SLAVE_ROOT
	MasterURL       string
	Token           string
	MetricsPort     int
	PlaceholderPort int       // where the placeholder answers until the first release
	Env             []string  // more variables
	Echo            io.Writer // see Start
}

// Slave is a running supervisor with its nginx.
type Slave struct {
	*Process
	Root string
	URL  string // of /metrics, /readyz and /status
}

// StartSlave starts a supervisor; it may not be ready yet.
func StartSlave(cfg SlaveConfig) (*Slave, error) {
	environ := append([]string{
		"APP_TOKEN=" + cfg.Token,
		"API_BASE=" + cfg.MasterURL,
		"SLAVE_ROOT=" + cfg.Root,
		fmt.Sprintf("METRICS_ADDR=127.0.0.1:%d", cfg.MetricsPort),
		fmt.Sprintf("PLACEHOLDER_LISTEN=%d", cfg.PlaceholderPort),
	}, cfg.Env...)
	p, err := Start("slave", cfg.Bin, environ, cfg.Echo)
	if err != nil {
		return nil, err
	}
	return &Slave{Process: p, Root: cfg.Root, URL: fmt.Sprintf("http://127.0.0.1:%d", cfg.MetricsPort)}, nil
}

// WaitReady returns once the slave serves a release.
func (s *Slave) WaitReady(ctx context.Context) error {
	return s.waitHTTP(ctx, s.URL+"/readyz", http.StatusOK)
}

// Release returns the hash of the release that conf points to.
func (s *Slave) Release() (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Join(s.Root, "conf"))
	return filepath.Base(dir), err
}
