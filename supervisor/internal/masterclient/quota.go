package masterclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// QuotaSync tells the master what was used and asks what is left. It makes one attempt: the caller has its own
// pace.
func (c *Client) QuotaSync(ctx context.Context, sync api.QuotaSync) (api.QuotaSyncAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	var answer api.QuotaSyncAnswer
	document, err := c.call(ctx, c.once, http.MethodPost, api.PathSlave+"/telemetry/quota-sync", sync)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(document, &answer); err != nil {
		return answer, fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
	return answer, nil
}

// RateLimits asks for the limits that hold now, and the kicks of this slave's sessions. It makes one attempt.
func (c *Client) RateLimits(ctx context.Context) (api.LiveLimits, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*answerTimeout)
	defer cancel()
	var answer api.LiveLimits
	document, err := c.call(ctx, c.once, http.MethodGet, api.PathMediaSlave+"/rate-limits", nil)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(document, &answer); err != nil {
		return answer, fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
	return answer, nil
}

// NotOffered reports whether err says that the master does not know the call: it is of an older version.
func NotOffered(err error) bool {
	status, ok := errors.AsType[*StatusError](err)
	return ok && (status.Problem.Status == http.StatusNotFound || status.Problem.Status == http.StatusMethodNotAllowed)
}
