package app

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

// TestPlaceholderListen: a port that another program has does not keep the slave from starting.
func TestPlaceholderListen(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	server, err := nginx.New(nginx.Config{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	a := &App{log: slog.New(slog.NewTextHandler(&log, nil)), nginx: server}
	address := ln.Addr().String()
	if got := a.placeholderListen(t.Context(), "/root", address); got != "unix:/root/run/placeholder.sock" {
		t.Errorf("taken port: listens on %s", got)
	}
	if !strings.Contains(log.String(), "PLACEHOLDER_LISTEN") {
		t.Errorf("log does not name the cure: %s", log.String())
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if got := a.placeholderListen(t.Context(), "/root", address); got != address {
		t.Errorf("free port: listens on %s", got)
	}
}

func TestTCPAddress(t *testing.T) {
	for listen, want := range map[string]string{
		"80": ":80", "127.0.0.1:8080": "127.0.0.1:8080", "*:8080": ":8080", "[::]:80": "[::]:80", "127.0.0.1": "127.0.0.1:80", "[::1]": "[::1]:80",
	} {
		if got := tcpAddress(listen); got != want {
			t.Errorf("tcpAddress(%q) = %q, want %q", listen, got, want)
		}
	}
}
