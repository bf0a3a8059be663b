package privacy

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// Policy is what holds now. Its methods may be called from any goroutine.
type Policy struct {
	read func(context.Context) (Addresses, error)
	log  *slog.Logger
	now  atomic.Pointer[Addresses]
}

// refreshEvery is how soon a change made through another replica of the master holds here.
const refreshEvery = 10 * time.Second

// LoadPolicy reads the policy for the first time: until it is known nothing may be stored.
func LoadPolicy(ctx context.Context, read func(context.Context) (Addresses, error), log *slog.Logger) (*Policy, error) {
	p := &Policy{read: read, log: log}
	return p, p.refresh(ctx)
}

// Address returns what is to be stored of an address.
func (p *Policy) Address(ip string) string { return p.now.Load().Keep(ip) }

// Changed reads the policy anew: its setting was written.
func (p *Policy) Changed() {
	if err := p.refresh(context.Background()); err != nil {
		p.log.Error("Privacy settings not read; the last ones hold", "error", err)
	}
}

// Run keeps the policy current until ctx ends.
func (p *Policy) Run(ctx context.Context) error {
	ticks := time.NewTicker(refreshEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
			if err := p.refresh(ctx); err != nil && ctx.Err() == nil {
				p.log.Warn("Privacy settings not read; the last ones hold", "error", err)
			}
		}
	}
}

func (p *Policy) refresh(ctx context.Context) error {
	addresses, err := p.read(ctx)
	if err == nil {
		p.now.Store(&addresses)
	}
	return err
}
