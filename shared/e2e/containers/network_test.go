package containers

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cut is how long a network stays cut.
const cut = time.Minute

// TestMasterCutOff: for a minute the slave cannot reach its master. Players notice nothing; it is killed and starts
// again from its disk; what was published and what was served meanwhile arrive afterwards.
func TestMasterCutOff(t *testing.T) {
	t.Parallel()
	s := startSlave(t, "cut-master", "TELEMETRY_FLUSH_INTERVAL=1", "CONFIG_PULL_INTERVAL=5")
	network := s.fleet.name + "_default"
	docker(t, "network", "disconnect", network, s.container)
	end := time.Now().Add(cut)
	asked := s.play(t, end.Add(-cut/2))

	eventually(t, func() error { // nginx's last second would be lost
		if n := strings.TrimSpace(s.sh(t, "cat /opt/slave/spool/access*.log | wc -l")); n != strconv.Itoa(asked) {
			return fmt.Errorf("%s of %d requests are in the log", n, asked)
		}
		return nil
	})
	docker(t, "kill", s.container)
	docker(t, "start", s.container)
	s.ready(t)
	asked += s.play(t, end)

	var made struct{ ID int64 }
	must(t, s.fleet.admin.Do(t.Context(), http.MethodPatch, fmt.Sprintf("servers/%d", s.server.ID), map[string]any{"note": "changed", "custom_nginx": "add_header X-Changed yes always;"}, nil))
	must(t, s.fleet.admin.Do(t.Context(), http.MethodPost, "snapshots", map[string]any{"note": "while it was away", "hosts": []string{s.server.Host}}, &made))
	docker(t, "network", "connect", network, s.container)
	s.applied(t, made.ID)
	res, err := s.do(within(t), http.MethodGet, "/System/Info/Public", "")
	must(t, err)
	_ = res.Body.Close()
	if res.Header.Get("X-Changed") != "yes" {
		t.Errorf("what was published while the slave was away does not serve: %v", res.Header)
	}
	eventually(t, func() error {
		if n := s.reported(t); n < asked {
			return fmt.Errorf("the master knows of %d of %d requests", n, asked)
		}
		return nil
	})
}

// TestRedisCutOff: for a minute the slave cannot reach Redis. Players notice nothing, and each of their requests is
// in Redis's counters afterwards, once.
func TestRedisCutOff(t *testing.T) {
	t.Parallel()
	s := startSlave(t, "cut-redis")
	s.storeUp(t, "1")
	network := s.name + "_redis"
	docker(t, "network", "disconnect", network, s.redis)
	asked := s.play(t, time.Now().Add(cut))
	s.storeUp(t, "0")
	docker(t, "network", "connect", "--alias", "redis", network, s.redis)
	s.storeUp(t, "1")
	eventually(t, func() error {
		if n := s.counted(t); n != asked {
			return fmt.Errorf("Redis counts %d requests, %d were made", n, asked)
		}
		return nil
	})
}

// play asks for things until then, about ten times a second, and returns how often. Whatever is not answered as it
// should be is an error.
func (s *slave) play(t *testing.T, until time.Time) (asked int) {
	t.Helper()
	for time.Now().Before(until) {
		path := fmt.Sprintf("/Videos/film/stream.mkv?size=1000&PlaySessionId=%s-%d", s.name, asked)
		res, err := s.do(within(t), http.MethodGet, path, "", "Authorization", fmt.Sprintf(`MediaBrowser Client="TV", Device="TV", DeviceId="tv", Version="1", Token="t%d"`, asked%7))
		if err != nil {
			t.Fatalf("request %d: %v", asked, err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if asked++; res.StatusCode != http.StatusOK || n != 1000 || err != nil {
			t.Fatalf("request %d: %s, %d bytes, %v", asked, res.Status, n, err)
		}
		time.Sleep(100 * time.Millisecond) // the pace of players
	}
	return asked
}

// reported is how many requests at this server the master has heard of.
func (s *slave) reported(t *testing.T) int {
	t.Helper()
	var answer struct{ Total struct{ Requests int } }
	must(t, s.fleet.admin.Do(t.Context(), http.MethodGet, fmt.Sprintf("analytics/by-client?server_id=%d", s.server.ID), nil, &answer))
	return answer.Total.Requests
}

func (s *slave) storeUp(t *testing.T, want string) {
	t.Helper()
	eventually(t, func() error {
		if line := `uhd_usage_store_up{store="redis"} ` + want; !strings.Contains(s.metrics(t), line+"\n") {
			return fmt.Errorf("/metrics lacks %s", line)
		}
		return nil
	})
}

var totalOfDay = regexp.MustCompile(`(?m)^global [^\n]*\n(\d+) \d+$`)

// counted is the number of requests in Redis's counters of the day.
func (s *slave) counted(t *testing.T) int {
	t.Helper()
	dump := docker(t, "exec", s.redis, "sh", "-c",
		`export REDISCLI_AUTH=$(cat /run/uhd-redis/password); for key in $(redis-cli keys 'uhd:*:usage:monthly:*'); do redis-cli hgetall "$key"; done`)
	match := totalOfDay.FindStringSubmatch(dump)
	if match == nil {
		return 0
	}
	n, err := strconv.Atoi(match[1])
	must(t, err)
	return n
}
