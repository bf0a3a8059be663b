package telemetry

import (
	"slices"
	"time"
)

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
	seatKey struct {
		day              Millis
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
	seats         group[seatKey, Seat] // made of bandwidth
	calls         group[callKey, APICall]
	media         group[mediaKey, MediaAccess]
	plays         group[playKey, PlaybackSession]
	endpoints     endpoints
	known         time.Time // since when endpoints are
	of            []*Batch
}

// keepEndpoints is for how long templates of paths are kept that may not come again.
const keepEndpoints = time.Hour

func newSums() *sums {
	return &sums{
		hourly: newGroup[rollupKey, Rollup](), daily: newGroup[rollupKey, Rollup](),
		devices: newGroup[deviceKey, Device](), activities: newGroup[activityKey, UserActivity](),
		bandwidth: newGroup[bandwidthKey, Bandwidth](), seats: newGroup[seatKey, Seat](), calls: newGroup[callKey, APICall](),
		media: newGroup[mediaKey, MediaAccess](), plays: newGroup[playKey, PlaybackSession](),
	}
}

// reset makes room for other batches. It lets go of the texts of these.
func (s *sums) reset() {
	clear(s.of)
	s.of = s.of[:0]
	if now := time.Now(); now.Sub(s.known) > keepEndpoints {
		s.known = now
		s.endpoints.forget()
	}
	s.hourly.reset()
	s.daily.reset()
	s.devices.reset()
	s.activities.reset()
	s.bandwidth.reset()
	s.seats.reset()
	s.calls.reset()
	s.media.reset()
	s.plays.reset()
}

// hold makes the sums those of the batches. They nearly always are: not of what has come twice.
func (s *sums) hold(batches []*Batch) {
	if slices.Equal(s.of, batches) {
		return
	}
	s.reset()
	for _, b := range batches {
		s.add(b)
	}
}

// add sums up a batch.
func (s *sums) add(b *Batch) {
	s.of = append(s.of, b)
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
