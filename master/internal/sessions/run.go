package sessions

import (
	"context"
	"time"
)

// cleanEvery is how often sessions that are over are forgotten. They do not count in any case.
const cleanEvery = 10 * time.Second

// Run forgets sessions that are over, until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	tick := time.NewTicker(cleanEvery)
	defer tick.Stop()
	for {
		if err := d.clean(ctx); err != nil && ctx.Err() == nil {
			d.metrics.failures.Inc()
			d.cfg.Log.Warn("Sessions that are over not forgotten", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (d *Desk) clean(ctx context.Context) error {
	now := d.now()
	_, err := d.cfg.Store.Alone(ctx, "session cleanup", func(ctx context.Context) error {
		silent, err := d.cfg.Store.ForgetSessions(ctx, now)
		d.metrics.ends.WithLabelValues(endSilent).Add(float64(silent))
		return err
	})
	if err != nil {
		return err
	}
	live, err := d.cfg.Store.CountSessions(ctx, now)
	if err == nil {
		d.metrics.live.Set(float64(live))
	}
	return err
}
