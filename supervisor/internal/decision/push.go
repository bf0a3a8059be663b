package decision

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

// push hands the set to nginx unless it has it.
func (s *Set) push(ctx context.Context) error {
	version, starts, set := s.pending()
	if version == 0 {
		return nil
	}
	err := s.cfg.Nginx.PushDecisions(ctx, version, set)
	s.record(version, starts, err)
	switch {
	case err == nil:
		s.cfg.Log.Debug("Decisions pushed", "version", version, "count", len(set))
	case errors.Is(err, nginx.ErrDown), ctx.Err() != nil: // it gets them when it is up
	default:
		s.metrics.failures.Inc()
		s.cfg.Log.Error("Decisions not pushed, nginx goes by the ones it has", "version", version, "count", len(set), "error", err)
	}
	return err
}

// pending returns the version of what nginx lacks, 0 when it lacks nothing, which start of nginx it is for, and the
// set.
func (s *Set) pending() (version int64, starts int, set []nginx.Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prune()
	if s.pushed == s.version || s.pushed == 0 && s.count() == 0 {
		return 0, 0, nil
	}
	set = slices.Collect(maps.Values(s.items))
	for _, source := range []string{Enforcement, Quota} {
		set = append(set, s.sources[source]...)
	}
	set = set[:min(len(set), most)]
	slices.SortFunc(set, func(a, b nginx.Decision) int {
		return cmp.Or(cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Value, b.Value),
			cmp.Compare(a.RuleID, b.RuleID))
	})
	return s.version, s.starts, set
}

// count returns how many decisions there are. mu is held.
func (s *Set) count() int {
	n := len(s.items)
	for _, set := range s.sources {
		n += len(set)
	}
	return n
}

// same reports whether two sets are of the same decisions in the same order.
func same(a, b []nginx.Decision) bool {
	return slices.EqualFunc(a, b, func(x, y nginx.Decision) bool {
		untilX, untilY := x.Until, y.Until
		x.Until, y.Until = nil, nil
		return x == y && (untilX == nil) == (untilY == nil) && (untilX == nil || *untilX == *untilY)
	})
}

// record notes how a push ended. Which of two nginx has taken one that a start has overtaken is not known: it
// is due again.
func (s *Set) record(version int64, starts int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failure = err.Error()
		return
	}
	s.failure = ""
	if starts == s.starts {
		s.pushed = version
	}
}

// prune forgets what has ended, and kicks that end first where there are too many.
func (s *Set) prune() {
	maps.DeleteFunc(s.items, func(_ key, d nginx.Decision) bool { return s.ended(d) })
	for source, set := range s.sources {
		s.sources[source] = slices.DeleteFunc(set, s.ended)
	}
	for len(s.items) > most {
		var first key
		for k, d := range s.items {
			if d.Until != nil && (first == key{} || *d.Until < *s.items[first].Until) {
				first = k
			}
		}
		if first == (key{}) {
			return // all are until lifted: who made them bounds them
		}
		delete(s.items, first)
	}
}

func (s *Set) ended(d nginx.Decision) bool { return d.Until != nil && *d.Until <= s.cfg.Now().Unix() }
