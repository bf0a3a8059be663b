package pages

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The form of a step has, for each section:
//
//	SECTION.3.FIELD        inputs of the draft's row 3, or of a new one
//	of.SECTION.3           the id in the library of the row that it changes
//	chosen.SECTION         numbers of these rows that the profile takes
//	shown.SECTION          ids of the library's rows that stand in the table
//	pick.SECTION           those of them that the profile takes
//	inline.SECTION.7.FIELD inputs in the table
//
// So whatever is not on the page, be it on another page of the table or closed, stays as it is.

// enter puts what was entered in a section into the choices. apart is for a draft that somebody else has changed since:
// its new rows are told apart by their keys then, since their numbers may mean others.
func (c *choices) enter(form url.Values, zone *time.Location, apart bool) {
	for _, i := range indexes(form, c.path) {
		c.enterRow(form, zone, i, apart)
	}
	picked := form["pick."+c.path]
	for _, id := range form["shown."+c.path] {
		e := c.with(id, -1)
		if e == nil {
			continue // it was deleted from the library
		}
		if c.selects != "" {
			c.pick(e, slices.Contains(picked, id))
		}
		c.enterInline(e, form)
	}
}

// enterRow puts one form of a row into the choices. A new row with nothing in it is none.
func (c *choices) enterRow(form url.Values, zone *time.Location, i int, apart bool) {
	number := strconv.Itoa(i)
	of := form.Get("of." + c.path + "." + number)
	fields := c.formFields(of != "")
	given := readFields(fields, form, c.path+"."+number+".", zone)
	e := c.with(of, i)
	if of == "" && apart {
		e = c.withKey(c.key(given))
	}
	switch {
	case of != "" && e == nil, of == "" && (e == nil || e.Was != nil): // a new one, or the library's that is gone since
		if !slices.ContainsFunc(fields, func(f field) bool { return f.says(given[f.Name]) }) {
			return
		}
		e = &entry{Index: -1}
		c.list = append(c.list, e)
	case of == "" && !slices.ContainsFunc(fields, func(f field) bool { return f.says(given[f.Name]) }):
		c.drop(e)
		return
	}
	e.Row, e.Held = merge(e.Row, fields, given), true
	c.pick(e, slices.Contains(form["chosen."+c.path], number) || c.draft.byDefault() && e.Row["enabled"] == true)
}

// merge returns the row with what was entered in place of the fields.
func merge(values row, fields []field, given row) row {
	merged := maps.Clone(values)
	if merged == nil {
		merged = row{}
	}
	for _, f := range fields {
		delete(merged, f.Name)
	}
	maps.Copy(merged, given)
	return merged
}

// formFields are the inputs of a row: what names a row of the library is not changed here, since that would make
// another.
func (s section) formFields(ofLibrary bool) []field {
	return slices.DeleteFunc(slices.Clone(s.resource().fields), func(f field) bool {
		return ofLibrary && slices.Contains(s.keys, f.Name)
	})
}

// withKey returns the row with that key that the draft makes; nil for none.
func (c *choices) withKey(key string) *entry {
	for _, e := range c.list {
		if e.Was == nil && c.key(e.Row) == key {
			return e
		}
	}
	return nil
}

// pick says whether the profile takes an entry. A default one takes all that is enabled.
func (c *choices) pick(e *entry, chosen bool) {
	if c.draft.byDefault() && chosen != (e.Row["enabled"] != false) {
		e.Row, e.Held = maps.Clone(e.Row), true
		e.Row["enabled"] = chosen
		c.release(e)
	}
	e.Chosen = chosen
}

// enterInline puts what was entered in the table into the choices.
func (c *choices) enterInline(e *entry, form url.Values) {
	for _, name := range c.inline {
		input := "inline." + c.path + "." + e.ID + "." + name
		value := strings.TrimSpace(form.Get(input))
		if form.Has(input) && value != plain(e.Row[name]) {
			e.Row, e.Held = maps.Clone(e.Row), true
			e.Row[name] = value
			c.release(e)
		}
	}
}

// release takes a row out of the draft that is as the library has it again.
func (c *choices) release(e *entry) {
	if len(c.differing(e.Was, e.Row)) == 0 {
		c.drop(e)
	}
}

// enter puts what was entered in a step into the draft.
func (s wizardStep) enter(d *draft, form url.Values, zone *time.Location, sections []*choices, apart bool) {
	if s.key == "basics" {
		d.enterBasics(form)
	}
	if fields := s.profileFields(); len(fields) > 0 {
		d.Document["profiles"][0] = merge(d.profile(), fields, readFields(fields, form, "profiles.0.", zone))
	}
	for _, c := range sections {
		c.enter(form, zone, apart)
		c.write()
	}
}

// enterBasics puts the first step into the draft. A profile that is there already keeps its name.
func (d *draft) enterBasics(form url.Values) {
	d.Name = strings.TrimSpace(form.Get("name"))
	if d.ProfileID == nil {
		d.profile()["name"] = d.Name
	}
	d.ServerIDs = serverIDs(form)
}

// serverIDs are those of the servers that were chosen.
func serverIDs(form url.Values) []int64 {
	ids := []int64{}
	for _, id := range form["server_ids"] {
		if n, err := json.Number(id).Int64(); err == nil {
			ids = append(ids, n)
		}
	}
	return ids
}
