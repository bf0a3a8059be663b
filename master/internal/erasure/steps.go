package erasure

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// step is a table that a job goes over, in parts.
type step struct {
	name   string
	weight float64 // roughly, of the time that a job takes
	// next looks, without holding up anybody, for the rows that come next.
	next func(ctx context.Context, db *bun.DB, job *Job) (part, error)
}

// part is what one transaction does.
type part struct {
	erase                  func(ctx context.Context, tx bun.IDB) (int64, error) // nil: there is nothing to erase here
	first, position, until int64                                                // of the job from then on
	last                   bool                                                 // the step is done
}

// steps in their order: what tells whose an address or a device was goes last.
var steps = []step{
	{"devices of the user", 1, rememberDevices},
	{"access_logs", 20, events("access_logs")},
	{"blocked_requests", 1, events("blocked_requests")},
	{"login_events", 1, events("login_events")},
	{"playback_events", 1, events("playback_events")},
	{"playback_sessions", 1, keyed("playback_sessions", true, "id")},
	{"realtime_sessions", 1, keyed("realtime_sessions", true, "reporter_id", "server_id", "session_id")},
	{"user_activities", 1, keyed("user_activities", false, "day", "server_id", "user_id")},
	{"media_access", 1, keyed("media_access", false, "day", "server_id", "user_id", "item_id")},
	{"rollup_hourly", 1, rollups("rollup_hourly")},
	{"rollup_daily", 1, rollups("rollup_daily")},
	{"rollups of addresses", 1, addresses},
	{"bandwidth", 1, keyed("bandwidth", true, "hour", "server_id", "user_id", "device_id", "ip")},
	{"seats_daily", 1, keyed("seats_daily", false, "day", "server_id", "user_id", "device_id", "ip")},
	{"devices", 1, keyed("devices", true, "server_id", "device_id")},
}

// deletedAtOnce is how many rows one transaction deletes.
const deletedAtOnce = 500

// window is how much of a table of events is looked through at once, in ids: an hour.
var window = telemetry.ID(3_600_000, 0)

// rememberDevices finds the user's devices.
func rememberDevices(ctx context.Context, db *bun.DB, job *Job) (part, error) {
	var all []string
	for _, table := range []string{"bandwidth", "devices"} {
		var some []string
		err := db.NewSelect().Table(table).ColumnExpr("DISTINCT device_id").Where("user_id = ?", job.UserID).
			Where("device_id <> ''").Scan(ctx, &some)
		if err != nil {
			return part{}, err
		}
		all = append(all, some...)
	}
	return part{last: true}, job.setDevices(all)
}

// of selects the user's rows, and in tables of devices also those of nobody known on devices of the user.
func of(job *Job, byDevice bool) func(bun.QueryBuilder) bun.QueryBuilder {
	return func(q bun.QueryBuilder) bun.QueryBuilder {
		return q.WhereGroup(" AND ", func(q bun.QueryBuilder) bun.QueryBuilder {
			q = q.Where("user_id = ?", job.UserID)
			if devices := job.devices(); byDevice && len(devices) > 0 {
				q = q.WhereOr("user_id = '' AND device_id IN (?)", bun.List(devices))
			}
			return q
		})
	}
}

// events goes over a table of events by their ids, which are in the order of time: up to the newest that was
// there when it began.
func events(table string) func(context.Context, *bun.DB, *Job) (part, error) {
	return func(ctx context.Context, db *bun.DB, job *Job) (part, error) {
		p := part{first: job.First, position: job.Position, until: job.Until}
		if p.until == 0 {
			var newest int64
			if err := db.NewSelect().Table(table).ColumnExpr("COALESCE(MAX(id), 0)").Scan(ctx, &newest); err != nil {
				return p, err
			}
			p.until = newest + 1
		}
		var from sql.NullInt64 // over what holds nothing at all
		err := db.NewSelect().Table(table).ColumnExpr("MIN(id)").Where("id >= ?", p.position).Where("id < ?", p.until).Scan(ctx, &from)
		if err != nil || !from.Valid {
			return part{last: true}, err
		}
		if p.first == 0 {
			p.first = from.Int64
		}
		end := min(from.Int64+window, p.until)
		var ids []int64
		err = db.NewSelect().Table(table).Column("id").Where("id >= ?", from.Int64).Where("id < ?", end).
			ApplyQueryBuilder(of(job, true)).OrderBy("id", bun.OrderAsc).Limit(deletedAtOnce).Scan(ctx, &ids)
		if err != nil {
			return p, err
		}
		p.position = end
		if len(ids) > 0 {
			if len(ids) == deletedAtOnce {
				p.position = ids[len(ids)-1] + 1
			}
			p.erase = func(ctx context.Context, tx bun.IDB) (int64, error) {
				return affected(tx.NewDelete().Table(table).Where("id >= ?", ids[0]).Where("id <= ?", ids[len(ids)-1]).
					Where("id IN (?)", bun.List(ids)).Exec(ctx))
			}
		}
		p.last = p.position >= p.until
		return p, nil
	}
}

// keyed goes over a table of sums, which is small enough to be looked through as a whole each time.
func keyed(table string, byDevice bool, keys ...string) func(context.Context, *bun.DB, *Job) (part, error) {
	return func(ctx context.Context, db *bun.DB, job *Job) (part, error) {
		return deleteKeys(ctx, db.NewSelect().Table(table).ApplyQueryBuilder(of(job, byDevice)), table, keys)
	}
}

// rollups goes over the user's rollups.
func rollups(table string) func(context.Context, *bun.DB, *Job) (part, error) {
	return func(ctx context.Context, db *bun.DB, job *Job) (part, error) {
		query := db.NewSelect().Table(table).Where("dimension = ?", telemetry.ByUser).Where("value = ?", job.UserID)
		return deleteKeys(ctx, query, table, []string{"dimension", "period", "value", "server_id"})
	}
}

// deleteKeys deletes the first rows that query selects, by their keys: a writer must not look for them.
func deleteKeys(ctx context.Context, query *bun.SelectQuery, table string, keys []string) (part, error) {
	rows, err := query.Column(keys...).Limit(deletedAtOnce).Rows(ctx)
	if err != nil {
		return part{}, err
	}
	defer func() { _ = rows.Close() }() // rows.Err has told
	var found [][]any
	for rows.Next() {
		key, into := make([]any, len(keys)), make([]any, len(keys))
		for i := range key {
			into[i] = &key[i]
		}
		if err := rows.Scan(into...); err != nil {
			return part{}, err
		}
		found = append(found, key)
	}
	if err := rows.Err(); err != nil || len(found) == 0 {
		return part{last: true}, err
	}
	return part{
		last: len(found) < deletedAtOnce,
		erase: func(ctx context.Context, tx bun.IDB) (int64, error) {
			// VALUES, since SQLite takes no list of rows.
			row := "(?" + strings.Repeat(", ?", len(keys)-1) + ")"
			list := row + strings.Repeat(", "+row, len(found)-1)
			where := "(" + strings.Join(keys, ", ") + ") IN (VALUES " + list + ")"
			return affected(tx.NewDelete().Table(table).Where(where, slices.Concat(found...)...).Exec(ctx))
		},
	}, nil
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func taken(result sql.Result, err error) error {
	n, err := affected(result, err)
	if err == nil && n == 0 {
		return errTaken
	}
	return err
}
