package pages

import (
	"encoding/json"
	"slices"
	"strconv"
)

// rowName is how the profile of a draft names a row of the library, or of the draft: as configuration files do.
type rowName struct {
	called      string
	serviceType string // "": any
	number      int    // of several, from 1; 0: there is only one
}

// nameOf reads a name: a text, or an object with name, service_type and number.
func nameOf(value any) rowName {
	n := rowOf(value)
	if n == nil {
		return rowName{called: plain(value)}
	}
	number, _ := strconv.Atoi(plain(n["number"]))
	return rowName{plain(n["name"]), plain(n["service_type"]), number}
}

// find returns the entry that a name means, nil for none: of several that are called so, those of the draft before
// others, those for the draft's service before others, and then by number.
func (c *choices) find(n rowName) *entry {
	var found []*entry
	for _, e := range c.list {
		if c.called(e) == n.called && (n.serviceType == "" || plain(e.Row["service_type"]) == n.serviceType) {
			found = append(found, e)
		}
	}
	for _, better := range []func(*entry) bool{
		func(e *entry) bool { return e.Held },
		func(e *entry) bool { return fits(e.Row, c.draft.ServiceType) },
	} {
		if slices.ContainsFunc(found, better) {
			found = slices.DeleteFunc(found, func(e *entry) bool { return !better(e) })
		}
	}
	if at := max(n.number, 1); at <= len(found) {
		return found[at-1]
	}
	return nil
}

// nameOf returns the name of an entry: in full, so that it means the same when rows are added.
func (c *choices) nameOf(of *entry) row {
	number, several := 0, 0
	for _, e := range c.list {
		same := c.called(e) == c.called(of) && plain(e.Row["service_type"]) == plain(of.Row["service_type"])
		if !same || of.Held && !e.Held {
			continue
		}
		several++
		if e == of {
			number = several
		}
	}
	name := row{"name": c.called(of)}
	if kind := plain(of.Row["service_type"]); kind != "" {
		name["service_type"] = kind
	}
	if several > 1 {
		name["number"] = json.Number(strconv.Itoa(number))
	}
	return name
}

// called is what an entry is called by the rows that refer to it.
func (c *choices) called(e *entry) string { return plain(e.Row[c.resource().title]) }
