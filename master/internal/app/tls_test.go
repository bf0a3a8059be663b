package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestTLSRenewal: a renewed certificate serves without a restart; half a renewal changes nothing.
func TestTLSRenewal(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert, key := selfSigned(t, 1)
	writeFile(t, certFile, cert)
	writeFile(t, keyFile, key)
	m := startMaster(t, "TLS_CERT_FILE="+certFile, "TLS_KEY_FILE="+keyFile)
	serial := func() int64 {
		c := m.anonymous(t) // a new connection
		return c.do(t, "GET", "/healthz", nil).TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Fatalf("certificate %d serves at the start", got)
	}
	cert, key = selfSigned(t, 2)
	writeFile(t, certFile, cert)
	if got := serial(); got != 1 {
		t.Errorf("certificate %d serves without its key", got)
	}
	writeFile(t, keyFile, key)
	if got := serial(); got != 2 {
		t.Errorf("certificate %d serves after the renewal", got)
	}
	login := m.anonymous(t).do(t, "POST", "/api/v1/admin/auth/login", map[string]string{"username": "root", "password": adminPassword})
	login.want(t, http.StatusOK)
	if cookies := login.Cookies(); len(cookies) != 1 || !cookies[0].Secure {
		t.Errorf("the login sets %v", cookies)
	}
}

func selfSigned(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// writeFile replaces a file's content; its modification time differs from that of all before.
func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	before, _ := os.Stat(path)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if before != nil {
		later := before.ModTime().Add(time.Second)
		if err := os.Chtimes(path, later, later); err != nil {
			t.Fatal(err)
		}
	}
}
