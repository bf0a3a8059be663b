package render_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// nginxTest runs the real nginx -t on text.
func nginxTest(tb testing.TB, text string) (string, error) {
	tb.Helper()
	dir, err := os.MkdirTemp("", "render") // short: a socket's path has 107 bytes
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	conf, err := prepare(dir, text)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(tb.Context(), "nginx", "-t", "-c", conf).CombinedOutput()
	if err == nil && bytes.Contains(out, []byte("[warn]")) {
		err = errors.New("nginx warns")
	}
	return string(out), err
}

// prepare writes an nginx.conf with text inside the least http{} there is, with the hash sizes of our
// nginx.conf, and returns its path. Listens move to unix sockets in dir, because -t binds them, and
// certificates to one that exists; all else stays.
func prepare(dir, text string) (string, error) {
	ds, err := nginxconf.Parse([]byte(text))
	if err != nil {
		return "", err
	}
	cert, key := certificate()
	var errs []error
	for name, content := range map[string][]byte{"cert.pem": cert, "key.pem": key} {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	nginxconf.Walk(ds, func(d *nginxconf.Directive) {
		if d.Name == "proxy_ssl_trusted_certificate" {
			d.Args[0] = filepath.Join(dir, "cert.pem")
		}
	})
	for _, s := range nginxconf.Servers(ds) {
		for _, l := range s.Listens {
			l.Directive.Args[0] = "unix:" + filepath.Join(dir, strings.Replace(l.Raw, "[::]:", "six", 1))
		}
		for _, d := range s.Directive.Block {
			switch d.Name {
			case "ssl_certificate":
				d.Args[0] = filepath.Join(dir, "cert.pem")
			case "ssl_certificate_key":
				d.Args[0] = filepath.Join(dir, "key.pem")
			}
		}
	}
	var b bytes.Buffer
	b.WriteString("include /etc/nginx/modules-enabled/*.conf;\n")
	fmt.Fprintf(&b, "pid %s/pid;\nerror_log stderr warn;\nevents {}\nhttp {\naccess_log off;\n", dir)
	b.WriteString("server_names_hash_max_size 4096;\nserver_names_hash_bucket_size 512;\n")
	b.Write(nginxconf.Format(ds))
	b.WriteString("}\n")
	conf := filepath.Join(dir, "nginx.conf")
	return conf, errors.Join(append(errs, os.WriteFile(conf, b.Bytes(), 0o600))...)
}

// certificate returns one self-signed pair, as PEM, for all tests.
var certificate = sync.OnceValues(func() (cert, key []byte) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		panic(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
})
