package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// Status is what /status shows.
type Status struct {
	Status      string              `json:"status"` // ready, degraded or starting
	Reason      string              `json:"reason,omitempty"`
	Version     string              `json:"version"` // of this program
	Release     ReleaseStatus       `json:"release"`
	Proven      []release.Proven    `json:"proven"`
	Poll        PollStatus          `json:"poll"`
	LastApply   *ApplyStatus        `json:"last_apply"`
	Quarantine  *release.Quarantine `json:"quarantine"`
	PendingAcks int                 `json:"pending_acks"`
	Nginx       nginx.State         `json:"nginx"`
	OldWorkers  int                 `json:"old_workers"`
	Failures    []Failure           `json:"failures"` // oldest first
}

// ReleaseStatus is the release that serves.
type ReleaseStatus struct {
	release.Identity
	Hash        string          `json:"hash"`
	ServiceType api.ServiceType `json:"service_type,omitempty"`
}

// The values of Status.Status.
const (
	Ready    = "ready"
	Degraded = "degraded" // it serves, but not what the master wants, or not for certain
	Starting = "starting" // nothing to serve yet
)

// Why a slave is not ready.
var (
	errStarting  = errors.New("nginx is being started")
	errNoRelease = errors.New("no release yet: nginx answers 503")
)

// Status returns the agent's state; it asks nginx for its own.
func (a *Agent) Status(ctx context.Context) Status {
	state, nginxErr := a.cfg.Nginx.State(ctx)
	old, _ := a.cfg.Nginx.OldWorkers() // for show only; the agent logs it where it counts
	s := Status{
		Version: a.cfg.Version, Proven: a.cfg.Releases.Proven(), Quarantine: a.cfg.Releases.Quarantined(),
		PendingAcks: len(a.cfg.Releases.PendingAcks()), Nginx: state, OldWorkers: len(old),
	}
	a.board.mu.Lock()
	defer a.board.mu.Unlock()
	b := &a.board
	if b.release != nil {
		s.Release = ReleaseStatus{b.release.Identity, b.release.Hash, b.release.ServiceType}
	}
	s.Poll, s.LastApply, s.Failures = b.poll, b.last, slices.Clone(b.failures)
	s.Status, s.Reason = Ready, ""
	switch {
	case !b.started:
		s.Status, s.Reason = Starting, errStarting.Error()
	case nginxErr != nil:
		s.Status, s.Reason = Degraded, nginxErr.Error()
	case b.release == nil || b.release.IsPlaceholder():
		s.Status, s.Reason = Starting, errNoRelease.Error()
	case b.stuck != "":
		s.Status, s.Reason = Degraded, b.stuck
	case b.last != nil && b.last.Status == api.AckFailed:
		s.Status, s.Reason = Degraded, fmt.Sprintf("version %d failed at %s", b.last.Version, b.last.Stage)
	}
	return s
}

// Ready returns why this slave cannot serve players, or nil: nginx answers and has a release. One that
// failed does not count as long as another one serves.
func (a *Agent) Ready(ctx context.Context) error {
	if _, err := a.cfg.Nginx.State(ctx); err != nil {
		return err
	}
	a.board.mu.Lock()
	defer a.board.mu.Unlock()
	switch {
	case !a.board.started:
		return errStarting
	case a.board.release == nil || a.board.release.IsPlaceholder():
		return errNoRelease
	}
	return nil
}
