package pages

import (
	"fmt"
	"slices"
	"strings"
)

// say writes the value of a field in words, as lists and comparisons have it; "" for nothing.
func (v *visit) say(resource string, f field, value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case bool:
		return v.T(fmt.Sprintf("flag.%v", value))
	case []any:
		if f.Kind != rows {
			return plain(value)
		}
		said := make([]string, len(value))
		for i, one := range value {
			said[i] = v.sayParts(resource, f.Parts, rowOf(one), true)
		}
		if len(said) > maxSaid {
			said = append(said[:maxSaid], v.T("say.more", len(said)-maxSaid))
		}
		return strings.Join(said, v.T("say.and"))
	case row, map[string]any:
		if f.Kind == messages {
			return v.sayMessages(rowOf(value))
		}
		return v.sayParts(resource, f.Parts, rowOf(value), false)
	}
	switch f.Kind {
	case choice:
		return v.Option(plain(value))
	case size:
		if number(value) == 0 {
			return ""
		}
		return v.Bytes(value)
	case integer:
		if number(value) == 0 {
			return ""
		}
		return v.Count(value)
	}
	if at, ok := moment(value); ok {
		return at.In(v.Zone).Format("2006-01-02 15:04:05")
	}
	return plain(value)
}

// maxSaid is how many rows are named; more are counted.
const maxSaid = 5

// sayParts writes what an object's parts say with their names, but for the first part of one of several rows.
func (v *visit) sayParts(resource string, parts []field, values row, ofRows bool) string {
	var said []string
	for i, part := range parts {
		text := v.say(resource, part, values[part.Name])
		label := v.Label(resource, part.Texts())
		switch {
		case text == "" || part.Kind == flag && values[part.Name] == false:
		case part.Kind == flag:
			said = append(said, label)
		case i == 0 && ofRows:
			said = append(said, text)
		default:
			said = append(said, label+" "+text)
		}
	}
	if len(parts) == 0 {
		return plain(map[string]any(values))
	}
	return strings.Join(said, " · ")
}

func (v *visit) sayMessages(byReason row) string {
	var said []string
	for _, reason := range messageParts[0].Options {
		if _, ok := byReason[reason]; ok {
			said = append(said, v.Option(reason))
		}
	}
	return strings.Join(slices.Compact(said), v.T("say.and"))
}
