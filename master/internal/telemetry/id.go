package telemetry

import "time"

// numberBits are the lower bits of an id, in which rows of one second differ.
const numberBits = 30

// Millis is a time in milliseconds since 1970, UTC. In JSON it is RFC 3339 text, null for 0.
type Millis int64

// MillisOf returns t, cut to the millisecond.
func MillisOf(t time.Time) Millis { return Millis(t.UnixMilli()) }

// Time returns m in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// Lengths of periods.
const (
	second = 1000
	hour   = 3600 * second
	day    = 24 * hour
)

// Hour returns the begin of m's UTC hour.
func (m Millis) Hour() Millis { return m - m%hour }

// Day returns the begin of m's UTC day.
func (m Millis) Day() Millis { return m - m%day }

// MarshalJSON writes m as 2026-11-22T20:30:00.123Z.
func (m Millis) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return m.Time().AppendFormat(nil, `"2006-01-02T15:04:05.000Z07:00"`), nil
}

// ID returns the id of an event: its second in the upper bits, in the lower 30 a number that is
// drawn for each row. Ids are in the order of time, to the second, and within one in that of arrival.
func ID(at Millis, number int64) int64 {
	return int64(at)/second<<numberBits | number&(1<<numberBits-1)
}

// IDRange returns the ids that events from from to before to may have: first <= id < end. The second of
// to may hold later events, too: compare the time column as well.
func IDRange(from, to Millis) (first, end int64) {
	return ID(from, 0), ID(to+second-1, 0)
}
