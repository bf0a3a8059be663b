// Command standin runs the stand-in media server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/standin"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8096", "`address` to serve on")
	kind := flag.String("type", string(api.Jellyfin), "emby or jellyfin")
	flag.Parse()
	if t := api.ServiceType(*kind); t != api.Emby && t != api.Jellyfin {
		fmt.Fprintf(os.Stderr, "standin: -type %s: must be emby or jellyfin\n", *kind)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, api.ServiceType(*kind)); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen string, kind api.ServiceType) error {
	server := &http.Server{
		Addr:              listen,
		Handler:           standin.New(standin.Options{ServiceType: kind}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }() // ends with Shutdown
	fmt.Printf("stand-in %s server on http://%s, user demo, password demo\n", kind, listen)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return server.Close() // streams that still run
}
