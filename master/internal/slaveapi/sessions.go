package slaveapi

import (
	"cmp"
	"fmt"
	"net/http"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/sessions"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// playback is a session as slaves of all ages describe it.
type playback struct {
	ServerID      text    `json:"server_id"`
	PlaySessionID text    `json:"play_session_id"`
	SessionID     text    `json:"session_id"` // the Lua agents' name for it in lists
	UserID        text    `json:"user_id"`
	EmbyUserID    text    `json:"emby_user_id"` // and this
	DeviceID      text    `json:"device_id"`
	DeviceName    text    `json:"device_name"`
	ItemID        text    `json:"item_id"`
	ClientName    text    `json:"client_name"`
	ClientIP      text    `json:"client_ip"`
	Bytes         api.Int `json:"bytes"`
	IsPaused      flag    `json:"is_paused"`
	IdleSeconds   api.Int `json:"idle_seconds"`
}

func (p *playback) session() api.LiveSession {
	return api.LiveSession{
		ServerID: string(p.ServerID), PlaySessionID: string(cmp.Or(p.PlaySessionID, p.SessionID)),
		UserID: string(cmp.Or(p.UserID, p.EmbyUserID)), DeviceID: string(p.DeviceID), DeviceName: string(p.DeviceName),
		ItemID: string(p.ItemID), ClientName: string(p.ClientName), ClientIP: string(p.ClientIP),
		Bytes: p.Bytes, IsPaused: bool(p.IsPaused), IdleSeconds: p.IdleSeconds,
	}
}

// playbacks is a list of them.
type playbacks struct {
	Sessions list[playback] `json:"sessions"`
}

func (p *playbacks) sessions() ([]api.LiveSession, error) {
	all := make([]api.LiveSession, len(p.Sessions))
	for i := range p.Sessions {
		all[i] = p.Sessions[i].session()
		if all[i].PlaySessionID == "" {
			return nil, problem(http.StatusBadRequest, fmt.Sprintf("sessions[%d].play_session_id takes the session's id", i))
		}
	}
	return all, nil
}

// speaker returns for which sessions a slave may speak.
func speaker(slave auth.Slave) sessions.Slave {
	return sessions.Slave{Group: slave.Group, ServerID: slave.ServerID}
}

// checkIn decides whether a playback may start.
func (a *API) checkIn(w http.ResponseWriter, r *http.Request, slave auth.Slave) (any, error) {
	var in struct {
		playback
		Beside         flag    `json:"beside"`
		MaxStreams     api.Int `json:"max_streams"`
		ActionOnExceed text    `json:"action_on_exceed"`
	}
	if err := readBody(w, r, &in); err != nil {
		return nil, err
	}
	s := in.session()
	if s.PlaySessionID == "" {
		return nil, problem(http.StatusBadRequest, "play_session_id takes the session's id")
	}
	answer, err := a.cfg.Sessions.CheckIn(r.Context(), speaker(slave), api.CheckIn{
		ServerID: s.ServerID, PlaySessionID: s.PlaySessionID, UserID: s.UserID, DeviceID: s.DeviceID,
		DeviceName: s.DeviceName, ItemID: s.ItemID, ClientName: s.ClientName, ClientIP: s.ClientIP,
		Beside: bool(in.Beside), MaxStreams: int(in.MaxStreams), ActionOnExceed: string(in.ActionOnExceed),
	})
	if err != nil {
		return nil, fmt.Errorf("check in: %w", err)
	}
	return answer, nil
}

// beatSessions takes over a slave's list of live sessions.
func (a *API) beatSessions(w http.ResponseWriter, r *http.Request, slave auth.Slave) (any, error) {
	var in struct {
		Sessions *list[playback] `json:"sessions"`
	}
	if err := readLargeBody(w, r, &in); err != nil {
		return nil, err
	}
	if in.Sessions == nil { // an empty list ends all sessions; nothing said must not
		return nil, problem(http.StatusBadRequest, "sessions takes the list of all live sessions")
	}
	live, err := (&playbacks{*in.Sessions}).sessions()
	if err != nil {
		return nil, err
	}
	answer, err := a.cfg.Sessions.Beat(r.Context(), speaker(slave), api.SessionHeartbeat{Sessions: live})
	if err != nil {
		return nil, fmt.Errorf("session heartbeat: %w", err)
	}
	return answer, nil
}

// endSessions ends sessions; a single one may stand without a list.
func (a *API) endSessions(w http.ResponseWriter, r *http.Request, slave auth.Slave) (any, error) {
	var in struct {
		playback
		playbacks
	}
	if err := readLargeBody(w, r, &in); err != nil {
		return nil, err
	}
	if in.Sessions == nil && cmp.Or(in.PlaySessionID, in.SessionID) != "" {
		in.Sessions = list[playback]{in.playback}
	}
	ended, err := in.sessions()
	if err != nil {
		return nil, err
	}
	if err := a.cfg.Sessions.End(r.Context(), speaker(slave), api.SessionEnds{Sessions: ended}); err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	return struct{}{}, nil
}
