package slaveapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
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
	group := slave.Group
	entry := a.cfg.Board.Current(group)
	revision, changed := a.cfg.Limits.Watch(group)
	if q.wait == 0 || entry.Differs(q.hash, q.current) || q.limits != nil && *q.limits != revision {
		return versionOf(entry, q, revision), nil
	}
	if q.limits == nil {
		changed = nil
	}
	return later(func(ctx context.Context) (any, error) {
		entry, err := a.wait(ctx, group, q, changed)
		if err != nil {
			return nil, err
		}
		revision, _ := a.cfg.Limits.Watch(group)
		return versionOf(entry, q, revision), nil
	}), nil
}

func versionOf(entry publish.Entry, q versionQuery, revision string) api.Version {
	return api.Version{
		Version: entry.Version, HasUpdate: entry.Differs(q.hash, q.current),
		SnapshotID: entry.SnapshotID, ConfigHash: entry.Hash, Epoch: entry.Epoch, LimitsRevision: revision,
	}
}

func (a *API) wait(ctx context.Context, group fleet.Group, q versionQuery, also <-chan struct{}) (publish.Entry, error) {
	a.waiting.Add(1)
	defer a.waiting.Add(-1)
	ctx, cancel := context.WithTimeout(ctx, q.wait)
	defer cancel()
	entry, err := a.cfg.Board.Wait(ctx, group, q.hash, q.current, also)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return entry, nil
	case errors.Is(err, publish.ErrClosed):
		return entry, busy(err, comeBack(a.waiting.Load()))
	}
	return entry, err
}

// comeBack is the time over which the slaves that waited at a master that stops are spread. It is the
// time in which as many come in any case, since each asks every 25 s or so; a few slaves are spread less.
func comeBack(waiting int64) time.Duration {
	return min(25*time.Second, time.Duration(waiting)*time.Second/20)
}

func readVersionQuery(r *http.Request) (versionQuery, error) {
	query := r.URL.Query()
	q := versionQuery{current: -1, hash: query.Get("hash")}
	current, err := number(query, "current")
	if err != nil {
		return q, err
	}
	if current != nil {
		q.current = *current
	}
	if len(q.hash) > 128 {
		return q, problem(http.StatusBadRequest, "hash takes the config_hash of an earlier answer")
	}
	if query.Has("limits") {
		q.limits = new(query.Get("limits"))
	}
	wait, err := number(query, "wait")
	if err != nil {
		return q, err
	}
	if wait != nil {
		q.wait = time.Duration(min(*wait, int64(maxWait/time.Second))) * time.Second
	}
	return q, nil
}

// number reads a query parameter; nil when it is absent or empty.
func number(query url.Values, name string) (*int64, error) {
	text := query.Get(name)
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
