package render

import (
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// requestHeader is a header that the media server gets.
type requestHeader struct {
	Comment string
	Name    string
	Value   string // as nginx reads it
	Origin
}

// requestHeaders are the gateway's own headers, changed and completed by the operator's.
func (f *file) requestHeaders(s *selection) []requestHeader {
	headers := []requestHeader{
		{Name: "Host", Value: "$host"},
		{Name: "X-Real-IP", Value: "$remote_addr"},
		{Comment: "This is the edge: what clients claim is replaced, by what trusted proxies say where there are some.", Name: "Forwarded", Value: `""`},
		{Name: "X-Forwarded-For", Value: "$remote_addr"},
		{Name: "X-Forwarded-Proto", Value: f.Scheme()},
		{Name: "X-Forwarded-Host", Value: "$host"},
		{Name: "X-Forwarded-Port", Value: "$server_port"},
		{Comment: "The key of the supervisor's probe is none of the media server's business.", Name: "X-UHD-Probe", Value: `""`},
		{Name: "Upgrade", Value: "$http_upgrade"},
		{Name: "Connection", Value: "$connection_upgrade"},
		{Name: "Accept-Encoding", Value: "$upstream_accept_encoding"},
		{Name: "Range", Value: "$http_range"},
		{Name: "If-Range", Value: "$http_if_range"},
	}
	for i := range s.headers {
		h := &s.headers[i]
		if !h.OfRequest() {
			continue
		}
		set := requestHeader{Name: h.Header, Value: nginxText(h.Value), Origin: headerOrigin(h)}
		at := len(headers)
		for j := range headers {
			if strings.EqualFold(headers[j].Name, h.Header) {
				at = j
			}
		}
		if at == len(headers) {
			headers = append(headers, set)
			continue
		}
		set.Comment = headers[at].Comment
		headers[at] = set
	}
	return headers
}

// added is a header that answers get.
type added struct {
	Name  string
	Value string // as nginx reads it
	Origin
}

func (s *selection) added() (list []added) {
	for i := range s.headers {
		if h := &s.headers[i]; h.Action == library.HeaderAddResponse {
			list = append(list, added{h.Header, nginxText(h.Value), headerOrigin(h)})
		}
	}
	return list
}

// hidden are headers of the media server that players do not get.
func (s *selection) hidden() (list []added) {
	for i := range s.headers {
		if h := &s.headers[i]; h.Action == library.HeaderHideResponse {
			list = append(list, added{Name: h.Header, Origin: headerOrigin(h)})
		}
	}
	return list
}

func headerOrigin(h *library.ProxyHeader) Origin {
	return Origin{Resource: "proxy-headers", ID: h.ID, Name: h.Name}
}

// headers writes what a server block does to the headers of requests and answers that it proxies. All blocks of a profile
// share one text: writing it is much of the work for a host of 200 servers.
func (m *marker) headers(b *block) string {
	if b.headerText != "" {
		return b.headerText
	}
	var text strings.Builder
	directive := func(o Origin, comment string, words ...string) {
		if comment != "" {
			text.WriteString("        # " + comment + "\n")
		}
		line := "        " + strings.Join(words, " ") + ";\n"
		if o.Resource != "" {
			line = m.mark(o.Resource, o.ID, o.Name, "") + line + markBack
		}
		text.WriteString(line)
	}
	for _, h := range b.Request {
		directive(h.Origin, h.Comment, "proxy_set_header", nginxconf.Quote(h.Name), h.Value)
	}
	for _, h := range b.Hidden {
		directive(h.Origin, "", "proxy_hide_header", nginxconf.Quote(h.Name))
	}
	b.headerText = text.String()
	return b.headerText
}
