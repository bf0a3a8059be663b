package pages

import (
	"slices"
	"strconv"
	"strings"
)

// remove does what the button beside a row asks for, as in "players:3": the draft's row goes, or is the library's again.
func remove(sections []*choices, what string) {
	path, number, _ := strings.Cut(what, ":")
	index, err := strconv.Atoi(number)
	if err != nil {
		return
	}
	for _, c := range sections {
		if e := c.with("", index); c.path == path && e != nil {
			c.drop(e)
			c.write()
		}
	}
}

// open takes a row of the library into the draft, to be changed there, as in "players:7", and returns the place of its
// form.
func open(sections []*choices, what string) string {
	path, id, _ := strings.Cut(what, ":")
	for _, c := range sections {
		if e := c.with(id, -1); c.path == path && e != nil && id != "" {
			e.Held = true
			c.write()
			return path + "." + strconv.Itoa(c.place(e))
		}
	}
	return strings.Replace(what, ":", ".", 1)
}

// place returns the number of an entry in the draft's section as it was written last.
func (c *choices) place(of *entry) int {
	held := slices.DeleteFunc(slices.Clone(c.list), func(e *entry) bool { return !e.Held })
	return slices.Index(held, of)
}

// hindsightOf asks what the step's rows would have refused.
func (v *visit) hindsightOf(d *draft, n int, sections []*choices) (*hindsight, error) {
	about := wizardSteps[n-1].hindsight
	q := hindsightQuestion{ServiceType: d.ServiceType, ServerIDs: d.ServerIDs, Unidentified: plain(d.profile()["unidentified"])}
	switch about {
	case "":
		return nil, nil
	case "players":
		// Paths that skip the checks let players in, too.
		paths, err := v.sections(d, stepOfResource("uri-rules"))
		if err != nil {
			return nil, err
		}
		q.Players, q.URIRules = sections[0].inForce(), paths[0].inForce()
	case "uri_rules":
		q.URIRules = sections[0].inForce()
	case "rate_limit_rules":
		q.RateLimitRules = sections[0].inForce()
	}
	return v.askHindsight(about, q)
}

// inForce are the rows that would hold: those that the profile takes, or all where they hold for the whole fleet.
func (c *choices) inForce() []row {
	rows := []row{}
	for _, e := range c.list {
		if (e.Chosen || c.selects == "") && e.Row["enabled"] != false {
			rows = append(rows, e.Row)
		}
	}
	return rows
}
