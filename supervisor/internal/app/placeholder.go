package app

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// placeholderListen returns what the placeholder listens on: listen, or a socket that nobody knows when
// that cannot be had. A slave that may not bind port 80, or shares its host with a web server, still
// starts and gets its first configuration.
func (a *App) placeholderListen(ctx context.Context, root, listen string) string {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", tcpAddress(listen))
	if err == nil {
		_ = ln.Close()
		return listen
	}
	if a.nginxAnswers(ctx) {
		return listen // held by the nginx of an earlier run, which ends before ours starts
	}
	a.log.Warn("Placeholder answers nobody: its port cannot be had; set PLACEHOLDER_LISTEN to another", "listen", listen, "error", err)
	return "unix:" + filepath.Join(root, "run", "placeholder.sock")
}

// tcpAddress is what nginx's listen directive takes, as Go writes it.
func tcpAddress(listen string) string {
	listen = strings.TrimPrefix(listen, "*")
	if !strings.Contains(listen, ":") && !strings.Contains(listen, ".") {
		return ":" + listen
	}
	if _, _, err := net.SplitHostPort(listen); err != nil {
		return net.JoinHostPort(strings.Trim(listen, "[]"), "80")
	}
	return listen
}

func (a *App) nginxAnswers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := a.nginx.State(ctx)
	return err == nil
}
