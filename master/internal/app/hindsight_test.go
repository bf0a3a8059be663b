package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestHindsight: what a slave reports is judged by rules that nobody has stored, and wrong ones are told by their field.
func TestHindsight(t *testing.T) { onBoth(t, testHindsight) }

func testHindsight(t *testing.T, m *master) {
	const path = admin + "/hindsight"
	slave := m.slaveOf(t, "emby1")
	line := func(name, version, uri string) string {
		return fmt.Sprintf(`{"timestamp":%d,"ip":"192.0.2.1","uri":%q,"status":200,"upstream_status":"200","verdict":"allow","client_name":%q,"client_version":%q,"kind":"header","user_id":"ann"}`,
			time.Now().Unix()-60, uri, name, version)
	}
	slave.do(t, "POST", "/api/v1/slave/telemetry/access-logs", `{"entries":[`+strings.Join([]string{
		line("Acme TV", "7.1", "/Items"), line("Acme TV", "7.6", "/emby/Items/1/Download"), line("Toy", "1", "/Items"),
	}, ",")+`]}`).want(t, http.StatusOK)

	ask := func(body string) map[string]any {
		t.Helper()
		res := m.admin.do(t, "POST", path, body)
		res.want(t, http.StatusOK)
		return res.object(t)
	}
	all := `"players": [{"client_name": " Acme TV", "min_version": "7.5"}], "uri_rules": [{"name": "no downloads", "action": "block", "match_type": "regex", "pattern": "/download$"}], "rate_limit_rules": [{"apply_to": "user", "rate_per_second": 1}]`
	answer := ask(`{"service_type": "emby", ` + all + `}`)
	for _, want := range []string{
		"examined:3", "of:3", "complete:true", "reason:client_outdated", "reason:client_not_allowed", "lowest:7.5", "name:no downloads", "example:/emby/Items/1/Download", "requests:1", "value:ann",
	} {
		if text := fmt.Sprint(answer); !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if got := ask(`{"service_type": "emby", "hours": 168, "players": []}`)["players"].(map[string]any)["refused"]; got != 0.0 {
		t.Errorf("an empty whitelist refuses %v", got)
	}
	if got := ask(`{"service_type": "all", ` + all + `}`); got["examined"] != 3.0 {
		t.Errorf("of all media servers, examined are %v", got["examined"])
	}
	if got := ask(`{"service_type": "jellyfin", ` + all + `}`); got["examined"] != 0.0 {
		t.Errorf("of another kind of media server, examined are %v", got["examined"])
	}

	for body, location := range map[string]string{
		`{"service_type": "emby", "players": [{"client_name": "A"}, {"client_name": "B", "min_version": "newest"}]}`:       "body.players[1].min_version",
		`{"service_type": "emby", "uri_rules": [{"name": "x", "action": "block", "match_type": "regex", "pattern": "("}]}`: "body.uri_rules[0].pattern",
		`{"service_type": "emby", "uri_rules": [{"name": "x", "action": "block", "pattern": "/x", "order": 1}]}`:           "body.uri_rules[0].order",
		`{"service_type": "emby", "rate_limit_rules": [{"apply_to": "user"}]}`:                                             "body.rate_limit_rules[0].rate_per_second",
		`{"service_type": "emby", "server_ids": [1, 77]}`:                                                                  "body.server_ids[1]",
		`{"service_type": "jellyfin", "server_ids": [1]}`:                                                                  "body.server_ids[0]",
		`{"service_type": "emby", "hours": 169}`:                                                                           "body.hours",
		`{"players": []}`:                                                                                                  "body",
	} {
		problem := m.admin.do(t, "POST", path, body).problem(t, http.StatusUnprocessableEntity)
		if len(problem.Errors) != 1 || problem.Errors[0].Location != location {
			t.Errorf("%s gives %+v, want an error at %s", body, problem, location)
		}
	}
}
