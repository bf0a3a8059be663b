package pages

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// editor is what the form's page shows.
type editor struct {
	*resource
	ID      string // "" for a new row
	Row     row
	ETag    string
	Inputs  []input
	Failure string // what is wrong beside the fields
	Stale   row    // as somebody else has changed it since the form was shown; nil: nobody has
	Uses    []use
	Secret  string // of a new row: what is shown this once
	Next    string // page to go on with once a new row is made; "" for the list

	Clone, CloneFailure string // the name that was asked for, and why there is no copy of it

	Hindsight *hindsight // what the row would have refused; nil: nobody has asked
}

// Heading names what is edited.
func (e editor) Heading(v sheet) string {
	switch {
	case e.path == "settings":
		return v.Label(e.path, plain(e.Row["name"]))
	case e.ID == "":
		return v.T(e.path + ".new")
	}
	if title := v.say(e.path, e.field(e.title), e.Row[e.title]); title != "" {
		return title
	}
	return v.T(e.path+".title") + " #" + e.ID
}

// Default reports whether the row is a default profile.
func (e editor) Default() bool { return e.path == "profiles" && e.Row["is_default"] == true }

// Now is what an input's field says since somebody else has changed it.
func (e editor) Now(in input) string { return plain(e.Stale[in.Name]) }

// use is who uses a row.
type use struct {
	Resource string `json:"resource"`
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Implicit bool   `json:"implicit"`
}

// routes are those of the resource's pages.
func (r *resource) routes(handle func(string, handler)) {
	at := Prefix + r.path
	handle("GET "+at, r.list)
	handle("GET "+at+"/new", r.showNew)
	handle("POST "+at+"/new", r.create)
	handle("GET "+at+"/{id}", r.showRow)
	handle("POST "+at+"/{id}", r.change)
	handle("GET "+at+"/{id}/delete", r.showDelete)
	handle("POST "+at+"/{id}/delete", r.remove)
	if r.cloned {
		handle("POST "+at+"/{id}/clone", r.clone)
	}
	switch r.path {
	case "servers":
		tokenRoutes(handle)
	case "users":
		handle("POST "+at+"/{id}/end-sessions", endSessionsOf)
	}
}

// showNew shows an empty form; the query may fill fields in, as in ?host=203.0.113.10.
func (r *resource) showNew(v *visit) error {
	query := v.r.URL.Query()
	if r.path == "settings" && !slices.Contains(names(settingValues), query.Get("name")) {
		return v.redirect(Prefix+r.path, "") // where there are links to each of them
	}
	values := newRow(r.formOf(query.Get))
	for name, given := range query {
		values[name] = given[0]
	}
	return r.edit(v, http.StatusOK, editor{Row: values, Next: query.Get("next")}, "", nil)
}

func (r *resource) create(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	grow, again := regrow(form)
	body := readFields(r.formOf(form.Get), form, "", v.Zone)
	if again {
		return r.edit(v, http.StatusOK, editor{Row: body, Next: form.Get("next")}, grow, nil)
	}
	if form.Get("do") == "hindsight" {
		return r.lookBack(v, editor{Row: body, Next: form.Get("next")})
	}
	var made row
	_, err = v.call(http.MethodPost, r.path, body, &made)
	if problem := refusal(err); problem != nil {
		return r.edit(v, problem.Status, editor{Row: body, Next: form.Get("next")}, "", problem)
	}
	if err != nil {
		return err
	}
	if key := plain(made["key"]); key != "" {
		// Shown in the answer to the write and nowhere else: a page of its own could be opened again.
		return v.show("secret", editor{resource: r, ID: made.ID(), Row: made, Secret: key})
	}
	if next := form.Get("next"); next != "" {
		return v.redirect(ownPath(next), "said.created")
	}
	return v.redirect(Prefix+r.path, "said.created")
}

func (r *resource) showRow(v *visit) error {
	values, etag, err := r.read(v)
	if err != nil {
		return err
	}
	return r.edit(v, http.StatusOK, editor{ID: values.ID(), Row: values, ETag: etag}, "", nil)
}

// change writes the row as it was read with what was entered in place of its fields: what was left empty gets the
// default of a new one.
func (r *resource) change(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	grow, again := regrow(form)
	now, etag, err := r.read(v)
	if err != nil {
		return err
	}
	e := editor{ID: now.ID(), ETag: form.Get("etag"), Row: r.entered(v, now, form)}
	if again {
		return r.edit(v, http.StatusOK, e, grow, nil)
	}
	if form.Get("do") == "hindsight" {
		return r.lookBack(v, e)
	}
	_, err = v.call(http.MethodPut, r.path+"/"+e.ID, e.Row, nil, "If-Match", e.ETag)
	problem := refusal(err)
	switch {
	case problem == nil && err != nil:
		return err
	case problem == nil:
		return v.redirect(Prefix+r.path, "said.saved")
	case problem.Status == http.StatusPreconditionFailed:
		e.Stale, e.ETag = now, etag
		return r.edit(v, problem.Status, e, "", nil)
	}
	return r.edit(v, problem.Status, e, "", problem)
}

// entered returns the row with what the form has in place of its fields.
func (r *resource) entered(v *visit, now row, form url.Values) row {
	fields := r.formOf(func(name string) string { return plain(now[name]) })
	given, merged := readFields(fields, form, "", v.Zone), maps.Clone(now)
	for _, f := range fields {
		if f.Fixed {
			continue
		}
		delete(merged, f.Name)
		if value, ok := given[f.Name]; ok {
			merged[f.Name] = value
		}
	}
	return merged
}

// formOf returns the fields of the form of a row of which value returns the fields: a setting's depend on its name, and a
// default profile has nothing to select.
func (r *resource) formOf(value func(name string) string) []field {
	switch {
	case r.path == "settings":
		return []field{r.fields[0], settingValue(value("name"))}
	case r.path == "profiles" && value("is_default") == "true":
		return slices.DeleteFunc(slices.Clone(r.fields), func(f field) bool { return f.Kind == manyOf }) // it selects all that is enabled
	}
	return r.fields
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
	_, err = v.call(http.MethodPost, path, map[string]string{"name": form.Get("name")}, &made)
	if problem := refusal(err); problem != nil {
		values, etag, err := r.read(v)
		if err != nil {
			return err
		}
		faults := problem.faults(v, "body.")
		return r.edit(v, problem.Status, editor{
			ID: values.ID(), Row: values, ETag: etag, Clone: form.Get("name"), CloneFailure: cmp.Or(faults.take("name", text), faults.rest()),
		}, "", nil)
	}
	if err != nil {
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

// edit shows the form with a row, be it the API's or what was entered.
func (r *resource) edit(v *visit, status int, e editor, grow string, problem *Problem) error {
	e.resource = r
	fields := r.formOf(func(name string) string { return plain(e.Row[name]) })
	refs, err := r.references(v, names(fields))
	if err != nil {
		return err
	}
	fill := filling{r.path, v.Zone, refs, problem.faults(v, "body."), grow}
	e.Inputs = fill.inputs(fields, "", e.Row)
	e.Failure = fill.faults.rest()
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
