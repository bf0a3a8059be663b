package adminapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// examples are bodies of requests by the name of their schema: what the document shows, and a test sends.
var examples = map[string]string{
	"APIKey":               `{"name": "grafana", "role": "viewer", "scopes": ["analytics:read", "telemetry:read"], "expires_at": "2099-12-31T00:00:00Z"}`,
	"CloneInputBody":       `{"name": "guests"}`,
	"Beginning":            `{"name": "living room", "service_type": "emby", "base": null, "edit": false}`,
	"CreateTokenInputBody": `{"name": "gateway in Frankfurt", "expires_at": null}`,
	"Draft":                `{"name": "living room", "service_type": "emby", "server_ids": [1], "step": 2, "document": {"profiles": [{"name": "living room", "service_type": "emby", "unidentified": "reject", "players": [{"name": "Acme TV", "service_type": "all"}]}], "players": [{"client_name": "Acme TV", "service_type": "all", "min_version": "7.5"}]}}`,
	"Enforcement":          `{"dimension": "ip", "dimension_value": "192.0.2.44", "action": "reject", "reason": "tries passwords", "effective_until": "2099-12-31T00:00:00Z", "enabled": true}`,
	"ErasureInputBody":     `{"user_id": "0f8fad5b-d9cb-469f-a165-70867728950e"}`,
	"LocationRule":         `{"name": "old web client", "match_type": "prefix", "pattern": "/old/", "kind": "redirect", "status": 301, "target": "https://media.example.com$request_uri", "service_type": "all", "enabled": true}`,
	"LoginInputBody":       `{"username": "admin", "password": "correct horse battery"}`,
	"NginxMap":             `{"name": "old_players", "kind": "deny", "everywhere": true, "source": "http_user_agent", "entries": [{"match_type": "prefix", "pattern": "OldPlayer/1.", "value": "1"}], "default": "0", "service_type": "all", "enabled": true}`,
	"PasswordInputBody":    `{"current": "correct horse battery", "password": "battery staple horse"}`,
	"Player":               `{"client_name": "Acme TV", "min_version": "7.5", "ua_patterns": ["^AcmeTV/"], "service_type": "all", "enabled": true}`,
	"Profile":              `{"name": "family", "service_type": "emby", "unidentified": "reject", "deny_message": "Ask the host for a supported player.", "concurrent_streams": {"max_streams": 3, "action_on_exceed": "kick_oldest", "deny_message": "Too many streams."}}`,
	"ProxyHeader":          `{"name": "no indexing", "action": "add_response", "header": "X-Robots-Tag", "value": "noindex, nofollow", "service_type": "all", "enabled": true}`,
	"HindsightInputBody":   `{"service_type": "emby", "hours": 24, "players": [{"client_name": "Acme TV", "min_version": "7.5"}], "unidentified": "reject", "uri_rules": [{"name": "no downloads", "action": "block", "match_type": "regex", "pattern": "^/items/[^/]+/download"}], "rate_limit_rules": [{"apply_to": "user", "rate_per_second": 20, "rate_burst": 40}]}`,
	"HaltInputBody":        `{"reason": "players report stutter"}`,
	"HostPatch":            `{"profile_id": null}`,
	"Previewed":            `{"host": "203.0.113.10"}`,
	"PreviewInputBody":     `{"host": "203.0.113.10"}`,
	"RollbackInputBody":    `{"note": "the new rules lock out old players", "hosts": ["203.0.113.10"]}`,
	"PublishBody":          `{"note": "new player rules", "hosts": ["203.0.113.10"]}`,
	"RateLimitRule":        `{"apply_to": "user", "apply_value": "", "rate_per_second": 20, "rate_burst": 40, "bandwidth_daily_bytes": 107374182400, "over_action": "throttle", "throttle_rate_bps": 1048576, "enabled": true}`,
	"RotateInputBody":      `{"overlap_seconds": 86400}`,
	"Server":               `{"name": "Emby one", "service_type": "emby", "host": "203.0.113.10", "server_name": "emby1.example.com", "upstream": "203.0.113.10:8096", "ssl_cert_path": "/etc/nginx/ssl/emby1.example.com/cert.pem", "ssl_key_path": "/etc/nginx/ssl/emby1.example.com/key.pem", "enabled": true, "note": ""}`,
	"Setting":              `{"name": "trusted_proxies", "value": ["203.0.113.0/24", "2001:db8::/32"]}`,
	"StreamRule":           `{"apply_to": "user", "apply_value": "", "max_streams": 3, "action_on_exceed": "kick_oldest", "deny_message": "", "enabled": true}`,
	"URIRule":              `{"name": "no downloads", "action": "block", "match_type": "regex", "pattern": "^/items/[^/]+/download", "service_type": "all", "enabled": true}`,
	"User":                 `{"username": "ann", "role": "operator", "password": "correct horse battery", "enabled": true}`,
}

// problemExample is one of an error's body.
const problemExample = `{"title": "Unprocessable Entity", "status": 422, "detail": "server_name must be a domain name", "errors": [{"location": "body.server_name", "message": "must be a domain name"}]}`

// answered is what a row's answer has beside what its request held.
var answered = map[string]any{
	"id": 1, "revision": 1, "created_at": "2026-11-22T20:00:00Z", "updated_at": "2026-11-22T20:00:00Z",
	"is_default": false, "prefix": "uha_ABCD", "last_used_at": nil,
}

// addExamples puts examples beside all bodies of requests, and into the schemas of what is answered.
func addExamples(doc *huma.OpenAPI) error {
	schemas := doc.Components.Schemas.Map()
	bodies := map[string]map[string]any{}
	for name, text := range examples {
		var body map[string]any
		if err := json.Unmarshal([]byte(text), &body); err != nil {
			return fmt.Errorf("example of %s: %w", name, err)
		}
		bodies[name] = body
		schema := schemas[name]
		if schema == nil {
			return fmt.Errorf("example of %s: there is no such schema", name)
		}
		schema.Examples = []any{rowOf(schema, body)}
		if page := schemas["Page"+name]; page != nil {
			page.Examples = []any{map[string]any{"items": schema.Examples, "next_cursor": ""}}
		}
	}
	var problem any
	if err := json.Unmarshal([]byte(problemExample), &problem); err != nil {
		return fmt.Errorf("example of a problem: %w", err)
	}
	schemas["ErrorModel"].Examples = []any{problem}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, op := range operationsOf(doc.Paths[path]) {
			if op.RequestBody == nil {
				continue
			}
			media := op.RequestBody.Content["application/json"]
			if body := bodies[strings.TrimPrefix(media.Schema.Ref, "#/components/schemas/")]; body != nil {
				media.Example = body
			}
		}
	}
	return nil
}

// rowOf is a row as it is answered to a request with the body.
func rowOf(schema *huma.Schema, body map[string]any) map[string]any {
	row := map[string]any{}
	for name, property := range schema.Properties {
		value, sent := body[name]
		made, known := answered[name]
		switch {
		case sent && !property.WriteOnly:
			row[name] = value
		case property.ReadOnly && known:
			row[name] = made
		}
	}
	return row
}
