package standin_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/coder/websocket"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/standin"
)

const film = "a0000000000000000000000000000001"

func start(t *testing.T) (*standin.Server, string) {
	t.Helper()
	server := standin.New(standin.Options{})
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	return server, h.URL
}

// do sends a request and returns the answer with its body read.
func do(t *testing.T, method, url, body string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, b
}

type loginResult struct {
	AccessToken string
	ServerID    string `json:"ServerId"`
	User        struct {
		ID   string `json:"Id"`
		Name string
	}
	SessionInfo struct{ Client, DeviceID string }
}

const tv = `MediaBrowser Client="TV", Device="Living room, left", DeviceId="d1", Version="1.2"`

func login(t *testing.T, url string) loginResult {
	t.Helper()
	resp, body := do(t, "POST", url+"/Users/AuthenticateByName", `{"Username":"Demo","Pw":"demo"}`,
		"Authorization", tv, "Content-Type", "application/json")
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("login: %s %s", resp.Status, body)
	}
	var result loginResult
	if err := json.Unmarshal(body, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

func TestLogin(t *testing.T) {
	_, url := start(t)
	one, two := login(t, url), login(t, url)
	if one.AccessToken == two.AccessToken || len(one.AccessToken) != 32 {
		t.Errorf("tokens %q and %q: want two different ones of 32 digits", one.AccessToken, two.AccessToken)
	}
	if one.User != two.User || one.User.Name != "demo" || one.SessionInfo.Client != "TV" {
		t.Errorf("got %+v and %+v", one, two)
	}

	for name, tt := range map[string]struct {
		path, body, contentType string
		status                  int
	}{
		"form":           {"/emby/users/authenticatebyname", "Username=demo&Pw=demo", "application/x-www-form-urlencoded", 200},
		"wrong password": {"/Users/AuthenticateByName", `{"Username":"demo","Pw":"x"}`, "application/json", 401},
		"unknown user":   {"/Users/AuthenticateByName", `{"Username":"x","Pw":""}`, "application/json", 401},
		"no JSON":        {"/Users/AuthenticateByName", `{`, "application/json", 400},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := do(t, "POST", url+tt.path, tt.body, "Content-Type", tt.contentType)
			if resp.StatusCode != tt.status {
				t.Errorf("got %s %s, want %d", resp.Status, body, tt.status)
			}
		})
	}

	t.Run("gzip", func(t *testing.T) {
		resp, body := do(t, "POST", url+"/Users/AuthenticateByName", `{"Username":"demo","Pw":"demo"}`, "Accept-Encoding", "gzip")
		if resp.Header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("not compressed: %v", resp.Header)
		}
		unzip, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var result loginResult
		if err := json.NewDecoder(unzip).Decode(&result); err != nil || result.AccessToken == "" {
			t.Errorf("got %+v, %v", result, err)
		}
	})
}

func TestQuickConnect(t *testing.T) {
	_, url := start(t)
	token := login(t, url).AccessToken
	_, body := do(t, "POST", url+"/QuickConnect/Initiate", "")
	var begun struct{ Secret, Code string }
	if err := json.Unmarshal(body, &begun); err != nil {
		t.Fatal(err)
	}
	redeem := func() int {
		resp, _ := do(t, "POST", url+"/Users/AuthenticateWithQuickConnect", `{"Secret":"`+begun.Secret+`"}`)
		return resp.StatusCode
	}
	if got := redeem(); got != 401 {
		t.Errorf("before approval: %d", got)
	}
	if resp, _ := do(t, "POST", url+"/QuickConnect/Authorize?code="+begun.Code, "", "X-Emby-Token", token); resp.StatusCode != 200 {
		t.Errorf("approval: %s", resp.Status)
	}
	if got := redeem(); got != 200 {
		t.Errorf("after approval: %d", got)
	}
	if got := redeem(); got != 401 {
		t.Errorf("a second time: %d", got)
	}
}

func TestTokens(t *testing.T) {
	_, url := start(t)
	token := login(t, url).AccessToken
	for name, tt := range map[string]struct {
		path   string
		header []string
		status int
	}{
		"none":                {"/Users/Me", nil, 401},
		"unknown":             {"/Users/Me?api_key=x", nil, 401},
		"query":               {"/Users/Me?ApiKey=" + token, nil, 200},
		"X-Emby-Token":        {"/mediabrowser/USERS/me/", []string{"X-Emby-Token", token}, 200},
		"Authorization":       {"/Items", []string{"Authorization", `MediaBrowser Token="` + token + `"`}, 200},
		"counts":              {"/emby/Items/Counts", []string{"X-Emby-Token", token}, 200},
		"public without any":  {"/System/Info/Public", nil, 200},
		"streams without any": {"/Videos/" + film + "/stream.mkv?size=1", nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			if resp, body := do(t, "GET", url+tt.path, "", tt.header...); resp.StatusCode != tt.status {
				t.Errorf("got %s %s, want %d", resp.Status, body, tt.status)
			}
		})
	}
	do(t, "POST", url+"/Sessions/Logout", "", "X-Emby-Token", token)
	if resp, _ := do(t, "GET", url+"/Users/Me", "", "X-Emby-Token", token); resp.StatusCode != 401 {
		t.Errorf("after logout: %s", resp.Status)
	}
}

func TestContent(t *testing.T) {
	content := standin.NewContent(film, 10_007)
	whole, err := io.ReadAll(io.NewSectionReader(content, 0, content.Size))
	if err != nil || len(whole) != 10_007 {
		t.Fatalf("%d bytes, %v", len(whole), err)
	}
	if err := iotest.TestReader(io.NewSectionReader(content, 0, content.Size), whole); err != nil {
		t.Error(err)
	}
	for shift := 1; shift < 4096; shift++ {
		if bytes.Equal(whole[:64], whole[shift:shift+64]) {
			t.Fatalf("the content repeats after %d bytes", shift)
		}
	}
}

func TestStream(t *testing.T) {
	server, url := start(t)
	const path = "/Videos/" + film + "/stream"
	const size = 100_000
	content := standin.NewContent(film, size)
	want := func(from, to int64) []byte {
		b := make([]byte, to-from)
		_, _ = content.ReadAt(b, from)
		return b
	}
	resp, body := do(t, "GET", url+path+"?size=100000", "")
	if !bytes.Equal(body, want(0, size)) || resp.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("whole: %d bytes, %v", len(body), resp.Header)
	}
	tag := resp.Header.Get("ETag")
	for name, tt := range map[string]struct {
		method   string
		header   []string
		status   int
		from, to int64
	}{
		"head":           {"HEAD", nil, 200, 0, 0},
		"range":          {"GET", []string{"Range", "bytes=1001-2002"}, 206, 1001, 2003},
		"open range":     {"GET", []string{"Range", "bytes=99990-"}, 206, 99_990, size},
		"suffix":         {"GET", []string{"Range", "bytes=-5"}, 206, size - 5, size},
		"same entity":    {"GET", []string{"Range", "bytes=7-8", "If-Range", tag}, 206, 7, 9},
		"another entity": {"GET", []string{"Range", "bytes=7-8", "If-Range", `"x"`}, 200, 0, size},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := do(t, tt.method, url+path+"?size=100000", "", tt.header...)
			if resp.StatusCode != tt.status || !bytes.Equal(body, want(tt.from, tt.to)) {
				t.Errorf("got %s and %d bytes, want %d and bytes %d to %d", resp.Status, len(body), tt.status, tt.from, tt.to)
			}
		})
	}
	t.Run("paced", func(t *testing.T) {
		_, body := do(t, "GET", url+path+"?size=100000&rate=1000000", "")
		if !bytes.Equal(body, want(0, size)) {
			t.Errorf("%d bytes, or wrong ones", len(body))
		}
	})
	if resp, _ := do(t, "GET", url+path+"?size=-1", ""); resp.StatusCode != 400 {
		t.Errorf("negative size: %s", resp.Status)
	}
	if got := server.Stats()[path]; got.Requests != 9 || got.Bytes < 3*size {
		t.Errorf("counted %+v", got)
	}
}

func TestPlaylists(t *testing.T) {
	_, url := start(t)
	_, master := do(t, "GET", url+"/emby/videos/"+film+"/master.m3u8?api_key=k", "")
	if !strings.Contains(string(master), "main.m3u8?api_key=k") {
		t.Fatalf("master playlist: %s", master)
	}
	_, main := do(t, "GET", url+"/Videos/"+film+"/main.m3u8", "")
	if n := strings.Count(string(main), "hls1/main/"); n != 10 {
		t.Errorf("%d segments: %s", n, main)
	}
	resp, segment := do(t, "GET", url+"/Videos/"+film+"/hls1/main/3.ts", "")
	want := make([]byte, len(segment))
	_, _ = standin.NewContent(film+"/3", int64(len(segment))).ReadAt(want, 0)
	if resp.StatusCode != 200 || !bytes.Equal(segment, want) {
		t.Errorf("segment: %s, %d bytes", resp.Status, len(segment))
	}
}

func TestPlayback(t *testing.T) {
	_, url := start(t)
	token := login(t, url).AccessToken
	info := func() (id string) {
		_, body := do(t, "POST", url+"/Items/"+film+"/PlaybackInfo", "{}", "X-Emby-Token", token)
		var answer struct {
			PlaySessionID string `json:"PlaySessionId"`
			MediaSources  []struct{ DirectStreamURL string }
		}
		if err := json.Unmarshal(body, &answer); err != nil || len(answer.MediaSources) != 1 {
			t.Fatalf("%s: %v", body, err)
		}
		return answer.PlaySessionID
	}
	first := info()
	if second := info(); first == second || first == "" {
		t.Errorf("PlaySessionIds %q and %q", first, second)
	}
	sessions := func() string {
		_, body := do(t, "GET", url+"/Sessions", "", "X-Emby-Token", token)
		return string(body)
	}
	do(t, "POST", url+"/Sessions/Playing", `{"ItemId":"`+film+`","PlaySessionId":"`+first+`"}`, "X-Emby-Token", token)
	if got := sessions(); !strings.Contains(got, `"NowPlayingItem":{"Id":"`+film) || !strings.Contains(got, `"Client":"TV"`) {
		t.Errorf("while playing: %s", got)
	}
	do(t, "POST", url+"/Sessions/Playing/Stopped", `{}`, "X-Emby-Token", token)
	if got := sessions(); strings.Contains(got, "NowPlayingItem") {
		t.Errorf("after the end: %s", got)
	}
}

func TestSocket(t *testing.T) {
	_, url := start(t)
	if _, resp, err := websocket.Dial(t.Context(), url+"/socket", nil); err == nil || resp.StatusCode != 401 {
		t.Errorf("without a token: %v", err)
	}
	for _, path := range []string{"/socket", "/embywebsocket"} {
		conn, _, err := websocket.Dial(t.Context(), url+path+"?api_key="+login(t, url).AccessToken+"&deviceId=d1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, data, err := conn.Read(t.Context()); err != nil || !strings.Contains(string(data), "ForceKeepAlive") {
			t.Fatalf("%s, %v", data, err)
		}
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"MessageType":"KeepAlive"}`)); err != nil {
			t.Fatal(err)
		}
		if _, data, err := conn.Read(t.Context()); err != nil || !strings.Contains(string(data), `"KeepAlive"`) {
			t.Errorf("%s, %v", data, err)
		}
		if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
	}
}

// TestKeys: an administrator's key sees all sessions and may have each stopped; it is nobody, though.
func TestKeys(t *testing.T) {
	for _, kind := range []api.ServiceType{api.Jellyfin, api.Emby} {
		t.Run(string(kind), func(t *testing.T) {
			server := standin.New(standin.Options{
				ServiceType: kind, Users: map[string]string{"demo": "demo", "eve": "eve"}, Keys: []string{"the-key"},
			})
			srv := httptest.NewServer(server)
			defer srv.Close()
			login(t, srv.URL)
			_, body := do(t, "POST", srv.URL+"/Users/AuthenticateByName", `{"Username":"eve","Pw":"eve"}`,
				"Authorization", `MediaBrowser Client="Web", DeviceId="d2"`, "Content-Type", "application/json")
			var eve loginResult
			if err := json.Unmarshal(body, &eve); err != nil {
				t.Fatal(err)
			}
			do(t, "POST", srv.URL+"/Sessions/Playing", `{"ItemId":"`+film+`","PlaySessionId":"p1"}`, "X-Emby-Token", eve.AccessToken)
			type session struct {
				ID            string `json:"Id"`
				UserName      string
				PlaySessionID string `json:"PlaySessionId"`
			}
			sessions := func(query, token string) (list []session) {
				_, body := do(t, "GET", srv.URL+"/Sessions"+query, "", "X-Emby-Token", token)
				if err := json.Unmarshal(body, &list); err != nil {
					t.Fatalf("%s: %v", body, err)
				}
				return list
			}
			if n := len(sessions("", "the-key")); n != 2 {
				t.Errorf("the key sees %d sessions", n)
			}
			if list := sessions("", eve.AccessToken); len(list) != 1 || list[0].UserName != "eve" {
				t.Errorf("eve sees %+v", list)
			}
			list := sessions("?DeviceId=d2", "the-key")
			if len(list) != 1 || (list[0].PlaySessionID == "p1") != (kind == api.Emby) {
				t.Fatalf("sessions of d2: %+v", list)
			}
			for path, want := range map[string]int{list[0].ID: 204, "nobody's": 404} {
				if resp, _ := do(t, "POST", srv.URL+"/Sessions/"+path+"/Playing/Stop", "", "X-Emby-Token", "the-key"); resp.StatusCode != want {
					t.Errorf("stop of %s: %s", path, resp.Status)
				}
			}
			if got := server.Commands("d2"); len(got) != 1 || got[0] != "stop" {
				t.Errorf("d2 was told %q", got)
			}
			me := map[api.ServiceType]int{api.Jellyfin: 400, api.Emby: 404}[kind]
			if resp, _ := do(t, "GET", srv.URL+"/Users/Me", "", "X-Emby-Token", "the-key"); resp.StatusCode != me {
				t.Errorf("whose the key is: %s", resp.Status)
			}
			_, public := do(t, "GET", srv.URL+"/System/Info/Public", "")
			if strings.Contains(string(public), "ProductName") != (kind == api.Jellyfin) {
				t.Errorf("public information: %s", public)
			}
			// A device is what it says to be.
			do(t, "GET", srv.URL+"/Items", "", "Authorization", `MediaBrowser Client="TV", DeviceId="d1", Token="`+eve.AccessToken+`"`)
			if list := sessions("?deviceid=d1", "the-key"); len(list) != 1 || list[0].UserName != "eve" {
				t.Errorf("sessions of d1 after eve claimed it: %+v", list)
			}
		})
	}
}
