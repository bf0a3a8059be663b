package nginx

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// header is what stands in the place of the directives that rewrite leaves out of nginx.conf.
func (m *mirror) header() []*nginxconf.Directive {
	return []*nginxconf.Directive{
		{Name: "worker_processes", Args: []string{"1"}},
		{Name: "pid", Args: []string{filepath.Join(m.private.root, "run", "nginx.pid")}},
		{Name: "error_log", Args: []string{m.errorLog(), "warn"}},
	}
}

// rewrite moves every path, log and listening address of one file into the private root.
func (m *mirror) rewrite(directives []*nginxconf.Directive) []*nginxconf.Directive {
	directives = m.rewritePaths(directives)
	for _, server := range nginxconf.Servers(directives) {
		d := server.Directive
		d.Block = slices.DeleteFunc(d.Block, func(inner *nginxconf.Directive) bool { return inner.Name == "listen" })
		if len(server.Listens) == 0 { // nginx's default
			server.Listens = []nginxconf.Listen{{Port: 80, Directive: &nginxconf.Directive{Args: []string{"80"}}}}
		}
		for _, l := range server.Listens {
			m.listen(d, l)
		}
		// A block whose names are all patterns gets one that can be asked for.
		if hostOf(server.Names) == "" {
			name := fmt.Sprintf("rehearsal-%d.invalid", server.Line)
			d.Block = append(d.Block, &nginxconf.Directive{Name: "server_name", Args: []string{name}})
		}
	}
	return directives
}

// listen lets server listen on a unix socket in the place of l. Of the parameters those stay that a unix
// socket takes and that change how requests are served.
func (m *mirror) listen(server *nginxconf.Directive, l nginxconf.Listen) {
	socket := l.Unix
	if !strings.HasPrefix(socket, m.private.root+"/") { // else it is one of ours, and has moved with the root
		address := socket
		if address == "" {
			address = net.JoinHostPort(strings.TrimPrefix(l.Host, "0.0.0.0"), strconv.Itoa(l.Port))
		}
		socket = m.sockets[address]
		if socket == "" {
			socket = filepath.Join(m.private.root, "run", strconv.Itoa(len(m.sockets))+".sock")
			m.sockets[address] = socket
		}
	}
	args := []string{"unix:" + socket}
	for _, arg := range l.Directive.Args[1:] {
		if arg == "ssl" || arg == "default_server" || arg == "http2" && l.SSL {
			args = append(args, arg)
		}
	}
	// One server may listen on an address twice, written in two ways; nginx refuses that for a socket.
	for _, d := range server.Block {
		if d.Name == "listen" && d.Args[0] == args[0] {
			return
		}
	}
	server.Block = append(server.Block, &nginxconf.Directive{Name: "listen", Args: args})
}

// ownSpace matches what gives nginx a directory to write into: two nginx must not share one.
var ownSpace = regexp.MustCompile(`_(cache|temp)_path$`)

func (m *mirror) rewritePaths(directives []*nginxconf.Directive) []*nginxconf.Directive {
	var kept []*nginxconf.Directive
	for _, d := range directives {
		for i, arg := range d.Args {
			d.Args[i] = m.relocate(arg)
		}
		d.Lua = m.relocate(d.Lua)
		switch {
		case d.Name == "worker_processes", d.Name == "pid", d.Name == "error_log":
			continue // see header; nothing of a rehearsal goes to the real logs
		case d.Name == "stream" && d.HasBlock, d.Name == "mail" && d.HasBlock:
			continue // no access chain to rehearse, and they would take ports
		case d.Name == "access_log":
			d.Args = []string{"off"}
		case ownSpace.MatchString(d.Name) && len(d.Args) > 0:
			m.spaces++
			d.Args[0] = filepath.Join(m.private.root, "run", "space-"+strconv.Itoa(m.spaces))
		}
		if d.HasBlock && !d.IsLua() {
			d.Block = m.rewritePaths(d.Block)
		}
		kept = append(kept, d)
	}
	return kept
}

// relocate rewrites the paths of the staged tree and of the real root, wherever they stand in text (an
// argument, a piece of Lua), to those of the private root.
func (m *mirror) relocate(text string) string {
	var b strings.Builder
	done := 0
	for _, at := range m.ours.FindAllStringIndex(text, -1) {
		if !wholePath(text, at[0], at[1]) {
			continue
		}
		to := m.private.root
		if text[at[0]:at[1]] == m.staged {
			to = filepath.Dir(m.private.conf)
		}
		b.WriteString(text[done:at[0]] + to)
		done = at[1]
	}
	return b.String() + text[done:]
}

// wholePath reports whether text[from:to] is not just a part of a longer name.
func wholePath(text string, from, to int) bool {
	return (from == 0 || !inName(text[from-1])) && (to == len(text) || !inName(text[to]))
}

func inName(c byte) bool {
	return c == '.' || c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
