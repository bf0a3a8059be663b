package showcase

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/period"
	"github.com/uhdadmin/media-gateway/shared/traffic"
)

// Refused is the request id of a refusal.
const Refused = "0123456789abcdef0123456789abcdef"

// reportRequests sends the access log of a day, and one line of a refusal whose texts are the Suffix's.
func (f *Fleet) reportRequests(ctx context.Context) error {
	// A slave reports of its own servers only.
	servers := []int64{f.Servers[0].ID}
	if f.Config.Servers > f.Hosts {
		servers = append(servers, f.Servers[f.Hosts].ID)
	}
	if err := f.reportLines(ctx, traffic.New(traffic.Config{Seed: 8, Users: 60 + f.Rows/5000, Items: 400 + f.Rows/1000, Servers: servers})); err != nil {
		return err
	}
	refusal, err := json.Marshal(map[string]any{
		"timestamp": float64(f.Now.Add(-5*time.Second).UnixMilli()) / 1000, "request_id": Refused, "ip": "203.0.113.80", "method": "GET", "status": 403,
		"server_name": f.Servers[0].ServerName, "scope": fmt.Sprint(f.Servers[0].ID), "client_name": "Infuse" + f.Suffix, "client_version": "7.8" + f.Suffix,
		"device_id": "living-room" + f.Suffix, "device_name": "Apple TV" + f.Suffix, "user_id": heavy, "user_agent": "Infuse-Direct/7.8" + f.Suffix,
		"uri": "/emby/Plugins/" + f.Suffix, "verdict": "reject", "reason": "uri_blocked", "rule": "",
	})
	if err != nil {
		return err
	}
	login, err := json.Marshal(map[string]any{
		"timestamp": f.Now.Add(-time.Minute).Unix(), "event": "login", "success": false, "emby_username": "bob" + f.Suffix, "ip": "203.0.113.80",
		"client_name": "Infuse" + f.Suffix, "device_id": "living-room" + f.Suffix, "device_name": "Apple TV" + f.Suffix,
	})
	if err != nil {
		return err
	}
	if err := f.report(ctx, "login", []json.RawMessage{login}); err != nil {
		return err
	}
	return f.report(ctx, "access-logs", []json.RawMessage{refusal})
}

// reporters is how many batches are on their way at a time.
const reporters = 4

// reportLines sends the access log, a thousand lines at a time.
func (f *Fleet) reportLines(ctx context.Context, lines *traffic.Generator) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(reporters)
	var batch []json.RawMessage
	send := func() {
		full := batch
		batch = nil
		group.Go(func() error { return f.report(ctx, "access-logs", full) })
	}
	traffic.Times(f.Now.Add(-f.Span), f.Now, f.Rows, func(at time.Time) bool {
		if batch = append(batch, lines.Line(nil, at)); len(batch) == 1000 {
			send()
		}
		return ctx.Err() == nil
	})
	send()
	return group.Wait()
}

func (f *Fleet) report(ctx context.Context, kind string, entries []json.RawMessage) error {
	return f.as(ctx, 0, http.MethodPost, api.PathSlave+"/telemetry/"+kind, map[string]any{"entries": entries}, nil)
}

// startStreams has people play something at the first host.
func (f *Fleet) startStreams(ctx context.Context) error {
	clients := []struct{ name, device string }{
		{"Infuse", "Apple TV"}, {"VidHub", "iPad"}, {"Emby for Android TV", "SHIELD"}, {"SenPlayer", "客厅电视"},
	}
	beat := api.SessionHeartbeat{}
	for i := range f.Streams {
		c := clients[i%len(clients)]
		s := api.LiveSession{
			ServerID: fmt.Sprint(f.Servers[0].ID), PlaySessionID: fmt.Sprintf("play%05d", i), UserID: fmt.Sprintf("%032x", 7*i+1), DeviceID: fmt.Sprintf("device%d", i),
			DeviceName: c.device + f.Suffix, ItemID: fmt.Sprintf("%032x", 31*i+5), ClientName: c.name + f.Suffix, ClientIP: fmt.Sprintf("203.0.113.%d", 1+i%250),
			Bytes: api.Int(int64(i+1) * 734_003_200), IsPaused: i%4 == 3,
		}
		in := api.CheckIn{
			ServerID: s.ServerID, PlaySessionID: s.PlaySessionID, UserID: s.UserID, DeviceID: s.DeviceID, DeviceName: s.DeviceName,
			ItemID: s.ItemID, ClientName: s.ClientName, ClientIP: s.ClientIP,
		}
		if err := f.as(ctx, 0, http.MethodPost, api.PathSlave+"/sessions/checkin", in, nil); err != nil {
			return err
		}
		beat.Sessions = append(beat.Sessions, s)
	}
	return f.as(ctx, 0, http.MethodPost, api.PathSlave+"/sessions/heartbeat", beat, nil)
}

// useQuotas has one user over a quota, some near one, others far from it.
func (f *Fleet) useQuotas(ctx context.Context) error {
	sync := api.QuotaSync{SlaveID: "showcase", TimeZone: "Asia/Shanghai"}
	zone, err := time.LoadLocation(sync.TimeZone)
	if err != nil {
		return err
	}
	for i, used := range []int64{212, 187, 96, 40, 3} {
		for _, kind := range []period.Kind{period.Daily, period.Monthly} {
			user := heavy
			if i > 0 {
				user = fmt.Sprintf("%032x", 7*i+1)
			}
			sync.Counters = append(sync.Counters, api.QuotaCounter{
				Scope: fmt.Sprint(f.Servers[0].ID), Dimension: "user", DimensionValue: user, PeriodType: string(kind), PeriodKey: period.Of(kind, f.Now, zone).Key,
				RequestCount: api.Int(used * 40), BandwidthBytes: api.Int(used << 30),
			})
		}
	}
	return f.as(ctx, 0, http.MethodPost, api.PathSlave+"/telemetry/quota-sync", sync, nil)
}
