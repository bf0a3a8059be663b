package telemetry

import (
	"cmp"
	"slices"
)

// group is rows by key, in the order of their first appearance.
type group[K comparable, R any] struct {
	index map[K]int32
	rows  []R
}

func newGroup[K comparable, R any]() group[K, R] { return group[K, R]{index: map[K]int32{}} }

// at returns the row with the key, and whether it is new. It is good until the next call.
func (g *group[K, R]) at(key K) (row *R, isNew bool) {
	i, ok := g.index[key]
	if !ok {
		i = int32(len(g.rows))
		g.index[key] = i
		var zero R
		g.rows = append(g.rows, zero)
	}
	return &g.rows[i], !ok
}

func (g *group[K, R]) reset() {
	clear(g.index)
	clear(g.rows) // lets go of texts
	g.rows = g.rows[:0]
}

type (
	rollupKey struct {
		dimension Dimension
		period    Millis
		value     string
		server    int64
	}
	deviceKey struct {
		server int64
		device string
	}
	activityKey struct {
		day    Millis
		server int64
		user   string
	}
	bandwidthKey struct {
		hour             Millis
		server           int64
		user, device, ip string
	}
	callKey struct {
		hour             Millis
		server           int64
		method, endpoint string
	}
	mediaKey struct {
		day        Millis
		server     int64
		user, item string
	}
	playKey struct {
		server       int64
		play, device string
	}
)

// sums is what the batches of one transaction add to the kinds that are summed up, and to the rollups.
type sums struct {
	hourly, daily group[rollupKey, Rollup]
	devices       group[deviceKey, Device]
	activities    group[activityKey, UserActivity]
	bandwidth     group[bandwidthKey, Bandwidth]
	calls         group[callKey, APICall]
	media         group[mediaKey, MediaAccess]
	plays         group[playKey, PlaybackSession]
	endpoints     endpoints
	hour          Millis // for which endpoints are known
}

func newSums() *sums {
	return &sums{
		hourly: newGroup[rollupKey, Rollup](), daily: newGroup[rollupKey, Rollup](),
		devices: newGroup[deviceKey, Device](), activities: newGroup[activityKey, UserActivity](),
		bandwidth: newGroup[bandwidthKey, Bandwidth](), calls: newGroup[callKey, APICall](),
		media: newGroup[mediaKey, MediaAccess](), plays: newGroup[playKey, PlaybackSession](),
	}
}

func (s *sums) reset() {
	s.hourly.reset()
	s.daily.reset()
	s.devices.reset()
	s.activities.reset()
	s.bandwidth.reset()
	s.calls.reset()
	s.media.reset()
	s.plays.reset()
}

// add sums up a batch.
func (s *sums) add(b *Batch) {
	for i := range b.Access {
		s.addAccess(&b.Access[i])
	}
	for i := range b.Usage {
		s.addUsage(&b.Usage[i])
	}
	for i := range b.Blocked[:b.older] {
		s.addOlderRefusal(&b.Blocked[i])
	}
	for i := range b.Playbacks {
		s.addPlayback(&b.Playbacks[i])
	}
	for i := range b.Calls {
		s.addCall(&b.Calls[i])
	}
}

// count returns the hour's counts of a value.
func (s *sums) count(d Dimension, at Millis, value string, server int64) *Counts {
	r, isNew := s.hourly.at(rollupKey{d, at, value, server})
	if isNew {
		r.Dimension, r.Period, r.Value, r.ServerID = d, at, value, server
	}
	return &r.Counts
}

func (s *sums) addAccess(r *AccessLog) {
	at := r.Time.Hour()
	refused := r.Verdict == VerdictReject
	bytes := r.BytesSent - r.Accounted
	one := Counts{Requests: 1, Bytes: bytes}
	switch {
	case refused:
		one.Refused = 1
	case r.Status >= 500:
		one.Errors5xx = 1
	case r.Status >= 400:
		one.Errors4xx = 1
	}
	bucket := -1
	if r.Latency() {
		bucket = Bucket(r.RequestTimeUS)
	}
	s.count(All, at, "", r.ServerID).add(&one, bucket)
	s.count(ByClient, at, r.ClientName, r.ServerID).add(&one, bucket)
	s.count(ByIP, at, r.IP, r.ServerID).add(&one, bucket)
	s.count(ByUser, at, r.UserID, r.ServerID).add(&one, bucket)
	if refused {
		s.count(ByReason, at, r.Reason, r.ServerID).add(&one, -1)
		s.count(ByRule, at, r.Rule, r.ServerID).add(&one, -1)
	}
	if r.DeviceID != "" {
		s.device(r)
	}
	if r.UserID != "" {
		a := s.activity(r.Time, r.ServerID, r.UserID)
		a.Requests++
		a.Refused += one.Refused
		a.Bytes += bytes
	}
	if r.Verdict == "" {
		return
	}
	s.traffic(at, r.ServerID, r.UserID, r.DeviceID, r.IP, 1, bytes)
	s.call(r, &one)
	if refused {
		return
	}
	if r.ItemID != "" && r.Streaming {
		m := s.access(r.Time, r.ServerID, r.UserID, r.ItemID)
		m.Requests++
		m.Bytes += bytes
	}
	if r.PlaySessionID != "" {
		p := s.play(r.Time, r.Time-Millis(r.RequestTimeUS/1000), playOf(r))
		p.Requests++
		p.Bytes += bytes
	}
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

func (s *sums) addUsage(u *Usage) {
	at := u.Time.Hour()
	s.traffic(at, u.ServerID, u.UserID, u.DeviceID, u.IP, u.Requests, u.Bytes)
	if u.Summed {
		return
	}
	s.count(All, at, "", u.ServerID).Bytes += u.Bytes
	s.count(ByClient, at, u.ClientName, u.ServerID).Bytes += u.Bytes
	s.count(ByIP, at, u.IP, u.ServerID).Bytes += u.Bytes
	s.count(ByUser, at, u.UserID, u.ServerID).Bytes += u.Bytes
	if u.UserID != "" {
		s.activity(u.Time, u.ServerID, u.UserID).Bytes += u.Bytes
	}
	if u.ItemID != "" {
		s.access(u.Time, u.ServerID, u.UserID, u.ItemID).Bytes += u.Bytes
	}
	if u.PlaySessionID != "" {
		s.play(u.Time, u.Time, PlaybackSession{
			ServerID: u.ServerID, PlaySessionID: u.PlaySessionID, DeviceID: u.DeviceID, UserID: u.UserID, ItemID: u.ItemID,
			IP: u.IP, ClientName: u.ClientName, ClientVersion: u.ClientVersion, DeviceName: u.DeviceName,
		}).Bytes += u.Bytes
	}
}

// addOlderRefusal counts what an older agent refused; it is in that agent's access log, too.
func (s *sums) addOlderRefusal(r *BlockedRequest) {
	at := r.Time.Hour()
	s.count(All, at, "", r.ServerID).Refused++
	s.count(ByClient, at, r.ClientName, r.ServerID).Refused++
	s.count(ByIP, at, r.IP, r.ServerID).Refused++
	s.count(ByUser, at, r.UserID, r.ServerID).Refused++
	s.count(ByReason, at, r.Reason, r.ServerID).Refused++
	if r.UserID != "" {
		s.activity(r.Time, r.ServerID, r.UserID).Refused++
	}
}

func (s *sums) addPlayback(e *PlaybackEvent) {
	if e.Event == PlaybackStart && e.ItemID != "" {
		s.access(e.Time, e.ServerID, e.UserID, e.ItemID).Plays++
	}
	if e.PlaySessionID == "" {
		return
	}
	p := s.play(e.Time, e.Time, PlaybackSession{
		ServerID: e.ServerID, PlaySessionID: e.PlaySessionID, DeviceID: e.DeviceID, UserID: e.UserID, ItemID: e.ItemID,
		IP: e.IP, ClientName: e.ClientName, ClientVersion: e.ClientVersion, DeviceName: e.DeviceName,
	})
	p.PositionTicks = max(p.PositionTicks, e.PositionTicks)
	if e.Event == PlaybackStop {
		p.StoppedAt = max(p.StoppedAt, e.Time)
	}
}

func (s *sums) addCall(c *APICall) {
	endpoint := s.endpoints.template(c.Endpoint)
	into, isNew := s.calls.at(callKey{c.Hour, c.ServerID, c.Method, endpoint})
	if isNew {
		into.Hour, into.ServerID, into.Method, into.Endpoint = c.Hour, c.ServerID, c.Method, endpoint
	}
	into.Requests += c.Requests
	into.Errors4xx += c.Errors4xx
	into.Errors5xx += c.Errors5xx
	into.Bytes += c.Bytes
	into.RequestTimeUS += c.RequestTimeUS
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

// sumDays adds the hours up to days.
func (s *sums) sumDays() {
	for i := range s.hourly.rows {
		h := &s.hourly.rows[i]
		d, isNew := s.daily.at(rollupKey{h.Dimension, h.Period.Day(), h.Value, h.ServerID})
		if isNew {
			*d = *h
			d.Period = h.Period.Day()
			continue
		}
		d.Counts.add(&h.Counts, -1)
		for j, n := range h.Latency {
			d.Latency[j] += n
		}
	}
}

// blocks returns the rows to merge, each table's in the order of its keys: a database finds its pages in
// that order, and two transactions lock rows in the same one.
func (s *sums) blocks() []Block {
	s.sumDays()
	byRollup := func(a, b Rollup) int {
		return cmp.Or(cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Period, b.Period), cmp.Compare(a.Value, b.Value), cmp.Compare(a.ServerID, b.ServerID))
	}
	slices.SortFunc(s.hourly.rows, byRollup)
	slices.SortFunc(s.daily.rows, byRollup)
	slices.SortFunc(s.devices.rows, func(a, b Device) int {
		return cmp.Or(cmp.Compare(a.ServerID, b.ServerID), cmp.Compare(a.DeviceID, b.DeviceID))
	})
	slices.SortFunc(s.activities.rows, func(a, b UserActivity) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.ServerID, b.ServerID), cmp.Compare(a.UserID, b.UserID))
	})
	slices.SortFunc(s.bandwidth.rows, func(a, b Bandwidth) int {
		return cmp.Or(cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.ServerID, b.ServerID), cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.DeviceID, b.DeviceID), cmp.Compare(a.IP, b.IP))
	})
	slices.SortFunc(s.calls.rows, func(a, b APICall) int {
		return cmp.Or(cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.ServerID, b.ServerID), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	slices.SortFunc(s.media.rows, func(a, b MediaAccess) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.ServerID, b.ServerID), cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.ItemID, b.ItemID))
	})
	slices.SortFunc(s.plays.rows, func(a, b PlaybackSession) int {
		return cmp.Or(cmp.Compare(a.ServerID, b.ServerID), cmp.Compare(a.PlaySessionID, b.PlaySessionID), cmp.Compare(a.DeviceID, b.DeviceID))
	})
	return []Block{
		blockOf(playbackSessionTable, s.plays.rows, (*PlaybackSession).values),
		blockOf(deviceTable, s.devices.rows, (*Device).values),
		blockOf(userActivityTable, s.activities.rows, (*UserActivity).values),
		blockOf(apiCallTable, s.calls.rows, (*APICall).values),
		blockOf(bandwidthTable, s.bandwidth.rows, (*Bandwidth).values),
		blockOf(mediaAccessTable, s.media.rows, (*MediaAccess).values),
		blockOf(hourlyTable, s.hourly.rows, (*Rollup).values),
		blockOf(dailyTable, s.daily.rows, (*Rollup).values),
	}
}
