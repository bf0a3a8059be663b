package app_test

import (
	"encoding/csv"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// telemetryPaths are the eleven kinds with how many rows reportAll makes of each.
var telemetryPaths = map[string]int{
	"access-logs": 5, "blocked-requests": 2, "login-events": 1, "playback-events": 1, "playback-sessions": 1, "devices": 1,
	"user-activities": 1, "realtime-sessions": 1, "api-calls": 3, "bandwidth": 1, "media-access": 1,
}

// reportAll reports something of every kind, all of it by one user on one device.
func reportAll(t *testing.T, slave *client) {
	t.Helper()
	now := time.Now().Truncate(time.Second) // all in one second, and so in one hour and one day
	report(
		t, slave,
		line(now, ""),
		line(now.Add(time.Millisecond), `,"method":"POST","uri":"/Users/AuthenticateByName","login":{"success":true,"user_id":"aabb","user_name":"M\u00fcller <b>"}`),
		line(now.Add(2*time.Millisecond), `,"method":"POST","uri":"/Sessions/Playing","item_id":"i1","play_session_id":"p1","playback":{"event":"start","position_ticks":36000000000,"is_paused":true}`),
		line(now.Add(3*time.Millisecond), `,"status":429,"request_id":"`+refusalID+`","verdict":"reject","reason":"rate_limited","rule":"1"`),
		line(now.Add(4*time.Millisecond), `,"status":403,"request_id":"`+strings.Repeat("e", 32)+`","verdict":"reject","reason":"client_not_allowed"`),
	)
	slave.do(t, "POST", "/api/v1/slave/telemetry/realtime/heartbeat", fmt.Sprintf(`{"sessions":[{"session_id":"s1","scope":1,"user_id":"aabb","device_id":"d1",
		"client_name":"Infuse","item_id":"i1","play_session_id":"p1","ip":"203.0.113.7","started_at":%d,"bytes":4096,"is_playing":true}]}`, now.Unix()-60)).want(t, http.StatusOK)
}

// eachLanguage asks for a page in both languages. No text may be missing in either.
func (b *browser) eachLanguage(path string, check func(lang, page string)) {
	b.Helper()
	for _, lang := range []string{"zh", "en"} {
		resp, page := b.do(path, nil, "Accept-Language", lang)
		if resp.StatusCode != http.StatusOK {
			b.Fatalf("%s in %s: %s: %s", path, lang, resp.Status, page)
		}
		if missing := regexp.MustCompile(`>\s*(column|telemetry|analytics|signals|period|explain|field|option)\.[a-z_.-]+`).FindAllString(page, -1); missing != nil {
			b.Errorf("%s in %s has no texts for %q", path, lang, missing)
		}
		check(lang, page)
	}
}

var (
	href     = regexp.MustCompile(`href="([^"]*)"`)
	tableRow = regexp.MustCompile(`<tr>\s*<th scope="row"`)
)

// follow asks for all that a page links to, from which the layout's own links are left out.
func (b *browser) follow(path, page string) {
	b.Helper()
	page = page[strings.Index(page, "<main"):]
	for _, m := range href.FindAllStringSubmatch(page, -1) {
		link := html.UnescapeString(m[1])
		if strings.HasPrefix(link, "?") {
			link = strings.SplitN(path, "?", 2)[0] + link
		}
		if resp, answer := b.do(link, nil); resp.StatusCode != http.StatusOK {
			b.Errorf("%s leads to %s: %s: %s", path, link, resp.Status, answer)
		}
	}
}

// TestPagesOfTelemetry: each kind has a page in both languages with its rows, whose links lead on, and the same rows as CSV.
func TestPagesOfTelemetry(t *testing.T) {
	m, slave := reporting(t)
	reportAll(t, slave)
	m.admin.do(t, "POST", admin+"/rate-limit-rules", `{"apply_to": "user", "rate_per_minute": 5}`).want(t, http.StatusCreated)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	b.eachLanguage("/admin/telemetry", func(_, page string) {
		if got := strings.Count(page, `<h2><a href="/admin/telemetry/`); got != len(telemetryPaths) {
			t.Errorf("%d kinds are listed", got)
		}
	})
	for kind, rows := range telemetryPaths {
		path := "/admin/telemetry/" + kind + "?span=7d"
		b.eachLanguage(path, func(lang, page string) {
			if got := len(tableRow.FindAllString(page, -1)); got != rows {
				t.Errorf("%s in %s has %d rows, want %d: %s", kind, lang, got, rows, page)
			}
			if strings.Contains(page, "ller <b>") {
				t.Errorf("%s: markup in a name is markup on the page", kind)
			}
			if lang == "en" {
				b.follow(path, page)
			}
		})
		sheet := csvLink(b, path)
		records, err := csv.NewReader(strings.NewReader(sheet)).ReadAll()
		if err != nil || len(records) != rows+1 {
			t.Errorf("%s: CSV is %q, %v", kind, sheet, err)
		}
	}
	b.want(http.StatusOK, "/admin/telemetry/access-logs", nil,
		"emby1", "Infuse 7.8", "203.0.113.7", "=cmd()", "1000 B", "4 ms", `/admin/explain?request_id=`+refusalID, `href="/admin/rate-limit-rules/1"`, "too many requests", "?ip=203.0.113.7")
	b.want(http.StatusOK, "/admin/telemetry/login-events", nil, "Müller &lt;b&gt;")
	b.want(http.StatusOK, "/admin/telemetry/playback-events", nil, "1 h", "Start")
	if page := b.want(http.StatusOK, "/admin/telemetry/access-logs?verdict=reject&user_id=AA-BB", nil, `value="AA-BB"`, "Clear filters"); len(tableRow.FindAllString(page, -1)) != 2 {
		t.Errorf("two of the requests were refused: %s", page)
	}
	b.want(http.StatusOK, "/admin/telemetry/access-logs?user_id=nobody", nil, "Nothing in this span fits")
	b.want(http.StatusNotFound, "/admin/telemetry/nothing", nil)
	b.want(http.StatusUnprocessableEntity, "/admin/telemetry/access-logs?status=ok", nil, `id="filter-status-error"`, `value="ok"`)
	b.want(http.StatusUnprocessableEntity, "/admin/telemetry/access-logs?from=2026-11-22T18:00&to=2026-11-22T17:00", nil, `id="period-error"`, "before To")
}

// csvLink downloads what the page links to as CSV.
func csvLink(b *browser, path string) string {
	b.Helper()
	_, page := b.do(path, nil)
	for _, m := range href.FindAllStringSubmatch(page, -1) {
		if strings.Contains(m[1], "format=csv") {
			resp, sheet := b.do(html.UnescapeString(m[1]), nil)
			if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment") {
				b.Errorf("%s: CSV is %s", path, resp.Status)
			}
			return strings.TrimPrefix(sheet, "\xEF\xBB\xBF")
		}
	}
	b.Fatalf("%s has no CSV", path)
	return ""
}

// TestPagesKnowWhatTelemetryHas: each filter of the API has an input, and each member of a row is on its page.
func TestPagesKnowWhatTelemetryHas(t *testing.T) {
	m, slave := reporting(t)
	reportAll(t, slave)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	filter := regexp.MustCompile(`id="filter-(\w+)"`)
	for kind := range telemetryPaths {
		page := b.want(http.StatusOK, "/admin/telemetry/"+kind, nil)
		var got []string
		for _, m := range filter.FindAllStringSubmatch(page, -1) {
			got = append(got, m[1])
		}
		slices.Sort(got)
		p := m.admin.do(t, "GET", admin+"/telemetry/"+kind+"?nothing=1", nil).problem(t, 422)
		_, known, _ := strings.Cut(p.Detail, "filters are ")
		if want := strings.Split(known, ", "); !slices.Equal(got, want) {
			t.Errorf("%s has inputs for %q, the API filters by %q", kind, got, want)
		}
	}
}

// TestPagesGoOnSearching: a search for what is rare answers soon, says how far it has looked, and goes on until it has it.
func TestPagesGoOnSearching(t *testing.T) {
	m, slave := reporting(t, "RETENTION_ACCESS_LOGS=0")
	old := time.Now().AddDate(-8, 0, 0)
	report(t, slave, line(old, `,"method":"DELETE"`), line(time.Now(), ""))
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	path := "/admin/telemetry/access-logs?method=DELETE&from=" + old.AddDate(0, 0, -1).Format("2006-01-02T15:04")
	page := b.want(http.StatusOK, path, nil, "Searched back to", "Go on searching")
	next := regexp.MustCompile(`href="(\?[^"]*)" rel="next"`)
	for range 1000 {
		if strings.Contains(page, `<th scope="row">`) {
			return
		}
		found := next.FindStringSubmatch(page)
		if found == nil || !strings.Contains(found[1], "patience=more") {
			break
		}
		page = b.want(http.StatusOK, "/admin/telemetry/access-logs"+html.UnescapeString(found[1]), nil)
	}
	t.Errorf("the search ends with %s", page)
}

// TestPagesOfAnalytics: the timeline and each table in both languages, with links to what they are made of.
func TestPagesOfAnalytics(t *testing.T) {
	m, slave := reporting(t)
	reportAll(t, slave)
	report(t, slave, line(time.Now().Add(-26*time.Hour), ""), line(time.Now(), `,"client_name":"","user_id":"","upstream_status":"502","status":502`))
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	for path, want := range map[string][]string{
		"/admin/analytics":                                  {"<svg", "33.3 %", "5xx"},
		"/admin/analytics?span=30d&step=week":               {"<svg"},
		"/admin/analytics?of=client&value=Infuse":           {"Infuse", "telemetry/access-logs?client_name=Infuse"},
		"/admin/analytics?of=reason&value=rate_limited":     {"telemetry/blocked-requests?reason=rate_limited"},
		"/admin/analytics/by-client":                        {"Infuse", "40 %", "/admin/analytics?of=client&amp;span=24h&amp;value=Infuse"},
		"/admin/analytics/by-ip?span=7d&order=refusal_rate": {"203.0.113.7", "span=7d"},
		"/admin/analytics/by-user?server_id=1&compare=no":   {"aabb", "server_id=1"},
		"/admin/analytics/by-reason":                        {"client_not_allowed"},
		"/admin/analytics/by-rule":                          {"#1"},
	} {
		b.eachLanguage(path, func(lang, page string) {
			for _, text := range want {
				if !strings.Contains(page, text) {
					t.Errorf("%s in %s lacks %q: %s", path, lang, text, page)
				}
			}
			if lang == "en" {
				b.follow(path, page)
			}
		})
		if _, err := csv.NewReader(strings.NewReader(csvLink(b, path))).ReadAll(); err != nil {
			t.Errorf("%s: CSV: %v", path, err)
		}
	}
	b.want(http.StatusNotFound, "/admin/analytics/by-beauty", nil)
	b.want(http.StatusUnprocessableEntity, "/admin/analytics/by-ip?min_requests=-1", nil, `role="alert"`)
	b.want(http.StatusUnprocessableEntity, "/admin/analytics?from=nonsense", nil, "2026-11-22T18:00")
}

// TestPageOfSignals: an account in many networks is shown with the evidence, and nothing else happens to it.
func TestPageOfSignals(t *testing.T) {
	m, slave := reporting(t)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	b.want(http.StatusOK, "/admin/signals", nil, "No signs in this span")
	var lines []string
	for i := range 8 {
		lines = append(lines, line(time.Now(), fmt.Sprintf(`,"ip":"198.51.%d.7","device_id":"d%d","device_name":"<i>TV"`, i, i)))
	}
	report(t, slave, lines...)
	b.eachLanguage("/admin/signals?span=7d", func(lang, page string) {
		for _, text := range []string{"aabb", "198.51.3.0/24", "198.51.7.7", "&lt;i&gt;TV", "/admin/telemetry/access-logs?span=7d&amp;user_id=aabb"} {
			if !strings.Contains(page, text) {
				t.Errorf("in %s there is no %q: %s", lang, text, page)
			}
		}
		if lang == "en" {
			b.follow("/admin/signals", page)
		}
	})
	b.want(http.StatusOK, "/admin/signals?networks=9&devices=9", nil, "No signs in this span")
	b.want(http.StatusUnprocessableEntity, "/admin/signals?networks=1", nil, `role="alert"`)
	if got := m.admin.do(t, "GET", admin+"/enforcements", nil).items(t, "id"); len(got) != 0 {
		t.Errorf("looking at signs has made enforcements %q", got)
	}
}

// TestPageExplains: from the request id to the rule, in the visitor's language, and to what lets such requests in.
func TestPageExplains(t *testing.T) {
	m, slave := reporting(t)
	reportAll(t, slave)
	m.admin.do(t, "POST", admin+"/rate-limit-rules", `{"apply_to": "user", "rate_per_minute": 5}`).want(t, http.StatusCreated)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	b.eachLanguage("/admin/explain?request_id="+refusalID, func(lang, page string) {
		want := map[string]string{"zh": "无需发布", "en": "no publish is needed"}[lang]
		if !strings.Contains(page, want) || !strings.Contains(page, `href="/admin/rate-limit-rules/1"`) || !strings.Contains(page, "203.0.113.7") {
			t.Errorf("in %s it is explained by %s", lang, page)
		}
		b.follow("/admin/explain", page)
	})
	page := b.want(http.StatusOK, "/admin/explain?request_id="+strings.Repeat("e", 32), nil, "/admin/players/new?client_name=Infuse", "blocked-requests?reason=client_not_allowed")
	b.follow("/admin/explain", page)
	b.want(http.StatusOK, "/admin/explain?request_id=banana", nil, "32 digits")
}

// TestInsightPagesStaySmall: a page that is full of long values is below 150 KB.
func TestInsightPagesStaySmall(t *testing.T) {
	m, slave := reporting(t)
	long := strings.Repeat("Wohnzimmer ", 6)
	var lines []string
	for i := range 1200 {
		lines = append(lines, line(time.Now().Add(-time.Duration(i)*time.Minute), fmt.Sprintf(
			`,"status":403,"verdict":"reject","reason":"client_not_allowed","rule":"%d","ip":"2001:db8:%x::%x","user_id":"%032x","device_id":"%032x","device_name":"%s","client_name":"%s %d",
			"user_agent":"%s","uri":"/Users/%032x/Items/%032x/PlaybackInfo","item_id":"%032x","play_session_id":"%032x","request_id":"%032x"`,
			i, i, i, i/12, i, long, long[:20], i, strings.Repeat(long, 3), i, i, i, i, i)))
	}
	report(t, slave, lines...)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	paths := []string{"/admin/analytics?span=7d", "/admin/analytics", "/admin/signals?devices=2", "/admin/explain", "/admin/", "/admin/analytics?from=" + time.Now().AddDate(0, 0, -4).Format("2006-01-02T15:04")}
	for kind := range telemetryPaths {
		paths = append(paths, "/admin/telemetry/"+kind)
	}
	for _, by := range []string{"client", "ip", "user", "reason", "rule"} {
		paths = append(paths, "/admin/analytics/by-"+by)
	}
	for _, path := range paths {
		page := b.want(http.StatusOK, path, url.Values(nil))
		t.Logf("%s has %d KB", path, len(page)>>10)
		if len(page) > 150_000 {
			t.Errorf("%s has %d bytes", path, len(page))
		}
	}
}
