package library

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/field"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/privacy"
)

// Names of settings, and what their values are.
const (
	// SettingTrustedProxies is a list of networks, as in ["203.0.113.0/24", "2001:db8::1"]: of peers in
	// these, RealIPHeader says who the client is. Without it nobody is believed.
	SettingTrustedProxies = "trusted_proxies"
	// SettingRealIPHeader is the name of that header.
	SettingRealIPHeader = "real_ip_header"
	// SettingTelemetryAddresses is a privacy.Addresses: what the master stores of clients' addresses.
	SettingTelemetryAddresses = "telemetry_addresses"
)

// SettingNames are all of them.
var SettingNames = []string{SettingTrustedProxies, SettingRealIPHeader, SettingTelemetryAddresses}

const (
	defaultRealIPHeader = "X-Forwarded-For"
	maxProxies          = 1000 // content networks have some hundred
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

// Settings is what all settings together say.
type Settings struct {
	TrustedProxies []string // networks in canonical form; none: no peer is believed
	RealIPHeader   string
	// TelemetryAddresses holds for what slaves report from now on, not for what is stored.
	TelemetryAddresses privacy.Addresses
}

// NewSetting returns what a request for a new setting is decoded onto.
func NewSetting() Setting { return Setting{Value: json.RawMessage("null")} }

// SetDefaults brings the value into the form in which it is compared and rendered.
func (s *Setting) SetDefaults() {
	var proxies []string
	if s.Name == SettingTrustedProxies && json.Unmarshal(s.Value, &proxies) == nil && proxies != nil {
		for i := range proxies {
			proxies[i] = field.CanonicalNetwork(proxies[i])
		}
		s.Value, _ = json.Marshal(proxies) // texts always encode
	}
	var compact bytes.Buffer
	if json.Compact(&compact, s.Value) == nil {
		s.Value = compact.Bytes()
	}
}

// Validate returns fleet.FieldErrors or nil.
func (s *Setting) Validate() error {
	var errs fleet.FieldErrors
	switch s.Name {
	case SettingTrustedProxies:
		var proxies []string
		if json.Unmarshal(s.Value, &proxies) != nil || proxies == nil {
			errs.Add("value", `must be a list of networks, as in ["203.0.113.0/24", "2001:db8::1"]`)
			break
		}
		checkProxies(&errs, proxies)
	case SettingRealIPHeader:
		var name string
		if json.Unmarshal(s.Value, &name) != nil {
			errs.Add("value", `must be the name of a header, as in "X-Forwarded-For"`)
			break
		}
		errs.Check("value", field.HeaderName(name))
	case SettingTelemetryAddresses:
		var kept privacy.Addresses
		if json.Unmarshal(s.Value, &kept) != nil {
			kept = ""
		}
		errs.Check("value", field.OneOf(kept, privacy.Full, privacy.Truncated, privacy.None))
	default:
		errs.Check("name", field.OneOf(s.Name, SettingNames...))
	}
	return errs.ErrorOrNil()
}

func checkProxies(errs *fleet.FieldErrors, proxies []string) {
	if len(proxies) > maxProxies {
		errs.Add("value", fmt.Sprintf("has %d networks, at most %d are allowed", len(proxies), maxProxies))
		return
	}
	for i, network := range proxies {
		err := field.Network(network)
		if err == nil && slices.Contains(proxies[:i], network) {
			err = errors.New("must name each network once: " + network)
		}
		errs.Check(fmt.Sprintf("value[%d]", i), err)
	}
}

// ReadSettings returns what rows say together; an error is fleet.FieldErrors.
func ReadSettings(rows []Setting) (Settings, error) {
	settings := Settings{RealIPHeader: defaultRealIPHeader, TelemetryAddresses: privacy.Full}
	for i := range rows {
		s := &rows[i]
		if err := s.Validate(); err != nil {
			return settings, fmt.Errorf("setting %d (%s): %w", s.ID, s.Name, err)
		}
		var err error
		switch s.Name {
		case SettingTrustedProxies:
			err = json.Unmarshal(s.Value, &settings.TrustedProxies)
		case SettingRealIPHeader:
			err = json.Unmarshal(s.Value, &settings.RealIPHeader)
		case SettingTelemetryAddresses:
			err = json.Unmarshal(s.Value, &settings.TelemetryAddresses)
		}
		if err != nil {
			return settings, fmt.Errorf("setting %d (%s): %w", s.ID, s.Name, err)
		}
	}
	return settings, nil
}
