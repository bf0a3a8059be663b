package agent

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// waitForChange is how long a master that can is asked to hold a poll until there is something new.
const waitForChange = 25 * time.Second

// slowestRetry bounds the backoff of polls: a master that is back is noticed within it.
const slowestRetry = time.Minute

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
	wait := a.wait(forced)
	want, err := a.poll(ctx, wait)
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
	a.pollSucceeded(ctx)
	a.metrics.wantedVersion.Set(float64(want.Version))
	a.waits = want.ConfigHash != "" || want.Epoch != 0 // older masters know neither
	limited, limitsErr := a.takeLimits(ctx, want.LimitsRevision)
	if limited {
		a.pushLimits(ctx) // before what takes longer
	}
	acted, err := a.settle(ctx, want, forced)
	if err := errors.Join(limitsErr, err); err != nil && ctx.Err() == nil {
		return a.pollFailed(ctx, err)
	}
	switch {
	case acted, limited, wait == 0 && a.wait(false) > 0, time.Since(asked) > wait/2 && wait > 0:
		return 0
	}
	return a.interval() // the master does not wait, whether it says so or not
}

// wait is how long the master may hold the poll: not at all before it has shown that it knows how.
func (a *Agent) wait(forced bool) time.Duration {
	if forced || !a.waits {
		return 0
	}
	return waitForChange
}

// poll asks the master what should run; errWoken when something else is to be done first.
func (a *Agent) poll(ctx context.Context, wait time.Duration) (api.Version, error) {
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
		Current: a.seen.Version, Hash: a.seen.ConfigHash, Limits: a.limitsRevision(), Wait: wait,
	})
	if err != nil && errors.Is(context.Cause(ctx), errWoken) {
		return v, errWoken
	}
	return v, err
}

// pollFailed logs, and returns how long to leave the master alone.
func (a *Agent) pollFailed(ctx context.Context, err error) time.Duration {
	pause := masterclient.Backoff(a.failures, max(slowestRetry, a.cfg.PullInterval), err)
	a.failures++
	a.waits = false // another master may answer next
	a.metrics.pollErrors.Inc()
	a.board.pollFailed(err, a.failures)
	a.sayPollFailed(err, "failures", a.failures, "retry_in", pause.Round(time.Millisecond))
	a.retryProven(ctx)
	return pause
}

func (a *Agent) pollSucceeded(ctx context.Context) {
	if a.failures > 0 {
		a.log.Info("Master answers again", "after_failures", a.failures)
	}
	a.failures = 0
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

// interval returns the time to the next poll: the pull interval ±10 %, moved by this slave's own phase
// the first time, so that a fleet that was started together spreads out.
func (a *Agent) interval() time.Duration {
	d := float64(a.cfg.PullInterval)
	if a.board.polls() == 1 {
		d *= phase(a.cfg.Token)
	}
	return time.Duration(d * (0.9 + 0.2*rand.Float64()))
}

// phase places a token in (0, 1].
func phase(token string) float64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(token))
	return float64(h.Sum32()%1000+1) / 1000
}

func identityOf(v api.Version) release.Identity {
	return release.Identity{Version: v.Version, SnapshotID: v.SnapshotID, Epoch: v.Epoch}
}

func versionOf(id release.Identity, hash string) api.Version {
	return api.Version{Version: id.Version, SnapshotID: id.SnapshotID, Epoch: id.Epoch, ConfigHash: hash}
}
