package nginx

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// testTimeout bounds nginx -t: upstream names that no resolver answers for take seconds each.
const testTimeout = 60 * time.Second

// TestError is a configuration that `nginx -t` refuses.
type TestError struct {
	Output string // all that nginx wrote
	File   string // "" when the cause is in no line of a file
	Line   int
	Reason string // of the first [emerg] line
}

func (e *TestError) Error() string {
	if e.File == "" {
		return "nginx -t: " + e.Reason
	}
	return fmt.Sprintf("nginx -t: %s:%d: %s", filepath.Base(e.File), e.Line, e.Reason)
}

// Test runs `nginx -t` on the tree staged in dir, whose includes are relative to it. What nginx refuses is
// a *TestError. It neither reads Lua files nor runs init_by_lua: CheckLua, CheckRules and Rehearse do.
func (s *Server) Test(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	staged := s.paths
	staged.conf = filepath.Join(dir, "nginx.conf")
	// -t stands last: so this process is never taken for a master.
	cmd := exec.CommandContext(ctx, s.cfg.Bin, append(staged.arguments(), "-t")...)
	output, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if _, ran := errors.AsType[*exec.ExitError](err); !ran || ctx.Err() != nil {
		return fmt.Errorf("nginx -t: %w", errors.Join(context.Cause(ctx), err))
	}
	return parseTestOutput(string(output))
}

var (
	testEmerg = regexp.MustCompile(`(?m)^(?:nginx: |\S+ \S+ )\[emerg\] (?:\d+#\d+: )?(.*)$`)
	testPlace = regexp.MustCompile(`^(.*) in (/\S.*):(\d+)$`)
)

func parseTestOutput(output string) *TestError {
	e := &TestError{Output: strings.TrimSpace(output)}
	if m := testEmerg.FindStringSubmatch(output); m != nil {
		e.Reason = m[1]
	} else {
		e.Reason, _, _ = strings.Cut(e.Output, "\n")
	}
	if m := testPlace.FindStringSubmatch(e.Reason); m != nil {
		e.Reason, e.File = m[1], m[2]
		e.Line, _ = strconv.Atoi(m[3])
	}
	return e
}
