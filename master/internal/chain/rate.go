package chain

import (
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// maxRate is what a rate is cut to: no nginx answers more (MAX_RATE of lua/uhd/rate_rules.lua).
const maxRate = 2_000_000

// Limiter is a rule's rates. See lua/uhd/rate_limiter.lua.
type Limiter struct {
	rates   []rate
	rejects bool
}

// rate lets size requests through in a window and from then on so many per window, and burst more once.
type rate struct{ size, burst, window int64 } // window in milliseconds

// NewLimiter returns the rates of a rule, nil when it has none.
func NewLimiter(r *api.RateLimitRule) *Limiter {
	l := &Limiter{rejects: r.OverAction == library.OverReject}
	if r.RatePerSecond > 0 {
		l.rates = append(l.rates, rate{min(r.RatePerSecond, maxRate), min(r.RateBurst, maxRate), time.Second.Milliseconds()})
	}
	if r.RatePerMinute > 0 {
		l.rates = append(l.rates, rate{min(r.RatePerMinute, maxRate), 0, time.Minute.Milliseconds()})
	}
	if l.rates == nil {
		return nil
	}
	return l
}

// Counter counts what one value of a rule's dimension sends to one media server. Its zero value has counted nothing.
type Counter struct {
	began bool
	ofs   [2]count // by rate
}

// count is what Lua holds in one number of a shared dict.
type count struct {
	start    int64 // in milliseconds
	requests int64 // since then
}

// Admit counts a request at a time in milliseconds, which never goes back, and reports whether all rates hold. What is
// refused is counted by none of them.
func (l *Limiter) Admit(c *Counter, at int64) bool {
	if !c.began {
		c.began = true
		for i := range c.ofs {
			c.ofs[i].start = at
		}
	}
	holds := true
	for i, r := range l.rates {
		if r.take(&c.ofs[i], at) {
			continue
		}
		holds = false
		if l.rejects {
			for j := range i {
				c.ofs[j].requests--
			}
			break
		}
	}
	return holds
}

// take counts a request if the rate holds.
func (r rate) take(c *count, at int64) bool {
	c.requests++
	if at-c.start >= 2*r.window {
		r.renew(c, at)
	}
	over := c.requests - r.burst
	if over <= r.size || over*r.window <= r.size*(at-c.start) {
		return true
	}
	c.requests--
	return false
}

// renew moves the start of a count forward: to now when all before this request is paid for, else by whole windows.
func (r rate) renew(c *count, at int64) {
	age := at - c.start
	if (c.requests-1)*r.window <= r.size*(age-r.window) {
		c.start, c.requests = at, 1
		return
	}
	windows := age/r.window - 1
	c.start += windows * r.window
	c.requests -= windows * r.size
}
