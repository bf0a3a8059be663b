package privacy

import (
	"context"
	"errors"
	"log/slog"
	"testing"
)

// TestPolicy: a change holds at once, and one that cannot be read leaves what held before.
func TestPolicy(t *testing.T) {
	stored, broken := Truncated, error(nil)
	read := func(context.Context) (Addresses, error) { return stored, broken }
	log := slog.New(slog.DiscardHandler)
	p, err := LoadPolicy(t.Context(), read, log)
	if err != nil || p.Address("203.0.113.7") != "203.0.113.0/24" {
		t.Errorf("%v; an address becomes %q", err, p.Address("203.0.113.7"))
	}
	stored = None
	p.Changed()
	if got := p.Address("203.0.113.7"); got != "" {
		t.Errorf("none keeps %q", got)
	}
	stored, broken = Full, errors.New("away")
	p.Changed()
	if got := p.Address("203.0.113.7"); got != "" {
		t.Errorf("a setting that was not read keeps %q", got)
	}
	if _, err := LoadPolicy(t.Context(), read, log); err == nil {
		t.Error("a master starts without knowing what it may store")
	}
}
