package conductor

import (
	"context"
	"fmt"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// Acks is what became of the canaries' configuration so far.
type Acks struct {
	Applied  int    `json:"applied"`
	Failed   int    `json:"failed"`
	Awaited  int    `json:"awaited"`
	Required int    `json:"required"`
	failure  string // the first one
}

// Acks counts the acks of a rollout's canaries.
func (c *Conductor) Acks(ctx context.Context, r *store.Rollout) (Acks, error) {
	acks := Acks{Required: r.Plan.Required}
	if len(r.Plan.Canaries) == 0 {
		return acks, nil
	}
	distributions, err := c.cfg.Store.SnapshotDistributions(ctx, r.SnapshotID)
	if err != nil {
		return acks, err
	}
	status := map[fleet.Group]store.Distribution{}
	for _, d := range distributions {
		status[d.Group()] = d
	}
	for _, m := range r.Plan.Canaries {
		switch d := status[m.Group]; d.Status {
		case store.DistributionApplied:
			acks.Applied++
		case store.DistributionFailed:
			acks.Failed++
			if acks.failure == "" {
				acks.failure = fmt.Sprintf("%s (%s) cannot apply it, at %s: %s", m.Host, m.ServiceType, d.Stage, d.Error)
			}
		default:
			acks.Awaited++
		}
	}
	return acks, nil
}

// awaitAcks lets the canaries soak once enough of them have applied the configuration, and halts when that is not
// to be expected any more.
func (c *Conductor) awaitAcks(ctx context.Context, r *store.Rollout) error {
	acks, err := c.Acks(ctx, r)
	if err != nil {
		return err
	}
	timeout := time.Duration(r.Order.Canary.AckTimeout)
	switch {
	case acks.Applied >= acks.Required:
		_, err = c.cfg.Store.ChangeRollout(ctx, r.ID, "", func(r *store.Rollout) {
			r.State, r.SoakingSince = rollout.Soaking, new(c.cfg.Now().UTC())
		}, rollout.Canary)
	case acks.Applied+acks.Awaited < acks.Required:
		_, err = c.Halt(ctx, r.ID, acks.failure)
	case c.cfg.Now().Sub(*r.PublishedAt) > timeout:
		_, err = c.Halt(ctx, r.ID, fmt.Sprintf("%d of %d canaries have not answered within %s", acks.Awaited, len(r.Plan.Canaries), timeout))
	}
	return err
}

// soak watches the canaries until their time is over.
func (c *Conductor) soak(ctx context.Context, r *store.Rollout) error {
	now := c.cfg.Now()
	over := !now.Before(r.SoakUntil())
	if !over && now.Sub(c.lastJudged(r.ID)) < min(judgeEvery, time.Duration(r.Order.Canary.Soak)/4) {
		return nil
	}
	rates, err := c.rates(ctx, r, now)
	if err != nil {
		return err
	}
	reason := rollout.Judge(*r.Order.Canary, rates)
	c.setJudged(r.ID, now)
	if _, err := c.cfg.Store.ChangeRollout(ctx, r.ID, "", func(r *store.Rollout) { r.Rates = rates }, rollout.Soaking); err != nil {
		return err
	}
	if reason == "" && over {
		if reason, err = c.gone(ctx, r, now); err != nil {
			return err
		}
	}
	switch {
	case reason != "":
		_, err = c.Halt(ctx, r.ID, reason)
	case over:
		if _, err = c.Promote(ctx, r.ID); publish.Refused(err) {
			_, err = c.Halt(ctx, r.ID, "the others cannot have it: "+err.Error())
		}
	}
	return err
}

// gone names a canary that had applied the configuration and has not been heard of since.
func (c *Conductor) gone(ctx context.Context, r *store.Rollout, now time.Time) (string, error) {
	agents, err := c.cfg.Store.Agents(ctx)
	if err != nil {
		return "", err
	}
	for _, a := range agents {
		for _, m := range r.Plan.Canaries {
			if m.Host == a.Host && m.ServiceType == a.ServiceType && a.AppliedSnapshotID == r.SnapshotID && now.Sub(a.LastSeen) > publish.OnlineFor {
				return fmt.Sprintf("%s (%s) has not been heard of since %s", a.Host, a.ServiceType, a.LastSeen.UTC().Format(time.RFC3339)), nil
			}
		}
	}
	return "", nil
}

func (c *Conductor) lastJudged(id int64) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.judged[id]
}

func (c *Conductor) setJudged(id int64, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.judged) // few run at once; one that is forgotten is judged a moment early
	c.judged[id] = at
}
