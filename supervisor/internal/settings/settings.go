// Package settings is the supervisor's environment. The tags and comments of Settings are its manual.
package settings

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/url"
	"os/exec"
	"os/user"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uhdadmin/media-gateway/shared/setting"
)

// Settings of a slave.
type Settings struct {
	AppToken string `env:"APP_TOKEN,required" takes:"the slave's token, uhd_…, as the master showed it when it was made"`
	APIBase  string `env:"API_BASE" takes:"the master's URL, as in https://master.example.com:8000"`
	APIAlias string `env:"UHDADMIN_URL" takes:"the same as API_BASE, which it is the older name of"`

	PullInterval      time.Duration `env:"CONFIG_PULL_INTERVAL" envDefault:"30s" takes:"the time between polls of a master that does not let them wait: seconds, or a duration as in 30s"`
	HeartbeatInterval time.Duration `env:"HEARTBEAT_INTERVAL" envDefault:"60s" takes:"the time between two signs of life to the master: seconds, or a duration as in 60s"`

	TelemetryInterval time.Duration `env:"TELEMETRY_FLUSH_INTERVAL" envDefault:"60s" takes:"how long telemetry waits for a full batch of 1,000 rows before it is sent: seconds, or a duration as in 60s"`
	QuotaSyncInterval time.Duration `env:"QUOTA_SYNC_INTERVAL" envDefault:"300s" takes:"the time between two exchanges of usage and quotas with the master: seconds, or a duration as in 5m"`
	SessionInterval   time.Duration `env:"SESSION_HEARTBEAT_INTERVAL" envDefault:"30s" takes:"the time between two lists of live sessions to the master: seconds, or a duration as in 30s"`
	UsageTimezone     string        `env:"USAGE_TIMEZONE" envDefault:"UTC" takes:"the IANA name of the zone whose days, weeks and months quotas go by, as in Asia/Shanghai"`

	RedisURL      string `env:"REDIS_URL" takes:"where Redis is, beyond what REDIS_HOST says, which it replaces: redis://…, rediss://…, redis+sentinel://… or redis+cluster://…"`
	RedisHost     string `env:"REDIS_HOST" takes:"the host that Redis runs on; counters and bindings of tokens are kept on the slave's disk alone when it and REDIS_URL are unset"`
	RedisPort     int    `env:"REDIS_PORT" envDefault:"6379" takes:"Redis's port, 1 to 65535"`
	RedisDB       int    `env:"REDIS_DB" envDefault:"0" takes:"the number of Redis's database, from 0"`
	RedisPassword string `env:"REDIS_PASSWORD" takes:"Redis's password"`

	MediaServerURL  string        `env:"EMBY_SERVER_URL" takes:"the media server's URL as this host reaches it, to ask whose unknown tokens are and to stop kicked playbacks; on a host with several of them server id=URL for each, separated by commas"`
	MediaServerKey  string        `env:"EMBY_API_KEY" takes:"an API key of the media server, to stop playbacks and, at Emby, to resolve tokens; server id=key for each of several, separated by commas"`
	ResolveInterval time.Duration `env:"TOKEN_RESOLVE_INTERVAL" envDefault:"30s" takes:"the least time between two questions to the media server about one unknown token: seconds, or a duration as in 30s"`

	Root              string        `env:"SLAVE_ROOT" envDefault:"/opt/slave" takes:"a folder for everything the slave keeps"`
	LuaDir            string        `env:"LUA_DIR" takes:"a Lua tree to install instead of the built-in one, for debugging"`
	NginxBin          string        `env:"NGINX_BIN" takes:"an nginx with the Lua module; openresty or nginx on PATH when unset"`
	NginxUser         string        `env:"NGINX_USER" takes:"the user that nginx's workers run as when root starts the supervisor; nginx's own default when unset"`
	PlaceholderListen string        `env:"PLACEHOLDER_LISTEN" envDefault:"80" takes:"the port that answers 503 until the first configuration, or address:port"`
	DrainTimeout      time.Duration `env:"DRAIN_TIMEOUT" envDefault:"60s" takes:"how long streams may go on after a stop: seconds, or a duration as in 60s"`
	ReloadMinInterval time.Duration `env:"RELOAD_MIN_INTERVAL" envDefault:"10s" takes:"the least time between two reloads of nginx: seconds, or a duration as in 10s"`

	SpoolMaxBytes     int64 `env:"SPOOL_MAX_BYTES" envDefault:"1073741824" takes:"how many bytes of logs may wait under SLAVE_ROOT/spool for the master, at least 1048576; the oldest are dropped beyond that"`
	SpoolSegmentBytes int64 `env:"SPOOL_SEGMENT_BYTES" envDefault:"67108864" takes:"at how many bytes a log is rotated, at least 65536; an eighth of SPOOL_MAX_BYTES where that is less"`

	PublicKeyText string `env:"CONFIG_PUBLIC_KEY" takes:"the master's Ed25519 public key, base64 of 32 bytes, or several separated by commas, of which one must have signed; unsigned configurations are refused then"`
	DriftPolicy   string `env:"DRIFT_POLICY" envDefault:"restore" takes:"restore (undo edits of managed files) or keep"`

	MetricsAddr string `env:"METRICS_ADDR" envDefault:":9145" takes:"address:port for /metrics, /healthz, /readyz and /status"`
	LogLevel    string `env:"LOG_LEVEL" envDefault:"info" takes:"debug, info, warn or error"`
	LogFormat   string `env:"LOG_FORMAT" envDefault:"text" takes:"text or json"`

	PublicKeys []ed25519.PublicKey `env:"-"` // of CONFIG_PUBLIC_KEY
}

// The values of DRIFT_POLICY.
const (
	DriftRestore = "restore"
	DriftKeep    = "keep"
)

// userName is what useradd(8) takes, all of which nginx's configuration takes unquoted.
var userName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// Manual lists all variables; see setting.Manual.
func Manual() string { return setting.Manual[Settings]() }

// Load reads the settings from environ, as os.Environ gives it. A bad or missing one is a
// *setting.Error.
func Load(environ []string) (Settings, error) {
	s, err := setting.Load[Settings](environ)
	if err != nil {
		return s, err
	}
	if s.APIBase == "" {
		s.APIBase = s.APIAlias
	}
	s.APIBase = strings.TrimRight(s.APIBase, "/")
	if s.NginxBin == "" {
		s.NginxBin = findNginx()
	}
	err = s.check()
	return s, err
}

// findNginx returns the first of openresty and nginx on PATH, "" when there is neither.
func findNginx() string {
	for _, name := range []string{"openresty", "nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func (s *Settings) check() error {
	if strings.ContainsFunc(s.AppToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return wrong("APP_TOKEN", "holds a space or a character that no header carries", "the slave's token, uhd_…, and nothing else")
	}
	if s.APIBase == "" {
		return wrong("API_BASE", "is required", "the master's URL, as in https://master.example.com:8000")
	}
	if u, err := url.Parse(s.APIBase); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return wrong("API_BASE", "is no http or https URL", "the master's URL, as in https://master.example.com:8000")
	}
	for name, d := range map[string]time.Duration{
		"CONFIG_PULL_INTERVAL": s.PullInterval, "HEARTBEAT_INTERVAL": s.HeartbeatInterval, "QUOTA_SYNC_INTERVAL": s.QuotaSyncInterval,
		"TELEMETRY_FLUSH_INTERVAL": s.TelemetryInterval, "SESSION_HEARTBEAT_INTERVAL": s.SessionInterval, "TOKEN_RESOLVE_INTERVAL": s.ResolveInterval,
	} {
		if d <= 0 {
			return wrong(name, "is 0", "more than 0 seconds")
		}
	}
	if path, err := exec.LookPath(s.NginxBin); err != nil || path == "" {
		return wrong("NGINX_BIN", "is no program that can be run, and neither openresty nor nginx is on PATH", "the path of an nginx with the Lua module")
	}
	if s.NginxUser != "" {
		if _, err := user.Lookup(s.NginxUser); err != nil || !userName.MatchString(s.NginxUser) {
			return wrong("NGINX_USER", "is \""+s.NginxUser+"\", no user of this system", "the name of one, as in www-data")
		}
	}
	if s.SpoolMaxBytes < 1<<20 {
		return wrong("SPOOL_MAX_BYTES", "is "+strconv.FormatInt(s.SpoolMaxBytes, 10), "1048576 or more")
	}
	if s.SpoolSegmentBytes < 64<<10 {
		return wrong("SPOOL_SEGMENT_BYTES", "is "+strconv.FormatInt(s.SpoolSegmentBytes, 10), "65536 or more")
	}
	if _, err := time.LoadLocation(s.UsageTimezone); err != nil {
		return wrong("USAGE_TIMEZONE", "is \""+s.UsageTimezone+"\", no zone that is known here", "an IANA name, as in Asia/Shanghai")
	}
	if _, err := s.Redis(); err != nil {
		return err
	}
	if _, err := s.MediaServers(); err != nil {
		return err
	}
	var err error
	if s.PublicKeys, err = publicKeys(s.PublicKeyText); err != nil {
		return err
	}
	if !slices.Contains([]string{DriftRestore, DriftKeep}, s.DriftPolicy) {
		return wrong("DRIFT_POLICY", "is \""+s.DriftPolicy+"\"", "restore or keep")
	}
	return nil
}

// publicKeys reads CONFIG_PUBLIC_KEY.
func publicKeys(text string) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for one := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r <= ' ' }) {
		key, err := base64.StdEncoding.DecodeString(one)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, wrong("CONFIG_PUBLIC_KEY", "is no Ed25519 public key", "base64 of 32 bytes, or several separated by commas")
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func wrong(name, problem, takes string) error {
	return &setting.Error{Name: name, Problem: problem, Takes: takes}
}
