package masterclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Report is a batch of rows for the master's telemetry.
type Report struct {
	Kind     string // the last part of the endpoint's path, as in access-logs
	Key      string // Idempotency-Key: the same rows have the same one
	Encoding string // of Body: zstd, or "" for none
	Body     []byte // {"entries": [...]}
}

// reportTimeout is for a batch of 1 MB on a slow line.
const reportTimeout = time.Minute

// Report hands a batch over. It makes one attempt: the caller keeps the rows and has its own pace.
func (c *Client) Report(ctx context.Context, r Report) (api.ReportAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	header := http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {r.Key}}
	if r.Encoding != "" {
		header.Set("Content-Encoding", r.Encoding)
	}
	var answer api.ReportAnswer
	document, err := c.send(ctx, c.once, request{
		method: http.MethodPost, path: api.PathSlave + "/telemetry/" + r.Kind, header: header, payload: r.Body,
	})
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(document, &answer); err != nil {
		return answer, fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
	return answer, nil
}
