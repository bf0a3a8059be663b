package pages

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// serverChoice is a server that may get the profile.
type serverChoice struct {
	ID         string
	Name       string
	ServerName string
	Service    string
	Profile    string // that it has now; "" for the default one
	Chosen     bool
}

// serverChoices returns the servers of a service, of all services where it is "". The draft may be nil.
func (v *visit) serverChoices(serviceType string, d *draft) ([]serverChoice, error) {
	query := url.Values{}
	if serviceType != "" {
		query.Set("service_type", serviceType)
	}
	servers, err := allOf[row](v, "servers", query)
	if err != nil || len(servers) == 0 {
		return nil, err
	}
	profiles, err := resourceAt("servers").references(v, []string{"profile_id"})
	if err != nil {
		return nil, err
	}
	var list []serverChoice
	for _, s := range servers {
		c := serverChoice{
			ID: s.ID(), Name: plain(s["name"]), ServerName: plain(s["server_name"]), Service: plain(s["service_type"]),
			Profile: profiles["profile_id"][plain(s["profile_id"])],
		}
		if d != nil {
			c.Chosen = slices.ContainsFunc(d.ServerIDs, func(id int64) bool { return fmt.Sprint(id) == c.ID })
		}
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(a, b serverChoice) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)))
	})
	return list, nil
}

// newDraftPage is the first step of a draft that is not there yet.
type newDraftPage struct {
	Name     string
	Service  string
	Base     string // "" for an empty one, else "copy:ID" or "edit:ID"
	Profiles []row
	Servers  []serverChoice
	Faults   map[string]string // by field
	Failure  string
}

// Steps of the wizard, of which this is the first.
func (newDraftPage) Steps() []stepMark {
	var list []stepMark
	for i, step := range wizardSteps {
		list = append(list, stepMark{Number: i + 1, Key: step.key, Current: i == 0})
	}
	return list
}

// Services are what a draft may be for.
func (newDraftPage) Services() []string { return serviceTypes }

// showNewDraft shows an empty form; the query may fill it in, as in ?base=edit:3.
func showNewDraft(v *visit) error {
	asked := v.r.URL.Query()
	p := newDraftPage{Name: asked.Get("name"), Service: asked.Get("service_type"), Base: asked.Get("base")}
	return p.show(v, http.StatusOK, nil, nil)
}

func (p newDraftPage) show(v *visit, status int, form url.Values, problem *Problem) error {
	var err error
	if p.Profiles, err = allOf[row](v, "profiles", url.Values{}); err != nil {
		return err
	}
	for _, profile := range p.Profiles {
		if _, id, _ := strings.Cut(p.Base, ":"); p.Service == "" && profile.ID() == id {
			p.Service = plain(profile["service_type"])
		}
	}
	p.Service = cmp.Or(p.Service, serviceTypes[0])
	if p.Servers, err = v.serverChoices("", &draft{ServerIDs: serverIDs(form)}); err != nil {
		return err
	}
	faults := problem.faults(v, "body.")
	p.Faults = map[string]string{}
	for _, name := range []string{"name", "service_type", "base", "server_ids"} {
		p.Faults[name] = faults.take(name, text)
	}
	p.Failure = faults.rest()
	return v.showAs(status, "wizard-new", p)
}

// createDraft begins a draft, and goes on to the second step, or to a form for a server.
func createDraft(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	p := newDraftPage{Name: strings.TrimSpace(form.Get("name")), Service: form.Get("service_type"), Base: form.Get("base")}
	body := map[string]any{"name": p.Name, "service_type": p.Service}
	if how, id, ok := strings.Cut(p.Base, ":"); ok {
		body["base"], body["edit"] = readRaw(id), how == "edit"
	}
	d := &draft{}
	a, err := v.call(http.MethodPost, "drafts", body, d)
	if problem := refusal(err); problem != nil {
		return p.show(v, problem.Status, form, problem)
	}
	if err != nil {
		return err
	}
	d.ServerIDs, d.Step = serverIDs(form), 2
	if err := v.saveDraft(d, wizardSteps[0], a.header.Get("ETag")); err != nil {
		return err
	}
	return v.afterStep(d, 1, cmp.Or(form.Get("do"), "next"), "", form)
}
