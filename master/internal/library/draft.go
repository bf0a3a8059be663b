package library

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/field"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Draft is a change of a profile, and of what it selects, that a person works out step by step before any of it
// holds. It belongs to all who may edit, whoever began it.
type Draft struct {
	ID          int64           `json:"id" bun:",pk,autoincrement"`
	Name        string          `json:"name"`
	ServiceType api.ServiceType `json:"service_type"`
	ProfileID   *int64          `json:"profile_id"` // the profile that it changes; nil: it makes a new one
	ServerIDs   []int64         `json:"server_ids" bun:"server_ids"`
	Step        int             `json:"step"` // of the wizard, how far whoever works on it has come
	Document    Document        `json:"document,omitzero"`
	CreatedBy   string          `json:"created_by"` // name of the user or API key
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	Revision    int64           `json:"revision"`
}

// Document is what a draft says of rows, by section: rows in the form of package configfile, which refer to each other and to
// the library by name. It is kept as it was entered, mistakes and all, so that nobody loses what they have typed.
type Document map[string][]json.RawMessage

// DraftSections are what a draft may hold, in the order in which a wizard asks for it.
func DraftSections() []string {
	return []string{
		"profiles", "players", "uri-rules", "location-rules", "nginx-maps", "proxy-headers", "rate-limit-rules", "stream-rules",
	}
}

// DraftSteps is how many steps the wizard has.
const DraftSteps = 8

// NewDraft returns what a request for a new draft is decoded onto.
func NewDraft() Draft { return Draft{ServerIDs: []int64{}, Step: 1, Document: Document{}} }

// SetDefaults completes and tidies what was decoded: sections without rows go.
func (d *Draft) SetDefaults() {
	if d.ServerIDs == nil {
		d.ServerIDs = []int64{}
	}
	if d.Step == 0 {
		d.Step = 1
	}
	if d.Document == nil {
		d.Document = Document{}
	}
	maps.DeleteFunc(d.Document, func(_ string, rows []json.RawMessage) bool { return len(rows) == 0 })
}

// Validate returns fleet.FieldErrors or nil. It looks at the draft's form alone: whether its rows could be applied is
// known only beside all that is configured.
func (d *Draft) Validate() error {
	var errs fleet.FieldErrors
	errs.Check("name", field.Name(d.Name, maxName))
	errs.Check("service_type", field.OneOf(d.ServiceType, api.Emby, api.Jellyfin))
	if d.Step < 1 || d.Step > DraftSteps {
		errs.Add("step", fmt.Sprintf("must be from 1 to %d", DraftSteps))
	}
	for i, id := range d.ServerIDs {
		if slices.Contains(d.ServerIDs[:i], id) {
			errs.Add(fmt.Sprintf("server_ids[%d]", i), "must name each server once")
		}
	}
	for _, section := range slices.Sorted(maps.Keys(d.Document)) {
		if !slices.Contains(DraftSections(), section) {
			errs.Add("document."+section, "is no section of a draft: there are "+strings.Join(DraftSections(), ", "))
			continue
		}
		for i, row := range d.Document[section] {
			if !bytes.HasPrefix(bytes.TrimSpace(row), []byte("{")) {
				errs.Add(fmt.Sprintf("document.%s[%d]", section, i), "must be an object of fields")
			}
		}
	}
	if len(d.Document["profiles"]) > 1 {
		errs.Add("document.profiles", "must be one: a draft is of a single profile")
	}
	return errs.ErrorOrNil()
}
