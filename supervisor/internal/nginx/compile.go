package nginx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

// CheckLua compiles Lua source without running it; name stands in its errors as in "access.lua:3: …"
// (*RefusedError). With nginx down, a LuaJIT on PATH compiles; where there is none it is left to the
// rehearsal, since the configuration that is checked may be the cure.
func (s *Server) CheckLua(ctx context.Context, name, src string) error {
	header := http.Header{"X-Chunk-Name": {name}, "Content-Type": {"text/plain"}}
	err := s.admin.call(ctx, http.MethodPost, "/compile", header, []byte(src), &struct{}{})
	if !errors.Is(err, ErrDown) {
		return err
	}
	bin, lookErr := exec.LookPath("luajit")
	if lookErr != nil {
		s.log.Warn("Lua not compiled before the rehearsal: nginx is down and there is no luajit on PATH", "name", name)
		return nil //nolint:nilerr // nobody there to ask; see above
	}
	return compile(ctx, bin, name, src)
}

// compileScript loads what stands on its input and never calls it.
const compileScript = `
local chunk, err = loadstring(io.read("*a"), "=" .. os.getenv("CHUNK_NAME"))
if not chunk then
  io.stderr:write(err)
  os.exit(1)
end`

func compile(ctx context.Context, bin, name, src string) error {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, bin, "-e", compileScript)
	cmd.Env = append(os.Environ(), "CHUNK_NAME="+name)
	cmd.Stdin, cmd.Stderr = strings.NewReader(src), &stderr
	err := cmd.Run()
	if err != nil && stderr.Len() > 0 {
		return &RefusedError{Call: "luajit", Reason: strings.TrimSpace(stderr.String())}
	}
	if err != nil {
		return fmt.Errorf("compile %s: %w", name, err)
	}
	return nil
}

// CheckRules compiles all of rules.json in a running worker and changes nothing; *RefusedError names the
// field. With nginx down it is left to the rehearsal, which loads them.
func (s *Server) CheckRules(ctx context.Context, rules []byte) error {
	err := s.admin.call(ctx, http.MethodPut, "/rules?dry_run=1", jsonHeader(), rules, &struct{}{})
	if errors.Is(err, ErrDown) {
		s.log.Warn("rules not compiled before the rehearsal: nginx is down")
		return nil
	}
	return err
}
