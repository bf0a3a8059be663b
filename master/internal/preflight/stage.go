package preflight

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/uhdadmin/media-gateway/lua"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/nginx"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// stage is a directory shaped like a slave's, with nothing in it yet but the gateway's own files.
type stage struct {
	bin string
	dir string
}

func newStage(bin string) (*stage, error) {
	dir, err := os.MkdirTemp("", "uhd-pf") // short: a socket's path has 107 bytes
	if err != nil {
		return nil, err
	}
	s := &stage{bin: bin, dir: dir}
	if err := s.fill(); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

func (s *stage) fill() error {
	if err := os.Chmod(s.dir, 0o711); err != nil { // workers are of another user
		return err
	}
	for _, sub := range []string{"conf", "run", "spool"} {
		if err := os.Mkdir(filepath.Join(s.dir, sub), 0o711); err != nil {
			return err
		}
	}
	conf, err := nginx.Render(nginx.Params{Root: s.dir, Workers: 1, OpenFiles: 256})
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"nginx.conf": conf, "upstream.conf": nil, "maps.conf": nil, "server.conf": nil} {
		if err := os.WriteFile(filepath.Join(s.dir, "conf", name), content, 0o644); err != nil {
			return err
		}
	}
	return os.CopyFS(filepath.Join(s.dir, "lua"), lua.Files)
}

func (s *stage) remove() { _ = os.RemoveAll(s.dir) } // it is in the directory for temporary files

// arguments start nginx on this stage. Until it has read error_log, nginx would write to its own log.
func (s *stage) arguments(more ...string) []string {
	return append([]string{"-e", "stderr", "-c", filepath.Join(s.dir, "conf", "nginx.conf"), "-g", "daemon off;"}, more...)
}

// testNginx asks `nginx -t` about server.conf.
func (s *stage) testNginx(ctx context.Context, text string, origins render.Origins) Verdict {
	lines := strings.Split(text, "\n")
	at := func(r Verdict, line int) Verdict {
		r.Line, r.Text = line, strings.TrimSpace(lines[min(max(line, 1), len(lines))-1])
		origin := origins.At(line)
		r.Origin = &origin
		return r
	}
	directives, err := nginxconf.Parse([]byte(text))
	if err != nil {
		return Verdict{Status: Failed, Cause: err.Error()}
	}
	r := &replacer{stage: s, origins: origins, sockets: map[string]string{}}
	if err := r.replace(directives); err != nil {
		return Verdict{Status: NotRun, Cause: "cannot stage: " + err.Error()}
	}
	path := filepath.Join(s.dir, "conf", "server.conf")
	if err := os.WriteFile(path, nginxconf.FormatInPlace(directives), 0o644); err != nil {
		return Verdict{Status: NotRun, Cause: "cannot stage: " + err.Error()}
	}
	refusal, err := s.test(ctx)
	switch {
	case err != nil:
		return Verdict{Status: NotRun, Cause: err.Error()}
	case refusal == nil:
		return Verdict{Status: Passed, Skipped: r.skipped}
	case refusal.File == path:
		return at(Verdict{Status: Failed, Cause: r.restore(refusal.Reason), Skipped: r.skipped}, refusal.Line)
	}
	// Not in what was rendered: is it the nginx here that cannot run a gateway at all?
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return Verdict{Status: NotRun, Cause: "cannot stage: " + err.Error()}
	}
	if own, err := s.test(ctx); err != nil || own != nil {
		return Verdict{Status: NotRun, Cause: fmt.Sprintf("%s cannot run a gateway (%s): install OpenResty, or nginx with its Lua module, and name it in NGINX_BIN", s.bin, refusal.Reason)}
	}
	return Verdict{Status: Failed, Cause: r.restore(refusal.Reason), Skipped: r.skipped}
}

// test runs `nginx -t` on the stage; an error means that nginx has not answered.
func (s *stage) test(ctx context.Context) (*nginxconf.TestError, error) {
	err := nginxconf.Test(ctx, s.bin, s.arguments()...)
	if refusal, ok := errors.AsType[*nginxconf.TestError](err); ok {
		return refusal, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s -t has not ended: %w", s.bin, err)
	}
	return nil, nil
}
