package preflight

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/nginx"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// testRules lets a private nginx, which serves nothing but its admin socket, compile the rules and the Lua as a
// slave's does.
func (s *stage) testRules(ctx context.Context, config *api.Config) Verdict {
	if err := os.WriteFile(filepath.Join(s.dir, "conf", "server.conf"), nil, 0o644); err != nil {
		return Verdict{Status: NotRun, Cause: "cannot stage: " + err.Error()}
	}
	var result Verdict
	err := s.serve(ctx, func(admin *http.Client) (err error) {
		if result, err = compileRules(ctx, admin, config); err == nil && result.Status == Passed && config.RenderedLua != "" {
			result, err = compileLua(ctx, admin, config.RenderedLua)
		}
		return err
	})
	if err != nil {
		return Verdict{Status: NotRun, Cause: "rules not compiled: " + err.Error()}
	}
	return result
}

// serve runs nginx on the stage for as long as use takes.
func (s *stage) serve(ctx context.Context, use func(admin *http.Client) error) error {
	var said bytes.Buffer
	cmd := exec.Command(s.bin, s.arguments()...)
	cmd.Stdout, cmd.Stderr = &said, &said
	// Should the master be killed, nginx goes with it; else its session is ended as one.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() { // ends with the process, which serve outlives
		defer close(exited)
		_ = cmd.Wait() // what it said tells more
	}()
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-exited
	}()
	admin := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", nginx.AdminSocket(filepath.Join(s.dir, "run")))
		},
	}}
	for {
		var state struct {
			PID int `json:"pid"`
		}
		_, err := call(ctx, admin, http.MethodGet, "/state", nil, nil, &state)
		if err == nil {
			return use(admin)
		}
		select {
		case <-exited:
			return fmt.Errorf("%s ended: %s", s.bin, strings.TrimSpace(said.String()))
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// refused is how the admin socket says what is wrong.
type refused struct {
	Error string `json:"error"`
	Field string `json:"field"`
}

func compileRules(ctx context.Context, admin *http.Client, config *api.Config) (Verdict, error) {
	rules, err := json.Marshal(map[string]any{
		"hash": "preflight", "version": 1, "default": config.LuaConfig, "profiles": config.LuaConfigs, "rate_limit": config.RateLimitConfig,
	})
	if err != nil {
		return Verdict{}, err
	}
	var no refused
	ok, err := call(ctx, admin, http.MethodPut, "/rules?dry_run=1", rules, nil, &no)
	if err != nil || ok {
		return Verdict{Status: Passed}, err
	}
	return Verdict{Status: Failed, Cause: no.Error, Field: no.Field, Text: valueAt(rules, no.Field)}, nil
}

func compileLua(ctx context.Context, admin *http.Client, source string) (Verdict, error) {
	var no refused
	ok, err := call(ctx, admin, http.MethodPost, "/compile", []byte(source), http.Header{"X-Chunk-Name": {"access.lua"}}, &no)
	if err != nil || ok {
		return Verdict{Status: Passed}, err
	}
	result := Verdict{Status: Failed, Cause: no.Error, Field: "rendered_lua", Origin: &render.Origin{Resource: "profiles", Field: "custom_lua"}}
	if m := luaLine.FindStringSubmatch(no.Error); m != nil {
		line, _ := strconv.Atoi(m[1])
		if lines := strings.Split(source, "\n"); line >= 1 && line <= len(lines) {
			result.Text = strings.TrimSpace(lines[line-1])
		}
	}
	return result, nil
}

var luaLine = regexp.MustCompile(`^access\.lua:(\d+):`)

// call asks the admin socket; ok: it has not refused (422).
func call(ctx context.Context, admin *http.Client, method, path string, body []byte, header http.Header, into any) (ok bool, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://nginx"+path, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	maps.Copy(req.Header, header)
	res, err := admin.Do(req)
	if err != nil {
		return false, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return false, err
	}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusUnprocessableEntity {
		return false, fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	return res.StatusCode == http.StatusOK, json.Unmarshal(answer, into)
}

var fieldStep = regexp.MustCompile(`[^.\[\]]+`)

// valueAt returns the text that a field as in profiles.3.block_list[2].pattern names, "" where there is none.
func valueAt(document []byte, field string) string {
	var at any
	if json.Unmarshal(document, &at) != nil {
		return ""
	}
	for _, step := range fieldStep.FindAllString(field, -1) {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return ""
			}
			at = v[i]
		}
	}
	text, _ := at.(string)
	return text
}
