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
	unsaved  bool        // the state on disk is older
	held     spool.Batch // read, and of the next batch
	batch    batch
	packed   []byte // what is being sent, compressed
	maxRows  int
	maxBytes int  // of one batch; less after the master has called one too large
	proven   bool // the master has taken zstd
	plain    bool // it has not, but takes bodies as they are

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
}

// collect fills the batch: until it is full, or its first line has waited for that long, or, with no wait at
// all, with what is there. A batch ends with its segment, which so is there as a whole or not at all.
func (l *lane) collect(ctx context.Context, wait time.Duration) error {
	b := &l.batch
	if l.state.Intent != nil {
		return l.repeat(ctx)
	}
	full, enough := context.WithCancel(ctx)
	defer enough()
	if wait == 0 {
		enough()
	}
	for b.lines < l.maxRows && b.size() < l.maxBytes {
		got, err := l.next(full, l.maxRows-b.lines, l.maxBytes-b.size())
		if err != nil && b.lines > 0 && ctx.Err() == nil {
			return nil // the time is up, or the next call meets the disk's error again
		}
		if err != nil {
			return err
		}
		if b.lines > 0 && got.From.Segment != b.to.Segment {
			l.held = got
			return nil
		}
		if b.lines == 0 && wait > 0 {
			defer time.AfterFunc(wait, enough).Stop()
		}
		b.add(got)
	}
	return nil
}

// repeat makes the batch anew that was under way when the process before this one ended. Where its lines are
// gone, it is what has come since.
func (l *lane) repeat(ctx context.Context) error {
	b, in := &l.batch, l.state.Intent
	for b.lines < in.Lines {
		got, err := l.next(ctx, in.Lines-b.lines, maxBytes)
		if err != nil {
			return err
		}
		if !got.From.Before(in.To) {
			l.held = got
			break
		}
		b.add(got)
	}
	if b.lines == 0 {
		b.from, b.to = in.From, in.To
	}
	return nil
}

// next reads from the spool.
func (l *lane) next(ctx context.Context, lines, size int) (spool.Batch, error) {
	if held := l.held; len(held.Lines) > 0 {
		l.held = spool.Batch{}
		return held, nil
	}
	return l.reader.Next(ctx, lines, size)
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

// begin notes what is about to be sent.
func (l *lane) begin() {
	b := &l.batch
	if l.state.Intent == nil {
		l.state.Intent = &intent{b.from, b.to, b.lines}
		l.save()
	}
}

// finish notes that the master has it.
func (l *lane) finish() {
	b := &l.batch
	more := b.lines >= l.maxRows || b.size() >= l.maxBytes
	l.state.Done, l.state.Intent = b.to, nil
	l.skip(b.garbage, causeGarbage)
	l.state.Dropped += b.lost
	l.metrics.lost.Add(float64(b.lost))
	if !more {
		l.save() // else the next intent says it as well; a crash before repeats a batch that the master knows
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
