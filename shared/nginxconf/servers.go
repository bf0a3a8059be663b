package nginxconf

import (
	"strconv"
	"strings"
)

// ServerBlock is what a server{} of the http context says about where it listens and for whom.
type ServerBlock struct {
	Names        []string // arguments of server_name as written; regexes start with ~
	Listens      []Listen
	Certificates []string // ssl_certificate: paths, or with variables
	Keys         []string // ssl_certificate_key
	Line         int
	Directive    *Directive
}

// Listen is one listen directive.
type Listen struct {
	Raw       string // its first argument, as written
	Host      string // address without brackets; "" is any IPv4 address, "::" any IPv6 address
	Port      int    // 80 when only an address is given; 0 for a unix socket
	Unix      string // path of a unix socket
	SSL       bool
	Directive *Directive
}

// Servers returns the server blocks of ds: at its top, as in server.conf, or inside http{}. The pointers
// lead back into ds, so a caller can change what it found and Format the whole.
func Servers(ds []*Directive) []ServerBlock {
	var servers []ServerBlock
	for _, d := range ds {
		switch {
		case d.Name == "http" && d.HasBlock:
			servers = append(servers, Servers(d.Block)...)
		case d.Name == "server" && d.HasBlock:
			servers = append(servers, serverBlock(d))
		}
	}
	return servers
}

func serverBlock(server *Directive) ServerBlock {
	s := ServerBlock{Line: server.Line, Directive: server}
	for _, d := range server.Block {
		switch {
		case d.Name == "server_name":
			s.Names = append(s.Names, d.Args...)
		case len(d.Args) == 0:
		case d.Name == "listen":
			s.Listens = append(s.Listens, listen(d))
		case d.Name == "ssl_certificate":
			s.Certificates = append(s.Certificates, d.Args[0])
		case d.Name == "ssl_certificate_key":
			s.Keys = append(s.Keys, d.Args[0])
		}
	}
	return s
}

// listen reads `listen` after https://nginx.org/en/docs/http/ngx_http_core_module.html#listen: a port, an
// address with or without a port, or unix:path.
func listen(d *Directive) Listen {
	l := Listen{Raw: d.Args[0], Directive: d}
	for _, arg := range d.Args[1:] {
		l.SSL = l.SSL || arg == "ssl"
	}
	if path, ok := strings.CutPrefix(l.Raw, "unix:"); ok {
		l.Unix = path
		return l
	}
	if port, err := strconv.Atoi(l.Raw); err == nil {
		l.Port = port
		return l
	}
	l.Host, l.Port = l.Raw, 80
	// In [::]:443 the last colon is the port's only when it stands after the bracket.
	if i := strings.LastIndexByte(l.Raw, ':'); i > strings.LastIndexByte(l.Raw, ']') {
		if port, err := strconv.Atoi(l.Raw[i+1:]); err == nil {
			l.Host, l.Port = l.Raw[:i], port
		}
	}
	l.Host = strings.Trim(l.Host, "[]")
	if l.Host == "*" {
		l.Host = ""
	}
	return l
}
