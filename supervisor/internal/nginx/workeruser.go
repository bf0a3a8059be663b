package nginx

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"regexp"
	"strconv"
)

// compiledUser is where `nginx -V` says which user its workers run as without a user directive.
var compiledUser = regexp.MustCompile(`--user=(\S+)`)

// WorkerUID returns the user id that nginx's workers will run as: of Config.User, else of the user that
// nginx was compiled for ("nobody" unless configured, says nginx.org). Without root they keep ours.
func (s *Server) WorkerUID(ctx context.Context) (int, error) {
	if os.Geteuid() != 0 {
		return os.Geteuid(), nil
	}
	name := s.cfg.User
	if name == "" {
		out, err := exec.CommandContext(ctx, s.cfg.Bin, "-V").CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("ask nginx which user its workers run as: %w", err)
		}
		name = "nobody"
		if match := compiledUser.FindSubmatch(out); match != nil {
			name = string(match[1])
		}
	}
	account, err := user.Lookup(name)
	if err != nil {
		return 0, fmt.Errorf("user of nginx's workers: %w; set NGINX_USER to one of this system", err)
	}
	return strconv.Atoi(account.Uid)
}
