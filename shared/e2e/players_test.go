package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/uhdadmin/media-gateway/shared/standin"
)

// TestPlayers: what players need from a proxy, each through the whole gateway.
func TestPlayers(t *testing.T) {
	g, tlsPort := startPlayers(t)
	const size = 1 << 20
	film := fmt.Sprintf("/Videos/film/stream.mkv?size=%d", size)
	content := make([]byte, size)
	_, err := standin.NewContent("film", size).ReadAt(content, 0)
	must(t, err)

	t.Run("ranges", func(t *testing.T) {
		whole := g.send(t, http.MethodGet, film, nil)
		etag := whole.Header.Get("ETag")
		for name, tt := range map[string]struct {
			header   []string
			status   int
			from, to int
		}{
			"whole":            {nil, http.StatusOK, 0, size},
			"from the start":   {[]string{"Range", "bytes=0-9"}, http.StatusPartialContent, 0, 10},
			"to the end":       {[]string{"Range", "bytes=1000000-"}, http.StatusPartialContent, 1000000, size},
			"the last bytes":   {[]string{"Range", "bytes=-7"}, http.StatusPartialContent, size - 7, size},
			"still the same":   {[]string{"Range", "bytes=5-9", "If-Range", etag}, http.StatusPartialContent, 5, 10},
			"changed meantime": {[]string{"Range", "bytes=5-9", "If-Range", `"other"`}, http.StatusOK, 0, size},
		} {
			for _, base := range []string{"", "/emby", "/mediabrowser"} {
				res := g.send(t, http.MethodGet, base+film, nil, tt.header...)
				body, err := io.ReadAll(res.Body)
				must(t, err)
				if res.StatusCode != tt.status || !bytes.Equal(body, content[tt.from:tt.to]) {
					t.Errorf("%s, %q: %s with %d bytes, want %d with bytes %d to %d", name, base, res.Status, len(body), tt.status, tt.from, tt.to)
				}
			}
		}
		if res := g.send(t, http.MethodGet, film, nil, "Range", "bytes=2000000-"); res.StatusCode != http.StatusRequestedRangeNotSatisfiable {
			t.Errorf("beyond the end: %s", res.Status)
		}
	})

	t.Run("HEAD", func(t *testing.T) {
		res := g.send(t, http.MethodHead, film, nil)
		body, err := io.ReadAll(res.Body)
		must(t, err)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Length") != strconv.Itoa(size) || res.Header.Get("Accept-Ranges") != "bytes" || len(body) != 0 {
			t.Errorf("%s %v with %d bytes", res.Status, res.Header, len(body))
		}
	})

	t.Run("HTTP/2", func(t *testing.T) {
		client := &http.Client{Timeout: patience, Transport: &http.Transport{
			ForceAttemptHTTP2: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, ServerName: "tls.test"},
		}}
		defer client.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d%s", tlsPort, film), nil)
		must(t, err)
		req.Host = "tls.test"
		req.Header.Set("Authorization", playerAuth)
		res, err := client.Do(req)
		must(t, err)
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		must(t, err)
		if res.ProtoMajor != 2 || res.StatusCode != http.StatusOK || !bytes.Equal(body, content) {
			t.Errorf("%s %s with %d bytes", res.Proto, res.Status, len(body))
		}
		req.Header.Del("Authorization")
		refused, err := client.Do(req)
		must(t, err)
		_ = refused.Body.Close()
		if refused.StatusCode != http.StatusForbidden {
			t.Errorf("without a client, over HTTP/2: %s", refused.Status)
		}
	})

	t.Run("upload", func(t *testing.T) {
		const sent = 21 << 20
		if e := g.echo(t, http.MethodPost, "/echo/Items/1/Images/Primary", io.LimitReader(zeros{}, sent)); e.Body != sent {
			t.Errorf("%d of %d bytes arrived", e.Body, sent)
		}
	})

	t.Run("CORS preflight", func(t *testing.T) {
		res := g.send(t, http.MethodOptions, "/echo/Items", nil, "Authorization", "", "Origin", "https://app.example",
			"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization")
		var e echoed
		must(t, json.NewDecoder(res.Body).Decode(&e))
		if res.Header.Get("Access-Control-Allow-Origin") != "https://app.example" || res.Header.Get("Access-Control-Allow-Headers") != "authorization" ||
			len(res.Header.Values("Access-Control-Allow-Origin")) != 1 || e.Header.Get("Access-Control-Request-Method") != "GET" || e.Header.Get("Origin") != "https://app.example" {
			t.Errorf("%s %v, the media server got %+v", res.Status, res.Header, e)
		}
		if res := g.send(t, http.MethodOptions, "/echo/Items", nil, "Authorization", ""); res.StatusCode != http.StatusForbidden {
			t.Errorf("an OPTIONS that is no preflight and states no client: %s", res.Status)
		}
	})

	t.Run("base paths", func(t *testing.T) {
		for _, path := range []string{"/System/Info/Public", "/emby/System/Info/Public", "/MediaBrowser/system/info/public"} {
			if res := g.send(t, http.MethodGet, path, nil); res.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", path, res.Status)
			}
		}
	})

	t.Run("probe key", func(t *testing.T) {
		if e := g.echo(t, http.MethodGet, "/echo", nil, "X-UHD-Probe", "guess"); e.Header.Get("X-UHD-Probe") != "" {
			t.Errorf("the media server got X-UHD-Probe: %q", e.Header)
		}
	})
}

// TestWebsockets: both servers' sockets open through the gateway, with and without a base path, and
// carry messages both ways.
func TestWebsockets(t *testing.T) {
	g, _ := startPlayers(t)
	token := g.login(t)
	for _, path := range []string{"/socket", "/embywebsocket", "/emby/embywebsocket", "/emby/socket"} {
		t.Run(path, func(t *testing.T) {
			ctx := within(t)
			query := "?api_key=" + token + "&deviceId=d1&X-Emby-Client=Jellyfin%20Web&X-Emby-Client-Version=10.11.5"
			conn, _, err := websocket.Dial(ctx, "ws://media.test"+path+query, &websocket.DialOptions{HTTPClient: &http.Client{
				Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", g.port))
				}},
			}})
			must(t, err)
			defer func() { _ = conn.CloseNow() }()
			expect := func(kind string) {
				t.Helper()
				_, message, err := conn.Read(ctx)
				must(t, err)
				var m struct{ MessageType string }
				if err := json.Unmarshal(message, &m); err != nil || m.MessageType != kind {
					t.Fatalf("the media server says %s, want %s", message, kind)
				}
			}
			expect("ForceKeepAlive")
			for range 3 {
				must(t, conn.Write(ctx, websocket.MessageText, []byte(`{"MessageType": "KeepAlive"}`)))
				expect("KeepAlive")
			}
			must(t, conn.Close(websocket.StatusNormalClosure, ""))
		})
	}
}

// TestSlowReader: a player that stops reading a big stream costs memory for a few buffers, and no
// temporary file.
func TestSlowReader(t *testing.T) {
	g, _ := startPlayers(t)
	const size = 4 << 30
	res := g.send(t, http.MethodGet, fmt.Sprintf("/Videos/film/stream.mkv?size=%d", int64(size)), nil)
	_, err := io.CopyN(io.Discard, res.Body, 1<<20)
	must(t, err)

	// The media server is held up by the player, at the buffers of two connections.
	sent := func() int64 { return g.media.Stats()["/Videos/film/stream.mkv"].Bytes }
	last, since := sent(), time.Now()
	eventually(t, func() error {
		if now := sent(); now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) < time.Second {
			return fmt.Errorf("the media server goes on: %d bytes", last)
		}
		return nil
	})
	if last > 256<<20 {
		t.Errorf("the gateway took %d bytes ahead of a player that does not read", last)
	}
	for _, worker := range adminState(t, g.slave.Root).Workers {
		fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", worker.PID))
		must(t, err)
		if len(fds) == 0 {
			t.Fatalf("worker %d has no open files", worker.PID)
		}
		for _, fd := range fds {
			// nginx unlinks a temporary file as soon as it is open; only the descriptor shows it.
			if target, err := os.Readlink(fd); err == nil && strings.HasPrefix(target, filepath.Join(g.slave.Root, "run", "tmp")) {
				t.Errorf("a worker writes the stream to %s", target)
			}
		}
	}
	if strings.Contains(g.slave.Log.String(), "buffered to a temporary file") {
		t.Error("nginx says that it buffers to a temporary file")
	}
	// It goes on where it was.
	rest := make([]byte, 1<<20)
	_, err = io.ReadFull(res.Body, rest)
	must(t, err)
	want := make([]byte, len(rest))
	_, err = standin.NewContent("film", size).ReadAt(want, 1<<20)
	must(t, err)
	if !bytes.Equal(rest, want) {
		t.Error("the stream goes on with other bytes")
	}
}
