package settings

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/setting"
)

func TestLoadDefaults(t *testing.T) {
	s, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.ListenAddr != ":8000" || s.MetricsAddr != ":9146" || s.DatabaseURL != "sqlite://./data/master.db" ||
		s.AccessLogs != 30*24*time.Hour || s.LogLevel != "info" || s.LogFormat != "text" || s.TLS() || s.SigningKeys != nil || s.Preflight != "auto" || s.PublicURL != nil {
		t.Errorf("defaults are %+v", s)
	}
}

func TestLoadNamesTheVariable(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "none.pem")
	for _, environ := range []string{
		"LISTEN_ADDR=8000",
		"RETENTION_ACCESS_LOGS=a month",
		"METRICS_ADDR=nonsense",
		"ADMIN_PASSWORD=short",
		"ADMIN_USERNAME=two\nlines",
		"TLS_CERT_FILE=" + nowhere,
		"TLS_KEY_FILE=" + nowhere,
		"SIGNING_KEY=c2hvcnQ=",
		"SIGNING_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,c2hvcnQ=",
		"PREFLIGHT=maybe",
		"SIGNING_KEY_FILE=" + nowhere,
		"DATABASE_URL=postgres://master:secret@db:port/master",
		"DATABASE_URL=sqlite://",
		"PUBLIC_URL=master.example.com",
		"PUBLIC_URL=https://master.example.com/path",
		"MAX_CONNECTIONS=9",
		"MAX_CONFIG_REQUESTS=many",
		"MAX_TELEMETRY_REQUESTS=-1",
		"MAX_LOGINS=-2",
	} {
		_, err := Load([]string{environ})
		bad, ok := errors.AsType[*setting.Error](err)
		if !ok {
			t.Errorf("%s gives %v, want a *setting.Error", environ, err)
			continue
		}
		name, _, _ := strings.Cut(environ, "=")
		if !strings.Contains(err.Error(), name) || bad.Takes == "" || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s gives %q: want one line with the name and what it takes", environ, err)
		}
	}
}

func TestLoadSigningKeyAndPublicURL(t *testing.T) {
	s, err := Load([]string{
		"SIGNING_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"PUBLIC_URL=https://master.example.com/",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.SigningKeys) != 1 || s.PublicURL.Host != "master.example.com" || !s.Secure() {
		t.Errorf("%d keys, URL %v, secure %v", len(s.SigningKeys), s.PublicURL, s.Secure())
	}
}

func TestDatabaseURLFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(path, []byte("sqlite:///var/lib/master.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load([]string{"DATABASE_URL_FILE=" + path})
	if err != nil || s.DatabaseURL != "sqlite:///var/lib/master.db" {
		t.Errorf("DATABASE_URL is %q, %v", s.DatabaseURL, err)
	}
}
