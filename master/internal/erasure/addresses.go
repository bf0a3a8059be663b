package erasure

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// visit is an hour at an address.
type visit struct {
	Hour     telemetry.Millis
	ServerID int64
	IP       string
}

// addresses goes over the hours in which the user was seen at an address, and takes out of the rollups by
// address those in which nobody else was. Requests of nobody known are held to be the user's: a player
// fetches images before it logs in.
func addresses(ctx context.Context, db *bun.DB, job *Job) (part, error) {
	p := part{first: job.First, position: job.Position, until: job.Until}
	if p.until == 0 {
		var newest int64
		if err := db.NewSelect().Table("bandwidth").ColumnExpr("COALESCE(MAX(hour), 0)").Scan(ctx, &newest); err != nil {
			return p, err
		}
		p.until = newest + 1
	}
	var hour sql.NullInt64
	err := db.NewSelect().Table("bandwidth").ColumnExpr("MIN(hour)").Where("hour >= ?", p.position).Where("hour < ?", p.until).
		Where("user_id = ?", job.UserID).Where("ip <> ''").Scan(ctx, &hour)
	if err != nil || !hour.Valid {
		return part{last: true}, err
	}
	var visits []visit
	err = db.NewSelect().Table("bandwidth").ColumnExpr("DISTINCT hour, server_id, ip").Where("hour = ?", hour.Int64).
		Where("user_id = ?", job.UserID).Where("ip <> ''").Scan(ctx, &visits)
	if err != nil {
		return p, err
	}
	if p.first == 0 {
		p.first = hour.Int64
	}
	p.position = hour.Int64 + 1
	p.erase = func(ctx context.Context, tx bun.IDB) (gone int64, err error) {
		for _, v := range visits {
			n, err := leave(ctx, tx, job, v)
			if err != nil {
				return gone, err
			}
			gone += n
		}
		return gone, nil
	}
	return p, nil
}

// counted are the columns that rollups add up.
var counted = func() []string {
	columns := []string{"requests", "refused", "errors_4xx", "errors_5xx", "bytes"}
	for i := range telemetry.Buckets {
		columns = append(columns, fmt.Sprintf("h%d", i))
	}
	return columns
}()

// leave takes an hour at an address out of the rollups, when it was the user's alone.
func leave(ctx context.Context, tx bun.IDB, job *Job, v visit) (int64, error) {
	others, err := tx.NewSelect().Table("bandwidth").Where("hour = ?", v.Hour).Where("server_id = ?", v.ServerID).
		Where("ip = ?", v.IP).Where("user_id NOT IN (?)", bun.List([]string{job.UserID, ""})).Exists(ctx)
	if err != nil || others {
		return 0, err
	}
	where := "dimension = ? AND period = ? AND value = ? AND server_id = ?"
	day := v.Hour.Day()
	sets := make([]string, len(counted))
	for i, c := range counted {
		sets[i] = c + " = rollup_daily." + c + " - h." + c
	}
	_, err = tx.NewRaw("UPDATE rollup_daily SET "+strings.Join(sets, ", ")+" FROM (SELECT * FROM rollup_hourly WHERE "+where+
		") AS h WHERE rollup_daily.dimension = ? AND rollup_daily.period = ? AND rollup_daily.value = ? AND rollup_daily.server_id = ?",
		telemetry.ByIP, v.Hour, v.IP, v.ServerID, telemetry.ByIP, day, v.IP, v.ServerID).Exec(ctx)
	if err != nil {
		return 0, err
	}
	n, err := affected(tx.NewDelete().Table("rollup_hourly").Where(where, telemetry.ByIP, v.Hour, v.IP, v.ServerID).Exec(ctx))
	if err != nil {
		return 0, err
	}
	m, err := affected(tx.NewDelete().Table("rollup_daily").Where(where, telemetry.ByIP, day, v.IP, v.ServerID).
		Where("requests <= 0").Where("bytes <= 0").Exec(ctx))
	return n + m, err
}
