package telemetry

import (
	"slices"
	"sync"
)

// Batch is one report of a slave, decoded: what is to be stored as it is, and what only adds to sums. Its
// texts lie in memory that is used again once it is stored.
type Batch struct {
	BatchKey
	Access    []AccessLog
	Usage     []Usage // usage records, and what older agents sum up by themselves
	Blocked   []BlockedRequest
	Logins    []LoginEvent
	Playbacks []PlaybackEvent
	Calls     []APICall
	Sessions  []RealtimeSession
	Complete  bool  // Sessions are all that the reporter has
	Reporter  int64 // server of the token that sent it

	older   int // the first so many of Blocked are from agents that count them only there
	servers []int64
	now     Millis
	reader  reader
	skipped map[string]int // by cause
}

// Usage is bytes that flowed within a request that has not ended.
type Usage struct {
	Time          Millis
	ServerID      int64
	IP            string
	ClientName    string
	ClientVersion string
	DeviceID      string
	DeviceName    string
	UserID        string
	PlaySessionID string
	ItemID        string
	Requests      int64
	Bytes         int64
	Summed        bool // by an older agent, whose access log lines hold the same bytes
}

// Sender is who sent a batch.
type Sender struct {
	Source   string  // host and service type
	ServerID int64   // of its token
	Servers  []int64 // all of its host
}

// maxAhead is how far in the future a row's time may lie: clocks differ.
const maxAhead = day

// earliest is before there was any slave: 2015.
const earliest Millis = 1_420_070_400_000

// batches are kept for their memory.
var batches = sync.Pool{New: func() any {
	b := &Batch{skipped: map[string]int{}}
	b.reader.visit = b.reader.member
	return b
}}

func newBatch(from Sender, key string, at Millis, address func(string) string) *Batch {
	b := batches.Get().(*Batch)
	b.BatchKey = BatchKey{Source: from.Source, Key: key}
	b.Reporter, b.servers, b.now = from.ServerID, from.Servers, at
	b.reader.address = address
	return b
}

// maxTexts is how many bytes of texts a batch keeps room for.
const maxTexts = 4 << 20

// release gives the batch's memory back.
func (b *Batch) release() {
	if cap(b.reader.texts) > maxTexts { // an unusual one is not kept
		b.reader.texts = nil
	}
	b.empty()
	*b = Batch{
		Access: b.Access, Usage: b.Usage, Blocked: b.Blocked, Logins: b.Logins, Playbacks: b.Playbacks, Calls: b.Calls, Sessions: b.Sessions,
		reader: b.reader, skipped: b.skipped,
	}
	batches.Put(b)
}

// empty takes out all rows.
func (b *Batch) empty() {
	b.Accepted, b.older = 0, 0
	b.Access, b.Usage, b.Blocked, b.Logins = b.Access[:0], b.Usage[:0], b.Blocked[:0], b.Logins[:0]
	b.Playbacks, b.Calls, b.Sessions = b.Playbacks[:0], b.Calls[:0], b.Sessions[:0]
	b.reader.texts = b.reader.texts[:0]
	clear(b.skipped)
}

// rows is how many rows the batch adds or merges, roughly: what it costs.
func (b *Batch) rows() int {
	return len(b.Access) + len(b.Usage) + len(b.Blocked) + len(b.Logins) + len(b.Playbacks) + len(b.Calls) + len(b.Sessions)
}

// skip counts a row that is not stored.
func (b *Batch) skip(cause string) { b.skipped[cause]++ }

// place completes an entry: its time, which is now where it tells none, and its server, which is the one
// that its scope names if that is the sender's, else the token's. It reports whether the row can be
// stored.
func (b *Batch) place(e *entry) bool {
	if e.Time == 0 {
		e.Time = b.now
	}
	if e.Time < earliest || e.Time > b.now+maxAhead {
		b.skip("time")
		return false
	}
	if !slices.Contains(b.servers, e.ServerID) {
		e.ServerID = b.Reporter
	}
	return true
}
