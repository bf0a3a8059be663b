package adminapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/conductor"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// SnapshotView is a snapshot and how far it is.
type SnapshotView struct {
	store.Snapshot
	Rollout *RolloutView `json:"rollout" doc:"null: it went to all hosts at once"`
}

// RolloutView is a rollout with what changes all the time.
type RolloutView struct {
	store.Rollout
	Acks      conductor.Acks `json:"acks" doc:"of the canaries"`
	SoakUntil *time.Time     `json:"soak_until" doc:"when the others get what the canaries have; null: the canaries do not soak"`
}

func (s *server) rolloutView(ctx context.Context, r *store.Rollout) (*RolloutView, error) {
	acks, err := s.Conductor.Acks(ctx, r)
	if err != nil {
		return nil, err
	}
	view := &RolloutView{Rollout: *r, Acks: acks}
	if until := r.SoakUntil(); !until.IsZero() {
		view.SoakUntil = &until
	}
	return view, nil
}

type rolloutOutput struct{ Body *RolloutView }

type haltInput struct {
	ID   int64 `path:"id" minimum:"1"`
	Body struct {
		Reason string `json:"reason" maxLength:"1000" doc:"why, for people"`
	}
}

func (s *server) registerRollouts() {
	register(s, listOf("rollouts", store.RolloutFilters), account.Viewer, func(ctx context.Context, in *ListInput) (*pageOutput[store.Rollout], error) {
		page, err := s.Store.Rollouts(ctx, in.query())
		return &pageOutput[store.Rollout]{page}, err
	})
	register(s, tagged(huma.Operation{
		OperationID: "get-rollout", Summary: "Get one rollout, and how far it is", Method: http.MethodGet, Path: "rollouts/{id}",
	}, "rollouts"), account.Viewer, func(ctx context.Context, in *idInput) (*rolloutOutput, error) {
		row, err := s.Store.Rollout(ctx, in.ID)
		return s.rolloutOutput(ctx, row, err)
	})
	register(s, tagged(huma.Operation{
		OperationID: "cancel-rollout", Summary: "Take a scheduled publish back", Method: http.MethodPost, Path: "rollouts/{id}/cancel",
	}, "rollouts"), account.Operator, func(ctx context.Context, in *idInput) (*rolloutOutput, error) {
		row, err := s.Conductor.Cancel(ctx, in.ID)
		return s.rolloutOutput(ctx, row, err)
	})
	register(s, tagged(huma.Operation{
		OperationID: "promote-snapshot", Summary: "Give the others what the canaries have, now", Method: http.MethodPost, Path: "snapshots/{id}/promote",
	}, "snapshots"), account.Operator, func(ctx context.Context, in *idInput) (*rolloutOutput, error) {
		row, err := s.rolloutOf(ctx, in.ID)
		if err == nil {
			row, err = s.Conductor.Promote(ctx, row.ID)
		}
		return s.rolloutOutput(ctx, row, err)
	})
	register(s, tagged(huma.Operation{
		OperationID: "halt-snapshot", Summary: "Give the canaries back what they had", Method: http.MethodPost, Path: "snapshots/{id}/halt",
	}, "snapshots"), account.Operator, func(ctx context.Context, in *haltInput) (*rolloutOutput, error) {
		row, err := s.rolloutOf(ctx, in.ID)
		if err == nil {
			reason := fmt.Sprintf("halted by %s: %s", principalOf(ctx).Name, cmp.Or(in.Body.Reason, "no reason given"))
			row, err = s.Conductor.Halt(ctx, row.ID, reason)
		}
		return s.rolloutOutput(ctx, row, err)
	})
}

// rolloutOf returns the rollout of a snapshot, or why there is none.
func (s *server) rolloutOf(ctx context.Context, snapshotID int64) (*store.Rollout, error) {
	row, err := s.Store.RolloutOf(ctx, snapshotID)
	if !errors.Is(err, store.ErrNotFound) {
		return row, err
	}
	if _, err := s.Store.Snapshot(ctx, snapshotID); err != nil {
		return nil, err
	}
	return nil, huma.Error409Conflict(fmt.Sprintf("snapshot %d went to all hosts at once: publish another, or roll back to one before it", snapshotID))
}

func (s *server) rolloutOutput(ctx context.Context, row *store.Rollout, err error) (*rolloutOutput, error) {
	if err != nil {
		return nil, err
	}
	view, err := s.rolloutView(ctx, row)
	return &rolloutOutput{view}, err
}

// publishProblem is the problem of a publish that is refused; nil: err is another.
func publishProblem(err error) huma.StatusError {
	if refused, ok := errors.AsType[*publish.PreflightError](err); ok {
		details := make([]error, len(refused.Failed))
		for i, f := range refused.Failed {
			details[i] = refusedBy(f)
		}
		return huma.Error422UnprocessableEntity(err.Error(), details...)
	}
	if stale, ok := errors.AsType[*publish.StaleError](err); ok {
		return newStale(map[string]string{"hash": stale.Current}, strconv.Quote(stale.Current))
	}
	if _, busy := errors.AsType[*publish.BusyError](err); busy {
		return huma.Error409Conflict(err.Error())
	}
	if _, over := errors.AsType[*store.StateError](err); over {
		return huma.Error409Conflict(err.Error())
	}
	return nil
}

// refusedBy says what nginx refuses, and where to mend it.
func refusedBy(f publish.Preflight) *huma.ErrorDetail {
	return &huma.ErrorDetail{Location: placeOf(f), Message: fmt.Sprintf("%s (%s): %s", f.Host, f.ServiceType, f.Verdict)}
}

// placeOf is where to change what a preflight refuses, as a path of the admin API and a field; in a draft, the place in its
// body.
func placeOf(f publish.Preflight) string {
	if f.Origin == nil || f.Origin.Resource == "" {
		return "preflight"
	}
	place := f.Origin.Resource
	if strings.HasPrefix(place, "document.") {
		place = "body." + place
	} else if f.Origin.ID != 0 {
		place += "/" + strconv.FormatInt(f.Origin.ID, 10)
	} else if f.Origin.Name != "" {
		place += "/" + f.Origin.Name
	}
	if f.Origin.Field != "" {
		place += "." + f.Origin.Field
	}
	return place
}
