package preflight

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// replacer puts stand-ins in the place of what only the slave has.
type replacer struct {
	*stage
	origins   render.Origins
	sockets   map[string]string // address → socket that stands in for it
	upstreams []string
	spaces    int
	skipped   []string
}

func (r *replacer) replace(directives []*nginxconf.Directive) error {
	for _, d := range directives {
		if d.Name == "upstream" && len(d.Args) == 1 {
			r.upstreams = append(r.upstreams, d.Args[0])
		}
	}
	return r.replaceIn("", directives)
}

func (r *replacer) replaceIn(block string, directives []*nginxconf.Directive) error {
	for _, d := range directives {
		if err := r.one(block, d); err != nil {
			return err
		}
		if d.HasBlock && !d.IsLua() && !slices.Contains(tables, d.Name) {
			if err := r.replaceIn(d.Name, d.Block); err != nil {
				return err
			}
		}
	}
	return nil
}

// one replaces what one directive names.
func (r *replacer) one(block string, d *nginxconf.Directive) error {
	if len(d.Args) == 0 {
		return nil
	}
	switch first := d.Args[0]; {
	case d.Name == "listen":
		r.listen(d)
	case d.Name == "server" && block == "upstream":
		d.Args[0] = r.address(d, first)
	case d.Name == "proxy_pass":
		r.pass(d)
	case strings.Contains(first, "$"): // nginx reads such files when it serves
	case slices.Contains(certificates, d.Name):
		path, err := r.certificate("cert.pem")
		d.Args[0] = path
		return err
	case slices.Contains(keys, d.Name):
		path, err := r.certificate("key.pem")
		d.Args[0] = path
		return err
	case slices.Contains(files, d.Name):
		r.skip(d, "is a file of the slave")
		d.Name, d.Args = "set", []string{"$uhd_preflight", "1"}
	case d.Name == "access_log" && first != "off", d.Name == "error_log" && first != "stderr" && !strings.HasPrefix(first, "syslog:"),
		strings.HasSuffix(d.Name, "_temp_path"):
		r.spaces++
		d.Args[0] = filepath.Join(r.dir, "run", "space-"+strconv.Itoa(r.spaces))
	}
	return nil
}

// tables are blocks of values and not of directives.
var tables = []string{"map", "geo", "split_clients", "types"}

// Directives that name files which `nginx -t` reads.
var (
	certificates = []string{
		"ssl_certificate", "ssl_client_certificate", "ssl_trusted_certificate",
		"proxy_ssl_certificate", "proxy_ssl_trusted_certificate",
	}
	keys  = []string{"ssl_certificate_key", "proxy_ssl_certificate_key"}
	files = []string{
		"include", "ssl_dhparam", "ssl_crl", "proxy_ssl_crl", "ssl_password_file", "proxy_ssl_password_file",
		"ssl_session_ticket_key", "ssl_stapling_file",
	}
)

// tcpOnly are the parameters of listen that a unix socket does not take.
var tcpOnly = []string{"reuseport", "deferred", "ipv6only=", "so_keepalive", "fastopen=", "setfib=", "accept_filter="}

// listen moves an address to a unix socket: -t binds, and the address may be in use here, or not ours.
func (r *replacer) listen(d *nginxconf.Directive) {
	address := d.Args[0]
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		if host, port = address, "80"; strings.Trim(address, "0123456789") == "" {
			host, port = "*", address
		}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return // nginx says so
	}
	socket := r.sockets[net.JoinHostPort(host, port)]
	if socket == "" {
		socket = "unix:" + filepath.Join(r.dir, "run", strconv.Itoa(len(r.sockets))+".sock")
		r.sockets[net.JoinHostPort(host, port)] = socket
	}
	d.Args[0] = socket
	d.Args = slices.DeleteFunc(d.Args, func(arg string) bool {
		return slices.ContainsFunc(tcpOnly, func(p string) bool { return strings.HasPrefix(arg, p) })
	})
}

// pass lets proxy_pass go to the loopback address where it names a host that nginx would look up.
func (r *replacer) pass(d *nginxconf.Directive) {
	scheme, rest, ok := strings.Cut(d.Args[0], "://")
	if !ok || strings.Contains(rest, "$") {
		return
	}
	authority, path, slash := strings.Cut(rest, "/")
	if slices.Contains(r.upstreams, authority) || strings.HasPrefix(authority, "unix:") {
		return
	}
	if slash {
		path = "/" + path
	}
	d.Args[0] = scheme + "://" + r.address(d, authority) + path
}

// address is the loopback's where a name would have to be resolved: the slave's resolver is another.
func (r *replacer) address(d *nginxconf.Directive, address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = address, ""
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || host == "localhost" || strings.HasPrefix(host, "unix:") ||
		slices.Contains(d.Args[1:], "resolve") {
		return address
	}
	if host == "" || strings.ContainsAny(host, ":/ ") {
		return address // nginx says what is wrong with it
	}
	r.skip(d, "is resolved by the slave")
	if port == "" {
		return "127.0.0.1"
	}
	return net.JoinHostPort("127.0.0.1", port)
}

func (r *replacer) skip(d *nginxconf.Directive, why string) {
	note := fmt.Sprintf("%s: %s %s", r.origins.At(d.Line), d.Args[0], why)
	if !slices.Contains(r.skipped, note) {
		r.skipped = append(r.skipped, note)
	}
}

// certificate returns the path of a part of the stand-in.
func (r *replacer) certificate(name string) (string, error) {
	path := filepath.Join(r.dir, name)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	pair, err := standIn()
	if err != nil {
		return "", err
	}
	return path, errors.Join(
		os.WriteFile(filepath.Join(r.dir, "cert.pem"), pair.cert, 0o644),
		os.WriteFile(filepath.Join(r.dir, "key.pem"), pair.key, 0o600),
	)
}

// restore puts the operator's words into nginx's.
func (r *replacer) restore(reason string) string {
	for address, socket := range r.sockets {
		reason = strings.ReplaceAll(reason, socket+" ", address+" ")
		reason = strings.ReplaceAll(reason, socket+`"`, address+`"`)
	}
	return strings.ReplaceAll(reason, filepath.Join(r.dir, "conf")+"/", "")
}
