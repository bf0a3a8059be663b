package pages

import (
	"slices"
	"strings"
)

// rowChange is a row that would not be as it was, as the admin API says it.
type rowChange struct {
	Op       string        `json:"op"` // create, update or delete
	Resource string        `json:"resource"`
	Row      string        `json:"row"`
	Fields   []fieldChange `json:"fields"`
}

// fieldChange is a field that would not be as it was; nil: it is not there, or at its default.
type fieldChange struct {
	Name   string `json:"name"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// Step is where the row is changed; 0 for nowhere in the wizard.
func (c rowChange) Step() int {
	switch c.Resource {
	case "servers", "profiles":
		return 1
	}
	return stepOfResource(c.Resource)
}

// Was and Becomes write the values of one of its fields for people.
func (c rowChange) Was(v sheet, f fieldChange) string { return c.say(v, f.Name, f.Before, f.After) }

func (c rowChange) Becomes(v sheet, f fieldChange) string { return c.say(v, f.Name, f.After, f.Before) }

const (
	toldFields = 300 // of all changes on one page
	toldNames  = 30  // of a list
)

// firstChanges returns as many changes as a page takes, and how many that leaves out.
func firstChanges(changes []rowChange) (first []rowChange, more int) {
	told := 0
	for i, c := range changes {
		if told += len(c.Fields); i > 0 && told > toldFields {
			return changes[:i], len(changes) - i
		}
	}
	return changes, 0
}

// say writes a value beside the other one of a change.
func (c rowChange) say(v sheet, name string, value, other any) string {
	text, f := "", resourceAt(c.Resource).field(name)
	if list, ok := value.([]any); ok && f.Kind != rows {
		text = sayList(v, list, other)
	} else {
		text = v.say(c.Resource, f, value)
	}
	if text == "" {
		return v.T("wizard.nothing")
	}
	return text
}

// sayList names of a list what the other has not, and says how long it is.
func sayList(v sheet, list []any, other any) string {
	others, _ := other.([]any)
	var names []string
	for _, one := range list {
		if !slices.ContainsFunc(others, func(o any) bool { return encoded(o, "") == encoded(one, "") }) {
			names = append(names, nameOrValue(one))
		}
	}
	text := strings.Join(names[:min(len(names), toldNames)], ", ")
	if len(names) > toldNames {
		text += ", …"
	}
	if len(list) == len(names) && len(list) <= toldNames {
		return text
	}
	return strings.TrimSpace(v.T("wizard.of_list", v.Count(len(list))) + " " + text)
}

// nameOrValue writes an element of a list: a row's name where it is one.
func nameOrValue(one any) string {
	if name := nameOf(one); name.called != "" {
		return name.called
	}
	return plain(one)
}
