package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// logLine is what a line of the access log says, as far as tests look.
type logLine struct {
	TS            float64 `json:"timestamp"`
	ID            string  `json:"request_id"`
	IP            string  `json:"ip"`
	Method        string  `json:"method"`
	URI           string  `json:"uri"`
	Status        int     `json:"status"`
	ServerName    string  `json:"server_name"`
	Scope         string  `json:"scope"`
	Profile       string  `json:"profile"`
	Verdict       string  `json:"verdict"`
	Reason        string  `json:"reason"`
	Client        string  `json:"client_name"`
	ClientVersion string  `json:"client_version"`
	DeviceID      string  `json:"device_id"`
	Kind          string  `json:"kind"`
	UserID        string  `json:"user_id"`
	TokenHash     string  `json:"token_hash"`
	UserAgent     string  `json:"user_agent"`
}

// accessLog is all that is in the slave's spool, text and lines; every line must be a JSON object.
func (g *gateway) accessLog(t testing.TB) (text string, lines []logLine) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(g.slave.Root, "spool", "*"))
	must(t, err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		must(t, err)
		text += string(b)
	}
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\n") {
			continue // still being written
		}
		var l logLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("a line of the access log is no JSON: %v: %s", err, line)
		}
		lines = append(lines, l)
	}
	return text, lines
}

// waitLogged returns the first line of the access log that matches.
func (g *gateway) waitLogged(t testing.TB, what string, matches func(logLine) bool) (found logLine) {
	t.Helper()
	eventually(t, func() error {
		text, lines := g.accessLog(t)
		for _, found = range lines {
			if matches(found) {
				return nil
			}
		}
		return fmt.Errorf("the access log has no line of %s:\n%s", what, text)
	})
	return found
}

// recorded is a request of a real client, and what must be read from it; null is nothing.
type recorded struct {
	Name    string
	Headers map[string]string
	Query   string
	Expect  struct{ Client, Version, DeviceID, Token string }
}

func recordedClients(t testing.TB) (all []recorded) {
	t.Helper()
	for line := range strings.Lines(read(t, "..", "..", "lua", "spec", "testdata", "clients.jsonl")) {
		var r recorded
		must(t, json.Unmarshal([]byte(line), &r))
		all = append(all, r)
	}
	if len(all) < 30 {
		t.Fatalf("only %d recorded clients", len(all))
	}
	return all
}

// TestRecordedClients sends what real clients sent through the whole gateway; the access log says what
// was read from each, and nothing of any token but its hash.
func TestRecordedClients(t *testing.T) {
	g := startGateway(t, nil, "jf.test")
	clients := recordedClients(t)
	for i, r := range clients {
		var header []string
		for name, value := range r.Headers {
			header = append(header, name, value)
		}
		g.get(t, "jf.test", fmt.Sprintf("/emby/Recorded/%d?%s", i, r.Query), header...)
	}
	for i, r := range clients {
		t.Run(r.Name, func(t *testing.T) {
			got := g.waitLogged(t, r.Name, func(l logLine) bool {
				return strings.Contains(strings.ToLower(l.URI)+"/", fmt.Sprintf("/recorded/%d/", i))
			})
			want := logLine{
				Client: r.Expect.Client, ClientVersion: r.Expect.Version, DeviceID: r.Expect.DeviceID, TokenHash: hashOf(r.Expect.Token),
				IP: "127.0.0.1", Method: http.MethodGet, ServerName: "jf.test", Scope: strconv.FormatInt(g.server.ID, 10), Status: http.StatusNotFound, Verdict: "allow",
				UserAgent: r.Headers["User-Agent"],
				// What is not compared, but with itself.
				TS: got.TS, ID: got.ID, URI: got.URI, Profile: got.Profile, Kind: got.Kind,
			}
			if want.UserAgent == "" {
				want.UserAgent = got.UserAgent // of Go's client
			}
			if got != want {
				t.Errorf("the access log says\n%+v, want\n%+v", got, want)
			}
			if r.Expect.Client != "" {
				kind := "header"
				if strings.Contains(strings.ToLower(r.Query), "-client") {
					kind = "query"
				}
				if got.Kind != kind {
					t.Errorf("the client's name was read from %q, want %q", got.Kind, kind)
				}
			}
			if time.Since(time.UnixMilli(int64(got.TS*1000))).Abs() > time.Hour {
				t.Errorf("logged at %f", got.TS)
			}
		})
	}
	text, _ := g.accessLog(t)
	for _, secret := range []string{`"tok"`, "=tok", "victim", "dXNlcjpwdw"} {
		if strings.Contains(text, secret) {
			t.Errorf("the access log holds %s", secret)
		}
	}
}

// hashOf is how a token is named; "" for none.
func hashOf(token string) string {
	if token == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// TestRefusalsLogged: a refusal stands in the access log with the id that the player is shown, and why.
func TestRefusalsLogged(t *testing.T) {
	g, _ := startPlayers(t)
	g.add(t, "uri-rules", map[string]any{"name": "logs", "action": "block", "match_type": "prefix", "pattern": "/System/Logs"})
	g.publish(t, "rule")
	for path, header := range map[string][]string{
		"/System/Logs": nil,
		"/Items":       {"Authorization", `MediaBrowser Client="Ripper", Version="1", DeviceId="x"`},
		"/Items/1":     {"Authorization", ""},
	} {
		res := g.send(t, http.MethodGet, path, nil, header...)
		id, reason := res.Header.Get("X-Request-Id"), res.Header.Get("X-UHD-Reason")
		if res.StatusCode != http.StatusForbidden || id == "" || reason == "" {
			t.Errorf("%s: %s %v", path, res.Status, res.Header)
			continue
		}
		l := g.waitLogged(t, path, func(l logLine) bool { return l.ID == id })
		if l.Verdict != "reject" || l.Reason != reason || l.Status != http.StatusForbidden {
			t.Errorf("%s: refused for %s, logged as %+v", path, reason, l)
		}
	}
}
