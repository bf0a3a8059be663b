// Package identity knows which user a token was given to. nginx's workers capture logins and hand over the
// token's hash and the user; this package keeps the bindings over restarts of nginx and of itself, so that
// limits by user hold for players that logged in weeks ago. What it knows is in memory and in a file; with
// Redis, what other slaves in front of the same media server have seen as well.
//
// A token that nobody has seen log in is asked about at the media server, where the operator allows that. Only
// then does a plain token come here, and it is gone with the answer: no file, no Redis and no log gets to see it.
package identity

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

const (
	// mostBindings bounds memory and file: some 6 MB of each. What was not used for longest makes room.
	mostBindings = 20_000
	// keptFor is how long a binding is kept after its last use. nginx remembers one for 7 days and asks again
	// then; only that, a login and a restart are uses that we see.
	keptFor = 30 * 24 * time.Hour
	// usesSavedEvery is how far a last use in the file may be behind: being read is no reason to write.
	usesSavedEvery = time.Hour
)

// Config of a Book.
type Config struct {
	Path       string           // of the file that keeps the bindings
	Nginx      Pusher           // gets all bindings when it was started anew
	Redis      redis.Cmdable    // nil: none
	Media      Resolver         // nil: unknown tokens stay unknown
	AskAgain   time.Duration    // least time between two questions about one unknown token
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Book is the bindings of token hashes to users. Its methods may be called from any goroutine.
type Book struct {
	cfg     Config
	metrics *metrics
	changed chan struct{} // there is something to save
	started chan struct{} // nginx was started anew
	news    chan struct{} // there is something in fresh
	shared  *shared       // nil without Redis
	unknown *unknown      // what is being asked, and what was asked in vain

	mu       sync.Mutex // guards what follows
	bindings map[key]*list.Element
	order    *list.List   // of *binding, by last use
	dirty    bool         // the file is behind
	fresh    []nginx.User // nginx is to be told
}

type key struct{ scope, tokenHash string }

// binding is one line of the file.
type binding struct {
	nginx.User
	Used int64 `json:"used"` // Unix seconds
}

// Open returns the Book of cfg.Path. A file that cannot be read is reported and left out: players log in
// again some day.
func Open(cfg Config) (*Book, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	b := &Book{
		cfg: cfg, changed: make(chan struct{}, 1), started: make(chan struct{}, 1), news: make(chan struct{}, 1),
		bindings: map[key]*list.Element{}, order: list.New(), unknown: newUnknown(),
	}
	if cfg.Redis != nil {
		b.shared = newShared(cfg.Redis)
	}
	b.metrics = newMetrics(b)
	if err := cfg.Registerer.Register(b.metrics); err != nil {
		return nil, fmt.Errorf("register identity metrics: %w", err)
	}
	if err := b.load(); err != nil {
		cfg.Log.Error("Known tokens are not read: users of players that stay logged in are unknown", "file", cfg.Path, "error", err)
	}
	return b, nil
}

// Errors of Learn, by field.
var (
	ErrScope     = errors.New("scope must have 1 to 256 bytes")
	ErrTokenHash = errors.New("token_hash must be a SHA-256 in 64 lower-case hexadecimal digits")
	ErrUserID    = errors.New("user_id must have 1 to 256 bytes")
)

// Learn binds a token of a media server to its user, in place of whom it belonged to.
func (b *Book) Learn(u nginx.User) error {
	if err := check(u); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	u.ValidFor = 0
	b.put(&binding{u, b.cfg.Now().Unix()})
	b.noteChange()
	b.share(key{u.Scope, u.TokenHash})
	return nil
}

// Find returns the user of a token: from memory, else from Redis, for which it waits a moment where Redis answers
// as it should, and not at all where it does not.
func (b *Book) Find(ctx context.Context, scope, tokenHash string) (userID string, known bool) {
	if userID, known = b.lookup(scope, tokenHash); known || b.shared == nil || !isHash(tokenHash) || !isScope(scope) {
		return userID, known
	}
	return b.findShared(ctx, key{scope, tokenHash})
}

func (b *Book) lookup(scope, tokenHash string) (userID string, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	element, ok := b.bindings[key{scope, tokenHash}]
	if !ok {
		return "", false
	}
	found, now := element.Value.(*binding), b.cfg.Now().Unix()
	if b.ended(found) {
		b.drop(element)
		return "", false
	}
	if now-found.Used >= int64(usesSavedEvery.Seconds()) {
		b.noteChange()
		b.share(key{scope, tokenHash})
	}
	found.Used = now
	b.order.MoveToBack(element)
	return found.UserID, true
}

// Users returns all bindings, the ones that were used last at the end.
func (b *Book) Users() []nginx.User {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	users := make([]nginx.User, 0, b.order.Len())
	for e := b.order.Front(); e != nil; e = e.Next() {
		users = append(users, e.Value.(*binding).User)
	}
	return users
}

// Count returns how many bindings are kept.
func (b *Book) Count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	return b.order.Len()
}

// put adds one as the last that was used.
func (b *Book) put(n *binding) {
	k := key{n.Scope, n.TokenHash}
	if element, ok := b.bindings[k]; ok {
		element.Value = n
		b.order.MoveToBack(element)
		return
	}
	b.bindings[k] = b.order.PushBack(n)
	if b.order.Len() > mostBindings {
		b.drop(b.order.Front())
	}
}

func (b *Book) drop(element *list.Element) {
	n := b.order.Remove(element).(*binding)
	delete(b.bindings, key{n.Scope, n.TokenHash})
}

func (b *Book) expire() {
	for front := b.order.Front(); front != nil && b.ended(front.Value.(*binding)); front = b.order.Front() {
		b.drop(front)
	}
}

func (b *Book) ended(n *binding) bool {
	return b.cfg.Now().Unix()-n.Used >= int64(keptFor.Seconds())
}

// tell has nginx know a user some time soon, for which nobody waits.
func (b *Book) tell(u nginx.User) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.fresh) < mostFresh {
		b.fresh = append(b.fresh, u)
	}
	nudge(b.news)
}

// mostFresh bounds what waits while nginx is down; it asks anew when it is up.
const mostFresh = 1000

func (b *Book) noteChange() {
	b.dirty = true
	nudge(b.changed)
}

func check(u nginx.User) error {
	if !isScope(u.Scope) {
		return ErrScope
	}
	if len(u.UserID) == 0 || len(u.UserID) > 256 {
		return ErrUserID
	}
	if !isHash(u.TokenHash) {
		return ErrTokenHash
	}
	return nil
}

func isScope(text string) bool { return len(text) > 0 && len(text) <= 256 }

func isHash(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}
