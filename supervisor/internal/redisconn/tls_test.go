package redisconn_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/uhdadmin/media-gateway/shared/testbed"
	"github.com/uhdadmin/media-gateway/supervisor/internal/redisconn"
)

// TestTLS: a real server that takes TLS and a password, with an authority of its own.
func TestTLS(t *testing.T) {
	cert, key, err := testbed.WriteCertificate(t.TempDir(), time.Hour, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	port, err := testbed.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	testbed.Redis(t, fmt.Sprintf("tls-port %d", port), "tls-cert-file "+cert, "tls-key-file "+key, "tls-auth-clients no", "requirepass secret")
	for url, works := range map[string]bool{
		"rediss://:secret@localhost:%d?ca=" + cert: true,
		"rediss://:secret@localhost:%d":            false, // an authority that nobody knows
		"rediss://:wrong@localhost:%d?ca=" + cert:  false,
		"redis://:secret@localhost:%d":             false,
	} {
		o, err := redisconn.Parse(fmt.Sprintf(url, port))
		if err != nil {
			t.Fatal(err)
		}
		client := redis.NewUniversalClient(o)
		if err := client.Ping(t.Context()).Err(); (err == nil) != works {
			t.Errorf("%s: %v", url, err)
		}
		_ = client.Close()
	}
}
