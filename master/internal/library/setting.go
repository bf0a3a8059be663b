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
)

// Setting is a value that holds for the whole fleet. A name stands at most once.
type Setting struct {
	ID        int64           `json:"id" bun:",pk,autoincrement"`
	Name      string          `json:"name"`
	Value     json.RawMessage `json:"value" bun:"type:text"` // what it may be depends on the name
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
	Revision  int64           `json:"revision"`
}

// NewSetting returns what a request for a new setting is decoded onto.
func NewSetting() Setting { return Setting{Value: json.RawMessage("null")} }

// SetDefaults brings the value into the form in which it is compared and rendered.
func (s *Setting) SetDefaults() { s.Value = canonicalValue(s.Name, s.Value) }

// Validate returns fleet.FieldErrors or nil.
func (s *Setting) Validate() error {
	var errs fleet.FieldErrors
	d := definitionOf(s.Name)
	if d == nil {
		errs.Check("name", field.OneOf(s.Name, SettingNames()...))
		return errs.ErrorOrNil()
	}
	d.read(&reading{into: new(Settings), value: s.Value, field: "value", errs: &errs})
	return errs.ErrorOrNil()
}

// ReadSettings returns what rows say together; an error is fleet.FieldErrors.
func ReadSettings(rows []Setting) (Settings, error) {
	settings := defaultSettings()
	for i := range rows {
		s := &rows[i]
		if err := s.Validate(); err != nil {
			return settings, fmt.Errorf("setting %d (%s): %w", s.ID, s.Name, err)
		}
		definitionOf(s.Name).read(&reading{into: &settings, value: s.Value, field: "value", errs: new(fleet.FieldErrors)})
	}
	return settings, nil
}

// With returns the settings as they are for a profile: its own values in place of the fleet's.
func (s Settings) With(p *Profile) Settings {
	for _, name := range slices.Sorted(maps.Keys(p.Settings)) {
		if d := definitionOf(name); d != nil {
			d.read(&reading{into: &s, value: p.Settings[name], field: name, errs: new(fleet.FieldErrors)})
		}
	}
	return s
}

// checkProfileSettings checks a profile's own values.
func checkProfileSettings(errs *fleet.FieldErrors, values map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		d := definitionOf(name)
		if d == nil || !d.perProfile {
			errs.Add("settings."+name, "is no setting that profiles have: those are "+strings.Join(ProfileSettingNames(), ", "))
			continue
		}
		d.read(&reading{into: new(Settings), value: values[name], field: "settings." + name, errs: errs})
	}
}

// canonicalValue returns a setting's value in the one form in which it is kept.
func canonicalValue(name string, value json.RawMessage) json.RawMessage {
	var networks []string
	if name == SettingTrustedProxies && json.Unmarshal(value, &networks) == nil && networks != nil {
		for i := range networks {
			networks[i] = field.CanonicalNetwork(networks[i])
		}
		value, _ = json.Marshal(networks) // texts always encode
	}
	var compact bytes.Buffer
	if json.Compact(&compact, value) == nil {
		value = compact.Bytes()
	}
	return value
}
