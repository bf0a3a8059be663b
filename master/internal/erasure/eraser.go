package erasure

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// Config of an Eraser.
type Config struct {
	Database telemetry.Database
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Eraser carries out jobs, one after the other.
type Eraser struct {
	cfg    Config
	worker string // this process
	wake   chan struct{}
	now    func() time.Time

	erased   prometheus.Counter
	failures prometheus.Counter
}

// Times of the work.
const (
	// lookEvery is how often jobs are looked for that other replicas were told of, or have left behind.
	lookEvery = 15 * time.Second
	// leftAfter is how long a worker may be silent until another takes its job.
	leftAfter = time.Minute
	// retryAfter follows a failure.
	retryAfter = 10 * time.Second
	// leastPause is ingest's turn after each step; a step that took longer gives as long.
	leastPause = 5 * time.Millisecond
)

// New returns an Eraser and registers its metrics. Its Run must run.
func New(cfg Config) *Eraser {
	e := &Eraser{
		cfg: cfg, worker: rand.Text(), wake: make(chan struct{}, 1), now: time.Now,
		erased: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_erasure_rows_total", Help: "Telemetry rows deleted because their user is to be forgotten.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_erasure_failures_total", Help: "Times that the erasure of a user's rows failed; it is tried again.",
		}),
	}
	cfg.Registry.MustRegister(e.erased, e.failures)
	return e
}

func (e *Eraser) nudge() {
	select {
	case e.wake <- struct{}{}:
	default: // Run will see it
	}
}

// Run works until ctx ends. What is under way then is left to be taken up.
func (e *Eraser) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		job, err := e.claim(ctx)
		if err == nil && job != nil {
			err = e.work(ctx, job)
		}
		wait := lookEvery
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, errTaken), err == nil && job != nil:
			continue
		case err != nil:
			e.failures.Inc()
			e.cfg.Log.Error("Erasure failed and is tried again", "error", err)
			wait = retryAfter
		}
		select {
		case <-ctx.Done():
		case <-e.wake:
		case <-time.After(wait):
		}
	}
	return e.release()
}

// errTaken says that another worker has the job.
var errTaken = errors.New("another master erases this user")

// claim makes the oldest job that nobody works on this worker's; nil: there is none.
func (e *Eraser) claim(ctx context.Context) (*Job, error) {
	free := func(q bun.QueryBuilder) bun.QueryBuilder {
		return q.Where("state <> ?", Done).WhereGroup(" AND ", func(q bun.QueryBuilder) bun.QueryBuilder {
			return q.Where("worker IN (?)", bun.List([]string{"", e.worker})).
				WhereOr("seen_at < ?", telemetry.MillisOf(e.now().Add(-leftAfter)))
		})
	}
	var jobs []Job
	query := e.cfg.Database.Reader().NewSelect().Model(&jobs).ApplyQueryBuilder(free).OrderBy("id", bun.OrderAsc).Limit(1)
	if err := query.Scan(ctx); err != nil || len(jobs) == 0 {
		return nil, err
	}
	job := &jobs[0]
	err := e.cfg.Database.Write(ctx, func(ctx context.Context, tx bun.IDB) error {
		job.State, job.Worker, job.SeenAt = Running, e.worker, telemetry.MillisOf(e.now())
		result, err := tx.NewUpdate().Model(job).Column("state", "worker", "seen_at").WherePK().ApplyQueryBuilder(free).Exec(ctx)
		return taken(result, err)
	})
	return job, err
}

// work carries out a job from where it is.
func (e *Eraser) work(ctx context.Context, job *Job) error {
	for job.State != Done {
		began := e.now()
		if err := e.step(ctx, job); err != nil {
			if ctx.Err() == nil && !errors.Is(err, errTaken) {
				job.Error = err.Error()
				err = errors.Join(err, e.cfg.Database.Write(ctx, func(ctx context.Context, tx bun.IDB) error { return e.save(ctx, tx, job) }))
			}
			return fmt.Errorf("erasure %d: %w", job.ID, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(leastPause, e.now().Sub(began))):
		}
	}
	e.cfg.Log.Info("User erased", "erasure", job.ID, "rows", job.Rows)
	return nil
}

// step does a small part of the job.
func (e *Eraser) step(ctx context.Context, job *Job) error {
	if job.Step == len(steps) {
		job.State, job.FinishedAt, job.Error = Done, telemetry.MillisOf(e.now()), ""
		return e.cfg.Database.Write(ctx, func(ctx context.Context, tx bun.IDB) error { return e.save(ctx, tx, job) })
	}
	s := steps[job.Step]
	part, err := s.next(ctx, e.cfg.Database.Reader(), job)
	if err != nil {
		return fmt.Errorf("look through %s: %w", s.name, err)
	}
	after := *job
	after.Error = ""
	err = e.cfg.Database.Write(ctx, func(ctx context.Context, tx bun.IDB) error {
		after.Rows = job.Rows
		if part.erase != nil {
			n, err := part.erase(ctx, tx)
			if err != nil {
				return err
			}
			after.Rows += n
		}
		after.First, after.Position, after.Until = part.first, part.position, part.until
		if part.last {
			after.Step, after.First, after.Position, after.Until = job.Step+1, 0, 0, 0
		}
		return e.save(ctx, tx, &after)
	})
	if err != nil {
		return fmt.Errorf("delete from %s: %w", s.name, err)
	}
	e.erased.Add(float64(after.Rows - job.Rows))
	*job = after
	return nil
}

// save stores the job, if it is still this worker's.
func (e *Eraser) save(ctx context.Context, tx bun.IDB, job *Job) error {
	job.SeenAt = telemetry.MillisOf(e.now())
	result, err := tx.NewUpdate().Model(job).WherePK().Where("worker = ?", e.worker).Exec(ctx)
	return taken(result, err)
}

// release lets another worker, or this master when it starts again, go on at once.
func (e *Eraser) release() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := e.cfg.Database.Write(ctx, func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewUpdate().Table("erasures").Set("worker = ''").Where("worker = ?", e.worker).Exec(ctx)
		return err
	})
	if err != nil {
		e.cfg.Log.Warn("Erasure not let go; it goes on a minute after the next start", "error", err)
	}
	return nil
}
