package library

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/uhdadmin/media-gateway/master/internal/field"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/privacy"
)

// Names of settings; definitions says what they take.
const (
	SettingTrustedProxies     = "trusted_proxies"
	SettingRealIPHeader       = "real_ip_header"
	SettingTelemetryAddresses = "telemetry_addresses"
	SettingMaxBodySize        = "client_max_body_size"
	SettingTLS                = "tls"
	SettingHTTP2              = "http2"
	SettingHSTS               = "hsts"
	SettingResolver           = "resolver"
	SettingFakeCounts         = "fake_counts"
	SettingDenyMessages       = "deny_messages"
)

// Values of SettingTLS. Without it: TLS 1.2 and 1.3 with the ciphers of the slave's OpenSSL.
const (
	TLSModern       = "modern"
	TLSIntermediate = "intermediate"
	TLSOld          = "old"
)

// Settings is what all settings together say.
type Settings struct {
	TrustedProxies []string // networks in canonical form; none: no peer is believed
	RealIPHeader   string
	// TelemetryAddresses holds for what slaves report from now on, not for what is stored.
	TelemetryAddresses privacy.Addresses
	MaxBodySize        string // as in nginx's client_max_body_size
	TLS                string // "": the slave's own
	HTTP2              bool
	HSTS               *HSTS    // nil: none
	Resolver           []string // name servers as nginx writes them; none: the slave's own
	FakeCounts         FakeCounts
	DenyMessages       DenyMessages
}

// HSTS tells browsers to use HTTPS only.
type HSTS struct {
	MaxAge            int64 `json:"max_age"` // seconds; 0 takes it back
	IncludeSubdomains bool  `json:"include_subdomains"`
	Preload           bool  `json:"preload"`
}

// FakeCounts are what players are told instead of how much there is.
type FakeCounts struct {
	Enabled bool `json:"enabled"`
	Value   int  `json:"value"`
}

// DenyMessages are what players are told by reason and language; the language * is for all others.
type DenyMessages map[string]map[string]string

const (
	defaultRealIPHeader = "X-Forwarded-For"
	defaultMaxBodySize  = "100m"
	maxProxies          = 1000 // content networks have some hundred
	maxResolvers        = 8
	maxLanguages        = 50
	maxHSTS             = 10 * 365 * 24 * 3600 // seconds
)

func defaultSettings() Settings {
	return Settings{RealIPHeader: defaultRealIPHeader, TelemetryAddresses: privacy.Full, MaxBodySize: defaultMaxBodySize, HTTP2: true}
}

// reading is a value on its way into Settings.
type reading struct {
	into  *Settings
	value json.RawMessage
	field string
	errs  *fleet.FieldErrors
}

// definition of a setting.
type definition struct {
	name       string
	takes      string // for people
	perProfile bool   // profiles may have their own value
	read       func(*reading)
}

var definitions = []definition{
	{SettingTrustedProxies, `a list of networks, as in ["203.0.113.0/24", "2001:db8::1"]: of peers in these, real_ip_header says who the client is; without it nobody is believed`, false, readProxies},
	{SettingRealIPHeader, `the name of the header in which trusted proxies tell the client's address, as in "X-Forwarded-For"`, false, func(r *reading) {
		if decode(r, &r.into.RealIPHeader, `the name of a header, as in "X-Forwarded-For"`) {
			r.check(field.HeaderName(r.into.RealIPHeader))
		}
	}},
	{SettingTelemetryAddresses, `what is stored of clients' addresses from now on: "full", "truncated" (IPv4 to /24, IPv6 to /48) or "none"`, false, func(r *reading) {
		if decode(r, &r.into.TelemetryAddresses, `"full", "truncated" or "none"`) {
			r.check(field.OneOf(r.into.TelemetryAddresses, privacy.Full, privacy.Truncated, privacy.None))
		}
	}},
	{SettingMaxBodySize, `the largest request body, as in "100m", which it is without this setting; "0" for any`, true, func(r *reading) {
		if decode(r, &r.into.MaxBodySize, `a size, as in "100m"`) {
			r.check(field.Size(r.into.MaxBodySize))
		}
	}},
	{SettingTLS, `which clients TLS is for: "modern" (TLS 1.3), "intermediate" (1.2 and 1.3, ciphers with forward secrecy) or "old" (televisions that know TLS 1.0 only); without it 1.2 and 1.3 with all ciphers`, false, func(r *reading) {
		if decode(r, &r.into.TLS, `"modern", "intermediate" or "old"`) {
			r.check(field.OneOf(r.into.TLS, TLSModern, TLSIntermediate, TLSOld))
		}
	}},
	{SettingHTTP2, `whether HTTPS offers HTTP/2: true, which it does without this setting, or false`, false, func(r *reading) {
		decode(r, &r.into.HTTP2, "true or false")
	}},
	{SettingHSTS, `{"max_age": 31536000, "include_subdomains": false, "preload": false}: browsers shall use HTTPS only, for so many seconds; null for no such word`, true, readHSTS},
	{SettingResolver, `a list of name servers that slaves ask for the names of upstreams, as in ["192.0.2.53", "[2001:db8::53]:5353"]; without it each slave resolves them as its host does`, false, readResolver},
	{SettingFakeCounts, `{"enabled": true, "value": 888}: what players are told instead of how many films there are`, true, func(r *reading) {
		if decode(r, &r.into.FakeCounts, `{"enabled": true, "value": 888}`) {
			r.check(between(int64(r.into.FakeCounts.Value), 0, maxCount))
		}
	}},
	{SettingDenyMessages, `what players are told by reason and language, as in {"rate_limited": {"en": "Slow down", "*": "慢一点"}}; {version} stands for the version that client_outdated asks for`, true, readDenyMessages},
}

// DenyReasons are the reasons of refusals that may have texts of their own, as players and logs see them.
var DenyReasons = []string{
	"uri_blocked", "client_not_allowed", "client_outdated", "client_unidentified", "ban", "kicked",
	"rate_limited", "quota_requests", "quota_bandwidth", "streams_exceeded",
}

// SettingNames are all of them.
func SettingNames() []string { return settingNames(func(definition) bool { return true }) }

// ProfileSettingNames are those that a profile may have its own value of.
func ProfileSettingNames() []string {
	return settingNames(func(d definition) bool { return d.perProfile })
}

func settingNames(which func(definition) bool) (names []string) {
	for _, d := range definitions {
		if which(d) {
			names = append(names, d.name)
		}
	}
	return names
}

// SettingTakes says, for people, what the values of a setting are.
func SettingTakes(name string) string {
	if d := definitionOf(name); d != nil {
		return d.takes
	}
	return ""
}

func definitionOf(name string) *definition {
	if i := slices.IndexFunc(definitions, func(d definition) bool { return d.name == name }); i >= 0 {
		return &definitions[i]
	}
	return nil
}

func (r *reading) check(err error) { r.errs.Check(r.field, err) }

// decode reads the value into to; it notes what it takes, and returns false, where that does not work.
func decode[T any](r *reading, to *T, takes string) bool {
	var value *T
	dec := json.NewDecoder(bytes.NewReader(r.value))
	dec.DisallowUnknownFields()
	if dec.Decode(&value) != nil || value == nil || dec.More() {
		r.errs.Add(r.field, "must be "+takes)
		return false
	}
	*to = *value
	return true
}

func readProxies(r *reading) {
	if !decode(r, &r.into.TrustedProxies, `a list of networks, as in ["203.0.113.0/24", "2001:db8::1"]`) {
		return
	}
	proxies := r.into.TrustedProxies
	if len(proxies) > maxProxies {
		r.errs.Add(r.field, fmt.Sprintf("has %d networks, at most %d are allowed", len(proxies), maxProxies))
		return
	}
	for i, network := range proxies {
		err := field.Network(network)
		if err == nil && slices.Contains(proxies[:i], network) {
			err = errors.New("must name each network once: " + network)
		}
		r.errs.Check(fmt.Sprintf("%s[%d]", r.field, i), err)
	}
}

func readHSTS(r *reading) {
	if string(r.value) == "null" {
		r.into.HSTS = nil
		return
	}
	var h HSTS
	if !decode(r, &h, `{"max_age": 31536000, "include_subdomains": false, "preload": false} or null`) {
		return
	}
	r.check(between(h.MaxAge, 0, maxHSTS))
	if h.Preload && (h.MaxAge < 31536000 || !h.IncludeSubdomains) {
		r.errs.Add(r.field, "with preload needs include_subdomains and a max_age of at least 31536000: the lists of browsers take no other")
	}
	r.into.HSTS = &h
}

func readResolver(r *reading) {
	if !decode(r, &r.into.Resolver, `a list of name servers, as in ["192.0.2.53", "[2001:db8::53]:5353"]`) {
		return
	}
	if n := len(r.into.Resolver); n > maxResolvers {
		r.errs.Add(r.field, fmt.Sprintf("has %d name servers, at most %d are allowed", n, maxResolvers))
		return
	}
	for i, server := range r.into.Resolver {
		canonical, err := nameServer(server)
		r.errs.Check(fmt.Sprintf("%s[%d]", r.field, i), err)
		r.into.Resolver[i] = canonical
	}
}

// nameServer returns the address of a name server as nginx writes it.
func nameServer(s string) (string, error) {
	host, port := s, ""
	if h, p, err := net.SplitHostPort(s); err == nil {
		host, port = h, p
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" {
		return s, errors.New("must be the address of a name server, as in 192.0.2.53 or [2001:db8::53]:5353")
	}
	host = a.String()
	if a.Is6() {
		host = "[" + host + "]"
	}
	if port == "" {
		return host, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return s, errors.New("port must be a number from 1 to 65535")
	}
	return host + ":" + strconv.FormatUint(n, 10), nil
}
