package analytics

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/privacy"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// stream is a play session with its time and its place.
type stream struct {
	telemetry.PlaybackSession
	from, to time.Time
	network  string
	v4       bool
}

// distant returns the users of whom two devices played in different networks at once.
func (a *Analytics) distant(ctx context.Context, q Sharing) ([]Signal, error) {
	query := a.db.NewSelect().Table("playback_sessions").
		Column("server_id", "play_session_id", "device_id", "started_at", "last_seen_at", "stopped_at", "user_id", "item_id", "ip", "requests", "bytes").
		Where("last_seen_at >= ?", q.Span.From.UnixMilli()).Where("started_at < ?", q.Span.To.UnixMilli()).
		Where("device_id <> ''")
	rows, err := of(q, query).Rows(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err has told
	users := map[string][]telemetry.PlaybackSession{}
	for rows.Next() {
		var r telemetry.PlaybackSession
		err := rows.Scan(&r.ServerID, &r.PlaySessionID, &r.DeviceID, &r.StartedAt, &r.LastSeenAt, &r.StoppedAt, &r.UserID,
			&r.ItemID, &r.IP, &r.Requests, &r.Bytes)
		if err != nil {
			return nil, err
		}
		users[r.UserID] = append(users[r.UserID], r)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var found []Signal
	for _, sessions := range users {
		slices.SortFunc(sessions, func(x, y telemetry.PlaybackSession) int { return cmp.Compare(x.StartedAt, y.StartedAt) })
		if s := overlaps(q, streamsOf(sessions, q.Span.Zone)); s != nil {
			found = append(found, *s)
		}
	}
	return found, nil
}

func streamsOf(rows []telemetry.PlaybackSession, zone *time.Location) []stream {
	streams := make([]stream, 0, len(rows))
	for _, r := range rows {
		network, ok := privacy.Network(r.IP)
		if !ok {
			continue
		}
		last := r.LastSeenAt
		if r.StoppedAt > 0 {
			last = min(last, r.StoppedAt)
		}
		streams = append(streams, stream{r, r.StartedAt.Time().In(zone), last.Time().In(zone), network.String(), network.Addr().Is4()})
	}
	return streams
}

// overlaps looks for two streams of a user at once, at addresses that are of one family and not of one
// network. streams are in the order of their begin.
func overlaps(q Sharing, streams []stream) *Signal {
	type pair struct {
		x, y *stream
		time time.Duration
	}
	var pairs []pair
	var running []*stream
	for i := range streams {
		y := &streams[i]
		running = slices.DeleteFunc(running, func(x *stream) bool { return x.to.Sub(y.from) < q.MinOverlap })
		for _, x := range running {
			together := minTime(x.to, y.to).Sub(y.from)
			if together >= q.MinOverlap && x.v4 == y.v4 && x.network != y.network && x.DeviceID != y.DeviceID && minTime(x.to, y.to).After(q.Span.From) {
				pairs = append(pairs, pair{x, y, together})
			}
		}
		running = append(running, y)
	}
	if len(pairs) == 0 {
		return nil
	}
	s := &Signal{
		Kind: DistantStreams, UserID: pairs[0].y.UserID, Day: pairs[0].y.from.Format(time.DateOnly), Count: len(pairs),
	}
	var all []Evidence
	for _, p := range pairs {
		s.Overlap += int64(p.time / time.Second)
		all = append(all, p.x.evidence(), p.y.evidence())
	}
	s.Networks, s.Devices = places(all), devices(all)
	slices.SortStableFunc(pairs, func(p, o pair) int { return cmp.Compare(o.time, p.time) })
	for i, p := range pairs[:min(maxEvidence/2, len(pairs))] {
		for _, e := range []Evidence{p.x.evidence(), p.y.evidence()} {
			e.Pair = i + 1
			s.Evidence = append(s.Evidence, e)
		}
	}
	return s
}

func (s *stream) evidence() Evidence {
	return Evidence{
		ServerID: s.ServerID, IP: s.IP, Network: s.network, DeviceID: s.DeviceID, From: s.from, To: s.to, Requests: s.Requests, Bytes: s.Bytes,
		PlaySessionID: s.PlaySessionID, ItemID: s.ItemID,
	}
}

func minTime(t, u time.Time) time.Time {
	if t.Before(u) {
		return t
	}
	return u
}
