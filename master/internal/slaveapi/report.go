package slaveapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Bounds of what reports say, in bytes.
const (
	maxError = 16 << 10
	maxShort = 200 // of stages, statuses, versions
)

// ack notes what became of a snapshot on the slave.
func (a *API) ack(w http.ResponseWriter, r *http.Request, slave auth.Slave) (any, error) {
	var ack api.Ack
	if err := readBody(w, r, &ack); err != nil {
		return nil, err
	}
	if ack.Status != api.AckApplied && ack.Status != api.AckFailed {
		return nil, problem(http.StatusBadRequest, "status takes applied or failed")
	}
	ack.Stage, ack.Error = clip(ack.Stage, maxShort), clip(ack.Error, maxError)
	err := a.cfg.Store.Acknowledge(r.Context(), slave.Group, ack)
	if errors.Is(err, store.ErrNotFound) {
		return nil, problem(http.StatusNotFound, fmt.Sprintf("snapshot_id %d was never published to %s (%s)", ack.SnapshotID, slave.Group.Host, slave.Group.ServiceType))
	}
	if err != nil {
		return nil, fmt.Errorf("ack of snapshot %d: %w", ack.SnapshotID, err)
	}
	a.metrics.acks.WithLabelValues(ack.Status).Inc()
	return struct{}{}, nil
}

// heartbeat notes that the slave lives.
func (a *API) heartbeat(w http.ResponseWriter, r *http.Request, slave auth.Slave) (any, error) {
	var beat struct {
		api.Heartbeat
		Metadata json.RawMessage `json:"metadata"` // an empty object comes as [] from Lua
	}
	if err := readBody(w, r, &beat); err != nil {
		return nil, err
	}
	_ = json.Unmarshal(beat.Metadata, &beat.Heartbeat.Metadata) // of another shape: none
	beat.AgentVersion, beat.Status = clip(beat.AgentVersion, maxShort), clip(beat.Status, maxShort)
	if err := a.cfg.Store.Beat(r.Context(), slave.Group, beat.Heartbeat); err != nil {
		return nil, fmt.Errorf("heartbeat: %w", err)
	}
	return struct{}{}, nil
}

// rateLimits answers the limits that hold now, without a publish, from memory.
func (a *API) rateLimits(_ http.ResponseWriter, _ *http.Request, slave auth.Slave) (any, error) {
	return a.cfg.Limits.Document(slave.Group)
}

// clip cuts text from a slave to limit bytes of UTF-8.
func clip(s string, limit int) string {
	return strings.ToValidUTF8(s[:min(len(s), limit)], "")
}
