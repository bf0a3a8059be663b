package events

import (
	"slices"
	"time"
)

// Listener is told of changes of some topics.
type Listener struct {
	hub    *Hub
	who    string
	topics []Topic // that it wants to hear of
	asked  time.Time
	ready  chan struct{} // has one when something is pending; closed with the hub

	begun   bool    // guarded by hub.mu, as is pending
	pending []Topic // in the order of Topics
}

// Listen begins to listen for topics, all when there are none, in the name of who; Close must follow. The first news, in a second,
// are all of them: what was read before may be old. Errors: ErrTooMany, ErrClosed.
func (h *Hub) Listen(who string, topics []Topic) (*Listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	others := 0
	for l := range h.listeners {
		if l.who == who {
			others++
		}
	}
	if others >= perListener {
		return nil, ErrTooMany
	}
	if len(topics) == 0 {
		topics = Topics
	}
	l := &Listener{hub: h, who: who, topics: topics, asked: time.Now(), ready: make(chan struct{}, 1)}
	h.listeners[l] = struct{}{}
	select {
	case h.arrived <- struct{}{}:
	default: // Run will look in any case
	}
	return l, nil
}

// Ready receives when there are news to take; it is closed when the hub ends.
func (l *Listener) Ready() <-chan struct{} { return l.ready }

// Take returns the topics that have changed since it was last called.
func (l *Listener) Take() []Topic {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	news := l.pending
	l.pending = nil
	return news
}

// Close ends listening.
func (l *Listener) Close() {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	delete(l.hub.listeners, l)
}

// tell adds changes to what is pending; the caller holds hub.mu.
func (l *Listener) tell(changed []Topic) {
	for _, t := range Topics {
		if slices.Contains(changed, t) && slices.Contains(l.topics, t) && !slices.Contains(l.pending, t) {
			l.pending = append(l.pending, t)
		}
	}
	if len(l.pending) == 0 {
		return
	}
	select {
	case l.ready <- struct{}{}:
	default: // it has not taken the last ones yet
	}
}
