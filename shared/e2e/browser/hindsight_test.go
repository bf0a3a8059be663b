package browser

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestHindsight: the wizard, and the pages of rules, say whom rules would have turned away, at once and again when they change, and by a button
// without scripts.
func TestHindsight(t *testing.T) {
	m := startMaster(t)
	addServer(t, m)
	newReporter(t, m, 1).reportTraffic()
	var draft struct {
		ID int64 `json:"id"`
	}
	must(t, m.Admin.Do(t.Context(), http.MethodPost, "drafts", map[string]any{"name": "family", "service_type": "emby"}, &draft))
	must(t, m.Admin.Do(t.Context(), http.MethodPatch, fmt.Sprintf("drafts/%d", draft.ID), map[string]any{"document": map[string]any{
		"profiles": []any{map[string]any{
			"name": "family", "service_type": "emby", "unidentified": "reject",
			"players": []any{"Acme TV"}, "uri_rules": []any{"no downloads", "never met"},
		}},
		"players": []any{map[string]any{"client_name": "Acme TV", "min_version": "7.5", "service_type": "all", "enabled": true}},
		"uri-rules": []any{
			map[string]any{"name": "no downloads", "action": "block", "match_type": "regex", "pattern": "/download$", "service_type": "all", "enabled": true},
			map[string]any{"name": "never met", "action": "block", "match_type": "prefix", "pattern": "/nothing/", "service_type": "all", "enabled": true},
		},
		"rate-limit-rules": []any{
			map[string]any{"apply_to": "user", "rate_per_second": 2, "quota_daily": 50, "bandwidth_daily_bytes": 1 << 30, "over_action": "reject", "enabled": true},
			map[string]any{"apply_to": "ip", "rate_per_minute": 100000, "over_action": "warn", "enabled": true},
		},
	}}, nil))
	var rule struct {
		ID int64 `json:"id"`
	}
	must(t, m.Admin.Do(t.Context(), http.MethodPost, "uri-rules", map[string]any{"name": "items", "action": "block", "pattern": "/items"}, &rule))
	for i, l := range []look{
		{language: "zh-CN"},
		{language: "en", dark: true},
		{language: "zh-CN", width: 360, dark: true},
		{language: "en", width: 360, noScript: true},
	} {
		t.Run(fmt.Sprintf("%+v", l), func(t *testing.T) {
			tab := open(t, m, l)
			tab.signIn()
			for _, page := range []struct {
				path string
				want []string
			}{
				{fmt.Sprintf("/admin/wizard/%d/2", draft.ID), []string{"Acme TV", "7.1", "Toy <b>player</b>", "curl/8.5"}},
				{fmt.Sprintf("/admin/wizard/%d/3", draft.ID), []string{"no downloads", "/Items/7/Download"}},
				{fmt.Sprintf("/admin/wizard/%d/6", draft.ID), []string{"0f8fad5bd9cb469fa16570867728950e", "50", "GiB"}},
				{fmt.Sprintf("/admin/uri-rules/%d", rule.ID), []string{"items", "/Items", "3"}},
			} {
				tab.visit(page.path)
				if l.noScript {
					tab.press("#hindsight [data-hindsight]")
				} else {
					tab.awaits("the step says what it would have done", `document.querySelector("#hindsight .lead") !== null`)
					tab.wantUsable(page.path)
				}
				for _, text := range page.want {
					tab.wantText("#hindsight", text)
				}
				if text := tab.text("#hindsight"); l.language == "en" && strings.ContainsFunc(text, isHan) {
					t.Errorf("%s speaks Chinese to who asks for English: %s", page.path, text)
				}
				tab.picture(fmt.Sprintf("hindsight-%d-%s", i, strings.ReplaceAll(strings.Trim(page.path, "/"), "/", "-")))
			}
			// A rule that cannot be judged is wrong in the words of its form; one that nobody has begun to write is not wrong.
			tab.visit("/admin/uri-rules/new")
			ask := func() {
				if l.noScript {
					tab.press("#hindsight [data-hindsight]")
				}
			}
			label := map[string]string{"zh-CN": "匹配内容：", "en": "Pattern: "}[l.language]
			ask()
			if text := tab.text("#hindsight"); strings.Contains(text, label) {
				t.Errorf("a form that was only just opened is wrong: %s", text)
			}
			tab.run(chromedp.SendKeys(`#main [name="pattern"]`, "no-slash", chromedp.ByQuery))
			ask()
			tab.awaits("what is wrong is said", `document.querySelector("#hindsight").innerText.includes("`+label+`")`)
			if text := tab.text("#hindsight"); strings.Contains(text, "uri_rules") {
				t.Errorf("names what only programs know: %s", text)
			}
			if !l.noScript {
				tab.visit(fmt.Sprintf("/admin/wizard/%d/2", draft.ID))
				tab.awaits("the old version is named", `document.querySelector("#hindsight").innerText.includes("7.1")`)
				tab.run(chromedp.SetValue(`#main input[value="7.5"]`, "7.0", chromedp.ByQuery),
					chromedp.Evaluate(`document.querySelector('#main input[value="7.5"]').dispatchEvent(new Event("input", {bubbles: true}))`, nil))
				tab.awaits("a lower minimum lets it in", `!document.querySelector("#hindsight").innerText.includes("7.1")`)
			}
		})
	}
}

// reportTraffic reports requests of an hour ago, and what has been used of the day.
func (r *reporter) reportTraffic() {
	r.t.Helper()
	ago := time.Now().Add(-time.Hour)
	line := func(ms int64, client, version, agent, uri string) string {
		return fmt.Sprintf(`{"timestamp": %d.%03d, "ip": "192.0.2.9", "method": "GET", "uri": %q, "status": 200, "upstream_status": "200", "verdict": "allow", "client_name": %q,
			"client_version": %q, "kind": "header", "user_agent": %q, "user_id": "0f8fad5bd9cb469fa16570867728950e", "device_id": "tv"}`,
			ago.Unix(), ms, uri, client, version, agent)
	}
	lines := []string{
		line(0, "Acme TV", "7.1", "Acme/7.1", "/Items"), line(100, "Acme TV", "7.6", "Acme/7.6", "/Items/7/Download"), line(200, "Toy <b>player</b>", "1", "Toy/1", "/emby/Items"),
		line(300, "", "", "curl/8.5", "/System/Info"), line(400, "Acme TV", "8", "Acme/8", "/Users"),
	}
	r.post("slave/telemetry/access-logs", `{"entries": [`+strings.Join(lines, ",")+`]}`)
	r.post("slave/telemetry/quota-sync", fmt.Sprintf(`{"counters": [{"dimension": "user", "dimension_value": "0f8fad5bd9cb469fa16570867728950e", "period_type": "daily", "period_key": %q,
		"request_count": 64, "bandwidth_bytes": 2147483648}]}`, time.Now().UTC().Format(time.DateOnly)))
}
