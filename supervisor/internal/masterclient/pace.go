package masterclient

import (
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Times of polls.
const (
	shortestHold = 20 * time.Second // what a master that can is asked to hold a poll, until there is something new
	longestHold  = 30 * time.Second
	slowestPoll  = time.Minute // bounds the backoff: a master that is back is noticed within it
)

// Pace says when one slave polls, so that thousands that never hear of each other stay apart: after a
// master's restart that all of them see, or a publish that all of them are told of, no second has more than
// three times the usual number of polls. The zero Pace has an Interval of nothing; its methods are for one goroutine.
type Pace struct {
	Interval time.Duration // between polls of a master that does not let requests wait
	Token    string        // its hash is this slave's phase among the fleet

	waits    bool // this master lets polls wait
	waited   bool // one has, since the start
	paused   bool // Next has said to
	failures int  // in a row
}

// Hold is how long the master may hold the next poll, in whole seconds: not at all before it has shown that
// it knows how. It differs from poll to poll, so that slaves which were told something at the same moment
// drift apart.
func (p *Pace) Hold() time.Duration {
	if !p.waits {
		return 0
	}
	return shortestHold + rand.N(longestHold-shortestHold+time.Second).Truncate(time.Second)
}

// Failures is how many polls have failed since one was answered.
func (p *Pace) Failures() int { return p.failures }

// Answered takes note of an answer.
func (p *Pace) Answered(v api.Version) {
	p.waits = v.ConfigHash != "" || v.Epoch != 0 // older masters know neither
	p.waited = p.waited || p.waits
	p.failures = 0
}

// Next returns the time between an answer after which there was nothing to do, and the next poll: hold is what
// the master was allowed, took what it needed. A master that does not wait, whether it says so or not, is
// asked once per interval, ±10 %, the first time moved by this slave's own phase, so that a fleet that was
// started together spreads out.
func (p *Pace) Next(hold, took time.Duration) time.Duration {
	if hold == 0 && p.waits || hold > 0 && took > hold/2 {
		return 0
	}
	d := p.Interval
	if !p.paused {
		p.paused = true
		d = time.Duration(float64(d) * phase(p.Token))
	}
	return Around(d)
}

// Failed returns how long to leave the master alone after a poll that failed with err: what it asked for, or
// with full jitter.
//
// A slave that has not met its master yet backs off from a second on. One that has waited at it is one of
// many that lost it at the same moment. They come back over the interval, about the time in which each
// would have asked anyhow, and those who are too early over twice that.
func (p *Pace) Failed(err error) time.Duration {
	failures := p.failures
	p.failures++
	p.waits = false
	if status, ok := errors.AsType[*StatusError](err); ok && status.RetryAfter > 0 {
		return status.RetryAfter
	}
	least := time.Second
	if p.waited {
		least = max(p.Interval, least)
	}
	return backoff(least, max(slowestPoll, p.Interval), failures, nil)
}

// Around returns d ±10 %.
func Around(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}

// phase places a token in (0, 1].
func phase(token string) float64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(token))
	return float64(h.Sum32()%1000+1) / 1000
}
