// Package limits holds the rate limits, quotas, stream rules and enforcements that are in force on this slave.
// They change without a publish: the ones inside a release are those of its moment, and hold until the master
// has said what holds now; what it said last holds while it is away, and after a restart.
package limits

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// Config of a Book.
type Config struct {
	Path    string               // state/limits.json
	Changed func(api.RateLimits) // told what is in force when something is served, and after each change; one call at a time
	Log     *slog.Logger
}

// Book is the limits in force. Its methods may be called from any goroutine.
type Book struct {
	cfg Config

	mu        sync.Mutex // guards what follows
	live      *api.RateLimits
	published api.RateLimits
}

// Open goes on from what the master said last. A file that does not read is as none: the release has limits.
func Open(cfg Config) *Book {
	b := &Book{cfg: cfg}
	data, err := os.ReadFile(cfg.Path)
	live := new(api.RateLimits)
	if err == nil {
		err = json.Unmarshal(data, live)
	}
	switch {
	case err == nil:
		b.live = live
	case !errors.Is(err, fs.ErrNotExist):
		cfg.Log.Error("Live limits not read, those of the release hold until the master answers", "file", cfg.Path, "error", err)
	}
	return b
}

// Revision returns which live limits are in force; "" for none.
func (b *Book) Revision() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live == nil {
		return ""
	}
	return b.live.Revision
}

// SetLive makes what the master said hold; nil: it says nothing live, and the release's limits hold. An error
// means that they hold, but not across a restart.
func (b *Book) SetLive(live *api.RateLimits) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if live == nil && b.live == nil {
		return nil
	}
	b.live = live
	b.cfg.Changed(b.inForce())
	if live == nil {
		if err := os.Remove(b.cfg.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget live limits: %w", durable.Cured(err))
		}
		return nil
	}
	data, err := json.Marshal(live)
	if err == nil {
		err = durable.WriteFile(b.cfg.Path, append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("note live limits: %w", err)
	}
	return nil
}

// Enforce makes enforcements that came beside the limits hold, where the master says nothing live.
func (b *Book) Enforce(enforcements []api.Enforcement) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live == nil {
		b.published.Enforcements = enforcements
		b.cfg.Changed(b.inForce())
	}
}

// Serving says what is served now: rules is a release's rules.json.
func (b *Book) Serving(rules []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	document, err := parse(rules)
	if err != nil {
		b.cfg.Log.Error("Limits of the release not read", "error", err)
	}
	b.published = document.limits
	b.cfg.Changed(b.inForce())
}

func (b *Book) inForce() api.RateLimits {
	if b.live != nil {
		return *b.live
	}
	return b.published
}

// Overlay returns rules, a release's rules.json, with the live limits in place of its own, and the hash that
// names it; "" when there is nothing to change. Enforcements are left out: they are decisions, which change
// more often and at once.
func (b *Book) Overlay(rules []byte) (overlaid []byte, hash string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live == nil {
		return rules, "", nil
	}
	document, err := parse(rules)
	if err != nil {
		return nil, "", err
	}
	had, err := wire(document.limits)
	if err != nil {
		return nil, "", err
	}
	want, err := wire(api.RateLimits{Rules: b.live.Rules, StreamRules: b.live.StreamRules})
	if err != nil {
		return nil, "", err
	}
	if string(had) == string(want) {
		return rules, "", nil
	}
	sum := sha256.Sum256(want)
	hash = document.hash + "." + hex.EncodeToString(sum[:6])
	for name, value := range map[string]any{"hash": hash, "rate_limit": json.RawMessage(want)} {
		if document.members[name], err = json.Marshal(value); err != nil {
			return nil, "", err
		}
	}
	overlaid, err = json.Marshal(document.members)
	return overlaid, hash, err
}

// wire is limits as rules.json has them: lists that are empty, not absent.
func wire(l api.RateLimits) ([]byte, error) {
	l.Revision, l.Pardons = "", nil
	l.Rules = append([]api.RateLimitRule{}, l.Rules...)
	l.StreamRules = append([]api.StreamRule{}, l.StreamRules...)
	l.Enforcements = append([]api.Enforcement{}, l.Enforcements...)
	return json.Marshal(l)
}

type document struct {
	members map[string]json.RawMessage
	hash    string
	limits  api.RateLimits
}

func parse(rules []byte) (d document, err error) {
	if err = json.Unmarshal(rules, &d.members); err == nil {
		err = json.Unmarshal(d.members["hash"], &d.hash)
	}
	if raw := d.members["rate_limit"]; err == nil && raw != nil {
		err = json.Unmarshal(raw, &d.limits)
	}
	if err != nil {
		return d, fmt.Errorf("read rules.json: %w", err)
	}
	return d, nil
}
