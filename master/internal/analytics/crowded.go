package analytics

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/privacy"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// crowded returns the users that were seen in many networks or on many devices within d, which is a day of
// the operator's zone.
func (a *Analytics) crowded(ctx context.Context, q Sharing, d Span) ([]Signal, error) {
	users, err := a.seats(ctx, q, d)
	if err != nil {
		return nil, err
	}
	var found []Signal
	for user, seats := range users {
		s := Signal{UserID: user, Day: d.From.In(d.Zone).Format(time.DateOnly), Networks: places(seats), Devices: devices(seats)}
		if s.Networks < q.Networks && s.Devices < q.Devices {
			continue
		}
		slices.SortFunc(seats, func(e, f Evidence) int {
			return cmp.Or(cmp.Compare(f.Requests, e.Requests), strings.Compare(e.IP, f.IP), strings.Compare(e.DeviceID, f.DeviceID))
		})
		s.Evidence = seats[:min(maxEvidence, len(seats))]
		if s.Networks >= q.Networks {
			s.Kind, s.Count = ManyNetworks, s.Networks
			found = append(found, s)
		}
		if s.Devices >= q.Devices {
			s.Kind, s.Count, s.Evidence = ManyDevices, s.Devices, slices.Clone(s.Evidence)
			found = append(found, s)
		}
	}
	return found, nil
}

// seat is what a user's device at an address sums up to; its evidence is the place-th of the user's.
type seat struct {
	user  string
	place int
}

// seats returns by user on which device at which address it was, and when. It sums up here: of a day's rows,
// nearly all are of an hour before, and SQLite would sort them all first.
func (a *Analytics) seats(ctx context.Context, q Sharing, d Span) (map[string][]Evidence, error) {
	query := a.db.NewSelect().Table("bandwidth").Column("hour", "server_id", "user_id", "device_id", "ip", "requests", "bytes").
		Where("hour >= ?", d.From.UnixMilli()).Where("hour < ?", d.To.UnixMilli()).Where("user_id <> ''")
	if len(q.Servers) > 0 {
		query.Where("server_id IN (?)", bun.List(q.Servers))
	}
	if q.UserID != "" {
		query.Where("user_id IN (?)", bun.List(Spellings("user_id", q.UserID)))
	}
	rows, err := query.Rows(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err has told
	users, known := map[string][]Evidence{}, map[string]seat{}
	var user, device, ip sql.RawBytes
	var key []byte
	for rows.Next() {
		var hour telemetry.Millis
		var server, requests, bytes int64
		if err := rows.Scan(&hour, &server, &user, &device, &ip, &requests, &bytes); err != nil {
			return nil, err
		}
		key = strconv.AppendInt(key[:0], server, 10)
		key = append(append(append(append(append(append(key, 0), user...), 0), device...), 0), ip...)
		s, ok := known[string(key)]
		if !ok {
			s = seat{string(user), len(users[string(user)])}
			known[string(key)] = s
			e := Evidence{ServerID: server, DeviceID: string(device), IP: string(ip), From: d.To}
			if network, ok := privacy.Network(e.IP); ok {
				e.Network = network.String()
			}
			users[s.user] = append(users[s.user], e)
		}
		e := &users[s.user][s.place]
		e.From = minTime(e.From, hour.Time().In(d.Zone))
		if end := hour.Time().Add(time.Hour).In(d.Zone); e.To.Before(end) {
			e.To = end
		}
		e.Requests += requests
		e.Bytes += bytes
	}
	return users, rows.Err()
}

// places counts networks, IPv4 and IPv6 each by itself, and returns the higher number.
func places(seats []Evidence) int {
	v4, v6 := map[string]bool{}, map[string]bool{}
	for _, e := range seats {
		switch {
		case strings.Contains(e.Network, ":"):
			v6[e.Network] = true
		case e.Network != "":
			v4[e.Network] = true
		}
	}
	return max(len(v4), len(v6))
}

func devices(seats []Evidence) int {
	ids := map[string]bool{}
	for _, e := range seats {
		if e.DeviceID != "" {
			ids[e.DeviceID] = true
		}
	}
	return len(ids)
}
