package nginx

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// verifyTimeout bounds the time until every worker has the rules and every server name answers with
// them.
const verifyTimeout = 10 * time.Second

// Verify proves that nginx serves the release in dir, whose rules are hash: every worker of the current
// generation has compiled them, each server name answers a probe on its real addresses without a 5xx of
// our own making, and nginx's master has written no emerg line since the last Reload or PushRules began
// but those that a Reload has returned.
func (s *Server) Verify(ctx context.Context, dir, hash string) error {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	if err := s.verifyWorkers(ctx, hash); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if err := s.verifyServers(ctx, dir, hash); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if running := s.instance(); running != nil {
		if lines := s.emergLines(running.process.PID); len(lines) > 0 {
			return fmt.Errorf("verify: %w", &ReloadError{Lines: lines})
		}
	}
	return nil
}

func (s *Server) verifyWorkers(ctx context.Context, hash string) error {
	var last error // what was wrong before the time ran out
	for {
		state, err := s.State(ctx)
		if err == nil {
			err = state.serves(hash)
		}
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		if sleep(ctx, pollEvery) != nil {
			return last
		}
	}
}

// serves returns nil when all workers of the answering one's generation have compiled the rules of hash.
func (st State) serves(hash string) error {
	if st.RulesHash != hash {
		return fmt.Errorf("worker %d serves rules %q, not %s", st.PID, st.RulesHash, hash)
	}
	if len(st.Workers) < st.WorkerCount {
		return fmt.Errorf("%d of %d workers have reported", len(st.Workers), st.WorkerCount)
	}
	for _, w := range st.Workers {
		if w.RulesHash != hash {
			return fmt.Errorf("worker %d serves rules %q, not %s", w.PID, w.RulesHash, hash)
		}
	}
	return nil
}

// verifyServers probes each server block of the release on its real addresses. Old workers accept for a
// moment more after a reload, so a probe is repeated until its answer is final or the time is up.
func (s *Server) verifyServers(ctx context.Context, dir, hash string) error {
	prober, err := newProber(s.paths.probeKey, hash, s.probeTimeout, func(ctx context.Context) error {
		_, err := s.State(ctx)
		return err
	})
	if err != nil {
		return err
	}
	servers, err := serversOf(dir)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(probeWorkers)
	for _, t := range targets(servers, s.paths.adminSocket, filteredAbove(dir)) {
		group.Go(func() error {
			var last error
			for {
				final, err := prober.probe(ctx, t)
				if err == nil || final {
					return err
				}
				if last == nil || ctx.Err() == nil {
					last = err
				}
				if sleep(ctx, 5*pollEvery) != nil {
					return last
				}
			}
		})
	}
	return group.Wait()
}

// serversOf reads the server blocks of all *.conf in dir.
func serversOf(dir string) ([]nginxconf.ServerBlock, error) {
	names, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*.conf"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var servers []nginxconf.ServerBlock
	for _, name := range names {
		directives, err := readConf(name)
		if err != nil {
			return nil, err
		}
		servers = append(servers, nginxconf.Servers(directives)...)
	}
	return servers, nil
}

var escapeGlob = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace
