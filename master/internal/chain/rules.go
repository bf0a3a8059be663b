package chain

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// PathRules are rules for paths of one list, that of what is skipped or that of what is blocked. See
// lua/uhd/matcher.lua and regexes.lua.
type PathRules struct {
	rules []func(path string) bool
	bases []string // that one of the regexes names: for all of them the path is tried under these, too
}

// CompilePaths compiles rules; each has passed library's checks.
func CompilePaths(rules []api.PathRule) (*PathRules, error) {
	l := &PathRules{rules: make([]func(string) bool, len(rules)), bases: []string{""}}
	for _, base := range []string{"emby", "mediabrowser"} {
		for _, r := range rules {
			if r.MatchType == api.MatchRegex && strings.Contains(lower(r.Pattern), base) {
				l.bases = append(l.bases, "/"+base)
				break
			}
		}
	}
	for i, r := range rules {
		var err error
		if l.rules[i], err = l.compile(r); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i, err)
		}
	}
	return l, nil
}

func (l *PathRules) compile(r api.PathRule) (func(string) bool, error) {
	if r.MatchType == api.MatchRegex {
		p, err := compile(r.Pattern, "is")
		if err != nil {
			return nil, err
		}
		return func(path string) bool { return l.meets(p, path) }, nil
	}
	pattern := stripBase(joinSlashes(lower("/" + unescape(r.Pattern))))
	if r.MatchType == api.MatchPrefix {
		return func(path string) bool { return strings.HasPrefix(path, pattern) }, nil
	}
	pattern = strings.TrimSuffix(pattern, "/") + "/"
	return func(path string) bool { return path == pattern }, nil
}

// meets tries a path with its trailing slash and without: a regex may be meant for either.
func (l *PathRules) meets(p pattern, path string) bool {
	for _, base := range l.bases {
		full := base + path
		if p.matches(full) || full != "/" && p.matches(strings.TrimSuffix(full, "/")) {
			return true
		}
	}
	return false
}

// Met returns the indexes of the rules that meet one reading of the path at least: odd spellings are no way around a
// list that blocks.
func (l *PathRules) Met(p Path) []int {
	var met []int
	for i, rule := range l.rules {
		if rule(p.plain) || p.other != "" && rule(p.other) || p.dotted != "" && rule(p.dotted) {
			met = append(met, i)
		}
	}
	return met
}

// Skips reports whether every reading of the path is met by one of the rules: no odd spelling borrows from a list that
// lets pass.
func (l *PathRules) Skips(p Path) bool {
	return p.dotted == "" && l.any(p.plain) && (p.other == "" || l.any(p.other))
}

func (l *PathRules) any(path string) bool {
	return slices.ContainsFunc(l.rules, func(rule func(string) bool) bool { return rule(path) })
}

var escaped = regexp.MustCompile(`%[0-9a-fA-F]{2}`)

func unescape(s string) string {
	return escaped.ReplaceAllStringFunc(s, func(hex string) string {
		b, _ := strconv.ParseUint(hex[1:], 16, 8) // two hex digits
		return string([]byte{byte(b)})
	})
}
