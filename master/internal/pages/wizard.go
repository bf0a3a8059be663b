package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The wizard leads through a configuration in eight steps. What is entered is a draft at the master from the first
// step on: each button saves it, wrong or not, so that one can go back and forth, be interrupted, and go on in another
// browser. Nothing of it holds before the last step applies it.

// draft is a configuration that is not applied yet, as the admin API has it.
type draft struct {
	ID          int64            `json:"id"`
	Name        string           `json:"name"`
	ServiceType string           `json:"service_type"`
	ProfileID   *int64           `json:"profile_id"` // the profile that it changes; nil: it makes one
	ServerIDs   []int64          `json:"server_ids"` // get the profile
	Step        int              `json:"step"`       // the furthest that somebody has been at
	Document    map[string][]row `json:"document"`   // rows by resource, as in a configuration file
	CreatedBy   string           `json:"created_by"`
	UpdatedAt   time.Time        `json:"updated_at"`

	etag string
}

// profile is the one that the draft makes or changes.
func (d *draft) profile() row {
	if len(d.Document["profiles"]) == 0 {
		d.Document["profiles"] = []row{{}}
	}
	return d.Document["profiles"][0]
}

// byDefault reports whether that takes all that is enabled, instead of what is chosen.
func (d *draft) byDefault() bool { return d.profile()["is_default"] == true }

// path of the draft in the admin API.
func (d *draft) path() string { return "drafts/" + strconv.FormatInt(d.ID, 10) }

// To is the page of one of its steps.
func (d draft) To(step int) string {
	return Prefix + "wizard/" + strconv.FormatInt(d.ID, 10) + "/" + strconv.Itoa(step)
}

// StepKey names the step that somebody has come to.
func (d draft) StepKey() string { return wizardSteps[min(max(d.Step, 1), len(wizardSteps))-1].key }

func wizardRoutes(show func(pattern string, h handler)) {
	const at = Prefix + "wizard"
	show("GET "+at, showDrafts)
	show("GET "+at+"/new", showNewDraft)
	show("POST "+at+"/new", createDraft)
	show("GET "+at+"/{id}/delete", showDeleteDraft)
	show("POST "+at+"/{id}/delete", deleteDraft)
	show("GET "+at+"/{id}/{step}", showStep)
	show("POST "+at+"/{id}/{step}", saveStep)
}

// draftsPage is the list of all drafts.
type draftsPage struct {
	Drafts []draft
	Next   string
}

// Steps is how many there are.
func (draftsPage) Steps() int { return len(wizardSteps) }

func showDrafts(v *visit) error {
	query := url.Values{"limit": {"50"}}
	if cursor := v.r.URL.Query().Get("cursor"); cursor != "" {
		query.Set("cursor", cursor)
	}
	list, err := pageOf[draft](v, "drafts", query)
	if err != nil {
		return err
	}
	p := draftsPage{Drafts: list.Items}
	if list.NextCursor != "" {
		p.Next = "?cursor=" + url.QueryEscape(list.NextCursor)
	}
	return v.show("wizard-drafts", p)
}

// readDraft returns the draft that the path names.
func (v *visit) readDraft() (*draft, error) {
	d := &draft{}
	a, err := v.call(http.MethodGet, "drafts/"+url.PathEscape(v.r.PathValue("id")), nil, d)
	if err != nil {
		return nil, err
	}
	if d.Document == nil {
		d.Document = map[string][]row{}
	}
	d.etag = a.header.Get("ETag")
	return d, nil
}

func showDeleteDraft(v *visit) error {
	d, err := v.readDraft()
	if err != nil {
		return err
	}
	return v.show("wizard-delete", struct {
		*draft
		ETag string
	}{d, d.etag})
}

func deleteDraft(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	if _, err := v.call(http.MethodDelete, "drafts/"+url.PathEscape(v.r.PathValue("id")), nil, nil, "If-Match", form.Get("etag")); err != nil {
		return err
	}
	return v.redirect(Prefix+"wizard", "said.deleted")
}
