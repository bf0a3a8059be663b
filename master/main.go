// Command uhd-master runs the master of a gateway fleet and manages its users.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/app"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/settings"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/buildinfo"
	"github.com/uhdadmin/media-gateway/shared/logging"
)

const usage = `usage: uhd-master [command]

  serve         run the master (also without a command)
  admin create --username U --password P [--role admin|operator|viewer]
                make a user, or reset its password and role
  export        print servers, library, profiles, rules and settings as YAML
  apply -f FILE [--dry-run] [--prune]
                make the configuration what a file says, in one step or not at
                all, and print what that changes. --dry-run only prints, and ends
                with 3 when something would change; --prune deletes what the file
                does not have, of the resources that it has
  version       print the version

Exit codes: 0; 1 for failures; 2 for wrong use or settings; 3 see apply.

The environment holds the settings: LISTEN_ADDR (:8000), METRICS_ADDR (:9146),
DATABASE_URL (sqlite://./data/master.db), ADMIN_USERNAME, ADMIN_PASSWORD,
TLS_CERT_FILE, TLS_KEY_FILE, SIGNING_KEY, PUBLIC_URL, LOG_LEVEL, LOG_FORMAT,
RETENTION_… for how long each kind of telemetry is kept, and MAX_… for how much is
done at a time (docs/operations.md).
NAME_FILE reads NAME from a file.
`

// usageError is a wrong command line or setting: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run carries out one command and returns the exit code: 0, 1 for failures, 2 for wrong use, 3 when a dry
// run would change something.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	err := command(ctx, args, environ, stdout, stderr)
	if err == nil || errors.Is(err, flag.ErrHelp) { // flag has printed the help
		return 0
	}
	if errors.Is(err, errDiffers) { // which it has printed
		return 3
	}
	_, _ = fmt.Fprintln(stderr, "uhd-master:", err) // the exit code still tells
	if _, misused := errors.AsType[usageError](err); misused {
		return 2
	}
	return 1
}

func command(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return serve(ctx, environ, stdout, stderr)
	}
	switch name, rest := args[0], args[1:]; name {
	case "serve":
		if len(rest) > 0 {
			return usageError{fmt.Errorf("serve takes no arguments, not %q; see uhd-master --help", rest)}
		}
		return serve(ctx, environ, stdout, stderr)
	case "admin":
		if len(rest) == 0 || rest[0] != "create" {
			return usageError{errors.New("admin takes the command create; see uhd-master --help")}
		}
		return createUser(ctx, rest[1:], environ, stdout, stderr)
	case "export":
		return export(ctx, rest, environ, stdout, stderr)
	case "apply":
		return apply(ctx, rest, environ, os.Stdin, stdout, stderr)
	case "version", "--version", "-version":
		_, err := fmt.Fprintln(stdout, "uhd-master", buildinfo.Version())
		return err
	case "help", "--help", "-help", "-h":
		_, err := io.WriteString(stdout, usage)
		return err
	default:
		return usageError{fmt.Errorf("there is no command %q; see uhd-master --help", name)}
	}
}

func serve(ctx context.Context, environ []string, stdout, stderr io.Writer) error {
	cfg, err := settings.Load(environ)
	if err != nil {
		return usageError{err}
	}
	log, err := logging.New(stderr, cfg.LogLevel, cfg.LogFormat)
	if err != nil {
		return usageError{err}
	}
	a, err := app.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	if first := a.FirstAdmin(); first != nil && first.Password != "" {
		_, err := fmt.Fprintf(stdout, "First admin: username %s, password %s (shown only this once)\n", first.Username, first.Password)
		if err != nil {
			log.Warn("First admin's password not printed; set one with `uhd-master admin create`", "error", err)
		}
	}
	return a.Run(ctx)
}

func createUser(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("uhd-master admin create", flag.ContinueOnError)
	flags.SetOutput(stderr)
	username := flags.String("username", "", "name of the user")
	password := flags.String("password", "", "password, 8 to 256 characters")
	role := flags.String("role", string(account.Admin), "admin, operator or viewer")
	if err := flags.Parse(args); err != nil {
		return usageError{err}
	}
	user := account.User{Username: *username, Role: account.Role(*role)}
	if flags.NArg() > 0 {
		return usageError{fmt.Errorf("admin create takes no arguments besides its flags, not %q", flags.Args())}
	}
	if err := errors.Join(user.Validate(), account.CheckPassword(*password)); err != nil {
		return usageError{fmt.Errorf("admin create: %w", err)}
	}
	return withStore(ctx, environ, stderr, func(st *store.Store) error {
		ctx := store.WithActor(ctx, store.Actor{Name: "uhd-master admin create"})
		isNew, err := app.PutUser(ctx, st, auth.NewPasswords(0), *username, *password, account.Role(*role))
		if err != nil {
			return err
		}
		done := "reset"
		if isNew {
			done = "made"
		}
		_, err = fmt.Fprintf(stdout, "User %s %s, role %s\n", *username, done, *role)
		return err
	})
}
