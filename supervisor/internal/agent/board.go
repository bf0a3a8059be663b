package agent

import (
	"slices"
	"sync"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// keepFailures is how many of the last failures /status shows.
const keepFailures = 10

// board is what the agent's goroutine writes down for those who ask from outside.
type board struct {
	begun time.Time

	mu       sync.Mutex
	started  bool // nginx is ours: before, the one of an earlier run may answer, about to end
	release  *release.Release
	poll     PollStatus
	last     *ApplyStatus
	stuck    string // a rollback that failed; nothing serves for certain
	failures []Failure
}

// PollStatus is how the master was reached last.
type PollStatus struct {
	Polls       int       `json:"polls"` // answered ones
	LastSuccess time.Time `json:"last_success,omitzero"`
	Failures    int       `json:"failures"` // in a row
	LastError   string    `json:"last_error,omitempty"`
}

// ApplyStatus is the last configuration that went through the pipeline.
type ApplyStatus struct {
	api.Ack
	At time.Time `json:"at"`
}

// Failure is something that went wrong.
type Failure struct {
	At    time.Time `json:"at"`
	Stage string    `json:"stage"` // poll, a stage of the pipeline, certificates or drift
	Error string    `json:"error"`
}

func (b *board) start() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.started = true
}

func (b *board) pollSucceeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.poll = PollStatus{Polls: b.poll.Polls + 1, LastSuccess: time.Now()}
}

func (b *board) pollFailed(err error, failures int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.poll.Failures, b.poll.LastError = failures, err.Error()
	b.note("poll", err.Error())
}

func (b *board) serves(rel *release.Release) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.release, b.stuck = rel, ""
}

func (b *board) applied(ack api.Ack) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = &ApplyStatus{ack, time.Now()}
	if ack.Status == api.AckFailed {
		b.note(ack.Stage, ack.Error)
	}
}

func (b *board) degraded(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stuck = err.Error()
}

func (b *board) failed(stage string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.note(stage, err.Error())
}

// note keeps the last failures, the same one in a row once.
func (b *board) note(stage, text string) {
	if n := len(b.failures); n > 0 && b.failures[n-1].Stage == stage && b.failures[n-1].Error == text {
		b.failures[n-1].At = time.Now()
		return
	}
	b.failures = append(b.failures, Failure{time.Now(), stage, text})
	b.failures = slices.Clone(b.failures[max(0, len(b.failures)-keepFailures):])
}
