package spool

// End returns the position behind all that is in a log now, for consumers that only care for what comes.
func (s *Spool) End(log string) Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.journal(log)
	return Position{Segment: j.live, Offset: j.size()}
}
