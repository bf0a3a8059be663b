package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Ack is the body of POST /ack: what became of a snapshot on this host.
type Ack struct {
	SnapshotID Int              `json:"snapshot_id"`
	Status     string           `json:"status"` // AckApplied or AckFailed
	Version    Int              `json:"version,omitempty"`
	ConfigHash string           `json:"config_hash,omitempty"`
	Stage      string           `json:"stage,omitempty"`   // the pipeline step that failed: fetch, check, stage, test, …
	Error      string           `json:"error,omitempty"`   // its cause, with the lines of nginx -t
	Timings    map[string]int64 `json:"timings,omitempty"` // milliseconds by pipeline step
}

// The two ack statuses.
const (
	AckApplied = "applied"
	AckFailed  = "failed"
)

// Heartbeat is the body of POST /heartbeat.
type Heartbeat struct {
	AgentVersion         string         `json:"agent_version"`
	CurrentConfigVersion Int            `json:"current_config_version"`
	Status               string         `json:"status"` // ready, degraded or starting
	Metadata             map[string]any `json:"metadata,omitempty"`
}

// Certificate is one that a slave serves with. Its heartbeats list them in their metadata, as "certificates", those that end
// first before others.
type Certificate struct {
	Path     string    `json:"path"` // on the slave
	NotAfter time.Time `json:"not_after"`
}

// Int is an integer that older agents may send as a JSON string, and absent as null.
type Int int64

// UnmarshalJSON accepts 42, 42.0, "42" and null.
func (n *Int) UnmarshalJSON(b []byte) error {
	s := string(bytes.Trim(b, `"`))
	if s == "null" || s == "" {
		*n = 0
		return nil
	}
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		*n = Int(v)
		return nil
	}
	// The Lua agents' encoder writes large integers as 1.7069592e+09. Only what an int64 holds exactly
	// is taken: 2^53 is where a float64 stops naming every integer.
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v != float64(int64(v)) || v > 1<<53 || v < -(1<<53) {
		return fmt.Errorf("%q is not an integer", s)
	}
	*n = Int(v)
	return nil
}

var _ json.Unmarshaler = (*Int)(nil)
