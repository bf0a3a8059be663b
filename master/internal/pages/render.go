package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed templates
var templateFiles embed.FS

// templates are the pages, each with the layout around it and the parts that pages share.
type templates struct{ byName map[string]*template.Template }

// readTemplates parses templates/*.html; templates/parts/*.html are what they share.
func readTemplates() (*templates, error) {
	shared, err := template.New("").Funcs(template.FuncMap{"dict": dict}).ParseFS(templateFiles, "templates/parts/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	t := &templates{byName: map[string]*template.Template{}}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	for _, name := range names {
		page, err := shared.Clone()
		if err != nil {
			return nil, fmt.Errorf("parse templates: %w", err)
		}
		if page, err = page.ParseFS(templateFiles, name); err != nil {
			return nil, fmt.Errorf("parse templates: %w", err)
		}
		t.byName[strings.TrimSuffix(path.Base(name), ".html")] = page
	}
	return t, nil
}

// dict makes one argument of several for a template: pairs of names and values.
func dict(pairs ...any) (map[string]any, error) {
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// sheet is what a template gets: the visit, and the page's own data.
type sheet struct {
	*visit
	Page string // the template's name
	Data any
}

// Asset is the URL of a file of assets.
func (s sheet) Asset(name string) string { return s.s.assets.url(name) }

// Path is the page's own address, with its query.
func (s sheet) Path() string { return s.r.URL.RequestURI() }

// In reports whether the page is at or below a path, for the navigation.
func (s sheet) In(path string) bool {
	return s.r.URL.Path == path || path != Prefix && strings.HasPrefix(s.r.URL.Path, strings.TrimSuffix(path, "/")+"/")
}

// render answers with a page. It is made whole before the first byte is sent, so that a template that fails is an
// error and not half a page.
func (v *visit) render(status int, name string, data any) {
	var b bytes.Buffer
	if err := v.s.templates.byName[name].ExecuteTemplate(&b, "layout", sheet{v, name, data}); err != nil {
		v.s.Log.ErrorContext(v.r.Context(), "Page not made", "page", name, "error", err)
		http.Error(v.w, v.T("problem.internal"), http.StatusInternalServerError)
		return
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Cache-Control", "no-store")
	v.w.WriteHeader(status)
	_, _ = b.WriteTo(v.w) // the visitor is gone
}

// show answers with a page; showAs does with another status than 200.
func (v *visit) show(name string, data any) error { return v.showAs(http.StatusOK, name, data) }

func (v *visit) showAs(status int, name string, data any) error {
	v.render(status, name, data)
	return nil
}
