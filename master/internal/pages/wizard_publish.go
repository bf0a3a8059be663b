package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// lastPage is the last step: what would change, what it would do to each host, and the form that applies and publishes.
type lastPage struct {
	stepPage
	Publish publishPage
	Changes []rowChange // the first of them
	More    int         // how many others there are
	Refused []hostRefusal
}

// hostRefusal is what nginx says of a host's configuration, and where to mend it.
type hostRefusal struct {
	FieldError
	Host        string `json:"host"`
	ServiceType string `json:"service_type"`
}

// Step is where to mend it; 0 for nowhere in the wizard.
func (r hostRefusal) Step() int {
	location, inDraft := strings.CutPrefix(r.Location, "body.")
	if !inDraft {
		return 0
	}
	return stepOf(location)
}

// StepKey names that step.
func (r hostRefusal) StepKey() string { return wizardSteps[r.Step()-1].key }

// Page is the page of the row of the library that is to be mended; "" for one of the draft.
func (r hostRefusal) Page() string {
	path, _, ok := strings.Cut(r.Location, ".")
	if strings.HasPrefix(r.Location, "body.") || !ok || !strings.Contains(path, "/") {
		return ""
	}
	return Prefix + path
}

// Before is the number of the step before.
func (lastPage) Before() int { return len(wizardSteps) - 1 }

func showDraftPublish(v *visit, d *draft) error {
	p := lastPage{}
	p.Publish.Host = v.r.URL.Query().Get("host")
	return previewDraft(v, http.StatusOK, p, d)
}

// previewDraft shows what applying the draft would do. A draft that is not ready shows what is wrong with it.
func previewDraft(v *visit, status int, p lastPage, d *draft) error {
	p.stepPage = stepPage{draft: d, Step: len(wizardSteps), ETag: d.etag}
	if !v.Me.May("operator") {
		p.mark(v, nil)
		return v.showAs(status, "wizard-publish", p)
	}
	var seen struct {
		Hash    string        `json:"hash"`
		Groups  []group       `json:"groups"`
		Changes []rowChange   `json:"changes"`
		Refused []hostRefusal `json:"refused"`
	}
	_, err := v.call(http.MethodPost, d.path()+"/preview", map[string]any{"host": p.Publish.Host, "in_full": shownGroups}, &seen)
	problem := refusal(err)
	if problem == nil && err != nil {
		return err
	}
	p.mark(v, problem)
	p.allFaults(v, problem)
	if problem != nil {
		return v.showAs(problem.Status, "wizard-publish", p)
	}
	p.Changes, p.More = firstChanges(seen.Changes)
	for i := range seen.Refused {
		seen.Refused[i].Message = v.Said(seen.Refused[i].Message)
	}
	p.Refused, p.Publish.Hash = seen.Refused, seen.Hash
	p.Publish.arrange(seen.Groups)
	return v.showAs(status, "wizard-publish", p)
}

// publishDraft applies what was previewed, and publishes it as the form says.
func publishDraft(v *visit, d *draft, form url.Values) error {
	if do, what, _ := strings.Cut(form.Get("do"), ":"); do != "publish" {
		return v.redirect(d.To(d.target(len(wizardSteps), do, what)), "")
	}
	o := order{form}
	var done struct {
		ID int64 `json:"id"`
	}
	answer, err := v.call(http.MethodPost, d.path()+"/apply", o.body(v.Zone), &done, "If-Match", form.Get("etag"))
	var problem *Problem
	switch {
	case errors.As(err, &problem) && problem.Status == http.StatusPreconditionFailed:
		return previewDraft(v, problem.Status, lastPage{Publish: publishPage{Stale: true, order: o}}, d)
	case refusal(err) != nil:
		return previewDraft(v, problem.Status, lastPage{Publish: publishPage{Failure: problem.Detail, order: o}}, d)
	case err != nil:
		return err
	case answer.status == http.StatusAccepted:
		return v.redirect(Prefix+"snapshots", "said.scheduled")
	}
	return v.redirect(Prefix+"snapshots/"+strconv.FormatInt(done.ID, 10), "said.published")
}
