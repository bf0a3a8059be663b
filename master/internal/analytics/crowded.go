package analytics

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/privacy"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// crowded returns the users that were seen in many networks or on many devices within d, which is a day of
// the operator's zone. Evidence is for later: of those that are shown.
func (a *Analytics) crowded(ctx context.Context, q Sharing, d Span, since telemetry.Millis) ([]Signal, error) {
	users, servers, err := a.places(ctx, q, d, since)
	if err != nil {
		return nil, err
	}
	var found []Signal
	networks := map[string]string{}
	for user, places := range users {
		if len(places) < min(q.Networks, q.Devices) { // nearly all
			continue
		}
		var c crowd
		for _, p := range places {
			c.note(networkOf(p.ip, networks), p.device)
		}
		s := Signal{
			UserID: user, Day: d.From.In(d.Zone).Format(time.DateOnly), Networks: max(len(c.v4), len(c.v6)), Devices: len(c.devices),
			within: d, servers: servers,
		}
		if s.Networks >= q.Networks {
			s.Kind, s.Count = ManyNetworks, s.Networks
			found = append(found, s)
		}
		if s.Devices >= q.Devices {
			s.Kind, s.Count = ManyDevices, s.Devices
			found = append(found, s)
		}
	}
	return found, nil
}

// place is a device at an address.
type place struct{ device, ip string }

// places returns by user where they were within d, and the servers on which anybody was.
func (a *Analytics) places(ctx context.Context, q Sharing, d Span, since telemetry.Millis) (map[string][]place, []int64, error) {
	query := a.db.NewSelect()
	if telemetry.MillisOf(d.From).Day() >= since {
		hoursOf(query.Table("seats_daily"), d)
	} else {
		query.Table("bandwidth").Where("hour >= ?", d.From.UnixMilli()).Where("hour < ?", d.To.UnixMilli())
	}
	users := map[string][]place{}
	var servers []int64
	err := a.each(ctx, of(q, query.Column("server_id", "user_id", "device_id", "ip")), func(row []driver.Value) {
		if server := row[0].(int64); !slices.Contains(servers, server) {
			servers = append(servers, server)
		}
		user := row[1].(string)
		users[user] = append(users[user], place{row[2].(string), row[3].(string)})
	})
	return users, servers, err
}

// hoursOf selects from seats_daily what was seen in hours of the span. Days of UTC need not be its days. They are
// one list, not a condition each: what SQLite finds by one of several it writes down, not to find it twice.
func hoursOf(query *bun.SelectQuery, d Span) *bun.SelectQuery {
	var days []int64
	var masks []any
	for of := d.From.Truncate(day); of.Before(d.To); of = of.Add(day) {
		var hours int64
		for h := range 24 {
			if at := of.Add(time.Duration(h) * time.Hour); !at.Before(d.From) && at.Before(d.To) {
				hours |= 1 << h
			}
		}
		days, masks = append(days, of.UnixMilli()), append(masks, of.UnixMilli(), hours)
	}
	return query.Where("day IN (?)", bun.List(days)).Where("hours & CASE day"+strings.Repeat(" WHEN ? THEN ?", len(days))+" END <> 0", masks...)
}

// of narrows a query down to the users and servers that were asked for.
func of(q Sharing, query *bun.SelectQuery) *bun.SelectQuery {
	query.Where("user_id <> ''")
	if len(q.Servers) > 0 {
		query.Where("server_id IN (?)", bun.List(q.Servers))
	}
	if q.UserID != "" {
		query.Where("user_id IN (?)", bun.List(Spellings("user_id", q.UserID)))
	}
	return query
}

// crowd is in which networks a user was, IPv4 and IPv6 each by itself, and on which devices.
type crowd struct{ v4, v6, devices map[string]bool }

func (c *crowd) note(network, device string) {
	switch {
	case v6(network):
		include(&c.v6, network)
	case network != "":
		include(&c.v4, network)
	}
	if device != "" {
		include(&c.devices, device)
	}
}

// evidence fills in the evidence of signals about a day: who was where in its hours.
func (a *Analytics) evidence(ctx context.Context, signals []Signal) error {
	days := map[time.Time][]*Signal{}
	for i := range signals {
		if s := &signals[i]; s.Kind != DistantStreams {
			days[s.within.From] = append(days[s.within.From], s)
		}
	}
	for _, of := range days {
		users := make([]string, len(of))
		for i, s := range of {
			users[i] = s.UserID
		}
		seats, err := a.seats(ctx, of[0].within, of[0].servers, users)
		if err != nil {
			return err
		}
		for _, s := range of {
			all := seats[s.UserID]
			slices.SortFunc(all, func(e, f Evidence) int {
				return cmp.Or(cmp.Compare(f.Requests, e.Requests), strings.Compare(e.IP, f.IP), strings.Compare(e.DeviceID, f.DeviceID))
			})
			s.Evidence = slices.Clone(all[:min(maxEvidence, len(all))])
		}
	}
	return nil
}

// seat is what a user's device at an address sums up to; its evidence is the place-th of the user's.
type seat struct {
	user  string
	place int
}

// seats returns by user on which device at which address they were, and when.
func (a *Analytics) seats(ctx context.Context, d Span, servers []int64, named []string) (map[string][]Evidence, error) {
	// Lists make an index search of each hour, server and user; ranges would read all users.
	var hours []int64
	for at := ceil(d.From, time.Hour); at.Before(d.To); at = at.Add(time.Hour) {
		hours = append(hours, at.UnixMilli())
	}
	query := a.db.NewSelect().Table("bandwidth").Column("hour", "server_id", "user_id", "device_id", "ip", "requests", "bytes").
		Where("hour IN (?)", bun.List(hours)).Where("server_id IN (?)", bun.List(servers)).Where("user_id IN (?)", bun.List(named))
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

// include puts a text into a set, which may be nil.
func include(set *map[string]bool, text string) {
	if *set == nil {
		*set = map[string]bool{}
	}
	(*set)[text] = true
}
