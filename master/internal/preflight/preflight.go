// Package preflight asks the real nginx what a slave would say of a configuration, before any slave gets it:
// `nginx -t` on a staged tree, then a compile of its rules and Lua by the gateway's own Lua in a private nginx.
//
// What only the slave has is replaced: its certificates by a stand-in, its addresses by unix sockets, the
// addresses of media servers by the loopback's. So a preflight finds what is wrong with a configuration, not
// what is wrong with a host; the slave's own test and rehearsal follow.
package preflight

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/recent"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Mode says what a publish makes of preflights; the text is the value of PREFLIGHT.
type Mode string

// The modes.
const (
	Auto    Mode = "auto"    // a preflight that fails stops a publish, one that cannot run does not
	Require Mode = "require" // both do
	Off     Mode = "off"     // none is run
)

// Modes lists them.
var Modes = []Mode{Auto, Require, Off}

// Status of a Verdict.
type Status string

// The statuses.
const (
	Passed Status = "passed"
	Failed Status = "failed"
	NotRun Status = "not_run"
)

// Verdict is what nginx says of one host's configuration.
type Verdict struct {
	Status  Status         `json:"status" enum:"passed,failed,not_run"`
	Cause   string         `json:"cause,omitempty" doc:"nginx's words, or why it was not asked and the cure"`
	Line    int            `json:"line,omitempty" doc:"of rendered_nginx"`
	Text    string         `json:"text,omitempty" doc:"what stands there; of a rule, its pattern"`
	Field   string         `json:"field,omitempty" doc:"of the rules, as in profiles.3.block_list[2].pattern, when it is not nginx's text"`
	Origin  *render.Origin `json:"origin,omitempty" doc:"what to change"`
	Skipped []string       `json:"skipped,omitempty" doc:"what only the slave can tell"`
}

// String is a failure in one line.
func (r Verdict) String() string {
	switch {
	case r.Status == Passed:
		return "passed"
	case r.Origin != nil && r.Line != 0:
		return fmt.Sprintf("%s: %s (line %d: %s)", r.Origin, r.Cause, r.Line, r.Text)
	case r.Origin != nil:
		return fmt.Sprintf("%s: %s (%s)", r.Origin, r.Cause, r.Text)
	case r.Line != 0:
		return fmt.Sprintf("%s (line %d: %s)", r.Cause, r.Line, r.Text)
	}
	return r.Cause
}

// Config of a Checker.
type Config struct {
	Bin      string // nginx with the Lua module; "": openresty or nginx on PATH, if there is one
	Mode     Mode   // "": Auto
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Checker runs preflights. Its methods may be called from any goroutine.
type Checker struct {
	cfg     Config
	running chan struct{}                   // a token for each that may run at once
	passed  *recent.Memory[string, Verdict] // by a Key's parts
	metrics metrics
}

// New returns a Checker and registers its metrics.
func New(cfg Config) *Checker {
	if cfg.Mode == "" {
		cfg.Mode = Auto
	}
	return &Checker{
		cfg: cfg, passed: recent.New[string, Verdict](remembered), metrics: newMetrics(cfg.Registry),
		running: make(chan struct{}, max(1, min(4, runtime.NumCPU()/2))),
	}
}

// remembered is how many configurations are known to have passed: those of a few thousand hosts, before a change and after
// it. Each takes some 300 bytes.
const remembered = 10_000

// timeout bounds one preflight. A fleet's largest takes a second or two.
const timeout = 60 * time.Second

// Mode is what publishes go by.
func (c *Checker) Mode() Mode { return c.cfg.Mode }

// Key names a configuration by what nginx is asked about it.
type Key struct {
	content string
	rules   string // of its rules alone, which hosts may share
}

// KeyOf returns the key of a configuration.
func KeyOf(config *api.Config) Key {
	key := func(parts ...any) string {
		b, _ := json.Marshal(parts) // of plain structs: cannot fail
		sum := sha256.Sum256(b)
		return hex.EncodeToString(sum[:])
	}
	rules := key(config.RenderedLua, config.LuaConfig, config.LuaConfigs, config.RateLimitConfig)
	return Key{key(config.RenderedNginx, rules), rules}
}

// Known returns the verdict on a configuration where nginx need not be asked, and whether that is so.
func (c *Checker) Known(key Key) (Verdict, bool) {
	if c.cfg.Mode == Off {
		return Verdict{Status: NotRun, Cause: "PREFLIGHT is off"}, true
	}
	return c.passed.Get(key.content)
}

// Check returns what nginx says of a configuration; the error is ctx's. What has passed is not asked again.
func (c *Checker) Check(ctx context.Context, config *api.Config, origins render.Origins) (Verdict, error) {
	key := KeyOf(config)
	if verdict, ok := c.Known(key); ok {
		return verdict, nil
	}
	select {
	case c.running <- struct{}{}:
		defer func() { <-c.running }()
	case <-ctx.Done():
		return Verdict{}, ctx.Err()
	}
	began := time.Now()
	result := c.run(ctx, config, origins, key.rules)
	if ctx.Err() != nil {
		return Verdict{}, ctx.Err()
	}
	c.metrics.seconds.Observe(time.Since(began).Seconds())
	c.metrics.runs.WithLabelValues(string(result.Status)).Inc()
	switch result.Status {
	case Passed:
		c.passed.Put(key.content, result)
		c.passed.Put(key.rules, Verdict{Status: Passed})
	case NotRun:
		c.cfg.Log.Warn("Preflight not run", "cause", result.Cause)
	}
	return result, nil
}

// run is a preflight, from finding nginx to removing what it left.
func (c *Checker) run(ctx context.Context, config *api.Config, origins render.Origins, rules string) Verdict {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	bin, err := c.nginx()
	if err != nil {
		return Verdict{Status: NotRun, Cause: err.Error()}
	}
	s, err := newStage(bin)
	if err != nil {
		return Verdict{Status: NotRun, Cause: "cannot stage: " + err.Error()}
	}
	defer s.remove()
	result := s.testNginx(ctx, config.RenderedNginx, origins)
	if result.Status != Passed {
		return result
	}
	if _, known := c.passed.Get(rules); known {
		return result
	}
	if refused := s.testRules(ctx, config); refused.Status != Passed {
		refused.Skipped = result.Skipped
		return refused
	}
	return result
}

// nginx returns the program to ask, or says how to get one. It is looked for each time, so that one that is
// installed later is found.
func (c *Checker) nginx() (string, error) {
	names := []string{"openresty", "nginx"}
	if c.cfg.Bin != "" {
		names = []string{c.cfg.Bin}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	if c.cfg.Bin != "" {
		return "", fmt.Errorf("NGINX_BIN %s is no program that can be run: give the path of an nginx with the Lua module", c.cfg.Bin)
	}
	return "", fmt.Errorf("neither openresty nor nginx is on PATH (%s): install one with the Lua module beside the master, or set NGINX_BIN", os.Getenv("PATH"))
}
