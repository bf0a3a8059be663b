package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// asks sends a request and returns its status.
func (p *person) asks(t *testing.T) int {
	t.Helper()
	res := p.send(t.Context(), t, http.MethodGet, "/System/Info/Public", "")
	_ = res.Body.Close()
	return res.StatusCode
}

// TestQuotaOverSlaves: what a user has sent over two slaves counts together. Neither has seen the whole quota, and
// both refuse the user and nobody else, until the rule goes.
func TestQuotaOverSlaves(t *testing.T) {
	f := startFleet(t, "reject")
	tv, phone, bob := f.login(t, 0, "ann", "tv"), f.login(t, 1, "ann", "phone"), f.login(t, 1, "bob", "pc")
	const quota = 60
	var rule struct{ ID int64 }
	must(t, f.master.Admin.Do(t.Context(), http.MethodPost, "rate-limit-rules", map[string]any{
		"apply_to": "user", "quota_monthly": quota, "over_action": "reject",
	}, &rule))
	for range quota/2 + 1 {
		if a, b := tv.asks(t), phone.asks(t); a != http.StatusOK || b != http.StatusOK {
			t.Fatalf("within the quota: %d and %d", a, b)
		}
	}
	var list struct {
		Items []struct {
			DimensionValue string `json:"dimension_value"`
			Automatic      *struct {
				RuleID int64 `json:"rule_id"`
			}
		}
	}
	eventually(t, func() error {
		must(t, f.master.Admin.Do(t.Context(), http.MethodGet, "enforcements", nil, &list))
		if len(list.Items) != 1 || list.Items[0].Automatic == nil || list.Items[0].Automatic.RuleID != rule.ID {
			return fmt.Errorf("enforcements: %+v", list.Items)
		}
		return nil
	})
	for _, p := range []*person{tv, phone} {
		status := p.asks(t)
		for tries := 1; status != http.StatusTooManyRequests && tries < quota/4; tries++ { // its own count does not come to the quota
			time.Sleep(200 * time.Millisecond)
			status = p.asks(t)
		}
		if status != http.StatusTooManyRequests {
			t.Errorf("above the quota, at slave %d: %d", p.slave, status)
		}
	}
	if status := bob.asks(t); status != http.StatusOK {
		t.Errorf("somebody else: %d", status)
	}
	var usage struct {
		Items []struct {
			Requests int64 `json:"request_count"`
		}
	}
	must(t, f.master.Admin.Do(t.Context(), http.MethodGet, "quota-usage?period=monthly&value="+list.Items[0].DimensionValue, nil, &usage))
	if len(usage.Items) != 1 || usage.Items[0].Requests < quota {
		t.Errorf("usage: %+v", usage.Items)
	}

	must(t, f.master.Admin.Do(t.Context(), http.MethodDelete, fmt.Sprintf("rate-limit-rules/%d", rule.ID), nil, nil))
	began := time.Now()
	eventually(t, func() error {
		if a, b := tv.asks(t), phone.asks(t); a != http.StatusOK || b != http.StatusOK {
			return fmt.Errorf("the rule is gone: %d and %d", a, b)
		}
		return nil
	})
	t.Logf("lifted after %v", time.Since(began))

	// A ban by hand.
	must(t, f.master.Admin.Do(t.Context(), http.MethodPost, "enforcements", map[string]any{
		"dimension": "user", "dimension_value": list.Items[0].DimensionValue, "action": "reject", "reason": "abuse",
	}, nil))
	began = time.Now()
	eventually(t, func() error {
		if a, b := tv.asks(t), phone.asks(t); a != http.StatusForbidden || b != http.StatusForbidden {
			return fmt.Errorf("banned: %d and %d", a, b)
		}
		return nil
	})
	if took := time.Since(began); took > 5*time.Second { // 2 s is what is promised; machines that test are busy
		t.Errorf("the ban took %v", took)
	}
	t.Logf("banned after %v", time.Since(began))
}
