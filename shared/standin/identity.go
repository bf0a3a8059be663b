package standin

import (
	"net/http"
	"net/url"
	"strings"
)

// identity is what a request says about its client.
type identity struct {
	client, version, device, deviceID, token string
}

// identityOf reads the Authorization header as Jellyfin does, and Emby's query parameters.
func identityOf(r *http.Request) identity {
	header := r.Header.Get("Authorization")
	if header == "" {
		header = r.Header.Get("X-Emby-Authorization")
	}
	parts := map[string]string{}
	scheme, rest, _ := strings.Cut(header, " ")
	if strings.EqualFold(scheme, "MediaBrowser") || strings.EqualFold(scheme, "Emby") {
		parts = partsOf(rest)
	}
	query := map[string]string{}
	for name, values := range r.URL.Query() {
		query[strings.ToLower(name)] = values[0]
	}
	return identity{
		client:   first(parts["Client"], query["x-emby-client"]),
		version:  first(parts["Version"], query["x-emby-client-version"]),
		device:   first(parts["Device"], query["x-emby-device-name"]),
		deviceID: first(parts["DeviceId"], query["x-emby-device-id"], query["deviceid"]),
		token: first(parts["Token"], r.Header.Get("X-Emby-Token"), r.Header.Get("X-MediaBrowser-Token"),
			query["apikey"], query["api_key"], query["x-emby-token"]),
	}
}

// partsOf splits Key="value", Key=value; commas and equals signs inside quotes are data.
func partsOf(text string) map[string]string {
	parts := map[string]string{}
	quoted := false
	for _, field := range strings.FieldsFunc(text, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ',' && !quoted
	}) {
		key, value, _ := strings.Cut(field, "=")
		value = strings.Trim(value, `"`)
		if decoded, err := url.QueryUnescape(value); err == nil {
			value = decoded
		}
		parts[strings.TrimSpace(key)] = value
	}
	return parts
}

func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
