package showcase

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// addLibrary adds some of each kind of rule, and a profile that has its own.
func (f *Fleet) addLibrary(ctx context.Context) error {
	name := f.name
	for _, p := range []struct{ client, version string }{
		{"Infuse", "8.0"},
		{"VidHub", "1.6"},
		{"SenPlayer", "5.0"},
		{"Emby for Android TV", "2.0.95"},
		{"Emby Web", "4.8"},
		{"Jellyfin Web", "10.10"},
		{"Jellyfin Android", "2.6"},
		{"Swiftfin tvOS", ""},
		{"Kodi", ""},
		{"Hills", "1.5.0"},
		{"Tsukimi", "0.20"},
	} {
		if err := f.add(ctx, "players", row{"client_name": name(p.client), "min_version": p.version, "service_type": "all"}); err != nil {
			return err
		}
	}
	for _, rows := range []struct {
		resource string
		rows     []row
	}{
		{"players", []row{{"client_name": name("AppleCoreMedia"), "ua_patterns": []string{`^AppleCoreMedia/`}, "service_type": "all"}}},
		{"uri-rules", []row{
			{"name": name("public information"), "action": "skip", "match_type": "exact", "pattern": "/System/Info/Public"},
			{"name": name("no plugins"), "action": "block", "match_type": "prefix", "pattern": "/Plugins"},
			{"name": name("logs stay private"), "action": "block", "match_type": "prefix", "pattern": "/System/Logs"},
			{"name": name("no downloads"), "action": "block", "match_type": "regex", "pattern": `^/Items/[^/]+/Download$`, "service_type": "emby", "enabled": false},
		}},
		{"nginx-maps", []row{
			{"name": "cf_country", "kind": "value", "source": "http_cf_ipcountry", "default": "other", "entries": []row{{"match_type": "exact", "pattern": "CN", "value": "home"}}},
			{"name": "bad_bots", "kind": "deny", "everywhere": true, "source": "http_user_agent", "entries": []row{{"match_type": "regex", "pattern": "(curl|python-requests)/", "value": "1"}}},
		}},
		{"location-rules", []row{
			{"name": name("keep posters"), "kind": "cache", "match_type": "regex", "pattern": "/Images/", "max_age": 86400},
			{"name": name("robots"), "kind": "return", "match_type": "exact", "pattern": "/robots.txt", "status": 200, "body": f.text("User-agent: *\nDisallow: /"), "skip_access": true},
			{"name": name("no admin"), "kind": "deny", "match_type": "prefix", "pattern": "/web/dashboard", "body": f.text("at home only")},
		}},
		{"proxy-headers", []row{
			{"name": name("no powered by"), "action": "hide_response", "header": "X-Powered-By"},
			{"name": name("country"), "action": "set_request", "header": "X-Country", "value": "$map_cf_country"},
		}},
		{"settings", []row{
			{"name": "trusted_proxies", "value": []string{"203.0.113.0/24", "2001:db8::/32"}},
			{"name": "hsts", "value": row{"max_age": 31536000}},
		}},
		{"profiles", []row{
			{"name": name("family"), "service_type": "emby", "player_ids": []int{1, 2, 4, 5}, "uri_rule_ids": []int{1, 2}, "unidentified": "reject", "deny_message": f.text("ask the family")},
		}},
	} {
		if err := f.add(ctx, rows.resource, rows.rows...); err != nil {
			return err
		}
	}
	return nil
}

// text adds the Suffix, less its control characters, which the admin API refuses.
func (f *Fleet) text(text string) string {
	return text + strings.Map(func(r rune) rune {
		if unicode.Is(unicode.C, r) {
			return -1
		}
		return r
	}, f.Suffix)
}

// name is text, less what names may not have that stand in nginx's configuration.
func (f *Fleet) name(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(";{}$\"'`\\", r) {
			return -1
		}
		return r
	}, f.text(text))
}

// addServers spreads the servers over the hosts, and makes a token for each host.
func (f *Fleet) addServers(ctx context.Context) error {
	places := []string{"Living room", "Attic", "Office", "Garden", "东京", "Cinema"}
	for i := range f.Config.Servers {
		host := i % f.Hosts
		service := api.Emby
		if host%3 == 2 {
			service = api.Jellyfin
		}
		s, err := f.admin.AddServer(ctx, testbed.Server{
			Name: f.name(fmt.Sprintf("%s %d", places[i%len(places)], i+1)), ServiceType: service,
			Host:       fmt.Sprintf("198.51.%d.%d", 100+host/250, 1+host%250),
			ServerName: fmt.Sprintf("media%d.example.com", i+1), Upstream: fmt.Sprintf("10.0.%d.%d:8096", i/250, 1+i%250),
			ListenHTTP: 80,
		})
		if err != nil {
			return err
		}
		f.Servers = append(f.Servers, s)
		if i >= f.Hosts {
			continue
		}
		token, err := f.admin.NewToken(ctx, s.ID)
		if err != nil {
			return err
		}
		f.Tokens = append(f.Tokens, token)
	}
	return nil
}

// heavy is a user that has used up a quota.
const heavy = "a1d3c0ffee00000000000000000000aa"

func (f *Fleet) addLimits(ctx context.Context) error {
	if err := f.add(ctx, "rate-limit-rules",
		row{"apply_to": "ip", "rate_per_second": 20, "rate_burst": 60, "over_action": "reject"},
		row{"apply_to": "user", "bandwidth_daily_bytes": 200 << 30, "bandwidth_monthly_bytes": 3 << 40, "over_action": "throttle", "throttle_rate_bps": 8_000_000},
		row{"apply_to": "device", "quota_daily": 20000, "over_action": "warn"},
	); err != nil {
		return err
	}
	if err := f.add(ctx, "stream-rules", row{"apply_to": "user", "max_streams": 3, "action_on_exceed": "reject", "deny_message": f.text("too many")}); err != nil {
		return err
	}
	return f.add(ctx, "enforcements",
		row{"dimension": "ip", "dimension_value": "203.0.113.77", "action": "reject", "reason": f.text("scanned for weeks")},
		row{"dimension": "user", "dimension_value": "b0b0b0b0", "action": "throttle", "throttle_rate_bps": 2_000_000, "reason": f.text("shared account"), "effective_until": f.Now.Add(30 * time.Hour).UTC()},
	)
}

func (f *Fleet) addPeople(ctx context.Context) error {
	if err := f.add(ctx, "users",
		row{"username": "lin", "role": "operator", "password": "works at night"},
		row{"username": "watcher", "role": "viewer", "password": "only looks on"},
	); err != nil {
		return err
	}
	return f.add(ctx, "api-keys",
		row{"name": f.name("grafana"), "role": "viewer"},
		row{"name": f.name("deploy"), "role": "operator", "scopes": []string{"servers", "snapshots"}, "expires_at": f.Now.AddDate(0, 3, 0).UTC()},
	)
}
