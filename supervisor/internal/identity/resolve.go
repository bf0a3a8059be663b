package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/uhdadmin/media-gateway/supervisor/internal/mediaserver"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

// Resolver asks the media server of a scope; see mediaserver.
type Resolver interface {
	Resolves(scope string) bool
	UserOf(ctx context.Context, scope string, q mediaserver.Question) (mediaserver.User, time.Time, error)
}

const (
	// statedFor is how long a user is believed that was found by a device which the request states.
	statedFor = 10 * time.Minute
	// awayFor is how long a token is not asked about whose question could not be put.
	awayFor = 5 * time.Second
	// questionTime bounds one question, from the first request of it to the media server to the last.
	questionTime = 10 * time.Second
	// questionsAtOnce bounds those that run or wait to be put once more.
	questionsAtOnce = 256
	// mostUnknown bounds what is remembered of unknown tokens: clients make up as many as they like.
	mostUnknown = 10_000
)

// again is when a question that came too early is put once more, each after the one before.
var again = []time.Duration{1500 * time.Millisecond, 2 * time.Second, 4 * time.Second}

// unknown is what is being asked, and what was asked in vain.
type unknown struct {
	ctx    context.Context // of all questions
	stop   context.CancelFunc
	asking sync.WaitGroup

	mu      sync.Mutex // guards what follows
	ended   bool
	running int
	tokens  map[key]*question
}

// question is one about a token. Its fields are guarded by unknown.mu; answered is closed once.
type question struct {
	answered chan struct{} // the first answer is there
	done     bool          // no request of it runs
	next     time.Time     // when it may be asked again
	since    time.Time     // see mediaserver.Question
	user     string        // of a device's session, believed until next
}

func newUnknown() *unknown {
	u := &unknown{tokens: map[key]*question{}}
	u.ctx, u.stop = context.WithCancel(context.Background())
	return u
}

func (u *unknown) end() {
	u.stop()
	u.mu.Lock()
	u.ended = true
	u.mu.Unlock()
	u.asking.Wait()
}

// Found is a user of a token, and for how long that holds; 0: for good.
type Found struct {
	UserID string
	For    time.Duration
}

// Resolvable reports whether Resolve is worth the plain token: the media server can be asked, and was not a moment
// ago in vain.
func (b *Book) Resolvable(scope, tokenHash string) bool {
	if !b.resolves(scope) {
		return false
	}
	b.unknown.mu.Lock()
	defer b.unknown.mu.Unlock()
	asked := b.unknown.tokens[key{scope, tokenHash}]
	return asked == nil || !asked.done || asked.user != "" || !b.cfg.Now().Before(asked.next)
}

func (b *Book) resolves(scope string) bool { return b.cfg.Media != nil && b.cfg.Media.Resolves(scope) }

// Resolve asks the media server whose a token is, and waits for the answer as long as ctx allows: one that comes
// later is learnt, and told to nginx. A token that was asked about a moment ago, or is being asked about, is
// not asked about again.
func (b *Book) Resolve(ctx context.Context, scope string, q mediaserver.Question) (Found, bool) {
	if !b.resolves(scope) || !isScope(scope) || q.Token == "" {
		return Found{}, false
	}
	hash := sha256.Sum256([]byte(q.Token))
	k := key{scope, hex.EncodeToString(hash[:])}
	if userID, known := b.lookup(scope, k.tokenHash); known {
		return Found{UserID: userID}, true
	}
	asked := b.ask(k, q)
	if asked == nil {
		return Found{}, false
	}
	select {
	case <-asked.answered:
	case <-ctx.Done():
		return Found{}, false
	}
	if userID, known := b.lookup(scope, k.tokenHash); known {
		return Found{UserID: userID}, true
	}
	b.unknown.mu.Lock()
	defer b.unknown.mu.Unlock()
	if left := asked.next.Sub(b.cfg.Now()); asked.user != "" && left > 0 {
		return Found{asked.user, left}, true
	}
	return Found{}, false
}

// ask returns the question about a token: the one that is there while it holds, else a new one, whose requests
// begin; nil when too many run.
func (b *Book) ask(k key, q mediaserver.Question) *question {
	u := b.unknown
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.tokens[k]
	if before != nil && (!before.done || b.cfg.Now().Before(before.next)) {
		return before
	}
	if u.ended || u.running >= questionsAtOnce {
		b.metrics.resolved.WithLabelValues("busy").Inc()
		return nil
	}
	u.makeRoom(b.cfg.Now())
	asked := &question{answered: make(chan struct{})}
	if before != nil {
		asked.since = before.since
	}
	u.tokens[k] = asked
	u.running++
	u.asking.Go(func() { b.investigate(k, q, asked) })
	return asked
}

// makeRoom forgets questions that may be asked again, and where that is not enough all that are answered.
func (u *unknown) makeRoom(now time.Time) {
	if len(u.tokens) < mostUnknown {
		return
	}
	for k, each := range u.tokens {
		if each.done && now.After(each.next) {
			delete(u.tokens, k)
		}
	}
	if len(u.tokens) < mostUnknown {
		return
	}
	for k, each := range u.tokens {
		if each.done {
			delete(u.tokens, k)
		}
	}
}

// investigate puts a question until it is answered, or it is time to give up.
func (b *Book) investigate(k key, q mediaserver.Question, asked *question) {
	ctx, cancel := context.WithTimeout(b.unknown.ctx, questionTime)
	defer cancel()
	b.unknown.mu.Lock()
	q.Since = asked.since
	b.unknown.mu.Unlock()
	for try := 0; ; try++ {
		user, since, err := b.cfg.Media.UserOf(ctx, k.scope, q)
		q.Since = since
		early := errors.Is(err, mediaserver.ErrNotYet) && try < len(again) && ctx.Err() == nil
		b.settle(k, asked, user, since, err, !early, try > 0)
		if !early {
			return
		}
		pause(ctx, again[try])
	}
}

// settle takes an answer. last: no further one comes; late: nobody waits for it.
func (b *Book) settle(k key, asked *question, user mediaserver.User, since time.Time, err error, last, late bool) {
	known := nginx.User{Scope: k.scope, TokenHash: k.tokenHash, UserID: user.ID}
	pause, result := b.cfg.AskAgain, "unknown"
	switch {
	case err == nil && !user.Stated:
		result = "known"
		if err := b.Learn(known); err != nil {
			result = "unknown"
			b.cfg.Log.Error("Media server names a user that cannot be one", "server_id", k.scope, "error", err)
		}
	case err == nil:
		result, pause, known.ValidFor = "stated", statedFor, int64(statedFor.Seconds())
	case errors.Is(err, mediaserver.ErrNotYet):
		result = "not_yet"
	case errors.Is(err, mediaserver.ErrUnknown):
	default:
		result, pause = "failed", min(awayFor, pause)
		b.cfg.Log.Debug("Media server did not say whose a token is", "server_id", k.scope, "error", err)
	}
	b.metrics.resolved.WithLabelValues(result).Inc()

	u := b.unknown
	u.mu.Lock()
	asked.since, asked.done, asked.next = since, last, b.cfg.Now().Add(pause)
	if last {
		u.running--
	}
	if err == nil && user.Stated {
		asked.user = user.ID
	}
	if result == "known" {
		delete(u.tokens, k)
	}
	u.mu.Unlock()
	if !late {
		close(asked.answered)
	}
	if err == nil && result != "unknown" {
		b.tell(known) // also to those who have stopped waiting
	}
}
