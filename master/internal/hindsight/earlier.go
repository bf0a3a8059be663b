package hindsight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/chain"
)

// maxClients is how many clients and versions of devices are looked at, those of most devices.
const maxClients = 5000

// earlier adds clients that would have been refused and were last seen before the requests that were examined: each
// device's last client and version is kept apart. There may be very many devices, so it has patience of its own.
func (h *Hindsight) earlier(ctx context.Context, q *Question, a *Answer, w *chain.Whitelist) error {
	limited := ctx
	if q.Patience > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, q.Patience)
		defer cancel()
	}
	var seen []struct {
		ClientName, ClientVersion string
		Devices, Users, LastSeen  int64
	}
	err := h.cfg.DB.NewSelect().Table("devices").Column("client_name", "client_version").
		ColumnExpr("COUNT(*) AS devices").ColumnExpr("COUNT(DISTINCT NULLIF(user_id, '')) AS users").ColumnExpr("MAX(last_seen_at) AS last_seen").
		Where("last_seen_at >= ?", a.From.UnixMilli()).Where("last_seen_at < ?", a.ExaminedFrom.UnixMilli()).
		Where("server_id IN (?)", bun.List(q.Servers)).Where("client_name <> ''").
		Group("client_name", "client_version").OrderExpr("devices DESC, client_name, client_version").Limit(maxClients).Scan(limited, &seen)
	if err != nil && ctx.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || limited.Err() != nil) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("clients of devices: %w", err)
	}
	for _, s := range seen {
		why, lowest := w.Refuse(chain.Client{Name: s.ClientName, Version: s.ClientVersion})
		if why == "" {
			continue
		}
		a.Players.Earlier = append(a.Players.Earlier, EarlierItem{
			Client: s.ClientName, Version: s.ClientVersion, Reason: string(why), Lowest: lowest, Devices: s.Devices, Users: s.Users,
			LastSeen: time.UnixMilli(s.LastSeen).UTC(),
		})
	}
	slices.SortStableFunc(a.Players.Earlier, func(x, y EarlierItem) int { return cmp.Compare(y.Users, x.Users) })
	a.Players.Earlier = a.Players.Earlier[:min(len(a.Players.Earlier), maxItems)]
	return nil
}
