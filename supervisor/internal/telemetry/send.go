package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
)

// errRefusesAll is a master, or something before it, that takes no row at all: not the rows' fault.
var errRefusesAll = errors.New("the master refuses every row, which are kept: check API_BASE and what is between")

// suspicious is how many rows in a row may be refused before any is taken.
const suspicious = 16

// delivery is one attempt to hand the batch over.
type delivery struct {
	taken   int  // rows
	refused int  // rows, each by itself
	back    bool // last rows first: another attempt begins at the other end
	split   bool // the batch did not pass as a whole
	causes  map[string]int
}

// send makes one attempt. It returns nil when the master has all rows but those that it refuses one by one;
// any other error is one that patience may cure.
func (l *lane) send(ctx context.Context, attempt int) error {
	if l.batch.rows() == 0 {
		return nil
	}
	d := delivery{back: attempt%2 == 1, causes: map[string]int{}}
	if err := l.sendPart(ctx, &d, 0, l.batch.rows()); err != nil {
		return err
	}
	l.took(d.taken)
	for cause, lines := range d.causes {
		l.cfg.Log.Error("Telemetry rows refused by the master and skipped", "log", l.log, "rows", lines, "cause", cause)
		l.skip(lines, cause)
	}
	return nil
}

// sendPart sends rows i to j. Of a part that the master refuses, each half is sent by itself, down to the row
// that it does not take.
func (l *lane) sendPart(ctx context.Context, d *delivery, i, j int) error {
	err := l.post(ctx, d, i, j)
	if err == nil {
		d.taken += j - i
		return nil
	}
	cause := refusal(err)
	if cause == "" {
		return err
	}
	if cause == causeTooLarge && j-i > 1 {
		l.maxBytes = max(l.maxBytes/2, 16<<10) // batches to come
	}
	d.split = true
	if j-i == 1 {
		d.causes[cause]++
		if d.refused++; d.refused >= suspicious && d.taken == 0 {
			return fmt.Errorf("%w: %w", errRefusesAll, err)
		}
		return nil
	}
	halves := [][2]int{{i, (i + j) / 2}, {(i + j) / 2, j}}
	if d.back {
		slices.Reverse(halves)
	}
	for _, half := range halves {
		if err := l.sendPart(ctx, d, half[0], half[1]); err != nil {
			return err
		}
	}
	return nil
}

// post does one request. Parts of a batch have keys of their own, which name them for ever as well.
func (l *lane) post(ctx context.Context, d *delivery, i, j int) error {
	key := l.state.key(l.log)
	if d.split {
		key = fmt.Sprintf("%s-%d-%d", key, i, j)
	}
	body := l.batch.part(i, j)
	err := l.try(ctx, key, body, !l.plain)
	if l.proven || refusal(err) == "" {
		return err
	}
	// A master that has taken neither form yet may not know zstd.
	if other := l.try(ctx, key, body, l.plain); other == nil {
		l.plain = !l.plain
		return nil
	}
	return err
}

// try sends a body in one of its forms.
func (l *lane) try(ctx context.Context, key string, body []byte, compress bool) error {
	report := masterclient.Report{Kind: l.kind, Key: key, Body: body}
	if compress {
		l.packed = l.encoder.EncodeAll(body, l.packed[:0])
		report.Encoding, report.Body = "zstd", l.packed
	}
	answer, err := l.cfg.Master.Report(ctx, report)
	if err != nil {
		return err
	}
	l.proven = l.proven || compress
	l.metrics.taken(len(report.Body), answer)
	return nil
}

// refusal returns the cause for which the same rows would be refused again, "" for all that a master, a
// token or the network may cure: 404 and 405 are those of a master that is older than its slaves.
func refusal(err error) string {
	status, ok := errors.AsType[*masterclient.StatusError](err)
	if !ok {
		return ""
	}
	switch s := status.Problem.Status; s {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusProxyAuthRequired,
		http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return ""
	case http.StatusRequestEntityTooLarge:
		return causeTooLarge
	default:
		if s < 400 || s >= 500 {
			return ""
		}
		return causeRefused
	}
}
