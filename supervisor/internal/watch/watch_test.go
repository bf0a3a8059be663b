package watch

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// told collects what a Watcher reports.
type told struct {
	certificates, drift chan []string
	fail                chan error // what the callbacks return, nil when empty
}

func start(t *testing.T, change func(*Watcher)) (*Watcher, told) {
	t.Helper()
	heard := told{make(chan []string, 100), make(chan []string, 100), make(chan error, 10)}
	tell := func(to chan []string) func(context.Context, []string) error {
		return func(_ context.Context, paths []string) (err error) {
			select {
			case err = <-heard.fail: // before the test knows, and can put in the next
			default:
			}
			to <- paths
			return err
		}
	}
	w, err := New(Config{
		OnCertificates: tell(heard.certificates),
		OnDrift:        tell(heard.drift),
		Debounce:       20 * time.Millisecond,
		PollInterval:   time.Hour, // events alone must do
		Registerer:     prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(w)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return w, heard
}

func expect(t *testing.T, heard chan []string, want ...string) {
	t.Helper()
	select {
	case got := <-heard:
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("told %v, want %v", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("not told of %v", want)
	}
}

func silent(t *testing.T, heard told) {
	t.Helper()
	select {
	case got := <-heard.certificates:
		t.Fatalf("told of certificates %v", got)
	case got := <-heard.drift:
		t.Fatalf("told of drift %v", got)
	default:
	}
}

// write replaces path in one rename, so that no look sees half of it.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(path+".new", []byte(content), 0o644), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

// link makes path a symlink to target in one rename, as certbot and Kubernetes do.
func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(target, path+".new"), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

// watching returns once the Watcher has its inotify watches: a managed file beside the others drifts and
// that has been told.
func watching(t *testing.T, w *Watcher, heard told, certificates ...string) {
	t.Helper()
	canary := filepath.Join(t.TempDir(), "canary")
	write(t, canary, "x")
	w.Update(certificates, map[string]string{canary: "another"})
	expect(t, heard.drift, canary)
	w.Update(certificates, nil)
	// The look after an Update precedes its watches; a second round comes after them.
	w.Update(certificates, map[string]string{canary: "another"})
	expect(t, heard.drift, canary)
}

func TestCertificateRenewals(t *testing.T) {
	t.Run("rewritten in place", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "cert.pem")
		write(t, path, "old")
		w, heard := start(t, nil)
		watching(t, w, heard, path)
		if err := os.WriteFile(path, []byte("new"), 0o644); err != nil {
			t.Fatal(err)
		}
		expect(t, heard.certificates, path)
	})
	t.Run("certbot: live links to archive", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "live/a/cert.pem")
		write(t, filepath.Join(dir, "archive/a/cert1.pem"), "old")
		link(t, "../../archive/a/cert1.pem", path)
		w, heard := start(t, nil)
		watching(t, w, heard, path)
		write(t, filepath.Join(dir, "archive/a/cert2.pem"), "new")
		link(t, "../../archive/a/cert2.pem", path)
		expect(t, heard.certificates, path)
		write(t, filepath.Join(dir, "archive/a/cert2.pem"), "newer")
		expect(t, heard.certificates, path)
	})
	t.Run("Kubernetes: the directory is a link", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "tls.crt")
		write(t, filepath.Join(dir, "..1/tls.crt"), "old")
		link(t, "..1", filepath.Join(dir, "..data"))
		link(t, "..data/tls.crt", path)
		w, heard := start(t, nil)
		watching(t, w, heard, path)
		write(t, filepath.Join(dir, "..2/tls.crt"), "new")
		link(t, "..2", filepath.Join(dir, "..data"))
		expect(t, heard.certificates, path)
	})
	t.Run("a directory above is a link", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "site/cert.pem")
		write(t, filepath.Join(dir, "v1/cert.pem"), "old")
		write(t, filepath.Join(dir, "v2/cert.pem"), "new")
		link(t, "v1", filepath.Join(dir, "site"))
		w, heard := start(t, nil)
		watching(t, w, heard, path)
		link(t, "v2", filepath.Join(dir, "site"))
		expect(t, heard.certificates, path)
	})
	t.Run("not there yet", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a/b/cert.pem")
		w, heard := start(t, nil)
		watching(t, w, heard, path)
		write(t, path, "new")
		expect(t, heard.certificates, path)
	})
}

func TestSameContentIsNoChange(t *testing.T) {
	dir := t.TempDir()
	touched, removed := filepath.Join(dir, "touched.pem"), filepath.Join(dir, "removed.pem")
	write(t, touched, "same")
	write(t, removed, "same")
	w, heard := start(t, nil)
	watching(t, w, heard, touched, removed)
	write(t, touched, "same")
	if err := os.Remove(removed); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.pem")
	write(t, other, "1")
	w.Update([]string{touched, removed, other}, nil)
	write(t, other, "2")
	// The look that finds other has seen the two as well.
	expect(t, heard.certificates, other)
	silent(t, heard)
}

func TestChangeBetweenUpdatesIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cert.pem")
	write(t, path, "old")
	w, heard := start(t, func(w *Watcher) {
		w.Update([]string{path}, nil)
		write(t, path, "new")
		w.Update([]string{path}, nil)
	})
	_ = w
	expect(t, heard.certificates, path)
}

func TestDriftIsToldOncePerContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.conf")
	write(t, path, "right")
	right, err := digestOf(path)
	if err != nil {
		t.Fatal(err)
	}
	w, heard := start(t, nil)
	watching(t, w, heard)
	w.Update(nil, map[string]string{path: string(right)})
	write(t, path, "edited")
	expect(t, heard.drift, path)
	if got := testutil.ToFloat64(w.metrics.drifted); got != 1 {
		t.Errorf("drifted = %v", got)
	}
	write(t, path+"~", "an editor's copy: another look, the same drift")
	heard.fail <- errors.New("disk full") // the next report fails, and is repeated
	write(t, path, "edited again")
	expect(t, heard.drift, path)
	write(t, path+"~", "another look")
	expect(t, heard.drift, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	expect(t, heard.drift, path)
	silent(t, heard)
}

func TestPollsWithoutInotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cert.pem")
	write(t, path, "old")
	var logged bytes.Buffer
	w, heard := start(t, func(w *Watcher) {
		w.newNotifier = func() (*fsnotify.Watcher, error) { return nil, errors.New("too many open files") }
		w.cfg.PollInterval = 10 * time.Millisecond
		w.log = slog.New(slog.NewTextHandler(&logged, nil))
		w.Update([]string{path}, nil)
	})
	write(t, path, "new")
	expect(t, heard.certificates, path)
	write(t, path, "newer")
	expect(t, heard.certificates, path)
	if got := testutil.ToFloat64(w.metrics.polling); got != 1 {
		t.Errorf("polling = %v", got)
	}
	w.mu.Lock() // orders the reading after the writes of Run's goroutine
	defer w.mu.Unlock()
	if got := strings.Count(logged.String(), "polling instead"); got != 1 {
		t.Errorf("said %d times that it polls:\n%s", got, logged.String())
	}
}

func TestCertificateExpiry(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Unix(2_000_000_000, 0)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path, keyPath := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, keyPath, "no certificate")
	w, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	w.Update([]string{path, keyPath, filepath.Join(dir, "missing.pem")}, nil)
	want := fmt.Sprintf(`
# HELP uhd_certificate_expiry_timestamp_seconds Unix time at which the certificate in this file ends.
# TYPE uhd_certificate_expiry_timestamp_seconds gauge
uhd_certificate_expiry_timestamp_seconds{path=%q} 2e+09
`, path)
	if err := testutil.CollectAndCompare(w.metrics, strings.NewReader(want), "uhd_certificate_expiry_timestamp_seconds"); err != nil {
		t.Error(err)
	}
	if got := w.Certificates(); len(got) != 1 || got[0].Path != path || !got[0].NotAfter.Equal(end) {
		t.Errorf("certificates %v", got)
	}
}

func TestCertificatePaths(t *testing.T) {
	directives, err := nginxconf.Parse([]byte(`
		server { ssl_certificate /b.pem; ssl_certificate_key /b.key; }
		server { ssl_certificate /b.pem; ssl_certificate_key rel/a.key; }
		server { ssl_certificate $ssl_server_name.pem; ssl_certificate_key "engine:x:y"; ssl_certificate data:x; }`))
	if err != nil {
		t.Fatal(err)
	}
	got := CertificatePaths(nginxconf.Servers(directives), "/conf")
	if want := "[/b.key /b.pem /conf/rel/a.key]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
