package telemetry

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// lane hands one log over. At most one request is under way.
type lane struct {
	cfg     Config
	log     string
	kind    string
	encoder *zstd.Encoder
	metrics laneMetrics
	path    string // of the state
	reader  *spool.Reader

	// What the goroutine of run alone uses.
	state    state
	stale    bool        // the state on disk is older
	saved    time.Time   // when it was written
	failing  bool        // it could not be
	held     spool.Batch // read, and of this batch or the next
	batch    batch
	packed   []byte // what is being sent, compressed
	maxBytes int    // of one batch; less after the master has called one too large
	proven   bool   // the master has taken zstd
	plain    bool   // it has not, but takes bodies as they are

	mu     sync.Mutex
	status Status
}

// How long a stop waits for the rows of its last second; they wait on disk otherwise.
const lastCall = 3 * time.Second

// longestPause between two attempts, unless the master asks for more.
const longestPause = time.Minute

func (l *lane) run(ctx context.Context) {
	l.batch.reset()
	l.note(nil)
	for ctx.Err() == nil {
		if err := l.collect(ctx, l.cfg.FlushInterval); err != nil {
			l.readFailed(ctx, err)
			continue
		}
		l.deliver(ctx)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCall)
	defer cancel()
	l.handOverRest(last)
	if l.stale {
		l.save()
	}
}

// collect fills the batch: until it is full, or its first line has waited for that long, or, with no wait at
// all, with what is there. A batch ends with its segment, which so is there as a whole or not at all.
func (l *lane) collect(ctx context.Context, wait time.Duration) error {
	b := &l.batch
	if l.state.Intent != nil {
		return l.repeat(ctx)
	}
	enough, stop := context.WithCancel(ctx)
	defer stop()
	if wait == 0 {
		stop()
	}
	for !b.full(l.maxBytes) {
		if err := l.next(enough); err != nil {
			if b.lines > 0 && ctx.Err() == nil {
				return nil // the time is up, or the next call meets the disk's error again
			}
			return err
		}
		if b.lines > 0 && l.held.From.Segment != b.to.Segment {
			return nil
		}
		if b.lines == 0 {
			b.from = l.state.follow(l.held.From)
			if wait > 0 {
				defer time.AfterFunc(wait, stop).Stop()
			}
		}
		b.add(&l.held)
	}
	return nil
}

// repeat makes the batch anew that was under way when the process before this one ended. Where its lines are
// gone, it is empty.
func (l *lane) repeat(ctx context.Context) error {
	b, in := &l.batch, l.state.Intent
	b.from = in.From
	for b.to.Before(in.To) {
		if err := l.next(ctx); err != nil {
			return err
		}
		if in.To.Before(l.held.Lines[0].End) {
			break
		}
		b.add(&l.held)
	}
	b.to = in.To
	return nil
}

// next reads from the spool when all that was read is in a batch.
func (l *lane) next(ctx context.Context) error {
	if len(l.held.Lines) > 0 {
		return nil
	}
	got, err := l.reader.Next(ctx)
	l.held = got
	return err
}

// deliver sends the batch until the master has it or ctx ends.
func (l *lane) deliver(ctx context.Context) {
	l.begin()
	for failures := 0; ; failures++ {
		err := l.send(ctx, failures)
		if ctx.Err() != nil {
			return // the intent is on disk
		}
		l.note(err)
		if err == nil {
			break
		}
		pause := masterclient.Backoff(failures, min(cmp.Or(l.cfg.FlushInterval, longestPause), longestPause), err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
	l.finish()
}

// noteEvery is how often it is noted what the master has, while more comes than batches hold: that much may be sent a
// second time after a crash, as the same batches.
const noteEvery = 10 * time.Second

// determined tells whether the batch would be made again as it is from where the one before it ended, and so needs no
// note: it ends where it is full, by the limits that a new process has.
func (l *lane) determined() bool { return l.maxBytes == maxBytes && l.batch.full(maxBytes) }

// begin notes what is about to be sent.
func (l *lane) begin() {
	b := &l.batch
	if l.state.Intent != nil {
		return
	}
	if l.state.Intent = (&intent{b.from, b.to}); !l.determined() {
		l.save()
	}
}

// finish notes that the master has it.
func (l *lane) finish() {
	b := &l.batch
	l.state.Done, l.state.Intent = b.to, nil
	l.skip(b.garbage, causeGarbage)
	l.state.Dropped += b.lost
	l.metrics.lost.Add(float64(b.lost))
	if l.stale = true; !l.determined() || time.Since(l.saved) >= noteEvery {
		l.save()
	}
	l.reader.Done(b.to)
	l.note(nil)
	b.reset()
}

func (l *lane) skip(lines int, cause string) {
	l.state.Skipped += int64(lines)
	l.metrics.skipped.WithLabelValues(cause).Add(float64(lines))
}

// handOverRest sends what is there, once: first the batch that the end interrupted.
func (l *lane) handOverRest(ctx context.Context) {
	for l.collect(ctx, 0) == nil {
		l.begin()
		if l.send(ctx, 0) != nil {
			return
		}
		l.finish()
	}
}
