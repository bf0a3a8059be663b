package pages

import "net/http"

// router is an http.ServeMux that remembers its patterns: tests hold each page to what holds for all of them, and so a
// new page, too.
type router struct {
	mux      http.ServeMux
	patterns []string
}

func (r *router) Handle(pattern string, h http.Handler) {
	r.patterns = append(r.patterns, pattern)
	r.mux.Handle(pattern, h)
}

func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) { r.mux.ServeHTTP(w, req) }

// Patterns returns those of all pages, as http.ServeMux takes them.
func Patterns() []string { return (&server{}).routes().patterns }
