package fleet

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/uhdadmin/media-gateway/master/internal/field"
)

const (
	maxTargets     = 64
	maxWeight      = 1000
	maxFails       = 1000
	maxFailTimeout = 3600 // seconds
)

// errUpstream is the cure for JSON of another shape.
var errUpstream = errors.New(`upstream must be "host:port" or a list of {"address": "host:port", "weight": 1}, with backup, max_fails and fail_timeout where they are wanted`)

// UnmarshalJSON accepts "host:port", or a list of {address, weight} in which an absent weight is 1.
func (u *Upstream) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*u = nil
		return nil
	}
	var address string
	if json.Unmarshal(b, &address) == nil {
		*u = nil
		if address != "" {
			*u = Upstream{{Address: address, Weight: 1}}
		}
		return nil
	}
	var list []struct {
		Target
		Weight *int `json:"weight"`
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		return errUpstream
	}
	*u = make(Upstream, len(list))
	for i, t := range list {
		(*u)[i] = t.Target
		(*u)[i].Weight = 1
		if t.Weight != nil {
			(*u)[i].Weight = *t.Weight
		}
	}
	return nil
}

// MarshalJSON writes one target of weight 1 as "host:port", all else as a list.
func (u Upstream) MarshalJSON() ([]byte, error) {
	if len(u) == 1 && u[0] == (Target{Address: u[0].Address, Weight: 1}) {
		return json.Marshal(u[0].Address)
	}
	if u == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]Target(u))
}

// SetDefaults brings addresses into the form in which they are compared and rendered.
func (u Upstream) SetDefaults() {
	for i := range u {
		u[i].Address = field.CanonicalHostPort(u[i].Address)
	}
}

// HasNames reports whether a target is a name that has to be looked up; localhost always resolves.
func (u Upstream) HasNames() bool {
	return slices.ContainsFunc(u, func(t Target) bool {
		host := t.Host()
		_, err := netip.ParseAddr(host)
		return err != nil && host != "localhost"
	})
}

// Host is the address without its port.
func (t Target) Host() string {
	host, _, err := net.SplitHostPort(t.Address)
	if err != nil {
		return t.Address
	}
	return host
}

// Check notes what is wrong with the targets.
func (u Upstream) Check(errs *FieldErrors) {
	if len(u) == 0 {
		errs.Add("upstream", "must name at least one media server, as in 203.0.113.10:8096")
	}
	if len(u) > maxTargets {
		errs.Add("upstream", fmt.Sprintf("has %d targets, at most %d are allowed", len(u), maxTargets))
		return
	}
	primary := len(u) == 0
	for i, t := range u {
		location := fmt.Sprintf("upstream[%d]", i)
		errs.Check(location+".address", field.HostPort(t.Address))
		if t.Weight < 1 || t.Weight > maxWeight {
			errs.Add(location+".weight", fmt.Sprintf("must be a number from 1 to %d", maxWeight))
		}
		if t.MaxFails != nil && (*t.MaxFails < 0 || *t.MaxFails > maxFails) {
			errs.Add(location+".max_fails", fmt.Sprintf("must be a number from 0 to %d", maxFails))
		}
		if t.FailTimeout < 0 || t.FailTimeout > maxFailTimeout {
			errs.Add(location+".fail_timeout", fmt.Sprintf("must be seconds from 1 to %d, or 0 for the usual 10", maxFailTimeout))
		}
		primary = primary || !t.Backup
	}
	if !primary {
		errs.Add("upstream", "must have a target that is no backup")
	}
	u.checkNames(errs)
}

// checkNames refuses, beside names, what nginx only does with addresses that it knows beforehand.
func (u Upstream) checkNames(errs *FieldErrors) {
	if !u.HasNames() {
		return
	}
	for i, t := range u {
		for _, f := range []struct {
			name string
			set  bool
		}{{"backup", t.Backup}, {"max_fails", t.MaxFails != nil}, {"fail_timeout", t.FailTimeout != 0}} {
			if f.set {
				errs.Add(fmt.Sprintf("upstream[%d].%s", i, f.name), "needs targets that are all addresses: which addresses a name has is only known at each request")
			}
		}
	}
}

// DefaultCAPath is where Debian, and so OpenResty's image, has the CAs that are commonly trusted.
const DefaultCAPath = "/etc/ssl/certs/ca-certificates.crt"

// Values of UpstreamTLS.UpstreamScheme.
const (
	SchemeHTTP  = "http"
	SchemeHTTPS = "https"
)

// SetDefaults fills what is missing.
func (t *UpstreamTLS) SetDefaults() {
	t.UpstreamScheme = cmp.Or(t.UpstreamScheme, SchemeHTTP)
	t.UpstreamTLSCAPath = cmp.Or(t.UpstreamTLSCAPath, DefaultCAPath)
	t.UpstreamTLSName = field.CanonicalHostname(t.UpstreamTLSName)
}

// TLSName is the name that an upstream is asked for in TLS; "": none, it has only addresses.
func (t *UpstreamTLS) TLSName(u Upstream) string {
	if t.UpstreamTLSName != "" || len(u) == 0 {
		return t.UpstreamTLSName
	}
	host := u[0].Host()
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	return host
}

// CheckTLS notes what is wrong with how u is spoken to.
func (t *UpstreamTLS) CheckTLS(errs *FieldErrors, u Upstream) {
	errs.Check("upstream_scheme", field.OneOf(t.UpstreamScheme, SchemeHTTP, SchemeHTTPS))
	if t.UpstreamTLSName != "" {
		errs.Check("upstream_tls_name", field.Hostname(t.UpstreamTLSName))
	}
	errs.Check("upstream_tls_ca_path", field.AbsolutePath(t.UpstreamTLSCAPath))
	if t.UpstreamScheme == SchemeHTTPS && t.UpstreamTLSVerify && t.TLSName(u) == "" {
		errs.Add("upstream_tls_name", "is missing: nginx checks certificates by name, and the first target is an address; or set upstream_tls_verify to false")
	}
}
