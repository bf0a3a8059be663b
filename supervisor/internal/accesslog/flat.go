package accesslog

import "strconv"

// parseFlat reads a flat line, see flat, in half the time that a parser takes which has to know all of JSON.
// false: it is none, or has a member that is not what it should be; the parser says what.
func (p *Parser) parseFlat(e *Entry) bool {
	*e = Entry{}
	f, ok := flatOf(p.line)
	for ok && !f.end {
		var name, value []byte
		if name, value, ok = f.next(); !ok {
			return false
		}
		if value[0] == '"' {
			ok = e.setText(string(name), value[1:len(value)-1])
		} else {
			ok = e.setNumber(string(name), value)
		}
	}
	return ok
}

// setText takes a member that is a text; false: this one is not.
func (e *Entry) setText(name string, value []byte) bool {
	switch name {
	case "request_id":
		e.RequestID = value
	case "ip":
		e.IP = value
	case "method":
		e.Method = value
	case "upstream_time":
		e.UpstreamTime = value
	case "upstream_status":
		e.UpstreamStatus = value
	case "server_name":
		e.ServerName = value
	case "scope":
		e.Scope = value
	case "profile":
		e.Profile = value
	case "client_name":
		e.ClientName = value
	case "client_version":
		e.ClientVersion = value
	case "device_id":
		e.DeviceID = value
	case "device_name":
		e.DeviceName = value
	case "kind":
		e.Kind = value
	case "user_id":
		e.UserID = value
	case "token_hash":
		e.TokenHash = value
	case "user_agent":
		e.UserAgent = value
	case "uri":
		e.URI = value
	case "play_session_id":
		e.PlaySessionID = value
	case "item_id":
		e.ItemID = value
	case "verdict":
		e.Verdict = value
	case "reason":
		e.Reason = value
	case "rule":
		e.Rule = value
	case "epoch":
		e.Epoch = value
	case "timestamp", "status", "bytes_sent", "accounted", "request_time", "bytes", "seq":
		return false
	}
	return true
}

// setNumber takes a member that is a number; false: this one is not.
func (e *Entry) setNumber(name string, value []byte) (ok bool) {
	switch name {
	case "timestamp":
		e.Timestamp, ok = seconds(value)
	case "request_time":
		e.RequestTime, ok = seconds(value)
	case "status":
		var status int64
		status, ok = whole(value)
		e.Status = int(status)
	case "bytes_sent":
		e.BytesSent, ok = whole(value)
	case "accounted":
		e.Accounted, ok = whole(value)
	case "bytes":
		e.Bytes, ok = whole(value)
	case "seq":
		e.Seq, ok = whole(value)
	default:
		// A text where a number stands is for the parser to refuse; what nobody knows is left alone.
		ok = !isOther(name)
	}
	return ok
}

// isOther tells whether a member of that name is a text or an object.
func isOther(name string) bool {
	switch name {
	case "request_id", "ip", "method", "upstream_time", "upstream_status", "server_name", "scope", "profile", "client_name",
		"client_version", "device_id", "device_name", "kind", "user_id", "token_hash", "user_agent", "uri", "play_session_id",
		"item_id", "verdict", "reason", "rule", "epoch", "playback", "login":
		return true
	}
	return false
}

// whole reads digits that an int64 holds.
func whole(b []byte) (n int64, ok bool) {
	if len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// seconds reads a number of up to 15 digits, as times have, exactly as strconv does: both halves of the
// division are whole numbers that a float64 holds, so it is rounded once.
func seconds(b []byte) (float64, bool) {
	if len(b) > 16 {
		f, err := strconv.ParseFloat(string(b), 64)
		return f, err == nil
	}
	var n, scale int64 = 0, 1
	fraction := false
	for _, c := range b {
		if c == '.' {
			fraction = true
			continue
		}
		n = 10*n + int64(c-'0')
		if fraction {
			scale *= 10
		}
	}
	return float64(n) / float64(scale), true
}
