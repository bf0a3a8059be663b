// Package transfer brings what running transfers have sent so far from nginx into the spool's usage log: a film
// takes hours, and its quota must not learn of it at the end.
//
// nginx numbers its records and keeps each until it hears that it is on disk here:
//
//	ask (which also confirms the last answer) → append to usage.log, fsync → ask …
//
// The last line of usage.log says where to go on after a restart, so a crash on either side repeats no record
// and loses none.
package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/supervisor/internal/accesslog"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

// perCall is how many records are taken at once; one has about 1 KB.
const perCall = 500

// How often nginx is asked: it has a record of a stream every 10 s, or 8 MB.
const (
	often  = 2 * time.Second  // while streams run
	seldom = 10 * time.Second // while none does, as far as is known
)

// source hands records out.
type source interface {
	Usage(context.Context, nginx.UsageQuery) (nginx.Usage, error)
}

// sink keeps them.
type sink interface {
	Append(lines []byte) error
	Last() ([]byte, error)
}

// desk knows which streams run; see session.
type desk interface {
	Count() int
	// See is told of each record once, whether it gets on disk or not: a sign of life. It does not keep the entry.
	See(e *accesslog.Entry)
	// Unheard says that signs of life cannot come in.
	Unheard()
}

// Config of a Collector.
type Config struct {
	Nginx      source
	Spool      sink
	Sessions   desk
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Collector takes records. Run does the work.
type Collector struct {
	cfg     Config
	metrics *metrics
	pace    atomic.Int64 // nanoseconds, see SetPace; 0: our own
	changed chan struct{}

	mu     sync.Mutex // guards what follows: one call at a time
	onDisk record     // the last one that is
	seen   record     // the last one that Sessions were told of
	parser accesslog.Parser
	failed string // the last error
}

// record names one of an nginx.
type record struct {
	epoch  string // nginx's count that the number belongs to
	number int64
}

// in returns the number if it is one of that epoch: an nginx that was started anew counts from 1.
func (r record) in(epoch string) int64 {
	if r.epoch != epoch {
		return 0
	}
	return r.number
}

// New goes on after the last record in the spool.
func New(cfg Config) (*Collector, error) {
	c := &Collector{cfg: cfg, metrics: newMetrics(), changed: make(chan struct{}, 1)}
	if err := cfg.Registerer.Register(c.metrics); err != nil {
		return nil, fmt.Errorf("register transfer metrics: %w", err)
	}
	line, err := cfg.Spool.Last()
	if err != nil {
		return nil, fmt.Errorf("read the usage log's last line: %w", err)
	}
	var e accesslog.Entry
	if line == nil {
		return c, nil
	}
	if err := c.parser.Parse(line, &e); err != nil {
		// nginx keeps what was not confirmed, and at most one answer of it is in the log already.
		cfg.Log.Error("Usage log's last line does not read, some records may be counted twice", "error", err)
		return c, nil
	}
	c.onDisk = record{string(e.Epoch), e.Seq}
	c.seen = c.onDisk
	return c, nil
}

// SetPace makes nginx be asked at least that often, for someone is near a limit; 0: as usual.
func (c *Collector) SetPace(every time.Duration) {
	if c.pace.Swap(int64(every)) == int64(every) {
		return
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// Run takes records until ctx ends.
func (c *Collector) Run(ctx context.Context) error {
	for {
		taken, err := c.take(ctx, false)
		if err == nil && taken == perCall {
			continue // there are more
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.changed:
		case <-time.After(c.pause(taken)):
		}
	}
}

// pause is how long to wait after an answer with that many records.
func (c *Collector) pause(taken int) time.Duration {
	pause := seldom
	if taken > 0 || c.cfg.Sessions.Count() > 0 {
		pause = often
	}
	if pace := time.Duration(c.pace.Load()); pace > 0 {
		pause = min(pause, pace)
	}
	return pause
}

// Close takes all that an nginx has which is about to end, and makes it keep no more records: what transfers
// send until then is in their lines of the access log.
func (c *Collector) Close(ctx context.Context) {
	for {
		if taken, err := c.take(ctx, true); err != nil || taken == 0 {
			return
		}
	}
}

// take asks once, and returns how many records came.
func (c *Collector) take(ctx context.Context, last bool) (taken int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken, err = c.ask(ctx, last)
	c.report(ctx, err)
	return taken, err
}

func (c *Collector) ask(ctx context.Context, last bool) (int, error) {
	answer, err := c.cfg.Nginx.Usage(ctx, nginx.UsageQuery{Epoch: c.onDisk.epoch, After: c.onDisk.number, Limit: perCall, Close: last})
	if err != nil {
		return 0, err
	}
	number, seen := c.onDisk.in(answer.Epoch), c.seen.in(answer.Epoch)
	var lines []byte
	var e accesslog.Entry
	for _, text := range answer.Usage {
		c.parser.Reset()
		if err := c.parser.Parse(text, &e); err != nil {
			c.metrics.garbage.Inc()
			number = max(number, numberOf(text)) // or it would come for ever
			continue
		}
		if e.Seq <= number {
			continue // on disk; the confirmation did not get through
		}
		c.metrics.gaps.Add(float64(e.Seq - number - 1))
		number = e.Seq
		if number > seen {
			c.cfg.Sessions.See(&e)
			seen = number
		}
		lines = appendLine(lines, answer.Epoch, text)
	}
	c.seen = record{answer.Epoch, seen}
	if err := c.cfg.Spool.Append(lines); err != nil {
		c.cfg.Sessions.Unheard() // nginx keeps them, and may have more; nor can it write its log
		return 0, err
	}
	c.onDisk = record{answer.Epoch, number}
	c.metrics.records.Add(float64(bytes.Count(lines, []byte{'\n'})))
	return len(answer.Usage), nil
}

// numberOf returns the number of a record that is otherwise garbage.
func numberOf(text json.RawMessage) int64 {
	var numbered struct {
		Seq int64 `json:"seq"`
	}
	_ = json.Unmarshal(text, &numbered) // 0 without one
	return numbered.Seq
}

// appendLine writes a record as a line of the usage log: with the epoch that its number is of.
func appendLine(lines []byte, epoch string, text json.RawMessage) []byte {
	quoted, _ := json.Marshal(epoch) // of a string: no error
	lines = append(lines, `{"epoch":`...)
	lines = append(lines, quoted...)
	lines = append(lines, ',')
	lines = append(lines, text[1:]...)
	return append(lines, '\n')
}

// report logs an error once, until it is another or gone.
func (c *Collector) report(ctx context.Context, err error) {
	if ctx.Err() != nil || errors.Is(err, nginx.ErrDown) { // one that is down has nothing to give, and is told of elsewhere
		return
	}
	text := ""
	if err != nil {
		c.metrics.errors.Inc()
		text = err.Error()
	}
	if text != "" && text != c.failed {
		c.cfg.Log.Warn("Usage of running transfers not taken, tried again", "error", err)
	}
	c.failed = text
}
