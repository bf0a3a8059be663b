package testbed

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
)

// MasterConfig of one master.
type MasterConfig struct {
	Bin         string // path of uhd-master
	Dir         string // where its database goes
	Port        int    // of the admin and slave API
	MetricsPort int
	Username    string // of the first admin
	Password    string
	Env         []string  // more variables
	Echo        io.Writer // see Start
}

// Master is a running master with a signed-in admin.
type Master struct {
	*Process
	MasterConfig
	URL   string
	Admin *Admin
}

// StartMaster starts a master on the loopback address and signs its admin in.
func StartMaster(ctx context.Context, cfg MasterConfig) (*Master, error) {
	environ := append([]string{
		fmt.Sprintf("LISTEN_ADDR=127.0.0.1:%d", cfg.Port),
		fmt.Sprintf("METRICS_ADDR=127.0.0.1:%d", cfg.MetricsPort),
		"DATABASE_URL=sqlite://" + filepath.Join(cfg.Dir, "master.db"),
		"ADMIN_USERNAME=" + cfg.Username,
		"ADMIN_PASSWORD=" + cfg.Password,
		"STARTING_SET=false", // tests say themselves which players there are
	}, cfg.Env...)
	p, err := Start("master", cfg.Bin, environ, cfg.Echo)
	if err != nil {
		return nil, err
	}
	m := &Master{Process: p, MasterConfig: cfg, URL: fmt.Sprintf("http://127.0.0.1:%d", cfg.Port)}
	if err := p.waitHTTP(ctx, m.URL+"/readyz", http.StatusOK); err != nil {
		return nil, err
	}
	m.Admin, err = Login(ctx, m.URL, cfg.Username, cfg.Password)
	return m, err
}

// waitHTTP is WaitHTTP, but ends with what the process printed when that ends first.
func (p *Process) waitHTTP(ctx context.Context, url string, status int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.Done():
			cancel(fmt.Errorf("%s ended with exit code %d: %s", p.Name, p.ExitCode(), p.Log))
		case <-ctx.Done():
		}
	}()
	if err := WaitHTTP(ctx, url, status); err != nil {
		return fmt.Errorf("%w: %w", err, context.Cause(ctx))
	}
	return nil
}
