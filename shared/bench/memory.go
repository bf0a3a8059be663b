package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// measureMemory asks on behalf of many tokens and watches what the worker holds: what it remembers of
// them is bounded, so after a first part of the requests it must not grow.
func measureMemory(ctx context.Context, b *bed, g *gate) error {
	rules, err := rulesFile("memory", 0, usualLimits())
	if err != nil {
		return err
	}
	s, err := b.startGateway("memory", rules, false)
	if err != nil {
		return err
	}
	script := filepath.Join(b.dir, "tokens.lua")
	if err := os.WriteFile(script, requestScript(b.tokens), 0o644); err != nil {
		return err
	}
	fmt.Printf("memory of the worker over %d requests with %d tokens\n", b.requests, b.tokens)
	var early, late int64 // the most held in the second and in the last quarter
	next := b.requests / 10
	for done := 0; done < b.requests; {
		m, err := b.load(ctx, s, script, done, 2*time.Second)
		if err != nil {
			return err
		}
		done += m.requests
		held, err := ownMemory(s.worker)
		if err != nil {
			return err
		}
		switch {
		case done <= b.requests/4:
		case done <= b.requests/2:
			early = max(early, held)
		case done > b.requests/4*3:
			late = max(late, held)
		}
		if done >= next {
			fmt.Printf("  after %9d requests %6.1f MB\n", done, float64(held)/1e6)
			next = done + b.requests/10
		}
	}
	g.atMost("memory: MB grown between second and last quarter", float64(late-early)/1e6, max(4, float64(early)/1e6/10))
	return b.stop(s)
}
