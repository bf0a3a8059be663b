package analytics

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/privacy"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// stream is a play session with its time and its place: what tells whether two overlap.
type stream struct {
	id       int64
	device   string
	network  string
	from, to telemetry.Millis
}

// overlap is two streams of a user at once.
type overlap struct {
	x, y     *stream
	together telemetry.Millis
}

// distant returns the users of whom two devices played in different networks at once. Evidence is for later.
func (a *Analytics) distant(ctx context.Context, q Sharing) ([]Signal, error) {
	users, err := a.streams(ctx, q)
	if err != nil {
		return nil, err
	}
	var found []Signal
	for user, streams := range users {
		slices.SortFunc(streams, func(x, y stream) int { return cmp.Compare(x.from, y.from) })
		overlaps := overlapsOf(q, streams)
		if len(overlaps) == 0 {
			continue
		}
		s := Signal{
			Kind: DistantStreams, UserID: user, Day: overlaps[0].y.from.Time().In(q.Span.Zone).Format(time.DateOnly), Count: len(overlaps),
		}
		var c crowd
		for _, o := range overlaps {
			s.Overlap += int64(o.together) / 1000
			for _, of := range []*stream{o.x, o.y} {
				c.note(of.network, of.device)
			}
		}
		s.Networks, s.Devices = max(len(c.v4), len(c.v6)), len(c.devices)
		slices.SortStableFunc(overlaps, func(o, p overlap) int { return cmp.Compare(p.together, o.together) })
		s.overlaps = slices.Clone(overlaps[:min(maxEvidence/2, len(overlaps))])
		found = append(found, s)
	}
	return found, nil
}

// streams returns by user the streams that are long enough to overlap, where their place is known.
func (a *Analytics) streams(ctx context.Context, q Sharing) (map[string][]stream, error) {
	const end = "CASE WHEN stopped_at > 0 AND stopped_at < last_seen_at THEN stopped_at ELSE last_seen_at END"
	sessions := func() *bun.SelectQuery {
		query := a.db.NewSelect().Table("playback_sessions").Column("id", "user_id", "device_id", "ip", "started_at").ColumnExpr(end).
			Where("started_at < ?", q.Span.To.UnixMilli()).
			Where("last_seen_at - started_at >= ?", q.MinOverlap.Milliseconds()).Where("device_id <> ''")
		return of(q, query)
	}
	// Ids are in the order of begin, so what began in the span lies together. What ran already is found by its
	// last sign; all that was seen since is in that index, too, and to look up each of so many rows costs more than
	// to read them: the plus sign has the database compare ids, and not search by them.
	begin := telemetry.MillisOf(q.Span.From)
	began := sessions().Where("id >= ?", telemetry.ID(begin, 0))
	ran := sessions().Where("last_seen_at >= ?", int64(begin)).Where("+id < ?", telemetry.ID(begin, 0))
	users, networks := map[string][]stream{}, map[string]string{}
	err := a.each(ctx, began.UnionAll(ran), func(row []driver.Value) {
		s := stream{id: row[0].(int64), device: row[2].(string), from: telemetry.Millis(row[4].(int64)), to: telemetry.Millis(row[5].(int64))}
		if s.network = networkOf(row[3].(string), networks); s.network != "" {
			user := row[1].(string)
			users[user] = append(users[user], s)
		}
	})
	return users, err
}

// networkOf returns the network of an address, "" for what is none, and remembers it in known.
func networkOf(ip string, known map[string]string) string {
	network, ok := known[ip]
	if !ok {
		if n, ok := privacy.Network(ip); ok {
			network = n.String()
		}
		known[ip] = network
	}
	return network
}

// overlapsOf looks for two streams of a user at once, at addresses that are of one family and not of one
// network. streams are in the order of their begin.
func overlapsOf(q Sharing, streams []stream) []overlap {
	least, begin := telemetry.Millis(q.MinOverlap.Milliseconds()), telemetry.MillisOf(q.Span.From)
	var overlaps []overlap
	var running []*stream
	for i := range streams {
		y := &streams[i]
		running = slices.DeleteFunc(running, func(x *stream) bool { return x.to-y.from < least })
		for _, x := range running {
			end := min(x.to, y.to)
			if end-y.from >= least && v6(x.network) == v6(y.network) && x.network != y.network && x.device != y.device && end > begin {
				overlaps = append(overlaps, overlap{x, y, end - y.from})
			}
		}
		running = append(running, y)
	}
	return overlaps
}

func v6(network string) bool { return strings.Contains(network, ":") }

// overlapEvidence fills in the evidence of signals about streams: the two of each overlap.
func (a *Analytics) overlapEvidence(ctx context.Context, zone *time.Location, signals []Signal) error {
	var ids []int64
	for _, s := range signals {
		for _, o := range s.overlaps {
			ids = append(ids, o.x.id, o.y.id)
		}
	}
	slices.Sort(ids)
	sessions := map[int64]telemetry.PlaybackSession{}
	for some := range slices.Chunk(slices.Compact(ids), chunk) {
		var rows []telemetry.PlaybackSession
		if err := a.db.NewSelect().Model(&rows).Where("id IN (?)", bun.List(some)).Scan(ctx); err != nil {
			return fmt.Errorf("play sessions: %w", err)
		}
		for _, r := range rows {
			sessions[r.ID] = r
		}
	}
	for i := range signals {
		for pair, o := range signals[i].overlaps {
			for _, s := range []*stream{o.x, o.y} {
				r := sessions[s.id]
				signals[i].Evidence = append(signals[i].Evidence, Evidence{
					ServerID: r.ServerID, IP: r.IP, Network: s.network, DeviceID: s.device, From: s.from.Time().In(zone), To: s.to.Time().In(zone),
					Requests: r.Requests, Bytes: r.Bytes, PlaySessionID: r.PlaySessionID, ItemID: r.ItemID, Pair: pair + 1,
				})
			}
		}
	}
	return nil
}

func minTime(t, u time.Time) time.Time {
	if t.Before(u) {
		return t
	}
	return u
}
