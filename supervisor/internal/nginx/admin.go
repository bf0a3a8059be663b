package nginx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"syscall"
	"time"
)

// ErrDown says that nginx is not running or does not answer on its admin socket.
var ErrDown = errors.New("nginx is down")

// State is what nginx reports about itself: first the worker that answered, then all workers of that
// worker's generation.
type State struct {
	PID         int             `json:"pid"`
	Generation  int64           `json:"generation"` // rises by one with each start and reload; from 1 again after a restart
	RulesHash   string          `json:"rules_hash"` // what this worker has compiled
	ActiveHash  string          `json:"active_hash"`
	WorkerCount int             `json:"worker_count"`
	Workers     []WorkerState   `json:"workers"`
	Dicts       map[string]Dict `json:"dicts"` // by name of the lua_shared_dict
}

// WorkerState is what one worker has reported of itself.
type WorkerState struct {
	ID        int     `json:"id"`
	PID       int     `json:"pid"`
	RulesHash string  `json:"rules_hash"`
	LoadedAt  float64 `json:"loaded_at"` // Unix seconds
}

// Dict is the space of a shared dict, in bytes; Free counts whole pages only.
type Dict struct {
	Capacity int64 `json:"capacity"`
	Free     int64 `json:"free"`
}

// RefusedError is an admin call that nginx understood and refused; nothing was changed.
type RefusedError struct {
	Call   string // such as PUT /rules
	Field  string // of rules.json; "" when the answer names none
	Reason string
}

func (e *RefusedError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return e.Field + ": " + e.Reason
}

// adminTimeout bounds one call; compiling the largest rules takes a few hundred milliseconds.
const adminTimeout = 5 * time.Second

// maxAnswer is more than the dict of usage records holds, whose hundreds are the longest answer.
const maxAnswer = 40 << 20

// adminClient speaks to the admin socket of one root.
type adminClient struct{ http *http.Client }

func newAdminClient(socket string) *adminClient {
	return &adminClient{&http.Client{
		Timeout: adminTimeout,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "unix", socket)
			},
			// A kept connection would stay with one worker, through reloads as well.
			DisableKeepAlives: true,
		},
	}}
}

// call does one request and decodes a 200 into answer. Errors: ErrDown when nobody answers,
// *RefusedError for a 4xx.
func (c *adminClient) call(ctx context.Context, method, path string, header http.Header, body []byte, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://nginx"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	maps.Copy(req.Header, header)
	resp, err := c.http.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrDown, err)
	}
	if err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("admin socket: %s %s: %w", method, path, err)
	}
	switch {
	case resp.StatusCode == http.StatusNoContent:
		return nil
	case resp.StatusCode == http.StatusOK:
		if err := json.Unmarshal(b, answer); err != nil {
			return fmt.Errorf("admin socket: %s %s: %w", method, path, err)
		}
		return nil
	case resp.StatusCode < http.StatusInternalServerError:
		refusal := struct{ Error, Field string }{}
		if json.Unmarshal(b, &refusal) != nil || refusal.Error == "" {
			refusal.Error = resp.Status
		}
		return &RefusedError{Call: method + " " + path, Field: refusal.Field, Reason: refusal.Error}
	}
	return fmt.Errorf("admin socket: %s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(b))
}

func (c *adminClient) state(ctx context.Context) (State, error) {
	var state State
	err := c.call(ctx, http.MethodGet, "/state", nil, nil, &state)
	return state, err
}

// State asks a worker of the current generation for the state of that generation.
func (s *Server) State(ctx context.Context) (state State, err error) {
	err = s.newest(ctx, func() (int64, error) {
		state, err = s.admin.state(ctx)
		return state.Generation, err
	})
	return state, err
}

// newest repeats call until a worker of the newest generation that a reload has brought answers it: for
// a moment after a reload, those of the earlier one accept as well.
func (s *Server) newest(ctx context.Context, call func() (generation int64, err error)) error {
	for {
		generation, err := call()
		running := s.instance()
		if err != nil || running == nil || generation >= running.generation.Load() {
			return err
		}
		if err := sleep(ctx, pollEvery); err != nil {
			return err
		}
	}
}

// PushRules hands rules.json to nginx: they are active for the current generation when it returns nil,
// and every worker has them a moment later (Verify waits for that). Refused rules (*RefusedError) change
// nothing.
func (s *Server) PushRules(ctx context.Context, rules []byte) error {
	s.markEmergLog()
	err := s.newest(ctx, func() (int64, error) {
		var active struct {
			Generation int64 `json:"generation"`
		}
		err := s.admin.call(ctx, http.MethodPut, "/rules", jsonHeader(), rules, &active)
		return active.Generation, err
	})
	if err != nil {
		return fmt.Errorf("push rules: %w", err)
	}
	return nil
}

func jsonHeader() http.Header { return http.Header{"Content-Type": {"application/json"}} }
