package mediaserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	waitingStops = 256 // beyond that playbacks are cut only
	stopsAtATime = 2
	// The command goes to the player over the server, whose session may be there a moment after the stream.
	stopTries    = 3
	stopTryAgain = 2 * time.Second
)

// Playback is one that was kicked.
type Playback struct {
	Scope, PlaySessionID, DeviceID, UserID, ItemID string
}

type stop struct {
	Playback
	server *server
}

// Stop has the media server tell the player to stop, some time soon. It is a courtesy: players that do not obey,
// and those whose session cannot be found, are cut by the gateway all the same.
func (d *Directory) Stop(p Playback) {
	s := d.of(p.Scope)
	if s == nil || s.address.Key == "" {
		return
	}
	if p.DeviceID == "" {
		d.metrics.stops.WithLabelValues("not_found").Inc()
		return
	}
	select {
	case d.stops <- stop{p, s}:
	default:
		d.metrics.stops.WithLabelValues("dropped").Inc()
		d.cfg.Log.Warn("Media server is not told of a kick: too many wait", "server_id", p.Scope, "play_session_id", p.PlaySessionID)
	}
}

func (d *Directory) keepStopping(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case next := <-d.stops:
			d.carryOut(ctx, next)
		}
	}
}

var errNoSession = errors.New("the media server has no such playback")

func (d *Directory) carryOut(ctx context.Context, next stop) {
	var err error
	for try := range stopTries {
		if try > 0 && pause(ctx, stopTryAgain) != nil {
			return
		}
		if err = next.server.stop(ctx, next.Playback); err == nil || !errors.Is(err, ErrBusy) && !errors.Is(err, errNoSession) {
			break
		}
	}
	attrs := []any{"server_id", next.Scope, "play_session_id", next.PlaySessionID, "device_id", next.DeviceID, "user_id", next.UserID}
	switch {
	case err == nil:
		d.metrics.stops.WithLabelValues("sent").Inc()
		d.cfg.Log.Info("Media server told to stop a kicked playback", attrs...)
	case ctx.Err() != nil:
	case errors.Is(err, errNoSession):
		d.metrics.stops.WithLabelValues("not_found").Inc()
		d.cfg.Log.Debug("Media server knows no such playback, it is cut only", attrs...)
	default:
		d.metrics.stops.WithLabelValues("failed").Inc()
		d.cfg.Log.Warn("Media server not told to stop a kicked playback, it is cut only", append(attrs, "error", err)...)
	}
}

// stop finds the session and sends it the command.
func (s *server) stop(ctx context.Context, p Playback) error {
	sessions, _, err := s.sessions(ctx, p.DeviceID)
	if err != nil {
		return err
	}
	id := choose(sessions, p)
	if id == "" {
		return errNoSession
	}
	a, err := s.ask(ctx, "stop", http.MethodPost, "/Sessions/"+url.PathEscape(id)+"/Playing/Stop", s.address.Key)
	if err != nil {
		return err
	}
	if a.status == http.StatusNotFound {
		return errNoSession
	}
	if err := s.keyAnswered(a.status); err != nil {
		return err
	}
	if a.status/100 != 2 {
		return fmt.Errorf("POST /Sessions/{id}/Playing/Stop: status %d", a.status)
	}
	return nil
}

// choose returns the id of the session that plays p: the one of its play session where the server says that, else
// the one that plays its item for its user. "" when it is not certain.
func choose(sessions []session, p Playback) string {
	found := ""
	for _, s := range sessions {
		if s.NowPlayingItem == nil {
			continue
		}
		if s.PlaySessionID != "" && s.PlaySessionID == p.PlaySessionID {
			return s.ID
		}
		if p.ItemID != "" && !sameID(s.NowPlayingItem.ID, p.ItemID) || p.UserID != "" && !sameID(s.UserID, p.UserID) ||
			s.PlaySessionID != "" && cmp.Or(p.PlaySessionID, s.PlaySessionID) != s.PlaySessionID {
			continue
		}
		if found != "" {
			return ""
		}
		found = s.ID
	}
	return found
}

// sameID compares ids as servers do: in any case, with dashes or without.
func sameID(a, b string) bool {
	return strings.EqualFold(strings.ReplaceAll(a, "-", ""), strings.ReplaceAll(b, "-", ""))
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
