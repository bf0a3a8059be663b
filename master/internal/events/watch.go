package events

import (
	"fmt"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// watch remembers what was seen, and what listeners were told when. It is Run's alone.
type watch struct {
	seen map[Topic]string // nil: nothing yet
	told map[Topic]time.Time
	due  map[Topic]bool // has changed, and waits for its pause to end
}

// changes returns which topics are to be told now.
func (w *watch) changes(p store.Pulse, now time.Time) []Topic {
	looks := map[Topic]string{
		Sessions:      p.Sessions,
		Distributions: fmt.Sprint(p.Revisions[store.ChangePublished], p.Acks),
		Rollouts:      fmt.Sprint(p.Revisions[store.ChangeRollouts]),
		Servers:       fmt.Sprint(p.Revisions[store.ChangeSlaves]),
		Hosts:         p.Agents,
		Limits:        fmt.Sprint(p.Revisions[store.ChangeLimits], p.Revisions[store.ChangeKicks]),
		Minute:        now.Truncate(time.Minute).String(),
	}
	first := w.seen == nil
	var changed []Topic
	for _, t := range Topics {
		if !first && looks[t] != w.seen[t] {
			w.due[t] = true
		}
		if w.due[t] && now.Sub(w.told[t]) >= t.pause() {
			changed = append(changed, t)
			w.told[t] = now
			delete(w.due, t)
		}
	}
	w.seen = looks
	return changed
}
