package nginx

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// testTimeout bounds nginx -t: upstream names that no resolver answers for take seconds each.
const testTimeout = 60 * time.Second

// Test runs `nginx -t` on the tree staged in dir, whose includes are relative to it. What nginx refuses is
// a *nginxconf.TestError. It neither reads Lua files nor runs init_by_lua: CheckLua, CheckRules and Rehearse do.
func (s *Server) Test(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	staged := s.paths
	staged.conf = filepath.Join(dir, "nginx.conf")
	err := nginxconf.Test(ctx, s.cfg.Bin, staged.arguments()...)
	if _, refused := errors.AsType[*nginxconf.TestError](err); err == nil || refused {
		return err
	}
	return fmt.Errorf("nginx -t: %w", err)
}
