package nginx

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// target is one server block as reached through one of its listen addresses.
type target struct {
	host          string // to ask for, in Host and SNI
	network       string // tcp or unix
	address       string
	tls           bool
	proxyProtocol bool         // the listener expects a PROXY line first
	optional      bool         // the address may not exist on this machine
	stated        map[int]bool // statuses that the block itself states by `return`
	unfiltered    bool         // the block does not run our header filter
}

// targets lists what to probe of these server blocks: each block, by its first name that can be asked
// for, on each of its addresses but the admin socket. filtered says that http{} runs the header filter
// for all.
func targets(servers []nginxconf.ServerBlock, adminSocket string, filtered bool) []target {
	var all []target
	for _, server := range servers {
		base := target{host: hostOf(server.Names), stated: map[int]bool{}, unfiltered: !filtered}
		if base.host == "" {
			continue
		}
		refusesTLS := false
		nginxconf.Walk(server.Directive.Block, func(d *nginxconf.Directive) {
			switch {
			case d.Name == "return" && len(d.Args) > 0:
				if status, err := strconv.Atoi(d.Args[0]); err == nil {
					base.stated[status] = true
				}
			case isHeaderFilter(d):
				base.unfiltered = false
			case d.Name == "ssl_reject_handshake":
				refusesTLS = slices.Equal(d.Args, []string{"on"})
			}
		})
		for _, l := range server.Listens {
			params := l.Directive.Args[1:]
			switch {
			case l.SSL && refusesTLS, slices.Contains(params, "quic"):
				continue
			case !l.SSL && slices.Contains(params, "http2"):
				continue // HTTP/2 without TLS: nginx answers nothing else there
			case l.Unix == adminSocket:
				continue
			}
			t := base
			t.tls, t.proxyProtocol = l.SSL, slices.Contains(params, "proxy_protocol")
			t.dial(l)
			all = append(all, t)
		}
	}
	return all
}

// dial sets how to reach l from this machine.
func (t *target) dial(l nginxconf.Listen) {
	if l.Unix != "" {
		t.network, t.address = "unix", l.Unix
		return
	}
	host := l.Host
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		// A kernel without IPv6 addresses still lets nginx listen on [::].
		host, t.optional = "::1", true
	}
	t.network, t.address = "tcp", net.JoinHostPort(host, strconv.Itoa(l.Port))
}

func isHeaderFilter(d *nginxconf.Directive) bool {
	return strings.HasPrefix(d.Name, "header_filter_by_lua")
}

// hostOf returns the first of server_name's arguments that a request can ask for, a wildcard made
// concrete; "" when there are only regexes, or none.
func hostOf(names []string) string {
	for _, name := range names {
		switch {
		case name == "", strings.HasPrefix(name, "~"), strings.Contains(name, "$"):
			continue
		case strings.HasPrefix(name, "*."):
			return "probe" + name[1:]
		case strings.HasPrefix(name, "."):
			return name[1:]
		case strings.HasSuffix(name, ".*"):
			return strings.TrimSuffix(name, "*") + "invalid"
		}
		return name
	}
	return ""
}
