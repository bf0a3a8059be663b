package app_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestSettings: a setting is checked when it is stored, stands once, and reaches the slaves' configuration
// with the next publish.
func TestSettings(t *testing.T) {
	m := startMaster(t)
	const settings = "/api/v1/admin/settings"
	for body, field := range map[string]string{
		`{"name": "trusted_proxies", "value": ["0.0.0.0/0"]}`:                "value[0]",
		`{"name": "trusted_proxies", "value": ["10.0.0.0/8; include /etc"]}`: "value[0]",
		`{"name": "trusted_proxies", "value": "10.0.0.0/8"}`:                 "value",
		`{"name": "trusted_proxies"}`:                                        "value",
		`{"name": "trusted_proxies", "value": 7}`:                            "value",
		`{"name": "real_ip_header", "value": "X Y"}`:                         "value",
		`{"name": "other", "value": "x"}`:                                    "name",
		`{"name": "real_ip_header", "value": "X-A", "more": 1}`:              "more",
	} {
		p := m.admin.do(t, "POST", settings, body).problem(t, http.StatusUnprocessableEntity)
		if len(p.Errors) == 0 || !strings.HasSuffix(p.Errors[0].Location, field) {
			t.Errorf("%s: %+v, want an error about %s", body, p.Errors, field)
		}
	}

	m.admin.do(t, "POST", settings, `{"name": "trusted_proxies", "value": ["203.0.113.9/24"]}`).want(t, http.StatusCreated)
	m.admin.do(t, "POST", settings, `{"name": "trusted_proxies", "value": []}`).problem(t, http.StatusConflict)
	got := m.admin.do(t, "GET", settings+"/1", nil).object(t)
	if list, _ := got["value"].([]any); len(list) != 1 || list[0] != "203.0.113.0/24" {
		t.Errorf("stored %v", got)
	}
	m.admin.do(t, "PUT", settings+"/1", got).want(t, http.StatusOK)

	m.admin.do(t, "POST", servers, newServer("emby1")).want(t, http.StatusCreated)
	m.admin.do(t, "POST", "/api/v1/admin/snapshots", `{"note": "with proxies"}`).want(t, http.StatusCreated)
	m.admin.do(t, "DELETE", settings+"/1", nil).want(t, http.StatusNoContent)
}
