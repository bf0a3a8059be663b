package pages

import (
	"strconv"
	"strings"
)

// stepFault is one thing that is wrong, with the input that it is about.
type stepFault struct {
	About string // row and field, for people; "" for the draft as a whole
	Said  string
	Input string // id of the input's element; "" for none on the page
	Step  int    // where it is, when that is another step
}

// toldFaults is how many are told at a time.
const toldFaults = 50

// mark makes the list of steps, with what is wrong in each, and says what is wrong in this one.
func (p *stepPage) mark(v *visit, problem *Problem) {
	for i, step := range wizardSteps {
		p.Steps = append(p.Steps, stepMark{Number: i + 1, Key: step.key, Current: i+1 == p.Step, Done: i+1 < p.draft.Step})
	}
	if problem == nil {
		return
	}
	if len(problem.Errors) == 0 {
		p.Failure = problem.Detail
	}
	inputs := p.inputIDs()
	for _, e := range problem.Errors {
		location := strings.TrimPrefix(e.Location, "body.")
		n := stepOf(location)
		p.Steps[n-1].Faults++
		if n == p.Step && len(p.Faults) < toldFaults {
			name := element.ReplaceAllString(strings.TrimPrefix(location, "document."), ".$1")
			p.Faults = append(p.Faults, stepFault{About: p.about(v, name), Said: e.Message, Input: closest(inputs, name)})
		}
	}
}

// inputIDs are the ids of the elements of all inputs, by the places in the draft that they are about.
func (p *stepPage) inputIDs() map[string]string {
	ids := map[string]string{"name": "name", "profiles.0.name": "name", "server_ids": "server_ids"}
	var add func(list []input)
	add = func(list []input) {
		for _, in := range list {
			ids[in.Form] = in.ID()
			add(in.Inputs)
			for _, parts := range in.Rows {
				add(parts)
			}
		}
	}
	add(p.Profile)
	for _, s := range p.Sections {
		ids[s.path], ids["profiles.0."+s.selects] = s.path, s.path
		for _, f := range s.Forms {
			add(f.Inputs)
		}
		for _, t := range s.Table {
			for _, in := range t.Inline {
				ids[s.path+"."+strconv.Itoa(t.Index)+"."+in.Name] = in.ID()
			}
		}
	}
	return ids
}

// closest returns the id of the input of that name, or of what it stands in.
func closest(ids map[string]string, name string) string {
	for name != "" {
		if id := ids[name]; id != "" {
			return id
		}
		name = name[:max(0, strings.LastIndexByte(name, '.'))]
	}
	return ""
}

// about says, for people, what a place in the draft is, as in "Infuse · Minimum version".
func (p *stepPage) about(v *visit, name string) string {
	parts := strings.Split(name, ".")
	if len(parts) < 3 {
		return v.Label("wizard", parts[0])
	}
	label := v.Label(parts[0], parts[2])
	for _, s := range p.Sections {
		if i, err := strconv.Atoi(parts[1]); err == nil && s.path == parts[0] && i < len(p.Document[s.path]) {
			if title := s.title(p.Document[s.path][i]); title != "" {
				return title + " · " + label
			}
		}
	}
	return label
}

// allFaults lists what is wrong in all steps, with links to them.
func (p *lastPage) allFaults(v *visit, problem *Problem) {
	p.Faults = nil
	if problem == nil {
		return
	}
	for _, e := range problem.Errors[:min(len(problem.Errors), toldFaults)] {
		location := strings.TrimPrefix(e.Location, "body.")
		name := element.ReplaceAllString(strings.TrimPrefix(location, "document."), ".$1")
		p.Faults = append(p.Faults, stepFault{About: p.about(v, name), Said: e.Message, Step: stepOf(location)})
	}
}
