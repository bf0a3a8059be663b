package telemetry

import "cmp"

// sumDays adds the hours up to days.
func (s *sums) sumDays() {
	s.daily.reset()
	for i := range s.hourly.rows {
		h := &s.hourly.rows[i]
		d, isNew := s.daily.at(rollupKey{h.Dimension, h.Period.Day(), h.Value, h.ServerID})
		if isNew {
			*d = *h
			d.Period = h.Period.Day()
			continue
		}
		d.add(&h.Counts, -1)
		for j, n := range h.Latency {
			d.Latency[j] += n
		}
	}
}

// takeSeats adds up where users were.
func (s *sums) takeSeats() {
	s.seats.reset()
	for i := range s.bandwidth.rows {
		b := &s.bandwidth.rows[i]
		if b.UserID == "" {
			continue
		}
		d := b.Hour.Day()
		seat, isNew := s.seats.at(seatKey{d, b.ServerID, b.UserID, b.DeviceID, b.IP})
		if isNew {
			seat.Day, seat.ServerID, seat.UserID, seat.DeviceID, seat.IP = d, b.ServerID, b.UserID, b.DeviceID, b.IP
		}
		seat.Hours |= 1 << ((b.Hour - d) / hour)
	}
}

// blocks returns the rows to merge, each table's in the order of its keys: a database finds its pages in
// that order, and two transactions lock rows in the same one.
func (s *sums) blocks() []Block {
	s.sumDays()
	s.takeSeats()
	return []Block{
		s.plays.block(playbackSessionTable, (*PlaybackSession).values, func(a, b *PlaybackSession) int {
			if a.ServerID != b.ServerID {
				return cmp.Compare(a.ServerID, b.ServerID)
			}
			if a.PlaySessionID != b.PlaySessionID {
				return cmp.Compare(a.PlaySessionID, b.PlaySessionID)
			}
			return cmp.Compare(a.DeviceID, b.DeviceID)
		}),
		s.devices.block(deviceTable, (*Device).values, func(a, b *Device) int {
			if a.ServerID != b.ServerID {
				return cmp.Compare(a.ServerID, b.ServerID)
			}
			return cmp.Compare(a.DeviceID, b.DeviceID)
		}),
		s.activities.block(userActivityTable, (*UserActivity).values, func(a, b *UserActivity) int {
			if a.Day != b.Day {
				return cmp.Compare(a.Day, b.Day)
			}
			if a.ServerID != b.ServerID {
				return cmp.Compare(a.ServerID, b.ServerID)
			}
			return cmp.Compare(a.UserID, b.UserID)
		}),
		s.calls.block(apiCallTable, (*APICall).values, func(a, b *APICall) int {
			return cmp.Or(cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.ServerID, b.ServerID), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Endpoint, b.Endpoint))
		}),
		s.bandwidth.block(bandwidthTable, (*Bandwidth).values, func(a, b *Bandwidth) int {
			if a.Hour != b.Hour {
				return cmp.Compare(a.Hour, b.Hour)
			}
			if a.ServerID != b.ServerID {
				return cmp.Compare(a.ServerID, b.ServerID)
			}
			if a.UserID != b.UserID {
				return cmp.Compare(a.UserID, b.UserID)
			}
			return cmp.Or(cmp.Compare(a.DeviceID, b.DeviceID), cmp.Compare(a.IP, b.IP))
		}),
		s.seats.block(seatTable, (*Seat).values, func(a, b *Seat) int {
			if a.Day != b.Day {
				return cmp.Compare(a.Day, b.Day)
			}
			if a.ServerID != b.ServerID {
				return cmp.Compare(a.ServerID, b.ServerID)
			}
			if a.UserID != b.UserID {
				return cmp.Compare(a.UserID, b.UserID)
			}
			return cmp.Or(cmp.Compare(a.DeviceID, b.DeviceID), cmp.Compare(a.IP, b.IP))
		}),
		s.media.block(mediaAccessTable, (*MediaAccess).values, func(a, b *MediaAccess) int {
			if a.Day != b.Day {
				return cmp.Compare(a.Day, b.Day)
			}
			return cmp.Or(cmp.Compare(a.ServerID, b.ServerID), cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.ItemID, b.ItemID))
		}),
		s.hourly.block(hourlyTable, (*Rollup).values, compareRollups),
		s.daily.block(dailyTable, (*Rollup).values, compareRollups),
	}
}

func compareRollups(a, b *Rollup) int {
	if a.Dimension != b.Dimension {
		return cmp.Compare(a.Dimension, b.Dimension)
	}
	if a.Period != b.Period {
		return cmp.Compare(a.Period, b.Period)
	}
	if a.Value != b.Value {
		return cmp.Compare(a.Value, b.Value)
	}
	return cmp.Compare(a.ServerID, b.ServerID)
}
