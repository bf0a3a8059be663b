package nginx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// A rehearsal takes about a second; its bound grows with the number of probes.
const (
	rehearsalTimeout  = 15 * time.Second
	rehearsalPerProbe = 100 * time.Millisecond
)

// Rehearse starts a second nginx from the tree staged in dir, in a private root under run/ and listening
// on unix sockets only, and asks each server block for an answer through the whole access chain. So a
// configuration that passes `nginx -t` and would answer 500 never meets a player. Errors: *ProbeError
// with nginx's own line about it; others carry what that nginx wrote. It leaves nothing behind.
func (s *Server) Rehearse(ctx context.Context, dir string) (err error) {
	s.rehearsing.Lock()
	defer s.rehearsing.Unlock()
	started := time.Now()
	defer func() { s.metrics.rehearsal.Observe(time.Since(started).Seconds()) }()

	if err := s.removeRehearsal(ctx); err != nil { // one that a killed supervisor left
		return err
	}
	defer func() { err = errors.Join(err, s.removeRehearsal(context.WithoutCancel(ctx))) }()
	hash, err := rulesHash(dir)
	if err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	m := newMirror(s.paths, dir)
	servers, err := m.build()
	if err != nil {
		return fmt.Errorf("rehearse: build the private root: %w", err)
	}
	probes := targets(servers, m.private.adminSocket, filteredAbove(dir))
	ctx, cancel := context.WithTimeout(ctx, rehearsalTimeout+time.Duration(len(probes))*rehearsalPerProbe)
	defer cancel()
	if err := s.play(ctx, m, hash, probes); err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	return nil
}

// play runs the private nginx for as long as it takes to probe it.
func (s *Server) play(ctx context.Context, m *mirror, hash string, probes []target) error {
	stderr, err := os.Create(m.stderrLog())
	if err != nil {
		return err
	}
	defer func() { _ = stderr.Close() }()
	cmd := exec.Command(s.cfg.Bin, m.private.arguments()...)
	cmd.Stdout, cmd.Stderr = stderr, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() { // ends with the process, which the deferred end waits for
		defer close(exited)
		_ = cmd.Wait() // its status says nothing that its log does not
	}()
	defer func() {
		// Its requests are our own: nothing to drain. The session's other members go with it.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-exited
	}()
	if p, err := readProcess(cmd.Process.Pid); err == nil {
		p.Comm = comm(s.cfg.Bin)
		if err := writeRecord(m.private.record, p); err != nil {
			return err
		}
	}
	admin := newAdminClient(m.private.adminSocket)
	if err := awaitRules(ctx, admin, hash, exited); err != nil {
		return m.explain(err, "")
	}
	prober, err := newProber(m.private.probeKey, hash, s.probeTimeout, func(ctx context.Context) error {
		_, err := admin.state(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return m.probeAll(ctx, prober, probes)
}

// awaitRules returns once a worker answers and has compiled the rules of this hash. Workers inherit the
// rules that init_by_lua compiled, so the first answer is final.
func awaitRules(ctx context.Context, admin *adminClient, hash string, exited <-chan struct{}) error {
	for {
		state, err := admin.state(ctx)
		if err == nil && state.RulesHash == hash {
			return nil
		}
		if err == nil {
			return fmt.Errorf("its worker has loaded rules %q, not %s", state.RulesHash, hash)
		}
		select {
		case <-exited:
			return errors.New("nginx does not start with it")
		case <-ctx.Done():
			return fmt.Errorf("nginx does not get ready with it: %w", err)
		case <-time.After(pollEvery):
		}
	}
}

func (m *mirror) probeAll(ctx context.Context, p *prober, probes []target) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(probeWorkers)
	for _, t := range probes {
		group.Go(func() error {
			_, err := p.probe(ctx, t)
			return err
		})
	}
	err := group.Wait()
	if failure, ok := errors.AsType[*ProbeError](err); ok {
		failure.Address = m.addressOf(failure.Address)
		failure.Log = m.logLine(failure.Server)
	}
	return err
}

// addressOf returns the listen address that a socket stands in for.
func (m *mirror) addressOf(socket string) string {
	for address, s := range m.sockets {
		if s == socket {
			return address
		}
	}
	return socket
}

// explain joins err with what the private nginx wrote.
func (m *mirror) explain(err error, server string) error {
	if line := m.logLine(server); line != "" {
		return fmt.Errorf("%w: %s", err, line)
	}
	return err
}

// removeRehearsal ends what runs in the private root and deletes it.
func (s *Server) removeRehearsal(ctx context.Context) error {
	private := pathsOf(s.paths.rehearsal)
	if _, err := private.endOrphans(ctx); err != nil {
		return fmt.Errorf("end a rehearsal: %w", err)
	}
	if err := os.RemoveAll(private.root); err != nil {
		return fmt.Errorf("remove a rehearsal: %w", err)
	}
	return nil
}

// rulesHash returns the hash that the rules.json of a staged tree names.
func rulesHash(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, "rules.json"))
	if err != nil {
		return "", err
	}
	var rules struct{ Hash string }
	if err := json.Unmarshal(b, &rules); err != nil {
		return "", fmt.Errorf("rules.json: %w", err)
	}
	if rules.Hash == "" {
		return "", errors.New("rules.json: hash is missing")
	}
	return rules.Hash, nil
}

// filteredAbove reports whether http{} itself runs a header filter for all server blocks of the tree.
func filteredAbove(dir string) bool {
	directives, err := readConf(filepath.Join(dir, "nginx.conf"))
	if err != nil {
		return true
	}
	for _, d := range directives {
		if d.Name != "http" {
			continue
		}
		if slices.ContainsFunc(d.Block, isHeaderFilter) {
			return true
		}
	}
	return false
}
