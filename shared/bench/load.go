package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// sample is one measurement under load.
type sample struct {
	requests int
	perSec   float64
	p50, p99 time.Duration
	cpu      time.Duration // of the worker, per request
}

// What wrk prints.
var (
	wrkTotal  = regexp.MustCompile(`(\d+) requests in `)
	wrkRate   = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkP50    = regexp.MustCompile(`\s50%\s+(\S+)`)
	wrkP99    = regexp.MustCompile(`\s99%\s+(\S+)`)
	wrkErrors = regexp.MustCompile(`errors: (\d+) refused: (\d+)`)
)

// load lets wrk ask s for a time, by a script; offset is how many requests it asked before.
func (b *bed) load(ctx context.Context, s *server, script string, offset int, duration time.Duration) (sample, error) {
	// Nobody ships the log away here.
	if err := os.Truncate(filepath.Join(s.root, "spool", "access.log"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return sample{}, err
	}
	before, err := cpuTime(s.worker)
	if err != nil {
		return sample{}, err
	}
	cmd := exec.CommandContext(ctx, "wrk", "-t1", "-c", strconv.Itoa(b.connections), "-d", duration.String(), "--latency", "-s", script,
		fmt.Sprintf("http://127.0.0.1:%d", s.port), "--", strconv.Itoa(offset))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	after, err := cpuTime(s.worker)
	if err != nil {
		return sample{}, err
	}
	m, err := readWrk(string(out))
	if err != nil {
		return m, fmt.Errorf("%s: %w: %s", s.name, err, out)
	}
	m.cpu = (after - before) / time.Duration(m.requests)
	return m, nil
}

func readWrk(out string) (m sample, err error) {
	find := func(re *regexp.Regexp, group int) string {
		found := re.FindStringSubmatch(out)
		if found == nil {
			err = errors.Join(err, fmt.Errorf("wrk printed no %s", re))
			return ""
		}
		return found[group]
	}
	if failed, refused := find(wrkErrors, 1), find(wrkErrors, 2); err == nil && (failed != "0" || refused != "0") {
		return m, fmt.Errorf("%s requests failed, %s were refused", failed, refused)
	}
	total, rate, p50, p99 := find(wrkTotal, 1), find(wrkRate, 1), find(wrkP50, 1), find(wrkP99, 1)
	if err != nil {
		return m, err
	}
	var errs [4]error
	m.requests, errs[0] = strconv.Atoi(total)
	m.perSec, errs[1] = strconv.ParseFloat(rate, 64)
	m.p50, errs[2] = time.ParseDuration(p50)
	m.p99, errs[3] = time.ParseDuration(p99)
	if err := errors.Join(errs[:]...); err != nil {
		return m, err
	}
	if m.requests == 0 {
		return m, errors.New("no request was answered")
	}
	return m, nil
}

// median of what value takes from each sample.
func median[S any](samples []S, value func(S) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = value(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
