package testbed

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// ErrNoPostgres says that PostgreSQL is not installed here.
var ErrNoPostgres = errors.New("no PostgreSQL server is installed: `.ci/install test` installs one, or put initdb and pg_ctl on PATH")

// PostgresServer is a running PostgreSQL in a directory of its own, reached by a unix socket there.
type PostgresServer struct {
	dir     string
	created atomic.Int64 // databases
	keeper  *exec.Cmd
	alive   io.Closer // the keeper's standard input
}

// keepPostgres runs the server of the directory it is started in until standard input closes, which the
// kernel does however we end; then the directory goes too.
const keepPostgres = `pg_ctl -D data -l log -w -t 60 start >start 2>&1 && echo ready || exit
read -r _
pg_ctl -D data -m immediate stop >stop 2>&1
rm -rf "$PWD"`

// StartPostgres starts a server with settings, as in "fsync=off", beside PostgreSQL's own defaults. It
// ends with Stop or with the program. The error is ErrNoPostgres where none is installed.
func StartPostgres(settings ...string) (_ *PostgresServer, err error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "uhd-postgres-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	credential, err := giveToPostgres(dir)
	if err != nil {
		return nil, err
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "PWD=" + dir}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: credential} // Ctrl-C reaches us alone
		return cmd
	}
	initdb := command(filepath.Join(bin, "initdb"), "--no-sync", "--auth=trust", "--username=postgres",
		"--encoding=UTF8", "--locale=C.UTF-8", "--pgdata=data")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	settings = append([]string{"listen_addresses=''", "unix_socket_directories='" + dir + "'"}, settings...)
	if err := appendLines(filepath.Join(dir, "data", "postgresql.conf"), settings); err != nil {
		return nil, err
	}
	s := &PostgresServer{dir: dir, keeper: command("sh", "-c", keepPostgres)}
	return s, s.start()
}

func (s *PostgresServer) start() error {
	stdin, err := s.keeper.StdinPipe()
	if err != nil {
		return err
	}
	s.alive = stdin
	stdout, err := s.keeper.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.keeper.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	if line, _ := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return errors.Join(fmt.Errorf("PostgreSQL does not start: %s", log), s.Stop())
	}
	return nil
}

// Stop ends the server and removes all it kept.
func (s *PostgresServer) Stop() error {
	return errors.Join(s.alive.Close(), s.keeper.Wait())
}

// PID is the process id of the server, whose children do the work.
func (s *PostgresServer) PID() (int, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// URL is the DATABASE_URL of one of the server's databases.
func (s *PostgresServer) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database, RawQuery: "host=" + url.QueryEscape(s.dir)}
	return u.String()
}

// CreateDatabase makes an empty database and returns its name.
func (s *PostgresServer) CreateDatabase(ctx context.Context) (string, error) {
	name := fmt.Sprintf("d%d", s.created.Add(1))
	return name, s.exec(ctx, "CREATE DATABASE "+name)
}

// DropDatabase removes a database and ends who is still connected to it.
func (s *PostgresServer) DropDatabase(ctx context.Context, name string) error {
	return s.exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
}

func (s *PostgresServer) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err = conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// postgresBin is where initdb is; Debian keeps the servers of each version apart and off PATH.
func postgresBin() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", ErrNoPostgres
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return filepath.Dir(newest), nil
}

// giveToPostgres makes the directory the user's that the server must run as: PostgreSQL refuses root. It
// returns nil where we are not root and the server runs as we do.
func giveToPostgres(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}

func appendLines(path string, lines []string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n" + strings.Join(lines, "\n") + "\n")
	return errors.Join(err, f.Close())
}
