package telemetry

import "strings"

// addAccess adds an access log line, and the events that one of our slaves says in it. Agents in the field
// send no verdict, and their events by themselves.
func (b *Batch) addAccess(e *entry) {
	e.Streaming = e.Status == 101 || isStream(e)
	b.Access = append(b.Access, e.AccessLog)
	if e.Verdict == "" {
		return
	}
	if e.Verdict == VerdictReject {
		b.Blocked = append(b.Blocked, e.blocked())
		return
	}
	if e.playback {
		b.Playbacks = append(b.Playbacks, e.playbackEvent())
	}
	if e.login {
		b.Logins = append(b.Logins, e.loginEvent())
	}
}

// isStream reports whether the line is of a stream. Ours say so by the item; of an older agent's the path
// tells.
func isStream(e *entry) bool {
	if e.Verdict != "" {
		return e.ItemID != "" && !e.playback
	}
	path := strings.ToLower(e.URI)
	if !strings.Contains(path, "/videos/") && !strings.Contains(path, "/audio/") {
		return strings.HasSuffix(path, "/download")
	}
	return strings.Contains(path, "/stream") || strings.Contains(path, "/original") || strings.Contains(path, "/universal") || strings.Contains(path, "/hls")
}

func (e *entry) blocked() BlockedRequest {
	return BlockedRequest{
		Time: e.Time, ServerID: e.ServerID, RequestID: e.RequestID, IP: e.IP, Method: e.Method, URI: e.URI,
		Status: e.Status, Reason: e.Reason, Rule: e.Rule, ServerName: e.ServerName, Profile: e.Profile,
		ClientName: e.ClientName, ClientVersion: e.ClientVersion, ClientKind: e.ClientKind,
		DeviceID: e.DeviceID, DeviceName: e.DeviceName, UserID: e.UserID, UserAgent: e.UserAgent,
	}
}

func (e *entry) loginEvent() LoginEvent {
	l := LoginEvent{
		Time: e.Time, ServerID: e.ServerID, Event: e.event, Success: e.success, UserID: e.UserID,
		UserName: e.userName, IP: e.IP, ClientName: e.ClientName, ClientVersion: e.ClientVersion,
		DeviceID: e.DeviceID, DeviceName: e.DeviceName,
	}
	if e.login {
		l.Event, l.UserID = "login", e.loginUserID
	}
	return l
}

func (e *entry) playbackEvent() PlaybackEvent {
	return PlaybackEvent{
		Time: e.Time, ServerID: e.ServerID, Event: e.event, PlaySessionID: e.PlaySessionID, ItemID: e.ItemID,
		UserID: e.UserID, IP: e.IP, ClientName: e.ClientName, ClientVersion: e.ClientVersion,
		DeviceID: e.DeviceID, DeviceName: e.DeviceName, PositionTicks: e.positionTicks, IsPaused: e.isPaused,
	}
}

func (e *entry) usageRecord() Usage {
	return Usage{
		Time: e.Time, ServerID: e.ServerID, IP: e.IP, ClientName: e.ClientName, ClientVersion: e.ClientVersion,
		DeviceID: e.DeviceID, DeviceName: e.DeviceName, UserID: e.UserID, PlaySessionID: e.PlaySessionID,
		ItemID: e.ItemID, Requests: e.requests, Bytes: e.bytes, Summed: !e.usage,
	}
}

func (e *entry) session(reporter int64, at Millis) RealtimeSession {
	return RealtimeSession{
		ReporterID: reporter, ServerID: e.ServerID, SessionID: e.sessionID, ReportedAt: at,
		PlaySessionID: e.PlaySessionID, UserID: e.UserID, ItemID: e.ItemID, IP: e.IP, ClientName: e.ClientName,
		DeviceID: e.DeviceID, DeviceName: e.DeviceName, IsPlaying: e.isPlaying, IsPaused: e.isPaused,
		StartedAt: e.startedAt, Bytes: e.bytes,
	}
}

// call is what an older agent counted of an endpoint, or a single call.
func (e *entry) call() APICall {
	endpoint := e.endpoint
	if endpoint == "" {
		endpoint = e.URI
	}
	c := APICall{
		Hour: e.Time.Hour(), ServerID: e.ServerID, Method: e.Method, Endpoint: endpoint,
		Requests: max(1, e.requests), Errors5xx: e.errors, Bytes: max(e.bytes, e.BytesSent), RequestTimeUS: e.RequestTimeUS,
	}
	switch {
	case e.Status >= 500:
		c.Errors5xx++
	case e.Status >= 400:
		c.Errors4xx++
	}
	return c
}
