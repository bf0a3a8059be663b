package observability_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const film = "a0000000000000000000000000000001"

// play is what players do until ctx ends: they log in, well and badly, look around, play, are refused, and come with
// tokens that nobody knows. What becomes of it is for the metrics to say.
func (s *stack) play(ctx context.Context) {
	var running []context.CancelFunc
	for round := 0; ctx.Err() == nil; round++ {
		device := fmt.Sprintf("device%d", round%3)
		s.ask(ctx, http.MethodPost, "/Users/AuthenticateByName", "TV", device, "", `{"Username":"ann","Pw":"wrong"}`)
		var login struct{ AccessToken string }
		_ = json.Unmarshal(s.ask(ctx, http.MethodPost, "/Users/AuthenticateByName", "TV", device, "", `{"Username":"ann","Pw":"a"}`), &login)
		for range 5 {
			s.ask(ctx, http.MethodGet, "/System/Info/Public", "TV", device, login.AccessToken, "")
			s.ask(ctx, http.MethodGet, "/Items", "A player nobody knows", device, "", "")
		}
		s.ask(ctx, http.MethodGet, "/Items", "TV", device, fmt.Sprintf("unknown%d", round), "")
		s.ask(ctx, http.MethodGet, "/Videos/"+film+"/stream.mkv?size=1000", "TV", device, fmt.Sprintf("nobodys%d", round), "")
		session := fmt.Sprintf("session%d", round)
		streaming, stop := context.WithCancel(ctx)
		running = append(running, stop)
		go s.ask(streaming, http.MethodGet, "/Videos/"+film+"/stream.mkv?size=100000000&rate=200000&PlaySessionId="+session, "TV", device, login.AccessToken, "")
		s.ask(ctx, http.MethodPost, "/Sessions/Playing", "TV", device, login.AccessToken, fmt.Sprintf(`{"ItemId":%q,"PlaySessionId":%q}`, film, session))
		if len(running) > 2 {
			s.ask(ctx, http.MethodPost, "/Sessions/Playing/Stopped", "TV", device, login.AccessToken, fmt.Sprintf(`{"ItemId":%q,"PlaySessionId":"session%d"}`, film, round-2))
			running[0]()
			running = running[1:]
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond): // players are no load test
		}
	}
	for _, stop := range running {
		stop()
	}
}

// ask sends a player's request and returns the answer's body, or nil.
func (s *stack) ask(ctx context.Context, method, path, client, device, token, body string) []byte {
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path), strings.NewReader(body))
	if err != nil {
		return nil
	}
	req.Host = "media.test"
	req.Header.Set("Content-Type", "application/json")
	header := fmt.Sprintf(`MediaBrowser Client=%q, Device="A device", DeviceId=%q, Version="1"`, client, device)
	if token != "" {
		header += fmt.Sprintf(`, Token=%q`, token)
	}
	req.Header.Set("Authorization", header)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	return text
}
