package usage

import "time"

// Status is what /status shows.
type Status struct {
	Counters  int           `json:"counters"`
	Subjects  int           `json:"subjects"` // addresses, users, devices, profiles and totals
	Counted   Positions     `json:"counted"`
	Exhausted int           `json:"exhausted"` // quotas, of all values
	Close     int           `json:"close"`     // bandwidth quotas that nginx counts down
	Stores    []StoreStatus `json:"stores"`
	Sync      SyncStatus    `json:"sync"`
}

// StoreStatus is how saving to one store goes.
type StoreStatus struct {
	Name      string     `json:"name"` // disk or redis
	SavedAt   *time.Time `json:"saved_at"`
	Failures  int        `json:"failures"` // in a row
	LastError string     `json:"last_error,omitempty"`
}

// SyncStatus is how the exchange with the master goes.
type SyncStatus struct {
	At        *time.Time `json:"at"` // of the last that worked
	Failures  int        `json:"failures"`
	LastError string     `json:"last_error,omitempty"`
}

// Status returns the state.
func (c *Counter) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{
		Counters: c.book.counters, Subjects: len(c.book.subjects), Counted: c.book.at,
		Exhausted: len(c.judge.over), Close: len(c.judge.close),
		Sync: SyncStatus{at(c.sync.at), c.sync.failures, text(c.sync.lastErr)},
	}
	for _, k := range c.stores {
		s.Stores = append(s.Stores, StoreStatus{k.name, at(k.savedAt), k.failures, text(k.lastErr)})
	}
	return s
}

func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
