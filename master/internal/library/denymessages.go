package library

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/field"
)

// language is a tag as Accept-Language has it, or * for all others.
var language = regexp.MustCompile(`^(\*|[a-z]{2,3}(-[a-z0-9]{2,8}){0,2})$`)

// readDenyMessages reads the texts; tags of languages are kept in lower case.
func readDenyMessages(r *reading) {
	var given DenyMessages
	if !decode(r, &given, `texts by reason and language, as in {"ban": {"en": "You are banned", "*": "已被封禁"}}`) {
		return
	}
	messages := DenyMessages{}
	for _, reason := range slices.Sorted(maps.Keys(given)) {
		at := r.field + "." + reason
		r.errs.Check(at, field.OneOf(reason, DenyReasons...))
		if n := len(given[reason]); n > maxLanguages {
			r.errs.Add(at, fmt.Sprintf("has %d languages, at most %d are allowed", n, maxLanguages))
			continue
		}
		messages[reason] = map[string]string{}
		for _, tag := range slices.Sorted(maps.Keys(given[reason])) {
			text := given[reason][tag]
			r.errs.Check(at+"."+tag, field.Text(text, maxMessage))
			if strings.TrimSpace(text) == "" {
				r.errs.Add(at+"."+tag, "must not be empty")
			}
			tag = strings.ToLower(tag)
			if !language.MatchString(tag) {
				r.errs.Add(at, fmt.Sprintf("has the language %q; languages are en, zh, zh-TW and the like, and * for all others", tag))
			}
			messages[reason][tag] = text
		}
	}
	r.into.DenyMessages = messages
}
