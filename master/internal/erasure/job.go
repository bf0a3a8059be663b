// Package erasure forgets users: an operator orders it, and a job goes over all kinds of telemetry and deletes
// what is of that user, in steps so small that ingest hardly feels them. How far it has come is stored with
// what it deletes, so that a job goes on where it was after a restart, or with another replica of the master.
//
// What is deleted: rows with the user's id, and rows without any user's id of devices that were the user's;
// the user's rollups; and in the rollups by address those hours in which the address was only the user's.
// What stays are sums that tell of nobody: those of servers, clients, endpoints and reasons. A slave that was
// away may report rows of the user later; order it again then.
package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/analytics"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// States of a job.
const (
	Waiting = "waiting"
	Running = "running"
	Done    = "done"
)

// Job is an order to erase a user.
type Job struct {
	bun.BaseModel `bun:"table:erasures"`

	ID          int64            `json:"id" bun:"id,pk,autoincrement"`
	UserID      string           `json:"user_id"`
	RequestedBy string           `json:"requested_by"`
	State       string           `json:"state" enum:"waiting,running,done"`
	Rows        int64            `json:"rows" doc:"that are gone"`
	Error       string           `json:"error" doc:"what went wrong last; it is tried again"`
	CreatedAt   telemetry.Millis `json:"created_at"`
	FinishedAt  telemetry.Millis `json:"finished_at" doc:"null: it has not"`
	Progress    float64          `json:"progress" bun:"-" doc:"0 to 1"`
	Doing       string           `json:"doing" bun:"-" doc:"the table at hand"`

	Step     int              `json:"-"`
	Position int64            `json:"-"`
	First    int64            `json:"-"`
	Until    int64            `json:"-"`
	Devices  string           `json:"-"` // JSON
	Worker   string           `json:"-"`
	SeenAt   telemetry.Millis `json:"-"`
}

// ErrNotFound says that there is no such job.
var ErrNotFound = errors.New("no such erasure")

// Order makes a job, or returns the one that is under way for the user.
func (e *Eraser) Order(ctx context.Context, userID, by string) (job *Job, isNew bool, err error) {
	forms := analytics.Spellings("user_id", userID)
	userID = forms[len(forms)-1] // as telemetry stores it
	err = e.cfg.Database.Write(ctx, func(ctx context.Context, tx bun.IDB) error {
		var open []Job
		err := tx.NewSelect().Model(&open).Where("state <> ?", Done).Where("user_id = ?", userID).Limit(1).Scan(ctx)
		if err != nil {
			return err
		}
		if isNew = len(open) == 0; !isNew {
			job = &open[0]
			return nil
		}
		job = &Job{UserID: userID, RequestedBy: by, State: Waiting, Devices: "[]", CreatedAt: telemetry.MillisOf(e.now())}
		_, err = tx.NewInsert().Model(job).Exec(ctx)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("order an erasure: %w", err)
	}
	e.nudge()
	return job.tell(), isNew, nil
}

// Job returns a job, or ErrNotFound.
func (e *Eraser) Job(ctx context.Context, id int64) (*Job, error) {
	var rows []Job
	err := e.cfg.Database.Reader().NewSelect().Model(&rows).Where("id = ?", id).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read erasure %d: %w", id, err)
	}
	if len(rows) == 0 {
		return nil, ErrNotFound
	}
	return rows[0].tell(), nil
}

// Jobs returns the jobs with ids below before (0: all), the newest first.
func (e *Eraser) Jobs(ctx context.Context, before int64, limit int) ([]*Job, error) {
	jobs := []*Job{}
	query := e.cfg.Database.Reader().NewSelect().Model(&jobs).OrderBy("id", bun.OrderDesc).Limit(int64(limit))
	if before > 0 {
		query.Where("id < ?", before)
	}
	if err := query.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list erasures: %w", err)
	}
	for _, j := range jobs {
		j.tell()
	}
	return jobs, nil
}

// tell fills in what is told and not stored.
func (j *Job) tell() *Job {
	if j.Step == len(steps) {
		j.Progress = 1
		return j
	}
	j.Doing = steps[j.Step].name
	var done, all float64
	for i, step := range steps {
		all += step.weight
		if i < j.Step {
			done += step.weight
		}
	}
	if j.Until > j.First {
		done += steps[j.Step].weight * min(1, float64(j.Position-j.First)/float64(j.Until-j.First))
	}
	j.Progress = done / all
	return j
}

func (j *Job) devices() []string {
	var list []string
	if json.Unmarshal([]byte(j.Devices), &list) != nil {
		return nil // it is ours and always decodes
	}
	return list
}

// setDevices remembers the user's devices: once rows are deleted, nobody else knows them.
func (j *Job) setDevices(list []string) error {
	slices.Sort(list)
	text, err := json.Marshal(slices.Compact(list))
	j.Devices = string(text)
	return err
}
