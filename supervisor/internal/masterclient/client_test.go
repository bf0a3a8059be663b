package masterclient_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
)

// serve starts a master that answers everything with handler.
func serve(t *testing.T, handler http.HandlerFunc) *masterclient.Client {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return dial(t, srv.URL)
}

func dial(t *testing.T, url string) *masterclient.Client {
	t.Helper()
	c, err := masterclient.New(masterclient.Config{Base: url, Token: "uhd_secret", UserAgent: "test", MaxBody: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestVersion(t *testing.T) {
	for name, body := range map[string]string{
		"bare":     `{"version": 5, "has_update": true, "snapshot_id": 3, "config_hash": "h", "epoch": 9, "new_field": []}`,
		"envelope": `{"code": 200, "message": "ok", "data": {"version": 5, "has_update": true, "snapshot_id": 3, "config_hash": "h", "epoch": 9}}`,
	} {
		t.Run(name, func(t *testing.T) {
			var path string
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				path = r.URL.String()
				_, _ = io.WriteString(w, body)
			})
			got, err := c.Version(t.Context(), masterclient.VersionQuery{Current: 4, Hash: "g", Wait: 25 * time.Second})
			want := api.Version{Version: 5, HasUpdate: true, SnapshotID: 3, ConfigHash: "h", Epoch: 9}
			if err != nil || got != want {
				t.Errorf("Version = %+v, %v, want %+v", got, err, want)
			}
			if path != "/api/v1/media-slave/config/version?current=4&hash=g&wait=25" {
				t.Errorf("asked for %s", path)
			}
		})
	}
}

// TestSchemes: a master that takes App only is asked in Bearer once, and not again.
func TestSchemes(t *testing.T) {
	var asked []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Authorization"))
		if r.Header.Get("Authorization") != "App uhd_secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"code": 0, "message": "", "data": {"version": 1}}`)
	})
	for range 2 {
		if _, err := c.Version(t.Context(), masterclient.VersionQuery{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(asked, ", "); got != "Bearer uhd_secret, App uhd_secret, App uhd_secret" {
		t.Errorf("asked with %s", got)
	}
}

func TestStatusErrorsSayWhatToCheck(t *testing.T) {
	for name, tt := range map[string]struct {
		status   int
		body     string
		want     string
		sentinel error
	}{
		"problem":     {401, `{"title": "Unauthorized", "status": 401, "detail": "token revoked"}`, "401 Unauthorized: token revoked: check APP_TOKEN", api.ErrUnauthorized},
		"envelope":    {401, `{"code": 401, "message": "bad token", "data": null}`, "401 Unauthorized: bad token: check APP_TOKEN", api.ErrUnauthorized},
		"in a 200":    {200, `{"code": 403, "message": "server disabled"}`, "403 server disabled: check that the token has the scope media_slave and that its server is enabled", api.ErrForbidden},
		"html":        {404, `<html>not here</html>`, "404 Not Found: check API_BASE", api.ErrNotFound},
		"no body":     {403, ``, "403 Forbidden: check that the token has the scope media_slave and that its server is enabled", api.ErrForbidden},
		"bad gateway": {502, `<html>`, "502 Bad Gateway", nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			_, err := c.Version(t.Context(), masterclient.VersionQuery{})
			if err == nil || err.Error() != tt.want {
				t.Errorf("error = %v, want %s", err, tt.want)
			}
			if tt.sentinel != nil && !errors.Is(err, tt.sentinel) {
				t.Errorf("error does not wrap %v", tt.sentinel)
			}
		})
	}
}

// TestDamagedBodies: whatever is wrong with the body is ErrBadAnswer, and never half a configuration.
func TestDamagedBodies(t *testing.T) {
	document := `{"version": 1, "rendered_nginx": "` + strings.Repeat("x", 4096) + `"}`
	for name, handler := range map[string]http.HandlerFunc{
		"content-length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(document)))
			_, _ = io.WriteString(w, document[:1000])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"chunked": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, document[:1000])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"complete but cut JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, document[:1000]) },
		"cut gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			var b strings.Builder
			zw := gzip.NewWriter(&b)
			_, _ = io.WriteString(zw, document)
			_ = zw.Close()
			_, _ = io.WriteString(w, b.String()[:b.Len()-9])
		},
		"gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			zw := gzip.NewWriter(w)
			_, _ = zw.Write(make([]byte, 8<<20))
			_ = zw.Close()
		},
		"array": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `[1]`) },
		"null":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"code":200,"data":null}`) },
		"empty": func(http.ResponseWriter, *http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := serve(t, handler).Config(t.Context())
			if !errors.Is(err, masterclient.ErrBadAnswer) {
				t.Errorf("error = %v, want ErrBadAnswer", err)
			}
		})
	}
}

func TestGzip(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("Accept-Encoding = %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		zw := gzip.NewWriter(w)
		_, _ = io.WriteString(zw, `{"version": 1}`)
		_ = zw.Close()
	})
	if got, err := c.Config(t.Context()); err != nil || string(got) != `{"version": 1}` {
		t.Errorf("Config = %s, %v", got, err)
	}
}

// TestRedirects: the token goes to no other host.
func TestRedirects(t *testing.T) {
	var leaked atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		leaked.Store(true)
	}))
	t.Cleanup(other.Close)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+r.URL.Path, http.StatusTemporaryRedirect)
	})
	_, err := c.Version(t.Context(), masterclient.VersionQuery{})
	if err == nil || !strings.Contains(err.Error(), "does not get the token: check API_BASE") {
		t.Errorf("error = %v", err)
	}
	if leaked.Load() {
		t.Error("the other host was asked")
	}
	if err != nil && strings.Contains(err.Error(), "uhd_secret") {
		t.Error("the error holds the token")
	}
}

func TestRetryAfter(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	for name, call := range map[string]func() error{
		"poll":  func() error { _, err := c.Version(t.Context(), masterclient.VersionQuery{}); return err },
		"fetch": func() error { _, err := c.Config(t.Context()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			err := call()
			if got := masterclient.Backoff(0, time.Minute, err); got < 2*time.Minute || got > 2*time.Minute+12*time.Second {
				t.Errorf("Backoff = %s, want 2 minutes and up to a tenth (error %v)", got, err)
			}
		})
	}
}

// TestFetchRetries: a hiccup of the master is not a failed configuration.
func TestFetchRetries(t *testing.T) {
	var calls atomic.Int32
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, `{"version": 1}`)
	})
	if _, err := c.Config(t.Context()); err != nil || calls.Load() != 2 {
		t.Errorf("Config = %v after %d calls, want success after 2", err, calls.Load())
	}
}

func TestNobodyThere(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	_, err := dial(t, srv.URL).Version(t.Context(), masterclient.VersionQuery{})
	if err == nil || !strings.Contains(err.Error(), "connection refused: check API_BASE") {
		t.Errorf("error = %v", err)
	}
}

func TestBackoffGrowsWithFullJitter(t *testing.T) {
	err := errors.New("down")
	for failures, most := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
		low, high := time.Hour, time.Duration(0)
		for range 500 {
			d := masterclient.Backoff(failures, time.Minute, err)
			low, high = min(low, d), max(high, d)
		}
		if low > most/2 || high > most+100*time.Millisecond || high < most/2 {
			t.Errorf("%d failures: between %s and %s, want up to %s, spread", failures, low, high, most)
		}
	}
	if d := masterclient.Backoff(1000, time.Minute, err); d > time.Minute+time.Second {
		t.Errorf("after many failures: %s, want a minute at most", d)
	}
}

func TestAckAndHeartbeat(t *testing.T) {
	got := map[string]string{}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got[r.Method+" "+r.URL.Path] = string(body)
		_, _ = io.WriteString(w, "{}")
	})
	if err := c.Ack(t.Context(), api.Ack{SnapshotID: 3, Status: api.AckFailed, Stage: "test", Error: "x"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Heartbeat(t.Context(), api.Heartbeat{AgentVersion: "1", CurrentConfigVersion: 5, Status: "ready"}); err != nil {
		t.Fatal(err)
	}
	if want := `{"snapshot_id":3,"status":"failed","stage":"test","error":"x"}`; got["POST /api/v1/media-slave/ack"] != want {
		t.Errorf("acks = %v", got)
	}
	if want := `{"agent_version":"1","current_config_version":5,"status":"ready"}`; got["POST /api/v1/media-slave/heartbeat"] != want {
		t.Errorf("heartbeats = %v", got)
	}
}

// TestSessions: reports of sessions, to masters of all ages.
func TestSessions(t *testing.T) {
	asked := map[string]string{}
	answers := map[string]string{
		"/api/v1/slave/sessions/heartbeat":           `{"kicks": [{"scope": "1", "play_session_id": "a", "until": "2026-11-22T20:00:00Z"}]}`,
		"/api/v1/slave/telemetry/realtime/heartbeat": `{"code": 0, "message": "ok", "data": null}`,
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked[r.URL.Path] = string(body)
		answer, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, answer)
	})
	one := []api.LiveSession{{ServerID: "1", PlaySessionID: "a", Bytes: 5}}
	answer, err := c.SessionHeartbeat(t.Context(), api.SessionHeartbeat{Sessions: one})
	if err != nil || len(answer.Kicks) != 1 || answer.Kicks[0].PlaySessionID != "a" || answer.Kicks[0].Until.IsZero() {
		t.Errorf("heartbeat: %+v, %v", answer, err)
	}
	if err := c.RealtimeHeartbeat(t.Context(), api.RealtimeHeartbeat{Sessions: []api.RealtimeSession{}}); err != nil {
		t.Errorf("an older master's answer: %v", err)
	}
	if got := asked["/api/v1/slave/telemetry/realtime/heartbeat"]; got != `{"sessions":[]}` {
		t.Errorf("an empty list is %s", got)
	}
	err = c.EndSessions(t.Context(), api.SessionEnds{Sessions: one})
	if status, ok := errors.AsType[*masterclient.StatusError](err); !ok || status.Problem.Status != http.StatusNotFound {
		t.Errorf("a master without it: %v", err)
	}
}
