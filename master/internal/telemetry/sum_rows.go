package telemetry

// count returns the hour's counts of a value.
func (s *sums) count(d Dimension, at Millis, value string, server int64) *Counts {
	r, isNew := s.hourly.at(rollupKey{d, at, value, server})
	if isNew {
		r.Dimension, r.Period, r.Value, r.ServerID = d, at, value, server
	}
	return &r.Counts
}

// add adds one request, or part of one.
func (c *Counts) add(o *Counts, bucket int) {
	c.Requests += o.Requests
	c.Refused += o.Refused
	c.Errors4xx += o.Errors4xx
	c.Errors5xx += o.Errors5xx
	c.Bytes += o.Bytes
	if bucket >= 0 {
		c.Latency[bucket]++
	}
}

func (s *sums) call(r *AccessLog, one *Counts) {
	endpoint := s.endpoints.template(r.URI)
	key := callKey{r.Time.Hour(), r.ServerID, r.Method, endpoint}
	c, isNew := s.calls.at(key)
	if isNew {
		c.Hour, c.ServerID, c.Method, c.Endpoint = key.hour, key.server, key.method, key.endpoint
	}
	c.Requests++
	c.Refused += one.Refused
	c.Errors4xx += one.Errors4xx
	c.Errors5xx += one.Errors5xx
	c.Bytes += one.Bytes
	c.RequestTimeUS += r.RequestTimeUS
}

func (s *sums) traffic(at Millis, server int64, user, device, ip string, requests, bytes int64) {
	b, isNew := s.bandwidth.at(bandwidthKey{at, server, user, device, ip})
	if isNew {
		b.Hour, b.ServerID, b.UserID, b.DeviceID, b.IP = at, server, user, device, ip
	}
	b.Requests += requests
	b.Bytes += bytes
}

func (s *sums) activity(at Millis, server int64, user string) *UserActivity {
	a, isNew := s.activities.at(activityKey{at.Day(), server, user})
	if isNew {
		a.Day, a.ServerID, a.UserID, a.FirstSeenAt, a.LastSeenAt = at.Day(), server, user, at, at
	}
	a.FirstSeenAt, a.LastSeenAt = min(a.FirstSeenAt, at), max(a.LastSeenAt, at)
	return a
}

func (s *sums) access(at Millis, server int64, user, item string) *MediaAccess {
	m, isNew := s.media.at(mediaKey{at.Day(), server, user, item})
	if isNew {
		m.Day, m.ServerID, m.UserID, m.ItemID, m.FirstAccessAt, m.LastAccessAt = at.Day(), server, user, item, at, at
	}
	m.FirstAccessAt, m.LastAccessAt = min(m.FirstAccessAt, at), max(m.LastAccessAt, at)
	return m
}

func (s *sums) device(r *AccessLog) {
	d, isNew := s.devices.at(deviceKey{r.ServerID, r.DeviceID})
	if isNew {
		d.ServerID, d.DeviceID, d.FirstSeenAt, d.LastSeenAt = r.ServerID, r.DeviceID, r.Time, r.Time
	}
	d.Requests++
	d.FirstSeenAt = min(d.FirstSeenAt, r.Time)
	newer := r.Time >= d.LastSeenAt
	d.LastSeenAt = max(d.LastSeenAt, r.Time)
	latest(newer, &d.UserID, r.UserID)
	latest(newer, &d.IP, r.IP)
	latest(newer, &d.ClientName, r.ClientName)
	latest(newer, &d.ClientVersion, r.ClientVersion)
	latest(newer, &d.DeviceName, r.DeviceName)
}

func playOf(r *AccessLog) PlaybackSession {
	return PlaybackSession{
		ServerID: r.ServerID, PlaySessionID: r.PlaySessionID, DeviceID: r.DeviceID, UserID: r.UserID, ItemID: r.ItemID,
		IP: r.IP, ClientName: r.ClientName, ClientVersion: r.ClientVersion, DeviceName: r.DeviceName,
	}
}

// play returns the session that the sign is of, which began at begin or before.
func (s *sums) play(at, begin Millis, sign PlaybackSession) *PlaybackSession {
	p, isNew := s.plays.at(playKey{sign.ServerID, sign.PlaySessionID, sign.DeviceID})
	if isNew {
		*p = sign
		p.StartedAt, p.LastSeenAt = begin, at
		return p
	}
	newer := at >= p.LastSeenAt
	p.StartedAt, p.LastSeenAt = min(p.StartedAt, begin), max(p.LastSeenAt, at)
	latest(newer, &p.UserID, sign.UserID)
	latest(newer, &p.ItemID, sign.ItemID)
	latest(newer, &p.IP, sign.IP)
	latest(newer, &p.ClientName, sign.ClientName)
	latest(newer, &p.ClientVersion, sign.ClientVersion)
	latest(newer, &p.DeviceName, sign.DeviceName)
	return p
}

// latest is Merge Latest.
func latest(newer bool, old *string, value string) {
	if value != "" && (newer || *old == "") {
		*old = value
	}
}
