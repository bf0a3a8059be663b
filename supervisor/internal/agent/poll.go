package agent

import (
	"context"
	"errors"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// errWoken ends a waiting poll because something else was asked for.
var errWoken = errors.New("woken")

// recall starts from what was dealt with before this process: the release that serves, or the
// configuration that failed.
func (a *Agent) recall() {
	a.seen = versionOf(a.running.Identity, a.running.Hash)
	if q := a.cfg.Releases.Quarantined(); q != nil {
		a.seen = versionOf(q.Identity, q.Hash)
	}
	if a.running.IsPlaceholder() && a.cfg.Releases.Quarantined() == nil {
		a.seen = api.Version{}
	}
}

// turn polls once, does what the answer asks for, and returns how long to wait before the next turn.
func (a *Agent) turn(ctx context.Context) time.Duration {
	forced := a.pullNow.Swap(false)
	asked := time.Now()
	hold := a.pace.Hold()
	if forced {
		hold = 0
	}
	want, err := a.poll(ctx, hold)
	switch {
	case ctx.Err() != nil:
		return 0
	case errors.Is(err, errWoken):
		if forced {
			a.pullNow.Store(true)
		}
		return 0
	case err != nil:
		return a.pollFailed(ctx, err)
	}
	a.pollSucceeded(ctx, want)
	a.metrics.wantedVersion.Set(float64(want.Version))
	limited, limitsErr := a.takeLimits(ctx, want.LimitsRevision)
	if limited {
		a.pushLimits(ctx) // before what takes longer
	}
	acted, err := a.settle(ctx, want, forced)
	if err := errors.Join(limitsErr, err); err != nil && ctx.Err() == nil {
		return a.pollFailed(ctx, err)
	}
	if acted || limited {
		return 0
	}
	return a.pace.Next(hold, time.Since(asked))
}

// poll asks the master what should run; errWoken when something else is to be done first.
func (a *Agent) poll(ctx context.Context, hold time.Duration) (api.Version, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	answered := make(chan struct{})
	defer close(answered)
	go func() { // ends with this function
		select {
		case <-a.wake:
			cancel(errWoken)
		case <-answered:
		}
	}()
	v, err := a.cfg.Master.Version(ctx, masterclient.VersionQuery{
		Current: a.seen.Version, Hash: a.seen.ConfigHash, Limits: a.limitsRevision(), Wait: hold,
	})
	if err != nil && errors.Is(context.Cause(ctx), errWoken) {
		return v, errWoken
	}
	return v, err
}

// pollFailed logs, and returns how long to leave the master alone.
func (a *Agent) pollFailed(ctx context.Context, err error) time.Duration {
	pause := a.pace.Failed(err)
	a.metrics.pollErrors.Inc()
	a.board.pollFailed(err, a.pace.Failures())
	a.sayPollFailed(err, "failures", a.pace.Failures(), "retry_in", pause.Round(time.Millisecond))
	a.retryProven(ctx)
	return pause
}

func (a *Agent) pollSucceeded(ctx context.Context, answer api.Version) {
	if failures := a.pace.Failures(); failures > 0 {
		a.log.Info("Master answers again", "after_failures", failures)
	}
	a.pace.Answered(answer)
	a.board.pollSucceeded()
	a.sendAcks(ctx)
}

// settle brings the slave to want, and reports whether there was anything to do.
func (a *Agent) settle(ctx context.Context, want api.Version, forced bool) (acted bool, err error) {
	if want.Version == 0 {
		a.seen = want
		a.log.Debug("Master has published nothing for this slave yet")
		return false, nil
	}
	if a.serves(want) {
		a.seen = want
		return a.adopt(ctx, want), nil
	}
	q := a.cfg.Releases.Quarantined()
	if q.Is(identityOf(want), want.ConfigHash) {
		if q.Holds(time.Now()) && !forced {
			a.seen = want
			return false, nil
		}
	} else if err := a.cfg.Releases.Lift(); err != nil {
		a.log.Error("Quarantine not lifted on disk", "error", err)
	}
	a.sayUpdateAvailable(want)
	return true, a.apply(ctx, want)
}

// serves reports whether want is what nginx serves. Masters that know no hashes are taken at their
// version: whether it is another one, not whether it is higher, for they may have been restored from a
// backup.
func (a *Agent) serves(want api.Version) bool {
	if want.ConfigHash != "" {
		return want.ConfigHash == a.running.Hash
	}
	return !a.running.IsPlaceholder() && want.Version == a.running.Version && want.SnapshotID == a.running.SnapshotID
}

// adopt records that what serves was published again, and acks it.
func (a *Agent) adopt(ctx context.Context, want api.Version) bool {
	id := identityOf(want)
	if a.running.Identity == id && a.acked == want.SnapshotID {
		return false
	}
	if a.running.Identity != id {
		a.log.Info("Config published again without a change of content", "version", want.Version, "snapshot_id", want.SnapshotID)
		published := *a.running
		published.Identity = id
		a.prove(&published)
	}
	if err := a.cfg.Releases.Lift(); err != nil {
		a.log.Error("Quarantine not lifted on disk", "error", err)
	}
	ack := api.Ack{
		SnapshotID: api.Int(id.SnapshotID), Status: api.AckApplied, Version: api.Int(id.Version), ConfigHash: a.running.Hash,
	}
	a.board.applied(ack)
	a.acknowledge(ctx, ack)
	return true
}

func identityOf(v api.Version) release.Identity {
	return release.Identity{Version: v.Version, SnapshotID: v.SnapshotID, Epoch: v.Epoch}
}

func versionOf(id release.Identity, hash string) api.Version {
	return api.Version{Version: id.Version, SnapshotID: id.SnapshotID, Epoch: id.Epoch, ConfigHash: hash}
}
