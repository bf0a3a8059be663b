package telemetry

import (
	"slices"
	"strconv"
)

// Dimension is what a rollup's value is a value of.
type Dimension string

// The dimensions of rollups. Values may be "": the requests of no known client or user. ByReason and
// ByRule hold only what was refused.
const (
	All      Dimension = "all" // value "": everything of a server
	ByClient Dimension = "client"
	ByIP     Dimension = "ip"
	ByUser   Dimension = "user"
	ByReason Dimension = "reason"
	ByRule   Dimension = "rule"
)

// Dimensions lists all of them.
var Dimensions = []Dimension{All, ByClient, ByIP, ByUser, ByReason, ByRule}

// Buckets is the number of columns h0 … h15 of a latency histogram.
const Buckets = 16

// LatencyBounds are the upper bounds of the histogram's buckets but the last, in microseconds, each
// belonging to its bucket; the last bucket is of all that took longer.
var LatencyBounds = [Buckets - 1]int64{
	1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
	1_000_000, 2_000_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
}

// Bucket returns the bucket of a latency in microseconds: that of column h<Bucket>.
func Bucket(us int64) int {
	i, _ := slices.BinarySearch(LatencyBounds[:], us)
	return i
}

// Rollup is a row of rollup_hourly or rollup_daily.
type Rollup struct {
	Dimension Dimension
	Period    Millis // begin of the UTC hour or day
	Value     string
	ServerID  int64
	Counts
}

// Counts are what rollups count.
type Counts struct {
	Requests  int64 // all of them
	Refused   int64 // with VerdictReject, and what older agents report as blocked
	Errors4xx int64 // answers, not refusals
	Errors5xx int64
	Bytes     int64 // sent to players, in the period in which they flowed
	Latency   [Buckets]int64
}

var (
	hourlyTable = rollupTable("rollup_hourly")
	dailyTable  = rollupTable("rollup_daily")
)

func rollupTable(name string) *Table {
	t := &Table{Name: name, Age: "period", Columns: []Column{
		text("dimension", Key), integer("period", Key), text("value", Key), integer("server_id", Key),
		integer("requests", Sum), integer("refused", Sum), integer("errors_4xx", Sum), integer("errors_5xx", Sum),
		integer("bytes", Sum),
	}}
	for i := range Buckets {
		t.Columns = append(t.Columns, integer("h"+strconv.Itoa(i), Sum))
	}
	return t
}

func (r *Rollup) values(dst []Value) []Value {
	dst = append(dst, str(string(r.Dimension)), num(r.Period), str(r.Value), num(r.ServerID),
		num(r.Requests), num(r.Refused), num(r.Errors4xx), num(r.Errors5xx), num(r.Bytes))
	for _, n := range r.Latency {
		dst = append(dst, num(n))
	}
	return dst
}
