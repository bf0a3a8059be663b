package field

import (
	"errors"
	"net/netip"
	"regexp"
	"strings"
)

// CanonicalNetwork returns a network with the bits beyond its length cleared, and an address in its
// shortest form. What is neither comes back as it is, for Network to refuse.
func CanonicalNetwork(s string) string {
	s = strings.TrimSpace(s)
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked().String()
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().String()
	}
	return s
}

// Network checks a canonical network or address of peers that are to be believed.
func Network(s string) error {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" && a.Unmap() == a {
		return nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || p.Masked() != p || p.Addr().Is4In6():
		return errors.New("must be a network or an address, as in 203.0.113.0/24 or 2001:db8::1")
	case p.Bits() == 0:
		return errors.New("must not be everybody: each client could then choose its address; name the networks of your proxies")
	}
	return nil
}

// headerName is what nginx takes by default: it drops headers with underscores.
var headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)

// HeaderName checks the name of a request header.
func HeaderName(s string) error {
	if !headerName.MatchString(s) {
		return errors.New("must be the name of a header, letters, digits and hyphens, as in X-Forwarded-For")
	}
	return nil
}
