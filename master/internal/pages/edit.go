package pages

import (
	"errors"
	"net/http"
	"net/url"
)

// editor is what the form's page shows.
type editor struct {
	*resource
	ID      string // "" for a new row
	Row     row
	ETag    string
	Inputs  []input
	Failure string // what is wrong beside the fields
	Stale   bool   // somebody else has changed the row since the form was shown
	Uses    []use
	Secret  string // of a new row: what is shown this once
}

// use is who uses a row.
type use struct {
	Resource string `json:"resource"`
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Implicit bool   `json:"implicit"`
}

// resource serves the pages of one resource below its list.
func (s *server) resource(r *resource) http.Handler {
	mux := http.NewServeMux()
	at := Prefix + r.path
	handle := func(pattern string, h handler) { mux.Handle(pattern, s.page(signedIn, h)) }
	handle("GET "+at+"/new", r.showNew)
	handle("POST "+at+"/new", r.create)
	handle("GET "+at+"/{id}", r.showRow)
	handle("POST "+at+"/{id}", r.change)
	handle("GET "+at+"/{id}/delete", r.showDelete)
	handle("POST "+at+"/{id}/delete", r.remove)
	if r.cloned {
		handle("POST "+at+"/{id}/clone", r.clone)
	}
	if r.path == "servers" {
		tokenRoutes(handle)
	}
	handle(at+"/", func(v *visit) error { return &Problem{Status: http.StatusNotFound, Detail: v.T("problem.no_page")} })
	return mux
}

// showNew shows an empty form; the query may fill fields in, as in ?host=203.0.113.10.
func (r *resource) showNew(v *visit) error {
	values := row{"enabled": true}
	for name, given := range v.r.URL.Query() {
		values[name] = given[0]
	}
	for _, f := range r.fields {
		if f.Kind == choice && values[f.Name] == nil {
			values[f.Name] = f.Options[0]
		}
	}
	return r.edit(v, http.StatusOK, editor{Row: values}, nil, nil)
}

func (r *resource) create(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	body := row{}
	for _, f := range r.fields {
		// What is left empty gets the API's default.
		if value, ok := f.read(form, v.Zone); ok && (form.Get(f.Name) != "" || f.Kind == flag || f.Kind == manyOf) {
			body[f.Name] = value
		}
	}
	var made row
	_, err = v.call(http.MethodPost, r.path, body, &made)
	if problem := refusal(err); problem != nil {
		return r.edit(v, problem.Status, editor{}, form, problem)
	}
	if err != nil {
		return err
	}
	if key := plain(made["key"]); key != "" {
		// Shown in the answer to the write and nowhere else: a page of its own could be opened again.
		return v.show("secret", editor{resource: r, ID: made.ID(), Row: made, Secret: key})
	}
	return v.redirect(Prefix+r.path, "said.created")
}

func (r *resource) showRow(v *visit) error {
	values, etag, err := r.read(v)
	if err != nil {
		return err
	}
	return r.edit(v, http.StatusOK, editor{ID: values.ID(), Row: values, ETag: etag}, nil, nil)
}

func (r *resource) change(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	body := row{}
	for _, f := range r.fields {
		if value, ok := f.read(form, v.Zone); ok && !f.Fixed {
			body[f.Name] = value
		}
	}
	id := v.r.PathValue("id")
	_, err = v.call(http.MethodPatch, r.path+"/"+url.PathEscape(id), body, nil, "If-Match", form.Get("etag"))
	problem := refusal(err)
	switch {
	case problem == nil && err != nil:
		return err
	case problem == nil:
		return v.redirect(Prefix+r.path, "said.saved")
	case problem.Status == http.StatusPreconditionFailed:
		now, etag, err := r.read(v)
		if err != nil {
			return err
		}
		return r.edit(v, problem.Status, editor{ID: id, Row: now, ETag: etag, Stale: true}, form, nil)
	}
	return r.edit(v, problem.Status, editor{ID: id, ETag: form.Get("etag")}, form, problem)
}

func (r *resource) showDelete(v *visit) error {
	values, etag, err := r.read(v)
	if err != nil {
		return err
	}
	e := editor{resource: r, ID: values.ID(), Row: values, ETag: etag}
	if r.used {
		var uses struct {
			UsedBy []use `json:"used_by"`
		}
		if err := v.get(r.path+"/"+e.ID+"/uses", &uses); err != nil {
			return err
		}
		e.Uses = uses.UsedBy
	}
	return v.show("delete", e)
}

func (r *resource) remove(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	path := r.path + "/" + url.PathEscape(v.r.PathValue("id"))
	if form.Has("detach") {
		path += "?detach=true"
	}
	if _, err := v.call(http.MethodDelete, path, nil, nil, "If-Match", form.Get("etag")); err != nil {
		return err
	}
	return v.redirect(Prefix+r.path, "said.deleted")
}

func (r *resource) clone(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	var made row
	path := r.path + "/" + url.PathEscape(v.r.PathValue("id")) + "/clone"
	if _, err := v.call(http.MethodPost, path, map[string]string{"name": form.Get("name")}, &made); err != nil {
		return err
	}
	return v.redirect(Prefix+r.path+"/"+made.ID(), "said.cloned")
}

// read returns the row that the path names, and its revision.
func (r *resource) read(v *visit) (row, string, error) {
	var values row
	a, err := v.call(http.MethodGet, r.path+"/"+url.PathEscape(v.r.PathValue("id")), nil, &values)
	if err != nil {
		return nil, "", err
	}
	return values, a.header.Get("ETag"), nil
}

// edit shows the form: with what was entered where there is something, else with the row.
func (r *resource) edit(v *visit, status int, e editor, entered url.Values, problem *Problem) error {
	e.resource = r
	var err error
	if e.Inputs, err = r.inputs(v, e.Row, entered, problem); err != nil {
		return err
	}
	e.Failure = problem.others(r.fields)
	return v.showAs(status, "edit", e)
}

// maxForm bounds a form's bytes; custom_nginx may have 64 KiB.
const maxForm = 1 << 20

func (v *visit) form() (url.Values, error) {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		return nil, &Problem{Status: http.StatusBadRequest, Detail: v.T("problem.form")}
	}
	return v.r.PostForm, nil
}

// refusal returns the problem that the visitor can do something about in the form, else nil.
func refusal(err error) *Problem {
	var problem *Problem
	if !errors.As(err, &problem) {
		return nil
	}
	switch problem.Status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		return problem
	}
	return nil
}
