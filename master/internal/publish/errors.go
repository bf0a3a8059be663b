package publish

import "fmt"

// StaleError says that what is configured is no longer what was asked to be published.
type StaleError struct{ Current string } // its hash now

func (e *StaleError) Error() string {
	return fmt.Sprintf("the configuration changed since it was looked at: it is %q now; preview it again", e.Current)
}

// BusyError says that canaries are under way with another configuration for the same host.
type BusyError struct {
	Host     string
	Rollout  int64
	Snapshot int64
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("snapshot %d is under way to %s and others by way of canaries: promote or halt it first (POST snapshots/%[1]d/promote or /halt)", e.Snapshot, e.Host)
}
