package lua_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestResolve: a token that nobody has seen log in is handed over once, where the supervisor says that it can be
// asked about, and to it alone.
func TestResolve(t *testing.T) {
	g := startMedia(t, perUser(1, "reject"), 1)
	s := supervise(t, g, map[string]string{"1 " + hashOf("seen"): "u1"}, nil)
	s.mu.Lock()
	s.media = map[string]string{"1 secret phone": "u1", "1 other pc": "u2"}
	s.mu.Unlock()
	player{g, "seen", "tv", ""}.plays(t, "s1")
	for range 3 {
		player{g, "secret", "phone", ""}.isRefused(t, "s2") // u1's second stream
	}
	player{g, "other", "pc", ""}.plays(t, "s3")
	for range 3 {
		player{g, "unknown", "x", ""}.plays(t, "s4")
	}
	s.mu.Lock()
	got := slices.Clone(s.resolved)
	s.mu.Unlock()
	want := []resolveRequest{{"1", "secret", "phone", "TV"}, {"1", "other", "pc", "TV"}, {"1", "unknown", "x", "TV"}}
	if !slices.Equal(got, want) {
		t.Errorf("handed over %+v, want %+v", got, want)
	}
	for _, token := range []string{"secret", "other", "unknown"} {
		if dump := g.get(t, "/dict"); strings.Contains(dump.body, token) || strings.Contains(g.log.String(), token) {
			t.Errorf("%s is kept in a dict or in the log", token)
		}
	}
}

// TestNothingToResolve: no token leaves the worker where the supervisor cannot use it.
func TestNothingToResolve(t *testing.T) {
	g := startMedia(t, perUser(1, "reject"), 1)
	s := supervise(t, g, nil, nil)
	player{g, "secret", "phone", ""}.plays(t, "s1")
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) != 1 || len(s.resolved) != 0 {
		t.Errorf("asked %v, handed over %+v", s.asked, s.resolved)
	}
}

// TestEndsAreTold: what a player reports stopped, and what does not come about, is told to the supervisor at once.
func TestEndsAreTold(t *testing.T) {
	g := startMedia(t, perUser(1, "reject"), 1)
	g.bind(t, "1", map[string]string{"t1": "u1", "t2": "u1", "t3": "u3"})
	s := supervise(t, g, nil, nil)
	tv, phone, pc := player{g, "t1", "tv", ""}, player{g, "t2", "phone", ""}, player{g, "t3", "pc", ""}
	// A worker that has looked for the socket before it was there leaves it alone for a moment.
	eventually(t, func() error {
		tv.plays(t, fmt.Sprint("s", time.Now().UnixNano()))
		if _, checkIns, _ := s.snapshot(); len(checkIns) == 0 {
			return errors.New("the supervisor is not asked")
		}
		return nil
	})
	tv.plays(t, "s1")
	phone.isRefused(t, "s2") // by this host's own count: the supervisor had let it in
	pc.report(t, http.MethodPost, "/Sessions/Playing/Stopped", `{"PlaySessionId":"s1","ItemId":"`+film+`"}`)
	tv.report(t, http.MethodPost, "/Sessions/Playing/Stopped", `{"PlaySessionId":"s1","ItemId":"`+film+`"}`)
	if a := pc.g.get(t, "/Videos/"+film+"/stream.mkv?size=-1&PlaySessionId=s3", pc.header()...); a.StatusCode != http.StatusBadRequest {
		t.Fatalf("a stream that the media server refuses: %s", a.Status)
	}
	want := []sessionEnd{
		{"1", "s1", "u1", "tv", "127.0.0.1", false},
		{"1", "s2", "u1", "phone", "127.0.0.1", true},
		{"1", "s3", "u3", "pc", "127.0.0.1", true},
	}
	eventually(t, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		slices.SortFunc(s.ends, func(a, b sessionEnd) int { return cmp.Compare(a.PlaySessionID, b.PlaySessionID) })
		if !slices.Equal(s.ends, want) {
			return fmt.Errorf("told %+v, want %+v", s.ends, want)
		}
		return nil
	})
}

// TestUseIsTold: the supervisor hears once that a token is in use which it has told nginx about after a start.
func TestUseIsTold(t *testing.T) {
	g := startMedia(t, perUser(1, "reject"), 1)
	s := supervise(t, g, nil, nil)
	timesAsked := func(token string) (times int) {
		asked, _, _ := s.snapshot()
		for _, about := range asked {
			if about == "1 "+hashOf(token) {
				times++
			}
		}
		return times
	}
	var token string
	eventually(t, func() error {
		// Each try with a token of its own: the worker may not have found the supervisor yet, and tells once.
		token += "t"
		g.bind(t, "1", map[string]string{token: "u1"})
		player{g, token, "tv", ""}.plays(t, "s1")
		for asked := token; asked != ""; asked = asked[1:] { // it tells a moment later
			if timesAsked(asked) > 0 {
				token = asked
				return nil
			}
		}
		return fmt.Errorf("the supervisor was not told of %s", token)
	})
	player{g, token, "pc", ""}.play(t, "s2") // another caller: looked up anew
	player{g, token, "tv", ""}.plays(t, "s1")
	if got := timesAsked(token); got != 1 {
		t.Errorf("told %d times", got)
	}
}
