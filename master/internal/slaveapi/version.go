package slaveapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// maxWait bounds how long a version check may wait.
const maxWait = 60 * time.Second

// versionQuery is what a slave says it runs; see Entry.Differs for what is left out.
type versionQuery struct {
	current int64 // -1: not said
	hash    string
	limits  *string // revision of the limits that the slave has; nil: it does not follow them
	wait    time.Duration
}

// version answers what the slave's group should run, from memory; with wait when that is another than
// the slave's, when its limits are, or when the time is up.
func (a *API) version(_ http.ResponseWriter, r *http.Request, slave auth.Slave) (any, error) {
	q, err := readVersionQuery(r)
	if err != nil {
		return nil, err
	}
	entry := a.cfg.Board.Current(slave.Group)
	revision, changed := a.cfg.Limits.Watch(slave.Group)
	if q.wait > 0 && !entry.Differs(q.hash, q.current) && (q.limits == nil || *q.limits == revision) {
		if q.limits == nil {
			changed = nil
		}
		if entry, err = a.wait(r.Context(), slave, q, changed); err != nil {
			return nil, err
		}
		revision, _ = a.cfg.Limits.Watch(slave.Group)
	}
	return api.Version{
		Version: entry.Version, HasUpdate: entry.Differs(q.hash, q.current),
		SnapshotID: entry.SnapshotID, ConfigHash: entry.Hash, Epoch: entry.Epoch, LimitsRevision: revision,
	}, nil
}

func (a *API) wait(ctx context.Context, slave auth.Slave, q versionQuery, also <-chan struct{}) (publish.Entry, error) {
	a.metrics.waiting.Inc()
	defer a.metrics.waiting.Dec()
	ctx, cancel := context.WithTimeout(ctx, q.wait)
	defer cancel()
	entry, err := a.cfg.Board.Wait(ctx, slave.Group, q.hash, q.current, also)
	if errors.Is(err, context.DeadlineExceeded) {
		return entry, nil
	}
	return entry, err
}

func readVersionQuery(r *http.Request) (versionQuery, error) {
	q := versionQuery{current: -1, hash: r.URL.Query().Get("hash")}
	current, err := number(r, "current")
	if err != nil {
		return q, err
	}
	if current != nil {
		q.current = *current
	}
	if len(q.hash) > 128 {
		return q, problem(http.StatusBadRequest, "hash takes the config_hash of an earlier answer")
	}
	if r.URL.Query().Has("limits") {
		q.limits = new(r.URL.Query().Get("limits"))
	}
	wait, err := number(r, "wait")
	if err != nil {
		return q, err
	}
	if wait != nil {
		q.wait = time.Duration(min(*wait, int64(maxWait/time.Second))) * time.Second
	}
	return q, nil
}

// number reads a query parameter; nil when it is absent or empty.
func number(r *http.Request, name string) (*int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return nil, nil
	}
	var n api.Int // takes what the Lua agents make of large numbers
	if err := n.UnmarshalJSON([]byte(text)); err != nil || n < 0 {
		return nil, problem(http.StatusBadRequest, fmt.Sprintf("%s takes a whole number from 0, not %s", name, strconv.QuoteToASCII(text[:min(len(text), 40)])))
	}
	v := int64(n)
	return &v, nil
}
