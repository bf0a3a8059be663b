package analytics

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// Sharing is what signs of shared accounts are looked for.
type Sharing struct {
	Span       Span
	Servers    []int64       // none: all
	UserID     string        // "": all users
	Networks   int           // networks of a user within a day
	Devices    int           // devices of a user within a day
	MinOverlap time.Duration // of two streams
	Limit      int
}

// LongestSharing is the longest span that signals are looked for in.
const LongestSharing = 31 * day

// Signal is a sign that an account is shared. It is a hint, not a proof: phones change networks, families
// have many devices.
type Signal struct {
	Kind     string     `json:"kind" enum:"many_networks,many_devices,distant_streams"`
	UserID   string     `json:"user_id"`
	Day      string     `json:"day" doc:"in the zone that was asked for; of streams, when the first overlap began"`
	Count    int        `json:"count" doc:"networks, devices, or overlaps of two streams"`
	Networks int        `json:"networks" doc:"of the family, IPv4 or IPv6, that has more: a home with both is one place"`
	Devices  int        `json:"devices"`
	Overlap  int64      `json:"overlap_seconds" doc:"of all overlaps together"`
	Evidence []Evidence `json:"evidence" doc:"at most 20 rows, those with most requests or the longest overlaps"`

	within   Span      // a day
	servers  []int64   // on which anybody was seen in it
	overlaps []overlap // of which evidence is shown
}

// Kinds of signals.
const (
	ManyNetworks   = "many_networks"
	ManyDevices    = "many_devices"
	DistantStreams = "distant_streams"
)

// Evidence is one device at one address, or one of two streams that overlap.
type Evidence struct {
	ServerID      int64     `json:"server_id"`
	IP            string    `json:"ip"`
	Network       string    `json:"network" doc:"IPv4 /24 or IPv6 /48"`
	DeviceID      string    `json:"device_id"`
	DeviceName    string    `json:"device_name"`
	ClientName    string    `json:"client_name"`
	From          time.Time `json:"from" doc:"of days, the hour in which it was first seen"`
	To            time.Time `json:"to" doc:"of days, the end of the hour in which it was last seen"`
	Requests      int64     `json:"requests"`
	Bytes         int64     `json:"bytes"`
	PlaySessionID string    `json:"play_session_id,omitempty"`
	ItemID        string    `json:"item_id,omitempty"`
	Pair          int       `json:"pair,omitempty" doc:"the two streams of an overlap have the same number"`
}

// maxEvidence is how many rows of a signal are shown.
const maxEvidence = 20

// Signals is an answer about sharing.
type Signals struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Timezone string    `json:"timezone"`
	Items    []Signal  `json:"items" doc:"the strongest first"`
}

// Sharing looks for signs of shared accounts. A span that is too long is a *ParamError.
func (a *Analytics) Sharing(ctx context.Context, q Sharing) (*Signals, error) {
	q.Span = a.cover(q.Span)
	if q.Span.To.Sub(q.Span.From) > LongestSharing+2*time.Hour {
		return nil, &ParamError{"from", "a time at most 31 days before to"}
	}
	days, err := q.Span.Buckets(Day)
	if err != nil {
		return nil, err
	}
	since, err := telemetry.SeatsSince(ctx, a.db)
	if err != nil {
		return nil, fmt.Errorf("since when seats are known: %w", err)
	}
	answer := &Signals{From: q.Span.From.In(q.Span.Zone), To: q.Span.To.In(q.Span.Zone), Timezone: q.Span.Zone.String(), Items: []Signal{}}
	// The days and the streams, some at a time.
	found := make([][]Signal, len(days)+1)
	group, inGroup := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	group.Go(func() (err error) {
		if found[len(days)], err = a.distant(inGroup, q); err != nil {
			err = fmt.Errorf("overlapping streams: %w", err)
		}
		return err
	})
	for i, d := range days {
		group.Go(func() (err error) {
			if found[i], err = a.crowded(inGroup, q, d, since); err != nil {
				err = fmt.Errorf("users of %s: %w", d.From.Format(time.DateOnly), err)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	answer.Items = slices.Concat(found...)
	if answer.Items == nil {
		answer.Items = []Signal{}
	}

	// Streams at two places at once say most, and how far a count is above its threshold the rest.
	strength := func(s Signal) float64 {
		switch s.Kind {
		case DistantStreams:
			return 1000 + float64(s.Count)
		case ManyNetworks:
			return float64(s.Count) / float64(q.Networks)
		}
		return float64(s.Count) / float64(q.Devices)
	}
	slices.SortFunc(answer.Items, func(s, t Signal) int {
		return cmp.Or(cmp.Compare(strength(t), strength(s)), strings.Compare(t.Day, s.Day), strings.Compare(s.UserID, t.UserID), strings.Compare(s.Kind, t.Kind))
	})
	answer.Items = answer.Items[:min(q.Limit, len(answer.Items))]
	if err := a.evidence(ctx, answer.Items); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	if err := a.overlapEvidence(ctx, q.Span.Zone, answer.Items); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	return answer, a.nameDevices(ctx, answer.Items)
}

// nameDevices fills in what devices are called.
func (a *Analytics) nameDevices(ctx context.Context, signals []Signal) error {
	type key struct {
		server int64
		device string
	}
	wanted := map[key][]*Evidence{}
	var servers []int64
	var devices []string
	for i := range signals {
		for j := range signals[i].Evidence {
			e := &signals[i].Evidence[j]
			k := key{e.ServerID, e.DeviceID}
			if e.DeviceID == "" || e.ClientName != "" {
				continue
			}
			if wanted[k] == nil {
				devices = append(devices, e.DeviceID)
				if !slices.Contains(servers, e.ServerID) {
					servers = append(servers, e.ServerID)
				}
			}
			wanted[k] = append(wanted[k], e)
		}
	}
	for some := range slices.Chunk(devices, chunk) {
		var rows []struct {
			ServerID   int64
			DeviceID   string
			DeviceName string
			ClientName string
		}
		err := a.db.NewSelect().Table("devices").Column("server_id", "device_id", "device_name", "client_name").
			Where("server_id IN (?)", bun.List(servers)).Where("device_id IN (?)", bun.List(some)).Scan(ctx, &rows)
		if err != nil {
			return fmt.Errorf("names of devices: %w", err)
		}
		for _, r := range rows {
			for _, e := range wanted[key{r.ServerID, r.DeviceID}] {
				e.DeviceName, e.ClientName = r.DeviceName, r.ClientName
			}
		}
	}
	return nil
}
