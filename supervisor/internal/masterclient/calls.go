package masterclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// VersionQuery says what the slave knows, and how long it would wait for something else.
type VersionQuery struct {
	Current int64         // the version that was last heard of
	Hash    string        // its content hash
	Limits  *string       // the revision of the live limits that it has; nil: it does not follow them
	Wait    time.Duration // whole seconds; only for masters that know hashes
}

// Version asks what the host should run now. It returns api.ErrUnauthorized and the like as the master
// answers, and makes one attempt: the caller has its own pace.
func (c *Client) Version(ctx context.Context, q VersionQuery) (api.Version, error) {
	query := url.Values{"current": {strconv.FormatInt(q.Current, 10)}}
	if q.Hash != "" {
		query.Set("hash", q.Hash)
	}
	if q.Limits != nil {
		query.Set("limits", *q.Limits)
	}
	if q.Wait > 0 {
		query.Set("wait", strconv.Itoa(int(q.Wait/time.Second)))
	}
	ctx, cancel := context.WithTimeout(ctx, q.Wait+answerTimeout)
	defer cancel()
	document, err := c.call(ctx, c.once, http.MethodGet, api.PathMediaSlave+"/config/version?"+query.Encode(), nil)
	if err != nil {
		return api.Version{}, err
	}
	var v api.Version
	if err := json.Unmarshal(document, &v); err != nil {
		return api.Version{}, fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
	return v, nil
}

// Config fetches the configuration document, as the master sent it.
func (c *Client) Config(ctx context.Context) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, configTimeout)
	defer cancel()
	return c.call(ctx, c.retry, http.MethodGet, api.PathMediaSlave+"/config", nil)
}

// Ack tells the master what became of a snapshot.
func (c *Client) Ack(ctx context.Context, ack api.Ack) error {
	ctx, cancel := context.WithTimeout(ctx, 2*answerTimeout)
	defer cancel()
	_, err := c.call(ctx, c.retry, http.MethodPost, api.PathMediaSlave+"/ack", ack)
	return err
}

// Heartbeat tells the master that this slave lives, and how. It makes one attempt: the next one says more, and
// a master that is back is not met by all that were missed.
func (c *Client) Heartbeat(ctx context.Context, beat api.Heartbeat) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, err := c.call(ctx, c.once, http.MethodPost, api.PathMediaSlave+"/heartbeat", beat)
	return err
}

// CheckIn asks whether a playback may start. A player waits for the answer: it makes one attempt, as long
// as ctx allows. A master that does not offer it answers 404 or 405.
func (c *Client) CheckIn(ctx context.Context, in api.CheckIn) (api.CheckInAnswer, error) {
	var answer api.CheckInAnswer
	document, err := c.call(ctx, c.once, http.MethodPost, api.PathSlave+"/sessions/checkin", in)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(document, &answer); err != nil {
		return answer, fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
	return answer, nil
}

// SessionHeartbeat tells the master which sessions are live here, and returns those that must end. It makes one
// attempt: the next one says more.
func (c *Client) SessionHeartbeat(ctx context.Context, beat api.SessionHeartbeat) (api.SessionHeartbeatAnswer, error) {
	var answer api.SessionHeartbeatAnswer
	document, err := c.report(ctx, "/sessions/heartbeat", beat)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(document, &answer); err != nil {
		return answer, fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
	return answer, nil
}

// EndSessions tells the master which sessions have ended here.
func (c *Client) EndSessions(ctx context.Context, ends api.SessionEnds) error {
	_, err := c.report(ctx, "/sessions/end", ends)
	return taken(err)
}

// RealtimeHeartbeat is the list of live sessions as masters of any age take it.
func (c *Client) RealtimeHeartbeat(ctx context.Context, beat api.RealtimeHeartbeat) error {
	_, err := c.report(ctx, "/telemetry/realtime/heartbeat", beat)
	return taken(err)
}

// taken is nil for an answer of 200, whatever it says: older masters say null, or nothing.
func taken(err error) error {
	if errors.Is(err, ErrBadAnswer) {
		return nil
	}
	return err
}

// report makes one attempt to tell the master something.
func (c *Client) report(ctx context.Context, path string, body any) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return c.call(ctx, c.once, http.MethodPost, api.PathSlave+path, body)
}
