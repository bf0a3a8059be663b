// Package privacy is what the master does so that reports of slaves tell no more of people than the operator
// wants: addresses are cut or dropped before they are stored, and what is stored of a user can be erased.
package privacy

import "net/netip"

// Bits that Truncated keeps: a network of a provider or a site, not a household. They are also what sharing
// signals compare.
const (
	BitsIPv4 = 24
	BitsIPv6 = 48
)

// Addresses says what is stored of clients' addresses.
type Addresses string

// What may be stored.
const (
	Full      Addresses = "full"
	Truncated Addresses = "truncated" // the network, as in 203.0.113.0/24 or 2001:db8:1::/48
	None      Addresses = "none"
)

// Keep returns what is stored of an address. Text that is no address might be one in disguise: only Full
// keeps it.
func (a Addresses) Keep(ip string) string {
	switch a {
	case Full:
		return ip
	case Truncated:
		if network, ok := Network(ip); ok {
			return network.String()
		}
	}
	return ""
}

// Network returns the network of an address, or of what Truncated has kept of it.
func Network(ip string) (netip.Prefix, bool) {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		network, err := netip.ParsePrefix(ip)
		if err != nil {
			return network, false
		}
		addr = network.Addr()
	}
	addr = addr.Unmap().WithZone("")
	bits := BitsIPv6
	if addr.Is4() {
		bits = BitsIPv4
	}
	network, err := addr.Prefix(bits)
	return network, err == nil
}
