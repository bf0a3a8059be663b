package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// checkers are the connections that check at a time.
const checkers = 16

// measureChecks lets slaves check their version as fast as they can, at a master that has one processor. Its
// processor time per check says how many it answers in a second, whatever else the machine does.
func (b *bed) measureChecks(ctx context.Context, bars *bars) error {
	if err := b.restart(ctx, "GOMAXPROCS=1"); err != nil {
		return err
	}
	var left atomic.Int64
	left.Store(int64(b.checks))
	var slaves []*slave
	for i := range checkers {
		s := newSlave(i, b.addr(), b.tokens[i%len(b.tokens)])
		if err := s.dial(ctx); err != nil {
			return err
		}
		defer s.close()
		var err error
		if s.seen, err = s.check(0); err != nil {
			return err
		}
		slaves = append(slaves, s)
	}
	before, err := b.master.CPU()
	if err != nil {
		return err
	}
	began := time.Now()
	var group errgroup.Group
	for _, s := range slaves {
		group.Go(func() error {
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				if _, err := s.check(0); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := b.master.CPU()
	if err != nil {
		return err
	}
	each := (after - before) / time.Duration(b.checks)
	fmt.Printf("%d version checks over %d connections, one processor: %.0f/s, %.1f µs of the master's processor time each\n",
		b.checks, checkers, float64(b.checks)/took.Seconds(), float64(each.Nanoseconds())/1000)
	bars.atMost("version check, processor time, µs (66 are 15,000/s)", float64(each.Nanoseconds())/1000, 66)
	return nil
}
