package render

import (
	"sort"
	"strconv"
	"strings"
	"text/template"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// Origin is what an operator would change to change a line of the rendered nginx.
type Origin struct {
	Resource string `json:"resource,omitempty" doc:"as in paths of the admin API; empty: the gateway's own template"`
	ID       int64  `json:"id,omitempty"`
	Name     string `json:"name,omitempty"`
	Field    string `json:"field,omitempty"`
}

// String names the origin as people do: server 3 (emby1), custom_nginx.
func (o Origin) String() string {
	if o.Resource == "" {
		return "the gateway's own template"
	}
	text := strings.TrimSuffix(o.Resource, "s")
	if o.ID != 0 {
		text += " " + strconv.FormatInt(o.ID, 10)
	}
	if o.Name != "" {
		text += " (" + o.Name + ")"
	}
	if o.Field != "" {
		text += ", " + o.Field
	}
	return text
}

// Origins tells of each line of a rendered file where it comes from.
type Origins []stretch

// stretch is the lines from one up to the next stretch's.
type stretch struct {
	line int
	Origin
}

// At returns the origin of a line, counted from 1.
func (o Origins) At(line int) Origin {
	i := sort.Search(len(o), func(i int) bool { return o[i].line > line })
	if i == 0 {
		return Origin{}
	}
	return o[i-1].Origin
}

// marker notes origins while the template is executed: what mark returns stands in the text until lift takes
// it out again. No value that is rendered holds a NUL, since nginx takes none.
type marker struct {
	marked   []Origin
	template *template.Template // that is executed
}

// mark begins lines that come from a field of a row, "" being the whole row; with resource "" those of ours.
func (m *marker) mark(resource string, id int64, name, field string) string {
	m.marked = append(m.marked, Origin{resource, id, name, field})
	return "\x00" + strconv.Itoa(len(m.marked)-1) + "\x00"
}

// markBack ends lines that were marked among others: those from here on come from where the lines before them did. So a text
// can stand in several places.
const markBack = "\x00\x00"

// funcs are the functions of the template. Those that mark say where the lines from here on come from.
func (m *marker) funcs() template.FuncMap {
	return template.FuncMap{
		"quote": nginxconf.Quote, "indented": indented, "map": mapBlock, "verdict": verdict, "refusal": refusal, "headers": m.headers,
		"server":   func(b *block, field string) string { return m.mark("servers", b.ID, b.Name, field) },
		"from":     func(o Origin, field string) string { return m.mark(o.Resource, o.ID, o.Name, field) },
		"mapped":   func(v library.NginxMap) string { return m.mark("nginx-maps", v.ID, v.Name, "") },
		"located":  m.located,
		"setting":  func(name string) string { return m.mark("settings", 0, name, "") },
		"ours":     func() string { return m.mark("", 0, "", "") },
		"proxying": func(b *block, to upstream) proxying { return proxying{b, to} },
	}
}

// proxying is a server block's way to an upstream.
type proxying struct {
	Block *block
	To    upstream
}

// lift returns the text without marks, and where they stood. Of several on a line the last one counts.
func (m *marker) lift(text string) (string, Origins) {
	parts := strings.Split(text, "\x00")
	var plain strings.Builder
	plain.Grow(len(text))
	var origins Origins
	var now, before Origin
	line := 1
	for i, part := range parts {
		if i%2 == 0 {
			plain.WriteString(part)
			line += strings.Count(part, "\n")
			continue
		}
		if part == "" { // markBack
			now = before
		} else {
			n, _ := strconv.Atoi(part) // mark wrote it
			now, before = m.marked[n], now
		}
		if last := len(origins) - 1; last >= 0 && origins[last].line == line {
			origins[last].Origin = now
			continue
		}
		origins = append(origins, stretch{line, now})
	}
	return plain.String(), origins
}
