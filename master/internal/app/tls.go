package app

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// tlsConfig serves the certificate that the two files hold at the moment of each handshake, so that a
// renewal needs no restart. While they do not fit together, the last good pair serves.
func tlsConfig(certFile, keyFile string, log *slog.Logger) *tls.Config {
	c := &certificate{files: [2]string{certFile, keyFile}, log: log}
	return &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12}
}

type certificate struct {
	files [2]string // certificate, key
	log   *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	loaded [2]time.Time // modification times of the files when they were last read
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var modified [2]time.Time
	for i, file := range c.files {
		if info, err := os.Stat(file); err == nil {
			modified[i] = info.ModTime()
		}
	}
	if c.pair != nil && modified == c.loaded {
		return c.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(c.files[0], c.files[1])
	switch {
	case err == nil:
		c.pair = &pair
	case c.pair == nil:
		return nil, err
	default:
		c.log.Warn("Renewed certificate cannot be used; the old one serves on", "error", err)
	}
	c.loaded = modified
	return c.pair, nil
}
