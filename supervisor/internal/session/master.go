package session

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
)

// askMaster returns the master's verdict, unless it offers none or does not answer in time.
func (d *Desk) askMaster(ctx context.Context, in CheckIn, beside bool) (api.CheckInAnswer, bool) {
	if !d.checkIns.open(d.cfg.Now()) {
		return api.CheckInAnswer{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, masterTimeout)
	defer cancel()
	verdict, err := d.cfg.Master.CheckIn(ctx, api.CheckIn{
		ServerID: in.Scope, PlaySessionID: in.PlaySessionID, UserID: in.UserID, DeviceID: in.DeviceID,
		DeviceName: in.DeviceName, ItemID: in.ItemID, ClientName: in.ClientName, ClientIP: in.ClientIP,
		Beside: beside, MaxStreams: in.MaxStreams, ActionOnExceed: in.ActionOnExceed,
	})
	if err == nil {
		return verdict, true
	}
	if d.checkIns.refused(err, d.cfg.Now()) {
		d.cfg.Log.Debug("Master offers no check-ins: each slave counts alone", "ask_again_in", notOfferedFor)
		return verdict, false
	}
	d.metrics.masterFailures.Inc()
	d.cfg.Log.Debug("Master did not decide a check-in", "error", err)
	return verdict, false
}

// offer is a call that a master may not know: older ones do not.
type offer struct {
	mu     sync.Mutex
	closed time.Time // until then
}

func (o *offer) open(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !now.Before(o.closed)
}

// refused reports whether err says that the master does not know the call, which is left alone then.
func (o *offer) refused(err error, now time.Time) bool {
	status, answered := errors.AsType[*masterclient.StatusError](err)
	if !answered || status.Problem.Status != http.StatusNotFound && status.Problem.Status != http.StatusMethodNotAllowed {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = now.Add(notOfferedFor)
	return true
}
