package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/uhdadmin/media-gateway/master/internal/configfile"
	"github.com/uhdadmin/media-gateway/master/internal/settings"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/logging"
)

// errDiffers is what a dry run ends with when the file would change something: exit code 3, which is
// neither a failure (1) nor wrong use (2).
var errDiffers = errors.New("the configuration is not as the file says")

func export(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("export takes no arguments, not %q: it prints to standard output", args)}
	}
	return withStore(ctx, environ, stderr, func(st *store.Store) error {
		text, err := configfile.Export(ctx, st)
		if err != nil {
			return err
		}
		_, err = stdout.Write(text)
		return err
	})
}

func apply(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("uhd-master apply", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("f", "", "the `file`; - is standard input")
	var opt configfile.Options
	flags.BoolVar(&opt.DryRun, "dry-run", false, "only print what would change; exit code 3 when something would")
	flags.BoolVar(&opt.Prune, "prune", false, "delete what the file does not have, of the resources that it has")
	if err := flags.Parse(args); err != nil {
		return usageError{err}
	}
	if flags.NArg() > 0 || *path == "" {
		return usageError{errors.New("apply takes -f FILE, or -f - for standard input; see uhd-master --help")}
	}
	text, err := read(*path, stdin)
	if err != nil {
		return usageError{fmt.Errorf("apply: %w", err)}
	}
	return withStore(ctx, environ, stderr, func(st *store.Store) error {
		ctx := store.WithActor(ctx, store.Actor{Name: "uhd-master apply"})
		file, err := configfile.Parse(st, text)
		if err != nil {
			return fmt.Errorf("%s is not applied:\n%w", *path, err)
		}
		result, err := configfile.Apply(ctx, st, file, opt)
		if err != nil {
			return fmt.Errorf("%s is not applied:\n%w", *path, err)
		}
		return report(stdout, result, opt)
	})
}

// report prints what was done, or would be.
func report(stdout io.Writer, result configfile.Result, opt configfile.Options) error {
	if err := result.Write(stdout); err != nil {
		return err
	}
	if len(result.Changes) == 0 {
		_, err := fmt.Fprintln(stdout, "No changes.")
		return err
	}
	done := "Applied"
	if opt.DryRun {
		done = "Would apply"
	}
	_, err := fmt.Fprintf(stdout, "%s: %d made, %d changed, %d deleted.\n",
		done, result.Count(configfile.Make), result.Count(configfile.Alter), result.Count(configfile.Delete))
	if err == nil && !opt.DryRun {
		_, err = fmt.Fprintln(stdout, "Rate limits, stream rules and enforcements hold at once, all else from the next publish on.")
	}
	if err == nil && opt.DryRun {
		err = errDiffers
	}
	return err
}

func read(path string, stdin io.Reader) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(path)
}

// withStore opens the database that the environment names.
func withStore(ctx context.Context, environ []string, stderr io.Writer, do func(*store.Store) error) error {
	cfg, err := settings.LoadDatabase(environ)
	if err != nil {
		return usageError{err}
	}
	log, err := logging.New(stderr, cfg.LogLevel, cfg.LogFormat)
	if err != nil {
		return usageError{err}
	}
	st, err := store.Open(ctx, cfg.DatabaseURL, log)
	if err != nil {
		return err
	}
	return errors.Join(do(st), st.Close())
}
