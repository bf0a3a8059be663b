// Package settings is the master's environment: which variables there are and what they take.
package settings

import (
	"crypto/ed25519"
	"crypto/tls"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/preflight"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
	"github.com/uhdadmin/media-gateway/shared/setting"
)

// Settings of `uhd-master serve`. Each variable may come as NAME_FILE, too.
type Settings struct {
	ListenAddr    string `env:"LISTEN_ADDR" envDefault:":8000" takes:"host:port or :port"`
	MetricsAddr   string `env:"METRICS_ADDR" envDefault:":9146" takes:"host:port or :port"`
	AdminUsername string `env:"ADMIN_USERNAME" envDefault:"admin" takes:"the name of the first admin"`
	AdminPassword string `env:"ADMIN_PASSWORD" takes:"the first admin's password, 8 to 256 characters"` // "": a random one
	TLSCertFile   string `env:"TLS_CERT_FILE" takes:"the path of a PEM certificate, together with TLS_KEY_FILE"`
	TLSKeyFile    string `env:"TLS_KEY_FILE" takes:"the path of a PEM key, together with TLS_CERT_FILE"`
	SigningKeyB64 string `env:"SIGNING_KEY" takes:"an Ed25519 seed: 32 bytes, base64; or several separated by commas, which all sign while keys are changed"`
	PublicURLText string `env:"PUBLIC_URL" takes:"the master's URL as slaves and browsers see it, as in https://master.example.com"`
	StartingSet   bool   `env:"STARTING_SET" envDefault:"true" takes:"true or false: whether a new database gets the usual players and rules"`
	NginxBin      string `env:"NGINX_BIN" takes:"an nginx with the Lua module, for preflights; openresty or nginx on PATH when unset"`
	PreflightText string `env:"PREFLIGHT" envDefault:"auto" takes:"auto (publishes are tested where there is an nginx), require (without a test nothing is published) or off"`
	Database
	telemetry.Retention
	Limits

	// AuditKept is for how long entries of the audit log are kept; 0 is for ever.
	AuditKept time.Duration `env:"RETENTION_AUDIT" envDefault:"730d" takes:"how long entries of the audit log are kept, as in 730d; 0: for ever"`

	SigningKeys []ed25519.PrivateKey `env:"-"` // none: configurations are not signed
	PublicURL   *url.URL             `env:"-"` // nil: not known
	Preflight   preflight.Mode       `env:"-"`
}

// Database is what the commands that only use the database need.
type Database struct {
	DatabaseURL string `env:"DATABASE_URL" envDefault:"sqlite://./data/master.db" takes:"sqlite://PATH or postgres://USER:PASSWORD@HOST:5432/DATABASE"`
	LogLevel    string `env:"LOG_LEVEL" envDefault:"info" takes:"debug, info, warn or error"`
	LogFormat   string `env:"LOG_FORMAT" envDefault:"text" takes:"text or json"`
}

// Load reads the settings from environ, as os.Environ gives it. A bad or missing variable is a
// *setting.Error.
func Load(environ []string) (Settings, error) {
	s, err := setting.Load[Settings](environ)
	if err != nil {
		return s, err
	}
	if s.Database, err = LoadDatabase(environ); err != nil {
		return s, err
	}
	for _, check := range []func() error{s.checkAddrs, s.checkAdmin, s.checkTLS, s.checkPreflight, s.loadSigningKey, s.loadPublicURL, s.checkLimits} {
		if err := check(); err != nil {
			return s, err
		}
	}
	return s, nil
}

// LoadDatabase reads only what Database holds.
func LoadDatabase(environ []string) (Database, error) {
	d, err := setting.Load[Database](environ)
	if err != nil {
		return d, err
	}
	return d, store.CheckURL(d.DatabaseURL)
}

func (s *Settings) checkAddrs() error {
	for name, addr := range map[string]string{"LISTEN_ADDR": s.ListenAddr, "METRICS_ADDR": s.MetricsAddr} {
		if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
			return bad(name, `is "`+addr+`"`, "host:port or :port")
		}
	}
	return nil
}

func (s *Settings) checkAdmin() error {
	first := account.User{Username: s.AdminUsername, Role: account.Admin}
	if err := first.Validate(); err != nil {
		return bad("ADMIN_USERNAME", "cannot be a user name ("+err.Error()+")", "the name of the first admin")
	}
	if s.AdminPassword != "" && account.CheckPassword(s.AdminPassword) != nil {
		return bad("ADMIN_PASSWORD", "is too short or too long", "8 to 256 characters")
	}
	return nil
}

func (s *Settings) checkTLS() error {
	if !s.TLS() && s.TLSKeyFile == "" {
		return nil
	}
	if s.TLSKeyFile == "" {
		return bad("TLS_KEY_FILE", "is required with TLS_CERT_FILE", "the path of a PEM key")
	}
	if s.TLSCertFile == "" {
		return bad("TLS_CERT_FILE", "is required with TLS_KEY_FILE", "the path of a PEM certificate")
	}
	if _, err := tls.LoadX509KeyPair(s.TLSCertFile, s.TLSKeyFile); err != nil {
		return bad("TLS_CERT_FILE", "with TLS_KEY_FILE cannot be used ("+err.Error()+")", "the paths of a PEM certificate and its key")
	}
	return nil
}

func (s *Settings) checkPreflight() error {
	if s.Preflight = preflight.Mode(s.PreflightText); !slices.Contains(preflight.Modes, s.Preflight) {
		return bad("PREFLIGHT", `is "`+s.PreflightText+`"`, "auto, require or off")
	}
	return nil
}

func (s *Settings) loadSigningKey() error {
	keys, err := publish.SigningKeys(s.SigningKeyB64)
	if err != nil { // its value stays out of the message
		return bad("SIGNING_KEY", "is no key", "an Ed25519 seed: 32 bytes, base64, as from `openssl rand -base64 32`; or several separated by commas")
	}
	s.SigningKeys = keys
	return nil
}

func (s *Settings) loadPublicURL() error {
	if s.PublicURLText == "" {
		return nil
	}
	u, err := url.Parse(s.PublicURLText)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return bad("PUBLIC_URL", `is "`+s.PublicURLText+`"`, "a URL without a path, as in https://master.example.com")
	}
	s.PublicURL = u
	return nil
}

// TLS reports whether the master itself speaks HTTPS.
func (s *Settings) TLS() bool { return s.TLSCertFile != "" }

// Secure reports whether browsers reach the master by HTTPS.
func (s *Settings) Secure() bool {
	return s.TLS() || s.PublicURL != nil && s.PublicURL.Scheme == "https"
}

func bad(name, problem, takes string) error {
	return &setting.Error{Name: name, Problem: problem, Takes: takes}
}
