package session

import (
	"context"
	"errors"
	"net/http"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
)

// askMaster returns the master's verdict, unless it offers none or does not answer in time.
func (d *Desk) askMaster(ctx context.Context, in CheckIn) (api.CheckInAnswer, bool) {
	if !d.offered() {
		return api.CheckInAnswer{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, masterTimeout)
	defer cancel()
	verdict, err := d.cfg.Master.CheckIn(ctx, api.CheckIn{
		ServerID: in.Scope, PlaySessionID: in.PlaySessionID, UserID: in.UserID, DeviceID: in.DeviceID,
		DeviceName: in.DeviceName, ItemID: in.ItemID, ClientName: in.ClientName, ClientIP: in.ClientIP,
		MaxStreams: in.MaxStreams, ActionOnExceed: in.ActionOnExceed,
	})
	if err == nil {
		return verdict, true
	}
	status, answered := errors.AsType[*masterclient.StatusError](err)
	if answered && (status.Problem.Status == http.StatusNotFound || status.Problem.Status == http.StatusMethodNotAllowed) {
		d.cfg.Log.Debug("Master offers no check-ins: each slave counts alone", "ask_again_in", notOfferedFor)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.askAgain = d.cfg.Now().Add(notOfferedFor)
		return verdict, false
	}
	d.metrics.masterFailures.Inc()
	d.cfg.Log.Debug("Master did not decide a check-in", "error", err)
	return verdict, false
}

func (d *Desk) offered() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.cfg.Now().Before(d.askAgain)
}
