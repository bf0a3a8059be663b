package telemetry

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Retention is for how long rows are kept, as environment variables say; 0 is for ever. Events go by their
// time, devices and sessions by when they were last seen, sums by the begin of their hour or day.
type Retention struct {
	AccessLogs       time.Duration `env:"RETENTION_ACCESS_LOGS" envDefault:"30d" takes:"how long single requests are kept, as in 30d or 12h; 0: for ever"`
	BlockedRequests  time.Duration `env:"RETENTION_BLOCKED_REQUESTS" envDefault:"90d" takes:"the same for refused requests, which explain reads"`
	LoginEvents      time.Duration `env:"RETENTION_LOGIN_EVENTS" envDefault:"180d" takes:"the same for logins"`
	PlaybackEvents   time.Duration `env:"RETENTION_PLAYBACK_EVENTS" envDefault:"30d" takes:"the same for what players report"`
	PlaybackSessions time.Duration `env:"RETENTION_PLAYBACK_SESSIONS" envDefault:"180d" takes:"the same for play sessions"`
	Devices          time.Duration `env:"RETENTION_DEVICES" envDefault:"400d" takes:"the same for devices that are not seen any more"`
	UserActivities   time.Duration `env:"RETENTION_USER_ACTIVITIES" envDefault:"400d" takes:"the same for users' days"`
	APICalls         time.Duration `env:"RETENTION_API_CALLS" envDefault:"100d" takes:"the same for hours of endpoints"`
	Bandwidth        time.Duration `env:"RETENTION_BANDWIDTH" envDefault:"100d" takes:"the same for hours of users, devices and addresses, which sharing signals read"`
	MediaAccess      time.Duration `env:"RETENTION_MEDIA_ACCESS" envDefault:"400d" takes:"the same for days of items"`
	RollupsHourly    time.Duration `env:"RETENTION_ROLLUPS_HOURLY" envDefault:"100d" takes:"the same for hours of analytics"`
	RollupsDaily     time.Duration `env:"RETENTION_ROLLUPS_DAILY" envDefault:"400d" takes:"the same for days of analytics"`
}

// keepBatches is how long a batch is known: far longer than a slave may be away.
const keepBatches = 30 * 24 * time.Hour

// keepRealtime is for lists of slaves that are not heard of any more.
const keepRealtime = 24 * time.Hour

var batchTable = &Table{Name: "telemetry_batches", Age: "received_at", Columns: []Column{
	text("source", Key), text("key", Key), integer("received_at", Keep), integer("accepted", Keep),
}}

// rule is for how long a table's rows are kept.
type rule struct {
	table *Table
	keep  time.Duration
}

func (r Retention) rules() []rule {
	return []rule{
		{accessLogTable, r.AccessLogs},
		{blockedTable, r.BlockedRequests},
		{loginTable, r.LoginEvents},
		{playbackTable, r.PlaybackEvents},
		{playbackSessionTable, r.PlaybackSessions},
		{deviceTable, r.Devices},
		{userActivityTable, r.UserActivities},
		{realtimeTable, keepRealtime},
		{apiCallTable, r.APICalls},
		{bandwidthTable, r.Bandwidth},
		{seatTable, r.Bandwidth},
		{mediaAccessTable, r.MediaAccess},
		{hourlyTable, r.RollupsHourly},
		{dailyTable, r.RollupsDaily},
		{batchTable, keepBatches},
	}
}

// Janitor deletes rows that have been kept long enough.
type Janitor struct {
	db      Database
	alone   func(ctx context.Context, name string, work func(context.Context) error) (ran bool, err error)
	rules   []rule
	log     *slog.Logger
	now     func() time.Time
	deleted *prometheus.CounterVec
	failed  prometheus.Counter
}

// Times of the janitor's rounds.
const (
	roundEvery = time.Hour
	stepPause  = 20 * time.Millisecond // ingest's turn
)

// NewJanitor returns a Janitor and registers its metrics. Its Run must run.
func NewJanitor(cfg Config, keep Retention) *Janitor {
	j := &Janitor{
		db: cfg.Database, alone: cfg.Alone, rules: keep.rules(), log: cfg.Log, now: time.Now,
		deleted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uhd_telemetry_expired_rows_total",
			Help: "Telemetry rows deleted because they were kept long enough, by table.",
		}, []string{"table"}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_telemetry_retention_failures_total",
			Help: "Times that old telemetry could not be deleted; tried again within the hour.",
		}),
	}
	for _, r := range j.rules {
		j.deleted.WithLabelValues(r.table.Name)
	}
	cfg.Registry.MustRegister(j.deleted, j.failed)
	return j
}

// Run deletes what is due, once an hour, in steps that ingest hardly feels, until ctx ends.
func (j *Janitor) Run(ctx context.Context) error {
	j.turn(ctx, "telemetry seats", j.fillSeats)
	// Masters that start together do not clean up together.
	wait := time.NewTimer(time.Minute + rand.N(roundEvery/10))
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return nil
		}
		j.turn(ctx, "telemetry retention", j.round)
		wait.Reset(roundEvery + rand.N(roundEvery/10))
	}
}

// turn does periodic work, unless another master is at it.
func (j *Janitor) turn(ctx context.Context, name string, work func(context.Context)) {
	if j.alone == nil {
		work(ctx)
		return
	}
	_, err := j.alone(ctx, name, func(ctx context.Context) error {
		work(ctx)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		j.failed.Inc()
		j.log.Error("Periodic work on telemetry not done", "work", name, "error", err)
	}
}

// round goes over all tables once.
func (j *Janitor) round(ctx context.Context) {
	for _, r := range j.rules {
		if r.keep <= 0 {
			continue
		}
		if err := j.expire(ctx, r.table, MillisOf(j.now().Add(-r.keep))); err != nil && ctx.Err() == nil {
			j.failed.Inc()
			j.log.Error("Old telemetry not deleted", "table", r.table.Name, "error", err)
		}
	}
}

func (j *Janitor) expire(ctx context.Context, t *Table, before Millis) error {
	for {
		n, err := j.db.Expire(ctx, t, before)
		if err != nil || n == 0 {
			return err
		}
		j.deleted.WithLabelValues(t.Name).Add(float64(n))
		select {
		case <-time.After(stepPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
