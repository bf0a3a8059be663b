package nginxconf

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

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

// Test runs nginx with the arguments and -t. What nginx refuses is a *TestError; any other error means that it
// has not answered.
func Test(ctx context.Context, bin string, arguments ...string) error {
	// -t stands last: so this process is never taken for a master.
	output, err := exec.CommandContext(ctx, bin, append(slices.Clip(arguments), "-t")...).CombinedOutput()
	if err == nil {
		return nil
	}
	if _, ran := errors.AsType[*exec.ExitError](err); !ran || ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return ParseTestOutput(string(output))
}

var (
	testEmerg = regexp.MustCompile(`(?m)^(?:nginx: |\S+ \S+ )\[emerg\] (?:\d+#\d+: )?(.*)$`)
	testPlace = regexp.MustCompile(`^(.*) in (/\S.*):(\d+)$`)
)

// ParseTestOutput returns what an `nginx -t` that failed has said.
func ParseTestOutput(output string) *TestError {
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
