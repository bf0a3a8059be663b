package setting_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/setting"
)

type settings struct {
	Token    string        `env:"TOKEN,required" takes:"the slave's token"`
	Interval time.Duration `env:"INTERVAL" envDefault:"30s" takes:"seconds, or a duration as in 1m30s"`
	DB       int           `env:"DB" envDefault:"0" takes:"a whole number"`
}

func TestLoad(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		environ []string
		want    settings
		err     string
	}{
		"defaults":        {[]string{"TOKEN=t"}, settings{"t", 30 * time.Second, 0}, ""},
		"plain seconds":   {[]string{"TOKEN=t", "INTERVAL=45"}, settings{"t", 45 * time.Second, 0}, ""},
		"fraction":        {[]string{"TOKEN=t", "INTERVAL=0.5"}, settings{"t", 500 * time.Millisecond, 0}, ""},
		"duration":        {[]string{"TOKEN=t", "INTERVAL=1m30s"}, settings{"t", 90 * time.Second, 0}, ""},
		"days":            {[]string{"TOKEN=t", "INTERVAL=1.5d"}, settings{"t", 36 * time.Hour, 0}, ""},
		"bad days":        {[]string{"TOKEN=t", "INTERVAL=-1d"}, settings{}, `INTERVAL is "-1d": it takes seconds, or a duration as in 1m30s`},
		"empty is unset":  {[]string{"TOKEN=t", "INTERVAL=", "DB="}, settings{"t", 30 * time.Second, 0}, ""},
		"from a file":     {[]string{"TOKEN_FILE=" + secret}, settings{"from-file", 30 * time.Second, 0}, ""},
		"missing":         {nil, settings{}, "TOKEN is required: it takes the slave's token"},
		"bad number":      {[]string{"TOKEN=t", "DB=x"}, settings{}, `DB is "x": it takes a whole number`},
		"bad duration":    {[]string{"TOKEN=t", "INTERVAL=soon"}, settings{}, `INTERVAL is "soon": it takes seconds, or a duration as in 1m30s`},
		"negative":        {[]string{"TOKEN=t", "INTERVAL=-5"}, settings{}, `INTERVAL is "-5": it takes seconds, or a duration as in 1m30s`},
		"both":            {[]string{"TOKEN=t", "TOKEN_FILE=" + secret}, settings{}, "TOKEN_FILE and TOKEN are both set: it takes one of the two"},
		"unreadable file": {[]string{"TOKEN_FILE=/nonexistent"}, settings{}, "TOKEN_FILE cannot be read (open /nonexistent: no such file or directory): it takes the path of a readable file"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := setting.Load[settings](tt.environ)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Fatalf("error = %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Fatalf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

// TestEmbedded: the fields of an embedded struct are settings like the others.
func TestEmbedded(t *testing.T) {
	type outer struct {
		Name string `env:"NAME"`
		Keep
	}
	got, err := setting.Load[outer]([]string{"NAME=n", "KEEP=2d"})
	if err != nil || got.Keep.Keep != 48*time.Hour {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err = setting.Load[outer]([]string{"KEEP=x"}); err == nil || err.Error() != `KEEP is "x": it takes how long` {
		t.Errorf("%v", err)
	}
}

// Keep is embedded.
type Keep struct {
	Keep time.Duration `env:"KEEP" takes:"how long"`
}
