package pages

import (
	"maps"
	"slices"
)

// Deny messages are texts by reason and language. In a form they are rows.

// messageParts are the inputs of one text.
var messageParts = []field{
	{Name: "reason", Kind: choice, Options: []string{
		"client_not_allowed", "client_outdated", "client_unidentified", "uri_blocked", "ban", "kicked",
		"rate_limited", "quota_requests", "quota_bandwidth", "streams_exceeded",
	}},
	{Name: "language"},
	{Name: "text", Kind: multiline},
}

// anyLanguage stands for all languages that have no text of their own.
const anyLanguage = "*"

// messagesOf returns the texts of rows, by reason and language.
func messagesOf(list []any) row {
	texts := row{}
	for _, one := range list {
		one := rowOf(one)
		reason, language := plain(one["reason"]), plain(one["language"])
		if language == "" {
			language = anyLanguage
		}
		if texts[reason] == nil {
			texts[reason] = row{}
		}
		texts[reason].(row)[language] = plain(one["text"])
	}
	return texts
}

// addMessages gives the input a row for each text.
func (fill filling) addMessages(in *input, value any) {
	byReason := rowOf(value)
	var list []any
	var from []string // where the API says that something is wrong with a row
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		texts := rowOf(byReason[reason])
		for _, language := range slices.Sorted(maps.Keys(texts)) {
			list = append(list, row{"reason": reason, "language": language, "text": texts[language]})
			from = append(from, in.Form+"."+reason+"."+language)
		}
	}
	fill.addRows(in, list)
	if in.Kind == raw {
		in.Value = field{Kind: raw}.shown(value, fill.zone)
		return
	}
	for i, at := range from {
		in.Rows[i][2].Error = fill.faults.take(at, text)
	}
}
