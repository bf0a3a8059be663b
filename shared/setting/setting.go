// Package setting reads a program's settings from its environment into a struct with env tags, so that
// both programs take variables, secrets in files and durations alike, and complain alike: one line that
// names the variable and what it takes.
package setting

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Error says which variable is missing or bad, and what it takes.
type Error struct {
	Name    string // the environment variable
	Problem string // as in "is required" or `is "abc"`
	Takes   string // the field's `takes` tag
}

func (e *Error) Error() string {
	s := e.Name + " " + e.Problem
	if e.Takes != "" {
		s += ": it takes " + e.Takes
	}
	return s
}

// Load fills a T, a struct, also with embedded ones, with `env:"NAME"` tags of caarlos0/env and `takes:"…"` tags for error
// messages, from environ (as os.Environ gives it). An empty variable counts as unset; NAME_FILE names a
// file that holds NAME's value, less one trailing newline; a duration is a plain number of seconds or as
// in 1m30s or 30d, never negative. A bad or missing variable is an *Error.
func Load[T any](environ []string) (T, error) {
	var into T
	vars := make(map[string]string, len(environ))
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok && value != "" {
			vars[name] = value
		}
	}
	fields := fieldsOf(reflect.TypeFor[T]())
	for _, f := range fields {
		if err := readFile(vars, f); err != nil {
			return into, err
		}
	}
	err := env.ParseWithOptions(&into, env.Options{
		Environment: vars,
		FuncMap:     map[reflect.Type]env.ParserFunc{reflect.TypeFor[time.Duration](): parseDuration},
	})
	return into, explain(err, fields, vars)
}

// field is one variable of a settings struct.
type field struct{ goName, envName, takes string }

func fieldsOf(t reflect.Type) []field {
	fields := make([]field, 0, t.NumField())
	for sf := range t.Fields() {
		if sf.Anonymous {
			fields = append(fields, fieldsOf(sf.Type)...)
			continue
		}
		name, _, _ := strings.Cut(sf.Tag.Get("env"), ",")
		if name != "" {
			fields = append(fields, field{sf.Name, name, sf.Tag.Get("takes")})
		}
	}
	return fields
}

// readFile puts the content of the file that NAME_FILE names into vars as NAME.
func readFile(vars map[string]string, f field) error {
	fileVar := f.envName + "_FILE"
	path, ok := vars[fileVar]
	if !ok {
		return nil
	}
	if _, both := vars[f.envName]; both {
		return &Error{fileVar, "and " + f.envName + " are both set", "one of the two"}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return &Error{fileVar, "cannot be read (" + err.Error() + ")", "the path of a readable file"}
	}
	if value := strings.TrimRight(string(content), "\r\n"); value != "" {
		vars[f.envName] = value
	}
	return nil
}

// explain turns the first of env's errors into an *Error.
func explain(err error, fields []field, vars map[string]string) error {
	if err == nil {
		return nil
	}
	if missing, ok := errors.AsType[env.VarIsNotSetError](err); ok {
		for _, f := range fields {
			if f.envName == missing.Key {
				return &Error{f.envName, "is required", f.takes}
			}
		}
	}
	if bad, ok := errors.AsType[env.ParseError](err); ok {
		for _, f := range fields {
			if f.goName == bad.Name {
				return &Error{f.envName, fmt.Sprintf("is %q", vars[f.envName]), f.takes}
			}
		}
	}
	return fmt.Errorf("read settings: %w", err)
}

func parseDuration(s string) (any, error) {
	if text, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.ParseFloat(text, 64)
		if err != nil || days < 0 || days > 36500 {
			return nil, fmt.Errorf("%q is no number of days", s)
		}
		return time.Duration(days * float64(24*time.Hour)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		seconds, err := strconv.ParseFloat(s, 64)
		if err != nil || seconds > 1e9 || seconds < 0 {
			return nil, fmt.Errorf("%q is no duration", s)
		}
		return time.Duration(seconds * float64(time.Second)), nil
	}
	if d < 0 {
		return nil, fmt.Errorf("%q is negative", s)
	}
	return d, nil
}
