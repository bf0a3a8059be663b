package render

import (
	"regexp"
	"slices"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// maxExactKey is how many bytes of a key fit nginx's map_hash_bucket_size of 64, its default, which agents
// in the field have: of a bucket two pointers and a length are nginx's.
const maxExactKey = 40

// mapBlock writes a map as nginx's map{}, or geo{} where networks are compared.
func mapBlock(m *library.NginxMap) string {
	var b strings.Builder
	if m.Source == "remote_addr" {
		b.WriteString("geo $remote_addr $" + m.Variable() + " {\n")
	} else {
		b.WriteString("map $" + m.Source + " $" + m.Variable() + " {\n")
	}
	b.WriteString("    default " + nginxconf.Quote(m.Default) + ";\n")
	for _, e := range orderedEntries(m) {
		b.WriteString("    " + mapKey(&e) + " " + nginxconf.Quote(e.Value) + ";\n")
	}
	b.WriteString("}")
	return b.String()
}

// orderedEntries puts prefixes before regexes: nginx tries regexes, which both are for it, as they stand.
func orderedEntries(m *library.NginxMap) []library.MapEntry {
	entries := slices.Clone(m.Entries)
	rank := func(e library.MapEntry) int {
		return slices.Index([]api.MatchType{api.MatchExact, api.MatchPrefix, api.MatchRegex}, e.MatchType)
	}
	slices.SortStableFunc(entries, func(a, b library.MapEntry) int { return rank(a) - rank(b) })
	return entries
}

func mapKey(e *library.MapEntry) string {
	switch {
	case e.MatchType == library.MatchNetwork:
		return e.Pattern
	case e.MatchType == api.MatchRegex:
		return nginxconf.Quote("~*" + e.Pattern)
	case e.MatchType == api.MatchPrefix:
		return nginxconf.Quote("~*^" + regexp.QuoteMeta(e.Pattern))
	case len(e.Pattern) > maxExactKey:
		return nginxconf.Quote("~*^" + regexp.QuoteMeta(e.Pattern) + "$")
	}
	// The backslash keeps nginx from reading words of its own, such as default or ~.
	return nginxconf.Quote(`\` + e.Pattern)
}
