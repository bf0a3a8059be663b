package spool

import "github.com/fsnotify/fsnotify"

// notifications of what happens in the folder; without a watcher the channels never speak.
type notifications struct {
	watcher *fsnotify.Watcher
	events  <-chan fsnotify.Event
	errors  <-chan error
}

// watch asks the kernel for notifications. Where it has none to give, readers look once per Interval.
func (s *Spool) watch() notifications {
	w, err := fsnotify.NewWatcher()
	if err == nil {
		err = w.Add(s.cfg.Dir)
		if err == nil {
			return notifications{w, w.Events, w.Errors}
		}
		_ = w.Close()
	}
	s.cfg.Log.Warn("No notifications about the spool: looked at from time to time (raise fs.inotify.max_user_instances)",
		"interval", s.cfg.Interval, "error", err)
	return notifications{}
}

func (n notifications) close() {
	if n.watcher != nil {
		_ = n.watcher.Close()
	}
}

// wake makes the readers of what nginx writes look; Append wakes those of the other log.
func (s *Spool) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access.wake()
}
