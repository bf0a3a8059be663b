package telemetry

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// SeatsSince returns the day from which on seats_daily has all that bandwidth has: what was stored before
// there was such a table is added in the background.
func SeatsSince(ctx context.Context, db bun.IDB) (Millis, error) {
	var since Millis
	err := db.NewSelect().Table("seats_since").Column("day").Scan(ctx, &since)
	return since, err
}

// fillSeats adds the days that were stored before there was seats_daily, the newest first.
func (j *Janitor) fillSeats(ctx context.Context) {
	began, days := time.Now(), 0
	for ctx.Err() == nil {
		since, err := SeatsSince(ctx, j.db.Reader())
		if err == nil && since == 0 {
			break
		}
		if err == nil {
			err = fillSeatsBefore(ctx, j.db, since)
		}
		if err != nil {
			if ctx.Err() == nil {
				j.failed.Inc()
				j.log.Error("Days of users' addresses not added up; sharing signals read hours until the next start", "error", err)
			}
			return
		}
		if days++; days%10 == 0 {
			j.log.Info("Days of users' addresses are being added up", "days", days, "back_to", since.Day().Time().Format(time.DateOnly))
		}
		select {
		case <-time.After(stepPause):
		case <-ctx.Done():
		}
	}
	if days > 0 {
		j.log.Info("Days of users' addresses added up", "days", days, "took", time.Since(began))
	}
}

// fillSeatsBefore adds the newest day before since. Users who are being erased do not come back by it.
func fillSeatsBefore(ctx context.Context, db Database, since Millis) error {
	var newest int64
	err := db.Reader().NewRaw("SELECT COALESCE(MAX(hour), 0) FROM bandwidth WHERE hour < ?", int64(since)).Scan(ctx, &newest)
	if err != nil {
		return fmt.Errorf("look for the day before %d: %w", since, err)
	}
	of := Millis(newest).Day()
	err = db.Write(ctx, func(ctx context.Context, tx bun.IDB) error {
		if of > 0 {
			_, err := tx.NewRaw("INSERT INTO seats_daily (day, server_id, user_id, device_id, ip, hours)"+
				" SELECT ?, server_id, user_id, device_id, ip, CAST(SUM(1 << CAST((hour - ?) / ? AS INTEGER)) AS BIGINT) FROM bandwidth"+
				" WHERE hour >= ? AND hour < ? AND user_id <> '' AND user_id NOT IN (SELECT user_id FROM erasures WHERE state <> 'done')"+
				" GROUP BY server_id, user_id, device_id, ip"+
				" ON CONFLICT (day, server_id, user_id, device_id, ip) DO UPDATE SET hours = seats_daily.hours | excluded.hours",
				int64(of), int64(of), int64(hour), int64(of), int64(of+day)).Exec(ctx)
			if err != nil {
				return err
			}
		}
		_, err := tx.NewRaw("UPDATE seats_since SET day = ?", int64(of)).Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("add up %s: %w", of.Time().Format(time.DateOnly), err)
	}
	return nil
}
