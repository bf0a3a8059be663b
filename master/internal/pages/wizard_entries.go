package pages

import (
	"maps"
	"slices"
	"strings"
)

// entry is a row that a configuration may have: of the library, of the draft, or of both.
type entry struct {
	ID     string // in the library; "" for a row that the draft makes
	Row    row    // as the draft has it, else as the library has it
	Was    row    // as the library has it; nil: the draft makes it
	Index  int    // in the draft's section when it was read; -1: it was not there
	Held   bool   // the draft has it
	Chosen bool   // the profile takes it
}

// choices are what one section of a draft may have.
type choices struct {
	section
	draft *draft
	list  []*entry // the library's in the order of ids, then those that the draft makes
	lost  []any    // names in the profile that mean none of these
}

// stamps are what the admin API adds to rows, and a draft's do not have.
var stamps = []string{"id", "created_at", "updated_at", "revision"}

// choices returns the rows of the library and of the draft. A row of the draft belongs to one of the library that has
// the same keys, as it does when the draft is applied: of several to one that is equal, else the first to the first.
func (s section) choices(d *draft, library []row) *choices {
	c := &choices{section: s, draft: d}
	free := map[string][]*entry{}
	for _, values := range library {
		e := &entry{ID: values.ID(), Row: maps.Clone(values), Index: -1}
		for _, name := range stamps {
			delete(e.Row, name)
		}
		e.Was = e.Row
		c.list = append(c.list, e)
		free[s.key(values)] = append(free[s.key(values)], e)
	}
	held := d.Document[s.path]
	paired := make([]bool, len(held))
	for _, equal := range []bool{true, false} {
		for i, values := range held {
			of := free[s.key(values)]
			at := slices.IndexFunc(of, func(e *entry) bool { return !equal || len(s.differing(e.Was, values)) == 0 })
			if paired[i] || at < 0 {
				continue
			}
			of[at].Row, of[at].Index, of[at].Held, paired[i] = values, i, true, true
			free[s.key(values)] = slices.Delete(of, at, at+1)
		}
	}
	for i, values := range held {
		if !paired[i] {
			c.list = append(c.list, &entry{Row: values, Index: i, Held: true})
		}
	}
	c.choose()
	return c
}

// choose finds out which entries the profile takes.
func (c *choices) choose() {
	if c.selects == "" {
		return
	}
	if c.draft.byDefault() {
		for _, e := range c.list {
			e.Chosen = fits(e.Row, c.draft.ServiceType) && e.Row["enabled"] != false
		}
		return
	}
	names, _ := c.draft.profile()[c.selects].([]any)
	for _, name := range names {
		if e := c.find(nameOf(name)); e != nil {
			e.Chosen = true
		} else {
			c.lost = append(c.lost, name)
		}
	}
}

// write makes the draft's section, and what its profile takes, of the entries.
func (c *choices) write() {
	c.completeGroups()
	held := []row{}
	for _, e := range c.list {
		if e.Held {
			held = append(held, e.Row)
		}
	}
	c.draft.Document[c.path] = held
	if c.selects == "" || c.draft.byDefault() {
		return
	}
	names := []any{}
	for _, e := range c.list {
		if e.Chosen {
			names = append(names, c.nameOf(e))
		}
	}
	c.draft.profile()[c.selects] = append(names, c.lost...)
}

// completeGroups holds, of rows that share their keys, all when one is held: so each goes on belonging to its own in the
// library. Limits share theirs by nature, a limit of rates and one of quotas, so there a row that the draft makes
// does not change one that is there.
func (c *choices) completeGroups() {
	held, shared := map[string]bool{}, map[string]int{}
	for _, e := range c.list {
		key := c.key(e.Row)
		held[key] = held[key] || e.Held
		if e.Was != nil {
			shared[key]++
		}
	}
	for _, e := range c.list {
		if key := c.key(e.Row); held[key] && (shared[key] > 1 || c.selects == "") {
			e.Held = true
		}
	}
}

// drop takes a row out of the draft: the library's is as it was, a new one is gone.
func (c *choices) drop(of *entry) {
	if of.Was == nil {
		c.list = slices.DeleteFunc(c.list, func(e *entry) bool { return e == of })
	} else {
		of.Row, of.Held = maps.Clone(of.Was), false
	}
	// Equal ones were held for its sake.
	for _, e := range c.list {
		changed := slices.ContainsFunc(c.list, func(other *entry) bool {
			return other.Held && c.key(other.Row) == c.key(e.Row) && (other.Was == nil || len(c.differing(other.Was, other.Row)) > 0)
		})
		if c.key(e.Row) == c.key(of.Row) && !changed {
			e.Held = false
		}
	}
}

// with returns the entry of that id in the library, or of that index in the draft; nil for none.
func (c *choices) with(id string, index int) *entry {
	at := slices.IndexFunc(c.list, func(e *entry) bool { return id != "" && e.ID == id || id == "" && e.Index >= 0 && e.Index == index })
	if at < 0 {
		return nil
	}
	return c.list[at]
}

// differing lists the resource's fields in which two rows differ; what one leaves out is as nothing, no or 0.
func (s section) differing(a, b row) []string {
	text := func(values row, name string) string {
		if text := plain(values[name]); text != "0" && text != "false" {
			return text
		}
		return ""
	}
	var list []string
	for _, f := range s.resource().fields {
		if text(a, f.Name) != text(b, f.Name) {
			list = append(list, f.Name)
		}
	}
	return list
}

// inTable reports whether the entry is shown in the table of the library: as it is, or changed in nothing but what can be
// changed there. All others have a form of their own.
func (c *choices) inTable(e *entry) bool {
	if e.Was == nil || !e.Held {
		return e.Was != nil
	}
	changed := c.differing(e.Was, e.Row)
	return len(changed) > 0 && !slices.ContainsFunc(changed, func(name string) bool {
		return !slices.Contains(c.inline, name) && (name != "enabled" || !c.draft.byDefault())
	})
}

// fits reports whether rows of that service type are for media servers of the other.
func fits(values row, serviceType string) bool {
	return slices.Contains([]string{"", "all", serviceType}, plain(values["service_type"]))
}

// title is what a row is called, for people.
func (s section) title(values row) string {
	parts := []string{}
	for _, name := range s.keys {
		if text := plain(values[name]); text != "" && name != "service_type" && name != "kind" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " ")
}
