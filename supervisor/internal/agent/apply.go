package agent

import (
	"context"
	"errors"
	"maps"
	"runtime/debug"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// StageError is a step of the pipeline that failed.
type StageError struct {
	Stage string // as in the ack: fetch, check, stage, test, rehearse, commit, push, reload or verify
	Err   error
}

func (e *StageError) Error() string { return e.Stage + ": " + e.Err.Error() }

func (e *StageError) Unwrap() error { return e.Err }

// errSuperseded: while the attempt waited for its reload, the master published something else.
var errSuperseded = errors.New("superseded")

// errSame: what was fetched is what serves.
var errSame = errors.New("same content")

// attempt is one configuration on its way through the pipeline.
type attempt struct {
	*Agent
	want    api.Version
	from    *release.Release         // what serves, and what to go back to
	timings map[string]time.Duration // by stage
}

func (a *Agent) attempt(want api.Version) *attempt {
	return &attempt{Agent: a, want: want, from: a.running, timings: map[string]time.Duration{}}
}

// apply takes want through the pipeline and reports the outcome to the log, the disk and the master. It
// returns an error only when the master could not be asked.
func (a *Agent) apply(ctx context.Context, want api.Version) error {
	t := a.attempt(want)
	err := t.run(ctx)
	switch {
	case errors.Is(err, errSuperseded):
		a.log.Info("Config superseded before its reload", "version", want.Version)
		return nil
	case err != nil && ctx.Err() != nil:
		return ctx.Err() // stopped on the way: nothing is wrong with the configuration
	case unreached(err):
		return err
	case errors.Is(err, errSame):
		a.seen = t.want
		a.adopt(ctx, t.want)
		return nil
	}
	a.seen = t.want
	t.conclude(ctx, err)
	return nil
}

// run is the pipeline.
func (t *attempt) run(ctx context.Context) error {
	payload, err := t.fetch(ctx)
	if err != nil {
		return err
	}
	if err := t.check(payload); err != nil {
		return err
	}
	if payload.Hash == t.from.Hash {
		t.want = versionOf(payload.Identity, payload.Hash)
		return errSame
	}
	rel, err := t.stage(ctx, payload)
	if err != nil {
		return err
	}
	return t.put(ctx, rel)
}

// put makes a staged release the one that serves.
func (t *attempt) put(ctx context.Context, rel *release.Release) error {
	if err := t.test(ctx, rel); err != nil {
		return err
	}
	if err := t.rehearse(ctx, rel); err != nil {
		return err
	}
	if err := t.pace(ctx, rel); err != nil {
		return err
	}
	// From here on, failure goes back.
	before := t.before(ctx)
	if err := t.commit(rel); err != nil {
		return t.rollback(ctx, rel, before, err)
	}
	if err := t.activate(ctx, rel); err != nil {
		return t.rollback(ctx, rel, before, err)
	}
	if err := t.verify(ctx, rel); err != nil {
		return t.rollback(ctx, rel, before, err)
	}
	t.prove(rel)
	return nil
}

// conclude reports how the attempt ended.
func (t *attempt) conclude(ctx context.Context, err error) {
	ack := api.Ack{
		SnapshotID: api.Int(t.want.SnapshotID), Status: api.AckApplied, Version: api.Int(t.want.Version),
		ConfigHash: t.want.ConfigHash, Timings: milliseconds(t.timings),
	}
	if err != nil {
		ack.Status, ack.Stage, ack.Error = api.AckFailed, stageOf(err), causeOf(err)
		t.sayFailed(t.want, err)
		if err := t.cfg.Releases.Quarantine(identityOf(t.want), t.want.ConfigHash, ack.Stage, err); err != nil {
			t.log.Error("Quarantine not recorded on disk", "error", err)
		}
	} else if err := t.cfg.Releases.Lift(); err != nil {
		t.log.Error("Quarantine not lifted on disk", "error", err)
	}
	t.metrics.applied(ack.Status, ack.Stage)
	t.board.applied(ack)
	if err := t.cfg.Releases.Prune(); err != nil {
		t.log.Error("Old releases not removed", "error", err)
	}
	t.acknowledge(ctx, ack)
	debug.FreeOSMemory() // the next large documents are a publish away
}

// enter times a stage, and names it in the error that it ends with:
//
//	defer t.enter("test")(&err)
func (t *attempt) enter(stage string) func(*error) {
	begun := time.Now()
	observe := t.metrics.time(stage)
	return func(err *error) {
		observe()
		t.timings[stage] += time.Since(begun)
		if *err != nil {
			*err = &StageError{stage, *err}
		}
	}
}

// unreached reports whether the configuration was not to be had, through no fault of its own.
func unreached(err error) bool {
	return stageOf(err) == "fetch" && !errors.Is(err, masterclient.ErrBadAnswer)
}

func stageOf(err error) string {
	if e, ok := errors.AsType[*StageError](err); ok {
		return e.Stage
	}
	return ""
}

// causeOf is the text of err for the ack, which names the stage beside it, with all that nginx -t said.
func causeOf(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*StageError](err); ok {
		text = text[min(len(text), len(e.Stage)+2):]
	}
	text += details(err)
	return text[:min(len(text), longestCause)]
}

// longestCause bounds the cause in an ack, in bytes: the first lines are the ones that count.
const longestCause = 8 << 10

func milliseconds(timings map[string]time.Duration) map[string]int64 {
	ms := make(map[string]int64, len(timings))
	for stage, d := range maps.All(timings) {
		ms[stage] = d.Milliseconds()
	}
	return ms
}
