package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// The numbers of what is kept.
const (
	keepProven = 3  // releases to go back to
	keepAcks   = 16 // acks of a master that is away; older ones are moot
)

// Proven is a release that served: workers of its generation ran it and answered for each server name.
type Proven struct {
	Identity
	Hash     string    `json:"hash"`
	ProvenAt time.Time `json:"proven_at"`
}

// records is the content of the files under state/.
type records struct {
	mu         sync.Mutex
	proven     []Proven // newest first
	quarantine *Quarantine
	acks       []api.Ack // oldest first
}

// The files under state/.
const (
	provenFile     = "proven.json"
	quarantineFile = "quarantine.json"
	acksFile       = "pending_ack.json"
)

// loadState reads the files under state/. One that does not parse, which only a damaged disk makes, is
// logged and taken as empty: the slave must start.
func (s *Store) loadState() error {
	for name, into := range map[string]any{
		provenFile: &s.records.proven, quarantineFile: &s.records.quarantine, acksFile: &s.records.acks,
	} {
		data, err := os.ReadFile(s.path("state", name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return durable.Cured(err)
		}
		if err := json.Unmarshal(data, into); err != nil {
			s.cfg.Log.Error("state file is damaged and ignored", "file", s.path("state", name), "error", err)
		}
	}
	return nil
}

// saveState writes one file under state/.
func (s *Store) saveState(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(s.path("state", name), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	return nil
}

// Proven returns the last releases that were proven, newest first.
func (s *Store) Proven() []Proven {
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	return slices.Clone(s.records.proven)
}

// MarkProven makes rel, under its identity, the newest proven release.
func (s *Store) MarkProven(rel *Release) error {
	entry := Proven{rel.Identity, rel.Hash, s.cfg.Now().UTC().Round(0)}
	proven := slices.DeleteFunc(s.Proven(), func(p Proven) bool { return p.Hash == rel.Hash })
	proven = slices.Insert(proven, 0, entry)
	proven = proven[:min(len(proven), keepProven)]
	if err := s.saveState(provenFile, proven); err != nil {
		return err
	}
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	s.records.proven = proven
	return nil
}

// PendingAcks returns what the master has not been told yet, oldest first.
func (s *Store) PendingAcks() []api.Ack {
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	return slices.Clone(s.records.acks)
}

// SetPendingAcks replaces what the master has not been told yet. A disk that cannot take them leaves
// them in memory.
func (s *Store) SetPendingAcks(acks []api.Ack) error {
	acks = acks[max(0, len(acks)-keepAcks):]
	s.records.mu.Lock()
	s.records.acks = slices.Clone(acks)
	s.records.mu.Unlock()
	return s.saveState(acksFile, acks)
}
