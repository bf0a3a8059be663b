package settings_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/supervisor/internal/redisconn"
	"github.com/uhdadmin/media-gateway/supervisor/internal/settings"
)

func TestLoad(t *testing.T) {
	s, err := settings.Load([]string{"APP_TOKEN=uhd_x", "UHDADMIN_URL=https://m.example.com/", "CONFIG_PULL_INTERVAL=5", "NGINX_BIN=/bin/sh"})
	if err != nil {
		t.Fatal(err)
	}
	if s.APIBase != "https://m.example.com" || s.PullInterval != 5*time.Second || s.Root != "/opt/slave" || s.DrainTimeout != time.Minute {
		t.Errorf("got %+v", s)
	}
}

func TestLoadNamesTheVariable(t *testing.T) {
	good := []string{"APP_TOKEN=uhd_x", "API_BASE=http://m:8000", "NGINX_BIN=/bin/sh"}
	for setting, want := range map[string]string{
		"APP_TOKEN=":             "APP_TOKEN is required: it takes the slave's token, uhd_…, as the master showed it when it was made",
		"APP_TOKEN=uhd_x y":      "APP_TOKEN holds a space or a character that no header carries: it takes the slave's token, uhd_…, and nothing else",
		"API_BASE=":              "API_BASE is required: it takes the master's URL, as in https://master.example.com:8000",
		"API_BASE=m:8000":        "API_BASE is no http or https URL: it takes the master's URL, as in https://master.example.com:8000",
		"CONFIG_PULL_INTERVAL=0": "CONFIG_PULL_INTERVAL is 0: it takes more than 0 seconds",
		"DRAIN_TIMEOUT=soon":     `DRAIN_TIMEOUT is "soon": it takes how long streams may go on after a stop: seconds, or a duration as in 60s`,
		"NGINX_BIN=/nowhere":     "NGINX_BIN is no program that can be run, and neither openresty nor nginx is on PATH: it takes the path of an nginx with the Lua module",
		"CONFIG_PUBLIC_KEY=abc":  "CONFIG_PUBLIC_KEY is no Ed25519 public key: it takes base64 of 32 bytes, or several separated by commas",
		"CONFIG_PUBLIC_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,abc": "CONFIG_PUBLIC_KEY is no Ed25519 public key: it takes base64 of 32 bytes, or several separated by commas",
		"NGINX_USER=no such":    `NGINX_USER is "no such", no user of this system: it takes the name of one, as in www-data`,
		"NGINX_USER=nobody;":    `NGINX_USER is "nobody;", no user of this system: it takes the name of one, as in www-data`,
		"SPOOL_MAX_BYTES=1":     "SPOOL_MAX_BYTES is 1: it takes 1048576 or more",
		"QUOTA_SYNC_INTERVAL=0": "QUOTA_SYNC_INTERVAL is 0: it takes more than 0 seconds",
		"USAGE_TIMEZONE=Mars":   `USAGE_TIMEZONE is "Mars", no zone that is known here: it takes an IANA name, as in Asia/Shanghai`,
		"REDIS_URL=http://a":    "REDIS_URL has the scheme http: it takes " + redisconn.Takes,
		"DRIFT_POLICY=ignore":   `DRIFT_POLICY is "ignore": it takes restore or keep`,
	} {
		t.Run(setting, func(t *testing.T) {
			name, _, _ := strings.Cut(setting, "=")
			environ := slices.DeleteFunc(slices.Clone(good), func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
			_, err := settings.Load(append(environ, setting))
			if err == nil || err.Error() != want {
				t.Errorf("error = %v, want %s", err, want)
			}
		})
	}
}

func TestRedis(t *testing.T) {
	for environ, want := range map[string]string{
		"":                              "",
		"REDIS_HOST=redis":              "redis:6379",
		"REDIS_HOST=redis REDIS_PORT=1": "redis:1",
		"REDIS_HOST=redis REDIS_URL=redis://other": "other:6379",
	} {
		s, err := settings.Load(append(strings.Fields(environ), "APP_TOKEN=uhd_x", "API_BASE=http://m:8000", "NGINX_BIN=/bin/sh"))
		if err != nil {
			t.Fatal(err)
		}
		options, err := s.Redis()
		if err != nil {
			t.Fatal(err)
		}
		if got := options; got == nil && want != "" || got != nil && !slices.Equal(got.Addrs, []string{want}) {
			t.Errorf("%q: %+v, want %s", environ, got, want)
		}
	}
	if _, err := settings.Load([]string{"REDIS_HOST=a", "REDIS_PORT=0", "APP_TOKEN=uhd_x", "API_BASE=http://m:8000", "NGINX_BIN=/bin/sh"}); err == nil {
		t.Error("port 0 was taken")
	}
}

func TestMediaServers(t *testing.T) {
	for environ, want := range map[string]map[string]settings.MediaServer{
		"":                               {},
		"EMBY_SERVER_URL=http://m:8096/": {"": {URL: "http://m:8096"}},
		"EMBY_SERVER_URL=http://m/emby EMBY_API_KEY=k":                          {"": {URL: "http://m/emby", Key: "k"}},
		"EMBY_SERVER_URL=1=http://a:1,2=https://b/ EMBY_API_KEY=2=k":            {"1": {URL: "http://a:1"}, "2": {URL: "https://b", Key: "k"}},
		"EMBY_SERVER_URL=media.example=http://a:1 EMBY_API_KEY=media.example=k": {"media.example": {URL: "http://a:1", Key: "k"}},
	} {
		s, err := settings.Load(append(strings.Fields(environ), "APP_TOKEN=uhd_x", "API_BASE=http://m:8000", "NGINX_BIN=/bin/sh"))
		if err != nil {
			t.Errorf("%q: %v", environ, err)
			continue
		}
		if got, err := s.MediaServers(); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", environ, got, err, want)
		}
	}
	for _, environ := range []string{
		"EMBY_SERVER_URL=m:8096", "EMBY_SERVER_URL=http://a,http://b", "EMBY_SERVER_URL=http://a?x=1", "EMBY_SERVER_URL=1=http://a,1=http://b",
		"EMBY_SERVER_URL=1=http://a,=http://b", "EMBY_API_KEY=k", "EMBY_SERVER_URL=1=http://a EMBY_API_KEY=k", "EMBY_SERVER_URL=http://a EMBY_API_KEY=k\u00e4",
		"EMBY_SERVER_URL=1=http://a EMBY_API_KEY=2=k",
	} {
		s, err := settings.Load(append(strings.Fields(environ), "APP_TOKEN=uhd_x", "API_BASE=http://m:8000", "NGINX_BIN=/bin/sh"))
		if err == nil || !strings.HasPrefix(err.Error(), "EMBY_") {
			t.Errorf("%q was taken: %+v, %v", environ, s, err)
		}
	}
}
