package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// saveStep stores what was entered, whatever button was pressed and whatever is wrong with it, and goes on from there.
func saveStep(v *visit) error {
	n, err := v.step()
	if err != nil {
		return err
	}
	form, err := v.form()
	if err != nil {
		return err
	}
	d, err := v.readDraft()
	if err != nil {
		return err
	}
	if n == len(wizardSteps) {
		return publishDraft(v, d, form)
	}
	sections, err := v.sections(d, n)
	if err != nil {
		return err
	}
	regrow(form)
	stale := form.Get("etag") != d.etag
	wizardSteps[n-1].enter(d, form, v.Zone, sections, stale)
	p := stepPage{draft: d, Step: n, ETag: form.Get("etag"), Stale: stale}
	again := func(status int, problem *Problem) error {
		if sections, err = v.sections(d, n); err != nil {
			return err
		}
		return v.showStepOf(status, p, sections, browse(form), problem)
	}
	do, what, _ := strings.Cut(form.Get("do"), ":")
	switch {
	case do == "hindsight":
		if p.Hindsight, err = v.hindsightOf(d, n, sections); err != nil {
			return err
		}
		return again(http.StatusOK, nil)
	case stale:
		p.ETag = d.etag
		return again(http.StatusPreconditionFailed, nil)
	}
	if do == "remove" {
		remove(sections, what)
	}
	if do == "open" {
		what = open(sections, what)
	}
	target := d.target(n, do, what)
	d.Step = max(d.Step, min(target, len(wizardSteps)))
	err = v.saveDraft(d, wizardSteps[n-1], p.ETag)
	switch problem := refusal(err); {
	case problem != nil && problem.Status == http.StatusPreconditionFailed: // between reading and writing
		return saveStep(v)
	case problem != nil:
		return again(problem.Status, problem)
	case err != nil:
		return err
	}
	return v.afterStep(d, n, do, what, form)
}

// saveDraft writes what a step can change.
func (v *visit) saveDraft(d *draft, step wizardStep, etag string) error {
	document := map[string][]row{"profiles": d.Document["profiles"]}
	for _, s := range step.sections {
		document[s.path] = d.Document[s.path]
	}
	body := map[string]any{"step": d.Step, "document": document}
	if step.key == "basics" {
		body["name"], body["server_ids"] = d.Name, d.ServerIDs
	}
	_, err := v.call(http.MethodPatch, d.path(), body, nil, "If-Match", etag)
	return err
}

// target is the step that a button leads to.
func (d *draft) target(n int, do, what string) int {
	switch do {
	case "next":
		return n + 1
	case "back":
		return max(1, n-1)
	case "go":
		if to, err := strconv.Atoi(what); err == nil && to >= 1 && to <= len(wizardSteps) {
			return to
		}
	}
	return n
}

// afterStep leads to where a button does. The next step is for who has nothing to mend in this one; the list of steps
// and back lead away in any case.
func (v *visit) afterStep(d *draft, n int, do, what string, form url.Values) error {
	to := d.To(d.target(n, do, what))
	switch do {
	case "next":
		problem, err := v.check(d)
		if err != nil {
			return err
		}
		if problem.inStep(n) {
			to = d.To(n) + "#faults"
		}
	case "server":
		to = Prefix + "servers/new?" + url.Values{"service_type": {d.ServiceType}, "next": {d.To(1)}}.Encode()
	case "back", "go":
	default:
		query := browse(form)
		if do == "open" {
			query.Set("open", what)
		}
		to += "?" + query.Encode() + anchor(do, what, form)
	}
	return v.redirect(to, "")
}

// inStep reports whether something is wrong in a step.
func (p *Problem) inStep(n int) bool {
	if p == nil {
		return false
	}
	for _, e := range p.Errors {
		if stepOf(strings.TrimPrefix(e.Location, "body.")) == n {
			return true
		}
	}
	return false
}

// browse is the query of a step's page: which rows of the library it shows, and what is to be added.
func browse(form url.Values) url.Values {
	query := url.Values{}
	for name := range form {
		for _, what := range []string{"q.", "only.", "page.", "held."} {
			if strings.HasPrefix(name, what) && form.Get(name) != "" {
				query.Set(name, form.Get(name))
			}
		}
	}
	switch do, what, _ := strings.Cut(form.Get("do"), ":"); do {
	case "page", "held":
		section, page, _ := strings.Cut(what, ":")
		query.Set(do+"."+section, page)
	case "find":
		query.Del("page." + what)
	}
	if grow := form.Get("add"); grow != "" {
		query.Set("add", grow)
	}
	return query
}

// anchor is the part of the page that a button was about.
func anchor(do, what string, form url.Values) string {
	section, _, _ := strings.Cut(what, ":")
	if grow := form.Get("add"); grow != "" {
		section, _, _ = strings.Cut(grow, ".")
	}
	switch {
	case do == "find" || do == "page":
		return "#table-" + section
	case section != "":
		return "#" + section
	}
	return ""
}
