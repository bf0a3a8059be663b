package limits_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/limits"
)

const released = `{"hash":"abc","version":1,"default":{"x":1},"profiles":{},"rate_limit":{"rules":[{"id":1,"apply_to":"ip","quota_daily":5}],"enforcements":[],"stream_rules":[]}}`

type harness struct {
	path    string
	inForce api.RateLimits
}

func (h *harness) open() *limits.Book {
	return limits.Open(limits.Config{Path: h.path, Changed: func(l api.RateLimits) { h.inForce = l }, Log: slog.New(slog.DiscardHandler)})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLive: live limits take the place of the release's, also after a restart, until there are none.
func TestLive(t *testing.T) {
	h := &harness{path: filepath.Join(t.TempDir(), "limits.json")}
	b := h.open()
	b.Serving([]byte(released))
	if len(h.inForce.Rules) != 1 || h.inForce.Rules[0].QuotaDaily != 5 || b.Revision() != "" {
		t.Errorf("of the release: %+v", h.inForce)
	}
	if _, hash, err := b.Overlay([]byte(released)); hash != "" || err != nil {
		t.Errorf("an overlay %q of nothing, %v", hash, err)
	}
	b.Enforce([]api.Enforcement{{Dimension: "ip", DimensionValue: "::1", Action: "reject"}})
	if len(h.inForce.Enforcements) != 1 {
		t.Errorf("what a sync enforces: %+v", h.inForce)
	}
	must(t, b.SetLive(&api.RateLimits{Revision: "r", Rules: []api.RateLimitRule{{ID: 2, ApplyTo: "user"}}}))
	b = h.open()
	b.Serving([]byte(released))
	if b.Revision() != "r" || len(h.inForce.Rules) != 1 || h.inForce.Rules[0].ID != 2 {
		t.Errorf("after a restart: %+v", h.inForce)
	}
	b.Enforce([]api.Enforcement{{Dimension: "ip"}})
	if len(h.inForce.Enforcements) != 0 {
		t.Error("an answer to a sync, which may be older, replaces live limits")
	}
	must(t, b.SetLive(nil))
	if b = h.open(); b.Revision() != "" || len(h.inForce.Rules) != 1 || h.inForce.Rules[0].ID != 1 {
		t.Errorf("without live ones: %+v", h.inForce)
	}
}

// TestOverlay has the rest of the rules as they are, the live limits without enforcements, and a hash that is of
// both.
func TestOverlay(t *testing.T) {
	h := &harness{path: filepath.Join(t.TempDir(), "limits.json")}
	b := h.open()
	hashes := map[string]bool{}
	for _, rules := range []int64{1, 2} {
		must(t, b.SetLive(&api.RateLimits{
			Revision: "r", Rules: []api.RateLimitRule{{ID: rules, ApplyTo: "user"}}, Enforcements: []api.Enforcement{{Dimension: "ip", DimensionValue: "::1"}},
		}))
		text, hash, err := b.Overlay([]byte(released))
		must(t, err)
		var got struct {
			Hash      string
			Version   int
			Default   map[string]int
			RateLimit api.RateLimits `json:"rate_limit"`
		}
		must(t, json.Unmarshal(text, &got))
		if !strings.HasPrefix(hash, "abc.") || got.Hash != hash || got.Version != 1 || got.Default["x"] != 1 || len(got.RateLimit.Rules) != 1 ||
			got.RateLimit.Rules[0].ID != rules || len(got.RateLimit.Enforcements) != 0 {
			t.Errorf("%s: %+v", hash, got)
		}
		hashes[hash] = true
	}
	if len(hashes) != 2 {
		t.Errorf("two limits have the hashes %v", hashes)
	}
	var own struct {
		RateLimit api.RateLimits `json:"rate_limit"`
	}
	must(t, json.Unmarshal([]byte(released), &own))
	own.RateLimit.Revision = "r"
	must(t, b.SetLive(&own.RateLimit))
	if _, hash, err := b.Overlay([]byte(released)); hash != "" || err != nil {
		t.Errorf("the release's own limits are overlaid as %q, %v", hash, err)
	}
	if _, _, err := b.Overlay([]byte("{")); err == nil {
		t.Error("damaged rules have an overlay")
	}
}

func TestDamaged(t *testing.T) {
	h := &harness{path: filepath.Join(t.TempDir(), "limits.json")}
	must(t, os.WriteFile(h.path, []byte(`{"rules":[`), 0o600))
	b := h.open()
	b.Serving([]byte(released))
	if b.Revision() != "" || len(h.inForce.Rules) != 1 {
		t.Errorf("%+v", h.inForce)
	}
}

// TestDecisions: what nginx would refuse, and with it all others, is left out; so is what has ended.
func TestDecisions(t *testing.T) {
	now := time.Now()
	future, past := now.Add(time.Hour), now.Add(-time.Second)
	got := limits.Decisions([]api.Enforcement{
		{Dimension: "ip", DimensionValue: "::1", Action: "reject", EffectiveUntil: &future},
		{Dimension: "ip", DimensionValue: "::2", Action: "reject", EffectiveUntil: &past},
		{Dimension: "user", DimensionValue: "u", Action: "throttle", ThrottleRateBps: 5, Automatic: &api.Automatic{RuleID: 7, Reason: api.ReasonQuotaRequests}},
		{Dimension: "user", DimensionValue: "u", Action: "throttle"},
		{Dimension: "user", Action: "reject"},
		{Dimension: "planet", DimensionValue: "u", Action: "reject"},
		{Dimension: "global", Action: "explode"},
		{Dimension: "global", Action: "reject", Automatic: &api.Automatic{Reason: "odd"}},
		{Dimension: "global", Action: "reject"},
	}, now, slog.New(slog.DiscardHandler))
	if len(got) != 3 {
		t.Fatalf("%+v", got)
	}
	if d := got[0]; d.Reason != "ban" || *d.Until != future.Unix() || d.Value != "::1" {
		t.Errorf("%+v", d)
	}
	if d := got[1]; d.Reason != "quota_requests" || d.RuleID != 7 || d.ThrottleRateBps != 5 || d.Until != nil {
		t.Errorf("%+v", d)
	}
}
