package spool

import (
	"slices"
	"sync"
)

// shelved is how many blocks of a log are kept for readers that come a little later: a megabyte of lines, as a busy
// slave writes in the time that readers wait for it to gather.
const shelved = 16

// shelf is the newest blocks of a log. All who are abreast read and parse each line once, whoever comes first; one
// that is behind, since it waits for the master or has just been started, reads for itself, and joins when it has
// caught up. So nobody waits for anybody, but for a read that he would have to make himself.
type shelf struct {
	mu     sync.Mutex
	blocks []*block // by position
	spare  []*block
}

// get returns the block and the lines that begin at p, held for the caller. read fills a block that is not there; false:
// there is nothing to read.
func (s *shelf) get(p Position, midst bool, read func(*block) error) (*block, []Line, error) {
	s.mu.Lock()
	for _, b := range slices.Backward(s.blocks) {
		if lines, ok := b.at(p, midst); ok {
			b.holders++
			s.mu.Unlock()
			return b, lines, nil
		}
	}
	b := s.take()
	if n := len(s.blocks); n > 0 && p.Before(s.blocks[n-1].to) {
		s.mu.Unlock()
		err := read(b)
		if err != nil || b.empty() {
			s.put(b)
			return nil, nil, err
		}
		return b, b.lines, nil
	}
	defer s.mu.Unlock()
	if err := read(b); err != nil || b.empty() {
		s.drop(b)
		return nil, nil, err
	}
	b.holders++
	s.blocks = append(s.blocks, b)
	if len(s.blocks) > shelved {
		s.drop(s.blocks[0])
		s.blocks = slices.Delete(s.blocks, 0, 1)
	}
	return b, b.lines, nil
}

// put gives a block back that get has returned.
func (s *shelf) put(b *block) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(b)
}

// take returns a block with one holder.
func (s *shelf) take() *block {
	b := &block{}
	if n := len(s.spare); n > 0 {
		b, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	b.holders = 1
	return b
}

func (s *shelf) drop(b *block) {
	if b.holders--; b.holders == 0 {
		s.spare = append(s.spare, b)
	}
}
