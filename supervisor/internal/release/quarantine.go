package release

import (
	"math/rand/v2"
	"time"
)

// Backoff of a configuration that failed.
const (
	firstRetry = time.Minute
	lastRetry  = time.Hour
)

// Quarantine is a configuration that failed and is left alone for a while. There is one at a time: that
// the operator publishes another configuration, or the same one again, ends it.
type Quarantine struct {
	Identity
	Hash     string    `json:"hash"`
	Attempts int       `json:"attempts"`
	Until    time.Time `json:"until"`
	Stage    string    `json:"stage"` // the pipeline step that failed
	Error    string    `json:"error"`
}

// Quarantined returns the configuration in quarantine, or nil.
func (s *Store) Quarantined() *Quarantine {
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	if s.records.quarantine == nil {
		return nil
	}
	q := *s.records.quarantine
	return &q
}

// Quarantine puts the configuration away for a minute, and twice as long, up to an hour, each further
// time it fails. A disk that cannot record it does not keep it from being remembered.
func (s *Store) Quarantine(id Identity, hash, stage string, cause error) error {
	q := &Quarantine{Identity: id, Hash: hash, Attempts: 1, Stage: stage, Error: cause.Error()}
	if was := s.Quarantined(); was.Is(id, hash) {
		q.Attempts = was.Attempts + 1
	}
	q.Until = s.cfg.Now().Add(q.wait())
	return s.setQuarantine(q)
}

// Lift ends the quarantine: success, or the operator published another configuration.
func (s *Store) Lift() error {
	if s.Quarantined() == nil {
		return nil
	}
	return s.setQuarantine(nil)
}

// Is reports whether q is about this publish of this content; q may be nil. A master that knows no
// hashes is taken at its identity.
func (q *Quarantine) Is(id Identity, hash string) bool {
	return q != nil && q.Identity == id && (hash == "" || q.Hash == "" || q.Hash == hash)
}

// Holds reports whether the configuration is still to be left alone. A time further away than any wait
// comes from a clock that was set back.
func (q *Quarantine) Holds(now time.Time) bool {
	return q != nil && now.Before(q.Until) && q.Until.Sub(now) <= lastRetry+lastRetry/10
}

// wait is how long the configuration is left alone: ±10 %, so that a fleet does not retry as one.
func (q *Quarantine) wait() time.Duration {
	d := min(firstRetry<<min(q.Attempts-1, 10), lastRetry)
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}

func (s *Store) setQuarantine(q *Quarantine) error {
	s.records.mu.Lock()
	s.records.quarantine = q
	s.records.mu.Unlock()
	return s.saveState(quarantineFile, q)
}
