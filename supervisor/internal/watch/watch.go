// Package watch notices what changes on a slave's disk without the supervisor: certificates that a
// renewal has replaced, and managed files that somebody has edited.
//
// It compares contents, never names or times: certbot and Kubernetes replace symlinks, editors write a new
// file and rename it, and a touched file has not changed. File system events only say when to look; a
// slow poll looks as well, for file systems that report nothing (NFS) and for hosts whose inotify watches
// are used up.
package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Config is what a Watcher needs; both callbacks are required. They are called one at a time from Run's goroutine and
// hold up the next look while they run. Each content is told once, unless the callback returns an error: then the
// next look, after PollInterval at the latest, tells it again. Who returns the error has it logged here.
type Config struct {
	OnCertificates func(ctx context.Context, paths []string) error // these certificates or keys have new contents
	OnDrift        func(ctx context.Context, paths []string) error // these managed files differ from what they should be

	Debounce     time.Duration         // quiet time before a look, so that a renewal is seen whole; 0: 2 s
	PollInterval time.Duration         // 0: 1 min
	Log          *slog.Logger          // nil: discarded
	Registerer   prometheus.Registerer // nil: metrics are kept but not served
}

// maxDebounces bounds, in debounce times, how long events that never cease can put a look off.
const maxDebounces = 5

// Watcher watches the files given to Update.
type Watcher struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	changed chan struct{} // Update has run

	newNotifier func() (*fsnotify.Watcher, error) // fsnotify's, but in tests of its failure

	mu           sync.Mutex // guards what follows
	certificates map[string]digest
	managed      map[string]managedFile
}

// New returns a Watcher of nothing; Update says what to watch and Run does it.
func New(cfg Config) (*Watcher, error) {
	cfg.Debounce = cmp.Or(cfg.Debounce, 2*time.Second)
	cfg.PollInterval = cmp.Or(cfg.PollInterval, time.Minute)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{
		cfg: cfg, log: cfg.Log, metrics: newMetrics(), changed: make(chan struct{}, 1),
		newNotifier:  fsnotify.NewWatcher,
		certificates: map[string]digest{}, managed: map[string]managedFile{},
	}
	if cfg.Registerer != nil {
		if err := cfg.Registerer.Register(w.metrics); err != nil {
			return nil, fmt.Errorf("register watch metrics: %w", err)
		}
	}
	return w, nil
}

// Certificates returns the watched certificates that can be read, those that end first before others.
func (w *Watcher) Certificates() []api.Certificate { return w.metrics.expiry.list() }

// Update replaces what is watched: certificates and keys by absolute path, and managed files with the
// hex SHA-256 that each should have. A certificate that is new here counts as seen as it is now; one that
// was watched before keeps what was seen then, so that no change falls between two Updates.
func (w *Watcher) Update(certificates []string, managed map[string]string) {
	w.mu.Lock()
	seen := map[string]digest{}
	for _, path := range certificates {
		d, known := w.certificates[path]
		if !known {
			d, _ = digestOf(path) // unreadable: the zero digest, and readable later is a change
		}
		seen[path] = d
	}
	w.certificates = seen
	files := map[string]managedFile{}
	for path, want := range managed {
		files[path] = managedFile{want: digest(want), told: w.managed[path].told}
	}
	w.managed = files
	w.mu.Unlock()

	w.metrics.expiry.update(certificates)
	select {
	case w.changed <- struct{}{}:
	default: // already told
	}
}

// Run watches until ctx ends, and returns nil then.
func (w *Watcher) Run(ctx context.Context) error {
	e := &events{watched: map[string]bool{}}
	var changes <-chan fsnotify.Event // these never deliver when there is no notifier
	var failures <-chan error
	if notifier, err := w.newNotifier(); err != nil {
		w.notePolling(e, err)
	} else {
		defer func() { _ = notifier.Close() }()
		e.notifier, changes, failures = notifier, notifier.Events, notifier.Errors
	}
	poll := time.NewTicker(w.cfg.PollInterval)
	defer poll.Stop()
	quiet := time.NewTimer(0) // the first look is at once
	defer quiet.Stop()
	var first time.Time // of the events that wait for a look
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.changed:
			w.follow(e)
			quiet.Reset(0)
			continue
		case <-poll.C:
		case <-quiet.C:
		case event := <-changes:
			if event.Op == fsnotify.Chmod {
				continue // contents are what counts; readers of logs cause these
			}
			if first.IsZero() {
				first = time.Now()
			}
			if time.Since(first) < maxDebounces*w.cfg.Debounce {
				quiet.Reset(w.cfg.Debounce)
			}
			continue
		case err := <-failures:
			if !errors.Is(err, fsnotify.ErrEventOverflow) { // an overflow only means: look
				w.log.Warn("file system events are unreliable", "err", err)
			}
			quiet.Reset(w.cfg.Debounce)
			continue
		}
		first = time.Time{}
		w.look(ctx)
		if w.follow(e) { // links and directories are others now, and may have changed before they were watched
			quiet.Reset(w.cfg.Debounce)
		}
	}
}

// look compares all files with what they were or should be, and tells.
func (w *Watcher) look(ctx context.Context) {
	if paths := w.changedCertificates(); len(paths) > 0 {
		w.log.Info("certificates changed on disk", "paths", paths)
		if err := w.cfg.OnCertificates(ctx, paths); err != nil {
			w.log.Error("changed certificates not applied", "paths", paths, "err", err)
			w.forgetCertificates(paths)
		}
	}
	if paths := w.newDrift(); len(paths) > 0 {
		w.log.Warn("managed files were changed by hand", "paths", paths)
		if err := w.cfg.OnDrift(ctx, paths); err != nil {
			w.log.Error("changed managed files not restored", "paths", paths, "err", err)
			w.forgetDrift(paths)
		}
	}
}
