package field

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// Lengths after RFC 1035, section 2.3.4, in text form without the final dot.
const (
	maxHostname = 253
	labelForm   = `[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?`
)

var (
	hostname = regexp.MustCompile(`^` + labelForm + `(\.` + labelForm + `)*$`)
	// Containers and Windows machines have names with underscores; resolvers take them.
	machine = regexp.MustCompile(`^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$`)
)

// CanonicalHostname returns name in the form in which it is compared: lower case, an internationalized
// name in its ASCII form (punycode), without a final dot. What is no hostname comes back as it is, for
// Hostname to refuse.
func CanonicalHostname(name string) string {
	rest, wildcard := strings.CutPrefix(strings.TrimSpace(name), "*.")
	rest = strings.TrimSuffix(rest, ".")
	ascii, err := idna.Lookup.ToASCII(rest)
	if err != nil {
		ascii = strings.ToLower(rest) // such as a_b, which the profile refuses
	}
	if wildcard {
		return "*." + ascii
	}
	return ascii
}

// Hostname checks a canonical domain name of a server: labels of letters, digits and inner hyphens.
func Hostname(s string) error {
	if len(s) > maxHostname || !hostname.MatchString(s) {
		return errors.New("must be a domain name, as in media.example.com")
	}
	return nil
}

// ServerName checks a canonical name that clients ask for: a domain name, or one whose first label is *.
func ServerName(s string) error {
	if Hostname(strings.TrimPrefix(s, "*.")) != nil || len(s) > maxHostname {
		return errors.New("must be a domain name, as in media.example.com or *.example.com")
	}
	return nil
}

// Host checks the name or address of a machine.
func Host(s string) error {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return nil
	}
	if len(s) > maxHostname || !machine.MatchString(s) {
		return errors.New("must be an IP address or a host name, as in 203.0.113.10 or media-1")
	}
	return nil
}

// CanonicalHost returns an address in its shortest form and a name as CanonicalHostname does.
func CanonicalHost(s string) string {
	if a, err := netip.ParseAddr(strings.TrimSpace(s)); err == nil {
		return a.String()
	}
	return CanonicalHostname(s)
}

// HostPort checks the address of a media server.
func HostPort(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New("must be host:port, as in 203.0.113.10:8096 or [2001:db8::1]:8096")
	}
	if err := Host(host); err != nil {
		return fmt.Errorf("host %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return errors.New("port must be a number from 1 to 65535")
	}
	return nil
}

// CanonicalHostPort returns s with its host as CanonicalHost writes it.
func CanonicalHostPort(s string) string {
	host, port, err := net.SplitHostPort(strings.TrimSpace(s))
	if err != nil {
		return s
	}
	return net.JoinHostPort(CanonicalHost(host), port)
}
