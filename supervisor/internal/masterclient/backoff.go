package masterclient

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// longestRetryAfter bounds what a Retry-After may ask for: a mistyped date must not silence a slave.
const longestRetryAfter = time.Hour

// backoff is exponential with full jitter: anywhere between nothing and the exponential wait, so that a
// fleet that lost its master together does not come back together. Retry-After of a 429 or 503 is
// obeyed, with a tenth on top for the same reason.
func backoff(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil {
		if after := retryAfter(resp); after > 0 {
			return after
		}
	}
	d := retryablehttp.DefaultBackoff(least, most, attempt, nil)
	return rand.N(d) + least/10
}

// retryable leaves a long Retry-After to the caller, whose pace it is to set.
func retryable(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if resp != nil && retryAfter(resp) > longestWait {
		return false, nil
	}
	return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
}

// retryAfter returns what the answer asks to wait, 0 when it does not.
func retryAfter(resp *http.Response) time.Duration {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	if resp.Header.Get("Retry-After") == "" {
		return 0
	}
	// With no bounds of its own, DefaultBackoff's answer is the header's or nothing.
	after := min(retryablehttp.DefaultBackoff(0, 0, 0, resp), longestRetryAfter)
	if after <= 0 {
		return 0
	}
	return after + rand.N(after/10+1)
}

// Backoff returns how long to wait before the next poll after failures of them in a row, the last with
// err: what the master asked for, or with full jitter between 1 s and most.
func Backoff(failures int, most time.Duration, err error) time.Duration {
	if status, ok := errors.AsType[*StatusError](err); ok && status.RetryAfter > 0 {
		return status.RetryAfter
	}
	return backoff(time.Second, max(most, time.Second), failures, nil)
}
