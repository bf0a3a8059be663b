package redisconn_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/supervisor/internal/redisconn"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		url                    string
		addrs                  []string
		user, password, master string
		db                     int
		cluster, tls           bool
	}{
		{url: "redis://localhost", addrs: []string{"localhost:6379"}},
		{url: "redis://:p%40ss@10.0.0.1:7000/3", addrs: []string{"10.0.0.1:7000"}, password: "p@ss", db: 3},
		{url: "rediss://u:p@[::1]/", addrs: []string{"[::1]:6379"}, user: "u", password: "p", tls: true},
		{url: "redis+sentinel://:p@a,b:1/main/2?sentinel_password=s", addrs: []string{"a:26379", "b:1"}, password: "p", master: "main", db: 2},
		{url: "rediss+cluster://a,b:7001", addrs: []string{"a:6379", "b:7001"}, cluster: true, tls: true},
		{url: "redis+cluster://a", addrs: []string{"a:6379"}, cluster: true},
	} {
		o, err := redisconn.Parse(tt.url)
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		if !slices.Equal(o.Addrs, tt.addrs) || o.Username != tt.user || o.Password != tt.password || o.MasterName != tt.master ||
			o.DB != tt.db || o.IsClusterMode != tt.cluster || (o.TLSConfig != nil) != tt.tls {
			t.Errorf("%s: %+v", tt.url, o)
		}
		if o.ReadTimeout != redisconn.Timeout || o.MaxRetries != 1 {
			t.Errorf("%s: waits %v, %d retries", tt.url, o.ReadTimeout, o.MaxRetries)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, url := range []string{
		"", "localhost:6379", "redis://", "http://localhost", "redis+ring://a", "redis://a,b", "redis://a/x", "redis://a/1/2",
		"redis+sentinel://a", "redis+cluster://a/1", "rediss://a?ca=/does/not/exist", "redis://:secret%@a",
	} {
		o, err := redisconn.Parse(url)
		if err == nil {
			t.Errorf("%s was taken: %+v", url, o)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}
