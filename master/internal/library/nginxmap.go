package library

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/field"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// NginxMap makes a variable of another one. A value map's is $map_NAME, for texts of proxy headers and
// redirects. A deny map's is $deny_NAME, 0 or 1: at 1 the request is refused, everywhere or in the location
// rules that name it.
type NginxMap struct {
	ID          int64           `json:"id" bun:",pk,autoincrement"`
	Name        string          `json:"name"`
	Kind        string          `json:"kind"`       // value or deny
	Everywhere  bool            `json:"everywhere"` // of a deny map: on every path
	Source      string          `json:"source"`     // see Sources; http_NAME, arg_NAME and cookie_NAME too
	Entries     []MapEntry      `json:"entries"`
	Default     string          `json:"default" bun:"default_value"`
	ServiceType api.ServiceType `json:"service_type"`
	Enabled     bool            `json:"enabled"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	Revision    int64           `json:"revision"`
}

// MapEntry says what value the variable has where the source matches. Of several that do, exact ones come
// first, then prefixes and regexes as they stand; of networks the smallest.
type MapEntry struct {
	MatchType api.MatchType `json:"match_type"` // exact, prefix, regex; network for remote_addr
	Pattern   string        `json:"pattern"`
	Value     string        `json:"value"`
}

// MatchNetwork compares an address with networks.
const MatchNetwork api.MatchType = "network"

// Values of NginxMap.Kind.
const (
	MapValue = "value"
	MapDeny  = "deny"
)

// Sources that maps may read by name.
var Sources = []string{"request_method", "remote_addr", "uri", "args", "host", "scheme", "server_port", "http_user_agent"}

// builtinDenyMaps are always there, as in the documented configuration.
var builtinDenyMaps = []string{"delete", "post"}

// namedSource is a header, argument or cookie of the request.
var namedSource = regexp.MustCompile(`^(http|arg|cookie)_[a-z][a-z0-9_]{0,62}$`)

const (
	maxEntries  = 500
	maxMapValue = 200
)

// NewNginxMap returns what a request for a new map is decoded onto.
func NewNginxMap() NginxMap {
	m := NginxMap{Enabled: true, Everywhere: true}
	m.SetDefaults()
	return m
}

// SetDefaults fills what is missing and trims texts.
func (m *NginxMap) SetDefaults() {
	m.Name = strings.TrimSpace(m.Name)
	m.Kind = cmp.Or(m.Kind, MapValue)
	m.Source = strings.TrimPrefix(strings.TrimSpace(m.Source), "$")
	m.ServiceType = cmp.Or(m.ServiceType, All)
	if m.Entries == nil {
		m.Entries = []MapEntry{}
	}
	for i := range m.Entries {
		e := &m.Entries[i]
		if m.Source == "remote_addr" {
			e.MatchType = cmp.Or(e.MatchType, MatchNetwork)
			e.Pattern = field.CanonicalNetwork(e.Pattern)
		}
		e.MatchType = cmp.Or(e.MatchType, api.MatchExact)
		if m.Kind == MapDeny {
			e.Value = cmp.Or(e.Value, "1")
		}
	}
	if m.Kind == MapDeny {
		m.Default = cmp.Or(m.Default, "0")
	}
}

// Variable is the name of the variable that the map makes, without the dollar sign.
func (m *NginxMap) Variable() string {
	if m.Kind == MapDeny {
		return DenyPrefix + m.Name
	}
	return MapPrefix + m.Name
}

// Validate returns fleet.FieldErrors or nil.
func (m *NginxMap) Validate() error {
	var errs fleet.FieldErrors
	errs.Check("name", field.Identifier(m.Name))
	errs.Check("kind", field.OneOf(m.Kind, MapValue, MapDeny))
	if m.Kind == MapDeny && slices.Contains(builtinDenyMaps, m.Name) {
		errs.Add("name", "is that of a map which is always there: choose another")
	}
	if !slices.Contains(Sources, m.Source) && !namedSource.MatchString(m.Source) {
		errs.Add("source", "must be one of "+strings.Join(Sources, ", ")+", or http_NAME, arg_NAME, cookie_NAME for a header, argument or cookie")
	}
	errs.Check("default", m.checkValue(m.Default))
	errs.Check("service_type", field.OneOf(m.ServiceType, api.Emby, api.Jellyfin, All))
	if len(m.Entries) > maxEntries {
		errs.Add("entries", fmt.Sprintf("has %d entries, at most %d are allowed", len(m.Entries), maxEntries))
		return errs.ErrorOrNil()
	}
	seen := map[string]bool{}
	for i := range m.Entries {
		m.checkEntry(&errs, i, seen)
	}
	return errs.ErrorOrNil()
}

func (m *NginxMap) checkEntry(errs *fleet.FieldErrors, i int, seen map[string]bool) {
	e, at := &m.Entries[i], fmt.Sprintf("entries[%d].", i)
	if m.Source == "remote_addr" {
		errs.Check(at+"match_type", field.OneOf(e.MatchType, MatchNetwork))
		if e.Pattern != "0.0.0.0/0" && e.Pattern != "::/0" { // those are the default
			errs.Check(at+"pattern", field.Network(e.Pattern))
		} else {
			errs.Add(at+"pattern", "is everybody: that is what default is for")
		}
	} else {
		errs.Check(at+"match_type", field.OneOf(e.MatchType, api.MatchExact, api.MatchPrefix, api.MatchRegex))
		if e.MatchType == api.MatchRegex {
			errs.Check(at+"pattern", field.Pattern(e.Pattern))
		} else {
			errs.Check(at+"pattern", field.Line(e.Pattern, maxMapValue))
		}
	}
	errs.Check(at+"value", m.checkValue(e.Value))
	// nginx compares in lower case.
	key := string(e.MatchType) + " " + strings.ToLower(e.Pattern)
	if seen[key] {
		errs.Add(at+"pattern", "stands there already, in whatever case: leave one of them away")
	}
	seen[key] = true
}

func (m *NginxMap) checkValue(value string) error {
	if m.Kind == MapDeny {
		return field.OneOf(value, "0", "1")
	}
	if strings.Contains(value, "$") {
		return errors.New("must not contain $: a map's values are texts")
	}
	return field.ASCIILine(value, maxMapValue)
}
