package render_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/nginx"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// TestAcceptedRulesCompile: whatever the library accepts, a slave takes. Generated content, most of it
// at the edge of what is valid, goes through the compilation of a real nginx.
func TestAcceptedRulesCompile(t *testing.T) {
	compile := startCompiler(t)
	for seed := range uint64(40) {
		g := generator{rand.New(rand.NewPCG(seed, 7))}
		in := g.library()
		config, err := render.Render(in)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if field, message := compile(config); message != "" {
			t.Errorf("seed %d: the slave refuses %s: %s\n%s", seed, field, message, valueAt(config, field))
		}
	}
}

// TestTooManyRules: a library beyond what a slave takes is refused at the master.
func TestTooManyRules(t *testing.T) {
	in := input(server(1, "a.com", "203.0.113.10:8096"))
	for i := range 3900 {
		in.URIRules = append(in.URIRules, library.URIRule{
			ID: int64(i + 1), Action: library.ActionBlock, MatchType: api.MatchExact, Pattern: fmt.Sprintf("/%04d%s", i, strings.Repeat("x", 480)), ServiceType: library.All, Enabled: true,
		})
	}
	config, err := render.Render(in)
	check(t, err)
	if field, message := startCompiler(t)(config); message != "" {
		t.Errorf("the slave refuses %s: %s", field, message)
	}
	in.URIRules = append(in.URIRules, in.URIRules[:300]...)
	if _, err := render.Render(in); !errors.Is(err, render.ErrInvalid) || !strings.Contains(err.Error(), "use fewer") {
		t.Errorf("too many rules: %v", err)
	}
}

// valueAt returns the list of the refused entry, for the reader of a failure.
func valueAt(config *api.Config, field string) string {
	_, name, _ := strings.Cut(field, ".")
	name, index, _ := strings.Cut(name, "[")
	var i int
	_, _ = fmt.Sscanf(index, "%d", &i) // 0 where there is none
	switch name {
	case "skip_list":
		return fmt.Sprintf("%+q", config.LuaConfig.SkipList[i])
	case "block_list":
		return fmt.Sprintf("%+q", config.LuaConfig.BlockList[i])
	case "client_patterns":
		return fmt.Sprintf("%+q", config.LuaConfig.ClientPatterns[i])
	}
	return fmt.Sprintf("%+v", config.RateLimitConfig)
}

// startCompiler starts an nginx with the Lua tree and returns what asks it whether it takes the rules of
// a configuration: "" for yes.
func startCompiler(t *testing.T) func(*api.Config) (field, message string) {
	t.Helper()
	n := testbed.StartLuaNginx(t, func(string) map[string]string { return nil })
	client := n.Client(t, nginx.AdminSocket(filepath.Join(n.Root, "run")))
	return func(c *api.Config) (field, message string) {
		t.Helper()
		body, err := json.Marshal(map[string]any{
			"hash": "h", "version": 1, "default": c.LuaConfig, "profiles": c.LuaConfigs, "rate_limit": c.RateLimitConfig,
		})
		check(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://admin/rules?dry_run=1", strings.NewReader(string(body)))
		check(t, err)
		res, err := client.Do(req)
		check(t, err)
		defer func() { _ = res.Body.Close() }()
		answer, err := io.ReadAll(res.Body)
		check(t, err)
		if res.StatusCode == http.StatusOK {
			return "", ""
		}
		var refusal struct{ Field, Error string }
		check(t, json.Unmarshal(answer, &refusal))
		return refusal.Field, refusal.Error
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// generator draws values, at random and from the edges.
type generator struct{ *rand.Rand }

func (g generator) library() render.Input {
	in := input(server(1, "a.com", "203.0.113.10:8096"))
	p := &in.Profiles[0]
	p.DenyMessage, p.FakeCountsEnabled, p.FakeCountsValue = g.text(500), true, g.IntN(1_000_000_000)
	p.ConcurrentStreams = api.ConcurrentStreams{MaxStreams: g.IntN(1000), ActionOnExceed: library.ExceedKickOldest, DenyMessage: g.text(500)}
	for i := range 200 {
		r := library.NewURIRule()
		r.ID, r.Name, r.Action = int64(i+1), "r", pick(g, library.ActionSkip, library.ActionBlock)
		r.MatchType = pick(g, api.MatchExact, api.MatchPrefix, api.MatchRegex, api.MatchRegex, api.MatchRegex)
		r.Pattern = g.path()
		if r.MatchType == api.MatchRegex {
			r.Pattern = g.pattern()
		}
		if r.SetDefaults(); r.Validate() == nil {
			in.URIRules = append(in.URIRules, r)
		}
	}
	for i := range 40 {
		r := library.NewPlayer()
		r.ID, r.ClientName = int64(i+1), g.text(100)
		r.MinVersion = pick(g, "", "1", "4.8.0.62", "2.0.95g", "3.0.0pre13", "1-beta", "0", strings.Repeat("9", 32), g.pattern())
		r.UAPatterns = []string{g.pattern(), "^vlc"}
		if r.SetDefaults(); r.Validate() == nil {
			in.Players = append(in.Players, r)
		}
	}
	in.RateLimits = g.limits()
	return in
}

func (g generator) limits() (limits api.RateLimits) {
	number := func() int64 { return pick[int64](g, 0, 0, 1, 5, 1<<31, 1<<53) }
	dimension := func() string {
		return pick(g, library.DimensionIP, library.DimensionUser, library.DimensionDevice, library.DimensionGlobal)
	}
	value := func() string { return pick(g, "", "203.0.113.10", "2001:db8::1", g.text(200)) }
	for i := range 30 {
		r := library.NewRateLimitRule()
		r.RateLimitRule = api.RateLimitRule{
			ID: int64(i + 1), ApplyTo: dimension(), ApplyValue: value(), RatePerSecond: number(), RateBurst: number(),
			RatePerMinute: number(), QuotaHourly: number(), BandwidthMonthlyBytes: number(),
			OverAction: pick(g, library.OverReject, library.OverThrottle, library.OverWarn), ThrottleRateBps: number(),
		}
		if r.SetDefaults(); r.Validate() == nil {
			limits.Rules = append(limits.Rules, r.RateLimitRule)
		}
		s := library.NewStreamRule()
		s.StreamRule = api.StreamRule{ID: int64(i + 1), ApplyTo: dimension(), ApplyValue: value(), MaxStreams: g.IntN(1001), ActionOnExceed: pick(g, library.ExceedReject, library.ExceedKickOldest), DenyMessage: g.text(500)}
		if s.SetDefaults(); s.Validate() == nil {
			limits.StreamRules = append(limits.StreamRules, s.StreamRule)
		}
		e := library.NewEnforcement()
		e.Enforcement = api.Enforcement{Dimension: dimension(), DimensionValue: value(), Action: pick(g, library.OverReject, library.OverThrottle), ThrottleRateBps: number(), Reason: g.text(500)}
		if g.IntN(2) == 0 {
			until := time.Now().Add(time.Hour)
			e.EffectiveUntil = &until
		}
		if e.SetDefaults(); e.Validate() == nil {
			limits.Enforcements = append(limits.Enforcements, e.Enforcement)
		}
	}
	return limits
}

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

// text is one line of up to n characters, often of exactly n of four bytes each.
func (g generator) text(n int) string {
	if g.IntN(3) == 0 {
		return strings.Repeat("𠀀", n)
	}
	var b strings.Builder
	for range 1 + g.IntN(20) {
		b.WriteString(pick(g, "a", "Z", " ", `"`, `\`, "'", "%", ",", "媒", "é", "0", "/"))
	}
	return b.String()
}

func (g generator) path() string {
	var b strings.Builder
	for range 1 + g.IntN(5) {
		b.WriteString(pick(g, "/", "/emby", "/Emby/", "/mediabrowser", "/web/", "%2F", "%65mby", "//", "/a b", "/媒体", ".", "/..", `\`, ";x", "%", "%zz", "[", "("))
	}
	return b.String()
}

func (g generator) pattern() string {
	tokens := []string{
		"a", "B", "9", "/", ".", `\.`, `\/`, `\d`, `\W`, `\b`, `\B`, `\A`, `\z`, `\x41`, `\n`, `\t`, `\v`, `\a`, `\-`, `\]`, `\[`, `\_`, "媒", "é", "-", "_", "^", "$", " ", "#", "%", "{", "}", "]", ",", "{2", "{,3}", "!", "=", ":", "<", "&", "~",
		"[a-z]", "[^/]", "[]a]", "[^]]", `[\d-]`, `[\w.-]`, "[[:alpha:]]", "[[:^digit:]x]", "[[:word:]-]", "[a^]", "[-a]", "[a-]", `[\]]`, "[|]", "[(]", "[媒é]", "[a-é]", "[[]", "[[a]", "[:a:]", `[\x00-\x7f]`, `[\-\\]`, "[&&a]", `[\b]`, "[a", `[\d-z]`, "[[:a]", "[--a]",
		"(", "(?:", "(?i:", "(?s-i:", "(?U)", "(?i)", "(?m:", ")", ")", "|", "()", "*", "+", "?", "*?", "+?", "??", "{3}", "{2,}", "{1,4}", "{0}", "{0,1}", "{40}", "{300}", "{1000}", "{1,1000}?", "++", "?+", "*+",
	}
	var b strings.Builder
	for range 1 + g.IntN(12) {
		b.WriteString(pick(g, tokens...))
	}
	if g.IntN(50) == 0 {
		n := 1 + g.IntN(80)
		return strings.Repeat("(", n) + "a" + strings.Repeat(")", n)
	}
	return b.String()
}
