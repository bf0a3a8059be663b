package pages

import (
	"testing"
	"time"
)

// TestSay: values are told in words, as operators know the fields.
func TestSay(t *testing.T) {
	texts, err := readTexts()
	if err != nil {
		t.Fatal(err)
	}
	v := &visit{s: &server{texts: texts}, Lang: "en", Zone: time.UTC}
	for _, c := range []struct{ resource, field, value, want string }{
		{"servers", "upstream", `"203.0.113.10:8096"`, "203.0.113.10:8096"},
		{"servers", "upstream", `[{"address":"a:1","weight":2,"backup":false},{"address":"b:1","weight":1,"backup":true}]`, "a:1 · Weight 2; b:1 · Weight 1 · Backup"},
		{"players", "ua_patterns", `["one","two"]`, "one, two"},
		{"players", "enabled", `false`, "no"},
		{"rate-limit-rules", "bandwidth_daily_bytes", `1073741824`, "1 GiB"},
		{"rate-limit-rules", "quota_daily", `0`, ""},
		{"enforcements", "effective_until", `"2026-03-04T05:06:00Z"`, "2026-03-04 05:06:00"},
		{"profiles", "settings", `{"client_max_body_size":"1g","hsts":{"max_age":1,"include_subdomains":true,"preload":false}}`, "Largest request body 1g · HSTS For how long (s) 1 · Subdomains too"},
		{"profiles", "settings", `{"deny_messages":{"ban":{"en":"no"},"kicked":{"zh":"x"}}}`, "Texts of refusals banned; kicked"},
		{"players", "nothing we know", `{"a":[1]}`, `{"a":[1]}`},
	} {
		if got := v.say(c.resource, resourceAt(c.resource).field(c.field), readRaw(c.value)); got != c.want {
			t.Errorf("%s of %s: %s is %q, want %q", c.field, c.resource, c.value, got, c.want)
		}
	}
}
