package pages

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// timeLayout is how browsers write what is entered as a time.
const timeLayout = "2006-01-02T15:04"

// Names beside a field's own in a form: whether an optional one has a value of its own, and whether an object is
// anything but null.
const (
	switchOwn = ".own"
	switchOn  = ".on"
)

// readFields returns what was entered in the fields, by name, as the admin API takes it. The names of the inputs are
// those of the fields after a prefix, "" or as in "players.0."; of what stands in rows or objects, as in
// "entries.2.pattern". What is left empty is left out, for the API to give it its default. What cannot be read stays
// the text that it is, for the API to say what it takes: so a form can be made again of what is returned.
func readFields(fields []field, form url.Values, prefix string, zone *time.Location) row {
	values := row{}
	for _, f := range fields {
		if value, ok := f.read(form, prefix, zone); ok {
			values[f.Name] = value
		}
	}
	return values
}

// read returns the value of one field; ok is false where nothing was entered.
func (f field) read(form url.Values, prefix string, zone *time.Location) (value any, ok bool) {
	name := prefix + f.Name
	if f.Optional && !form.Has(name+switchOwn) {
		return nil, false
	}
	entered := strings.ReplaceAll(form.Get(name), "\r\n", "\n")
	if f.Kind != multiline && f.Kind != secret {
		entered = strings.TrimSpace(entered)
	}
	switch f.Kind {
	case flag:
		return form.Has(name), true
	case lines:
		return splitLines(entered), true
	case manyOf:
		ids := []any{}
		for _, id := range form[name] {
			ids = append(ids, json.Number(id))
		}
		return ids, true
	case object:
		if f.Null && !form.Has(name+switchOn) {
			return nil, true
		}
		return readFields(f.Parts, form, name+".", zone), true
	case rows, messages:
		if entered != "" { // too many for a form
			return readRaw(entered), true
		}
		list := f.readRows(form, name, zone)
		if f.Kind == messages {
			return messagesOf(list), true
		}
		return list, true
	}
	if entered == "" {
		return nil, false
	}
	switch f.Kind {
	case integer, size, oneOf:
		if n := json.Number(""); json.Unmarshal([]byte(entered), &n) == nil {
			return n, true
		}
		if bytes, ok := readSize(entered); ok && f.Kind == size {
			return bytes, true
		}
	case moments:
		if at, err := time.ParseInLocation(timeLayout, entered, zone); err == nil {
			return at, true
		}
	case raw:
		return readRaw(entered), true
	}
	return entered, true
}

// readRows returns the rows in which something was entered.
func (f field) readRows(form url.Values, name string, zone *time.Location) []any {
	list := []any{}
	for _, i := range indexes(form, name) {
		one := readFields(f.Parts, form, fmt.Sprintf("%s.%d.", name, i), zone)
		if slices.ContainsFunc(f.Parts, func(part field) bool { return part.says(one[part.Name]) }) {
			list = append(list, one)
		}
	}
	return list
}

// says reports whether a value in a row is more than what a new row has.
func (f field) says(value any) bool {
	switch f.Kind {
	case choice:
		return false
	case flag:
		return value != f.On
	}
	switch value := value.(type) {
	case nil:
		return false
	case []any:
		return len(value) > 0
	case row:
		return slices.ContainsFunc(f.Parts, func(part field) bool { return part.says(value[part.Name]) })
	}
	return true
}

// indexes are the numbers of the rows that the form has below a name, rising.
func indexes(form url.Values, name string) []int {
	found := map[int]bool{}
	var list []int
	for key := range form {
		rest, ok := strings.CutPrefix(key, name+".")
		if !ok {
			continue
		}
		number, _, _ := strings.Cut(rest, ".")
		if i, err := strconv.Atoi(number); err == nil && i >= 0 && !found[i] {
			found[i] = true
			list = append(list, i)
		}
	}
	slices.Sort(list)
	return list
}

// regrow does what the buttons in a form ask for that add a row or take one away, without a script: again says that
// one was pressed, so that nothing is to be saved, but the form shown again. grow names the rows that get one more.
func regrow(form url.Values) (grow string, again bool) {
	if name := form.Get("remove"); name != "" {
		for key := range form {
			if strings.HasPrefix(key, name+".") {
				form.Del(key)
			}
		}
	}
	return form.Get("add"), form.Has("add") || form.Has("remove")
}

func splitLines(text string) []any {
	list := []any{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// readRaw reads JSON; what is none is a text.
func readRaw(text string) any {
	var value any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil || decoder.More() {
		return text
	}
	return value
}
