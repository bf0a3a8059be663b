package slaveapi

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Thousands of slaves do the same at the same moment: a publish has all of them fetch, the end of an outage
// all of them report. What takes memory or a processor is done for a bounded number of them at a time; the
// others wait a moment, and then are told when to come back, each at a time of its own. Version checks and
// acks are never sent away.

const (
	gateWait = 5 * time.Second  // for a place
	goneTime = 2 * time.Minute  // for a request with a place; a slave gives up then, too
	usualGap = 10 * time.Second // within which those who were sent away come back
)

// gate lets a bounded number of requests of one kind run at a time.
type gate struct {
	kind   string
	places chan struct{}
	away   prometheus.Counter
}

func newGate(kind string, places int, away *prometheus.CounterVec) *gate {
	return &gate{kind: kind, places: make(chan struct{}, places), away: away.WithLabelValues(kind)}
}

// enter waits until there is a place, and bounds how long the request may keep it. No gate has room for all.
func (g *gate) enter(w http.ResponseWriter, r *http.Request) (leave func(), err error) {
	if g == nil {
		return func() {}, nil
	}
	timer := time.NewTimer(gateWait)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	case <-timer.C:
		g.away.Inc()
		return nil, fmt.Errorf("%w: too many requests for %s at once", api.ErrBusy, g.kind)
	}
	conn, end := http.NewResponseController(w), time.Now().Add(goneTime)
	_, _ = conn.SetReadDeadline(end), conn.SetWriteDeadline(end) // not of a connection: a test's
	return func() { <-g.places }, nil
}

// busyError sends a slave away, to come back some time within spread.
type busyError struct {
	error
	spread time.Duration
}

func (e *busyError) Unwrap() error { return e.error }

func busy(err error, spread time.Duration) error { return &busyError{err, spread} }

// retryAfter is what a slave that is sent away with err is asked to wait, in whole seconds, at least the two
// in which a master restarts.
func retryAfter(err error) time.Duration {
	spread := usualGap
	if b, ok := errors.AsType[*busyError](err); ok {
		spread = b.spread
	}
	return 2*time.Second + rand.N(spread+time.Second).Truncate(time.Second)
}
