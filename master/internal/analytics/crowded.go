package analytics

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/privacy"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// crowded returns the users that were seen in many networks or on many devices within d, which is a day of
// the operator's zone.
func (a *Analytics) crowded(ctx context.Context, q Sharing, d Span) ([]Signal, error) {
	query := a.db.NewSelect().Table("bandwidth").
		ColumnExpr("user_id, server_id, device_id, ip, MIN(hour), MAX(hour), CAST(SUM(requests) AS BIGINT), CAST(SUM(bytes) AS BIGINT)").
		Where("hour >= ?", d.From.UnixMilli()).Where("hour < ?", d.To.UnixMilli()).Where("user_id <> ''").
		GroupExpr("user_id, server_id, device_id, ip")
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
	users := map[string][]Evidence{}
	for rows.Next() {
		var user string
		var e Evidence
		var first, last telemetry.Millis
		if err := rows.Scan(&user, &e.ServerID, &e.DeviceID, &e.IP, &first, &last, &e.Requests, &e.Bytes); err != nil {
			return nil, err
		}
		e.From, e.To = first.Time().In(d.Zone), last.Time().Add(time.Hour).In(d.Zone)
		if network, ok := privacy.Network(e.IP); ok {
			e.Network = network.String()
		}
		users[user] = append(users[user], e)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var found []Signal
	for user, seats := range users {
		s := Signal{UserID: user, Day: d.From.In(d.Zone).Format(time.DateOnly), Networks: places(seats), Devices: devices(seats)}
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
