package app

import (
	"context"

	"github.com/uhdadmin/media-gateway/supervisor/internal/names"
)

// answerNames makes this process nginx's name server. Where that cannot be, only named upstreams suffer.
func (a *App) answerNames(ctx context.Context, root string) {
	server, err := names.Listen(ctx, names.Config{Root: root, Log: a.log, Registerer: a.registry})
	if err != nil {
		a.log.Error("Names of upstreams are not looked up: give the master the setting resolver", "error", err)
		return
	}
	a.names = server
}

func (a *App) serveNames(ctx context.Context) error {
	if a.names == nil {
		return nil
	}
	return a.names.Serve(ctx)
}
