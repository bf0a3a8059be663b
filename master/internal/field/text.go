package field

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Name checks a label that an operator gives: one line of at most limit characters, not empty, and
// without what means something to nginx or a shell, wherever the label may once be copied to.
func Name(s string, limit int) error {
	if i := strings.IndexAny(s, ";{}$\"'`\\"); i >= 0 {
		return fmt.Errorf("contains %q; a name may have anything but ; { } $ \" ' ` and \\", s[i])
	}
	return Label(s, limit)
}

// Label checks a name that is not the operator's to choose, as that of a client application: one line of
// at most limit characters, not empty.
func Label(s string, limit int) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("must not be empty")
	}
	return Line(s, limit)
}

// Line checks one line of text of at most limit characters; it may be empty.
func Line(s string, limit int) error {
	return text(s, limit, "")
}

// Text checks text of at most limit characters that may have line breaks and tabs.
func Text(s string, limit int) error {
	return text(s, limit, "\n\r\t")
}

func text(s string, limit int, allowed string) error {
	if !utf8.ValidString(s) {
		return errors.New("must be UTF-8")
	}
	if n := utf8.RuneCountInString(s); n > limit {
		return fmt.Errorf("has %d characters, at most %d are allowed", n, limit)
	}
	for _, r := range s {
		// Format characters (Cf) reorder or hide what people read; no name needs them, but emoji use
		// the zero width joiner.
		if r != '\u200d' && !strings.ContainsRune(allowed, r) && (!unicode.IsPrint(r) && r != '\u3000') {
			return fmt.Errorf("contains the character %U; control characters are not allowed", r)
		}
	}
	return nil
}

// maxPath is in bytes; PATH_MAX is 4096, and nginx appends file names.
const maxPath = 1024

// AbsolutePath checks the path of a file or directory on a slave, as it may stand in nginx's files.
func AbsolutePath(s string) error {
	switch {
	case !strings.HasPrefix(s, "/"):
		return errors.New("must be an absolute path, as in /etc/nginx/ssl/example.com/cert.pem")
	case len(s) > maxPath:
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(s), maxPath)
	case path.Clean(s) != s:
		return fmt.Errorf("must be a clean path: write %s", path.Clean(s))
	}
	for _, r := range s {
		if r == utf8.RuneError || !unicode.In(r, unicode.Letter, unicode.Digit, unicode.Mark) && !strings.ContainsRune("/._-+@,:=~%", r) {
			return fmt.Errorf("contains %q; a path may have letters, digits and /._-+@,:=~%%", r)
		}
	}
	return nil
}

// version is what clients report: 3.2.32-17.41, 2.0.95g, 3.0.0pre13.
var version = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*([-+_]?[0-9A-Za-z]+(\.[0-9A-Za-z]+)*)*$`)

// Version checks a client's version.
func Version(s string) error {
	if len(s) > 32 || !version.MatchString(s) {
		return errors.New("must be a version as clients report it: digits and dots with an optional suffix, as in 4.8.0, 3.2.32-17.41 or 2.0.95g")
	}
	return nil
}

// identifier is a name that may become part of a variable's.
var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// Identifier checks a name that becomes part of a variable's.
func Identifier(s string) error {
	if !identifier.MatchString(s) {
		return errors.New("must be lower-case letters, digits and underscores, at most 32, as in old_players")
	}
	return nil
}

// ASCII checks text for a header: visible ASCII characters and spaces.
func ASCII(s string) error {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return fmt.Errorf("contains %q; only ASCII characters are allowed, without control characters", s[i])
		}
	}
	return nil
}

// ASCIILine is ASCII of at most limit characters.
func ASCIILine(s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("has %d characters, at most %d are allowed", len(s), limit)
	}
	return ASCII(s)
}

var contentType = regexp.MustCompile(`^[a-z]+/[a-z0-9.+-]+(; ?charset=[A-Za-z0-9-]+)?$`)

// ContentType checks a media type; it may be empty.
func ContentType(s string) error {
	if s != "" && (len(s) > maxContentType || !contentType.MatchString(s)) {
		return errors.New("must be a media type, as in text/html; charset=utf-8")
	}
	return nil
}

const maxContentType = 100

var bodySize = regexp.MustCompile(`^(0|[1-9][0-9]{0,5})([kmg]?)$`)

// Size checks a number of bytes as nginx writes it.
func Size(s string) error {
	if !bodySize.MatchString(s) {
		return errors.New("must be a size of at most six digits with k, m or g, as in 100m; 0 for no limit")
	}
	return nil
}
