package pages

import (
	"net/http"
	"net/url"
	"strconv"
)

// stepPage is what a step shows, but for the last.
type stepPage struct {
	*draft
	Step      int
	ETag      string
	Steps     []stepMark
	Faults    []stepFault // what is wrong in this step
	Failure   string      // what is wrong beside that
	Stale     bool        // somebody else has changed the draft since the form was shown
	Sections  []sectionView
	Profile   []input
	Servers   []serverChoice
	Hindsight *hindsight
}

// stepMark is one of the list of steps.
type stepMark struct {
	Number  int
	Key     string
	Current bool
	Done    bool // somebody has been beyond it
	Faults  int
}

// Key of the step, for its texts.
func (p stepPage) Key() string { return wizardSteps[p.Step-1].key }

// HasHindsight reports whether the step can be held against the last requests.
func (p stepPage) HasHindsight() bool { return wizardSteps[p.Step-1].hindsight != "" }

// ProfileName is what the profile is called.
func (p stepPage) ProfileName() string { return plain(p.profile()["name"]) }

// Here is the page of the step.
func (p stepPage) Here() string { return p.To(p.Step) }

// MayWrite reports whether the visitor may change the draft.
func (p stepPage) MayWrite(v sheet) bool { return v.Me.May("operator") }

// step returns the number of the step that the path names.
func (v *visit) step() (int, error) {
	n, err := strconv.Atoi(v.r.PathValue("step"))
	if err != nil || n < 1 || n > len(wizardSteps) {
		return 0, &Problem{Status: http.StatusNotFound, Detail: v.T("problem.no_page")}
	}
	return n, nil
}

func showStep(v *visit) error {
	n, err := v.step()
	if err != nil {
		return err
	}
	d, err := v.readDraft()
	if err != nil {
		return err
	}
	if n == len(wizardSteps) {
		return showDraftPublish(v, d)
	}
	sections, err := v.sections(d, n)
	if err != nil {
		return err
	}
	problem, err := v.check(d)
	if err != nil {
		return err
	}
	return v.showStepOf(http.StatusOK, stepPage{draft: d, Step: n, ETag: d.etag}, sections, v.r.URL.Query(), problem)
}

// sections returns the rows that a step is about.
func (v *visit) sections(d *draft, n int) ([]*choices, error) {
	var list []*choices
	for _, s := range wizardSteps[n-1].sections {
		c, err := v.choices(d, s)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

func (v *visit) choices(d *draft, s section) (*choices, error) {
	library, err := allOf[row](v, s.path, url.Values{})
	if err != nil {
		return nil, err
	}
	return s.choices(d, library), nil
}

// check returns what is wrong with the draft as it is stored; nil for nothing.
func (v *visit) check(d *draft) (*Problem, error) {
	if !v.Me.May("operator") {
		return nil, nil
	}
	var said struct{ Errors []FieldError }
	if _, err := v.call(http.MethodPost, d.path()+"/check", map[string]any{}, &said); err != nil || len(said.Errors) == 0 {
		return nil, err
	}
	problem := &Problem{Errors: said.Errors}
	problem.translate(v)
	return problem, nil
}

// showStepOf shows a step: asked says which rows, as the query of its address does.
func (v *visit) showStepOf(status int, p stepPage, sections []*choices, asked url.Values, problem *Problem) error {
	step := wizardSteps[p.Step-1]
	fill := filling{zone: v.Zone, faults: problem.faults(v, "body.document."), grow: asked.Get("add")}
	for _, c := range sections {
		p.Sections = append(p.Sections, c.view(asked, fill))
	}
	if fields := step.profileFields(); len(fields) > 0 {
		profile := fill
		profile.resource = "profiles"
		p.Profile = profile.inputs(fields, "profiles.0.", p.profile())
	}
	if step.key == "basics" {
		var err error
		if p.Servers, err = v.serverChoices(p.ServiceType, p.draft); err != nil {
			return err
		}
	}
	p.mark(v, problem)
	return v.showAs(status, "wizard", p)
}
