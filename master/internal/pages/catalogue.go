package pages

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed catalogue
var catalogueFiles embed.FS

// catalogue says in another language what the admin API says in English, which is the language of its errors. It is
// looked up by the English text, with the verbs of fmt for what changes; what it does not know stays English. A test
// finds what checks of fields say and the catalogue does not.
type catalogue struct{ entries []translation }

type translation struct {
	english *regexp.Regexp
	text    string // with a verb for each group
	literal int    // how long the text is without its verbs
}

// verb of fmt, maybe with the number of its argument.
var verb = regexp.MustCompile(`%(?:\[(\d+)\])?[sdqwcUvt]`)

// readCatalogue reads the translations of a language.
func readCatalogue(language string) (catalogue, error) {
	var c catalogue
	b, err := catalogueFiles.ReadFile("catalogue/" + language + ".json")
	if err != nil {
		return c, fmt.Errorf("read catalogue: %w", err)
	}
	translations := map[string]string{}
	if err := json.Unmarshal(b, &translations); err != nil {
		return c, fmt.Errorf("read catalogue of %s: %w", language, err)
	}
	for english, text := range translations {
		literals := literalsOf(english)
		quoted := make([]string, len(literals))
		for i, literal := range literals {
			quoted[i] = regexp.QuoteMeta(literal)
		}
		pattern := "(?s)^" + strings.Join(quoted, "(.+?)") + "$"
		c.entries = append(c.entries, translation{regexp.MustCompile(pattern), text, len(strings.Join(literals, ""))})
	}
	// What is said in most words says most precisely what is meant.
	slices.SortFunc(c.entries, func(a, b translation) int {
		return cmp.Or(cmp.Compare(b.literal, a.literal), cmp.Compare(a.english.String(), b.english.String()))
	})
	return c, nil
}

// literalsOf splits a format at its verbs.
func literalsOf(format string) []string {
	literals := verb.Split(format, -1)
	for i := range literals {
		literals[i] = strings.ReplaceAll(literals[i], "%%", "%")
	}
	return literals
}

// translate returns the translation of an English text, and of what it has in place of verbs.
func (c catalogue) translate(english string) string {
	for _, e := range c.entries {
		found := e.english.FindStringSubmatch(english)
		if found == nil {
			continue
		}
		return c.fill(e.text, found[1:])
	}
	return english
}

// fill puts what stood in place of the English verbs, translated, in place of the translation's.
func (c catalogue) fill(translation string, args []string) string {
	next := 0
	filled := verb.ReplaceAllStringFunc(translation, func(v string) string {
		if numbered := verb.FindStringSubmatch(v)[1]; numbered != "" {
			next, _ = strconv.Atoi(numbered) // digits
			next--
		}
		next++
		if next > len(args) {
			return v
		}
		return c.translate(args[next-1])
	})
	return strings.ReplaceAll(filled, "%%", "%")
}
