package agent_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/supervisor/internal/agent"
)

func TestDriftIsRestored(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	cfg := m.publish(t, s.config("", ""))
	m.requireApplied(t, cfg)
	edit(t, filepath.Join(s.root, "conf/server.conf"), "# edited by hand\n")
	s.agent.FilesChanged()
	eventually(t, "the restored file", func() bool { return s.conf(t, "server.conf") == cfg.RenderedNginx })
}

// TestRestoreIsRetried: an edit that cannot be undone at once is undone later, without being told again.
func TestRestoreIsRetried(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	cfg := m.publish(t, s.config("", ""))
	m.requireApplied(t, cfg)
	edit(t, filepath.Join(s.root, "conf/server.conf"), "# edited by hand\n")
	undo := immutable(t, filepath.Join(s.root, "releases", cfg.ConfigHash))
	s.agent.FilesChanged()
	eventually(t, "the log line", func() bool { return strings.Contains(s.log.String(), "cannot be restored yet") })
	undo()
	eventually(t, "the restored file", func() bool { return s.conf(t, "server.conf") == cfg.RenderedNginx })
}

// TestDriftIsKept, and taken at the next boot, as long as nginx -t passes.
func TestDriftIsKept(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.change = func(cfg *agent.Config) { cfg.KeepDrift = true }
	s.start(t, m)
	cfg := m.publish(t, s.config("", ""))
	m.requireApplied(t, cfg)
	edited := cfg.RenderedNginx + "# edited by hand\n"
	edit(t, filepath.Join(s.root, "conf/server.conf"), edited)
	s.agent.FilesChanged()
	eventually(t, "the warning", func() bool { return strings.Contains(s.log.String(), "edited and are kept") })
	s.stop()
	s.start(t, m)
	if got := s.conf(t, "server.conf"); got != edited {
		t.Error("the edit did not survive the boot")
	}
	s.stop()
	edit(t, filepath.Join(s.root, "conf/server.conf"), "nonsense;\n")
	s.start(t, m)
	if got := s.conf(t, "server.conf"); got != cfg.RenderedNginx {
		t.Error("an edit that nginx refuses survived the boot")
	}
}

func TestCertificatesAreRenewed(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	certificate(t, s.root, 1)
	s.start(t, m)
	tlsPort := freePort(t)
	m.requireApplied(t, m.publish(t, s.config("", fmt.Sprintf(
		"listen 127.0.0.1:%d ssl; ssl_certificate %[2]s/cert.pem; ssl_certificate_key %[2]s/key.pem;", tlsPort, s.root))))
	address := fmt.Sprintf("127.0.0.1:%d", tlsPort)
	if got := serial(address); got != 1 {
		t.Fatalf("certificate %d, want 1", got)
	}
	certificate(t, s.root, 2)
	s.agent.CertificatesChanged()
	eventually(t, "the new certificate", func() bool { return serial(address) == 2 })

	edit(t, filepath.Join(s.root, "cert.pem"), "half a renewal")
	s.agent.CertificatesChanged()
	eventually(t, "the log line", func() bool {
		return strings.Contains(s.log.String(), "Nginx reload failed: new certificates not taken: nginx -t")
	})
	if got := serial(address); got != 2 {
		t.Errorf("certificate %d, want the last good one", got)
	}
}

// TestBootFallsBack: the newest proven release cannot be served, so the one before it is, and the
// newest again when that is possible, with no master to ask.
func TestBootFallsBack(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	one := m.publish(t, s.config("# one\n", ""))
	m.requireApplied(t, one)
	file := filepath.Join(s.root, "included.conf")
	edit(t, file, "# there\n")
	two := m.publish(t, s.config("# two\n", "include "+file+";"))
	m.requireApplied(t, two)
	s.stop()
	m.Close()

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s.start(t, m)
	if !strings.HasPrefix(s.conf(t, "server.conf"), "# one\n") {
		t.Error("the release before is not served")
	}
	if got := s.status("/Items"); got != http.StatusOK {
		t.Errorf("after falling back: %d", got)
	}
	edit(t, file, "# there again\n")
	eventually(t, "the newest release", func() bool {
		return s.agent.Status(t.Context()).Release.Version == two.Version
	})
	requireServes(t, s, two)
}

// TestUnprovenIsNotServed: a release that was committed when the supervisor was killed is not served by
// the next one.
func TestUnprovenIsNotServed(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	one := m.publish(t, s.config("# one\n", ""))
	m.requireApplied(t, one)
	s.stop()
	m.Close()
	stray := filepath.Join(s.root, "releases", "stray")
	if out, err := exec.Command("cp", "-r", filepath.Join(s.root, "releases", one.ConfigHash), stray).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Remove(filepath.Join(s.root, "conf")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("releases/stray", filepath.Join(s.root, "conf")); err != nil {
		t.Fatal(err)
	}
	s.start(t, m)
	requireServes(t, s, one)
}

func edit(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// certificate writes cert.pem and key.pem, self-signed, with this serial number.
func certificate(t *testing.T, dir string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"emby1.test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	edit(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// serial returns the serial number of the certificate at address; 0 when there is none.
func serial(address string) int64 {
	conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: "emby1.test", InsecureSkipVerify: true})
	if err != nil {
		return 0
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// immutable keeps even root from making files in dir.
func immutable(t *testing.T, dir string) (undo func()) {
	t.Helper()
	if out, err := exec.Command("chattr", "+i", dir).CombinedOutput(); err != nil {
		t.Skipf("chattr: %v: %s", err, out)
	}
	undo = sync.OnceFunc(func() { _ = exec.Command("chattr", "-i", dir).Run() })
	t.Cleanup(undo)
	return undo
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return data
}

func mustUnmarshal(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Error(err)
	}
}
