package render

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// location is a location rule in a server block.
type location struct {
	library.LocationRule
	To upstream // of kinds that proxy
}

// RuleOrigin is where its lines come from.
func (l location) RuleOrigin() Origin { return locationOrigin(&l.LocationRule) }

// located writes a location of a server block. All blocks of a profile share the text of one that does not
// lead to their own upstream.
func (m *marker) located(b *block, l location) (string, error) {
	if text, ok := b.located[l.ID]; ok {
		return text, nil
	}
	var text strings.Builder
	err := m.template.ExecuteTemplate(&text, "location", struct {
		Block    *block
		Location location
	}{b, l})
	if l.Kind != library.KindCache {
		b.located[l.ID] = text.String()
	}
	return text.String(), err
}

// Header is how the block begins.
func (l location) Header() string {
	return "location ~* " + nginxconf.Quote(locationPattern(&l.LocationRule))
}

// Proxies reports whether the media server, or another upstream, answers.
func (l location) Proxies() bool {
	return l.Kind == library.KindProxy || l.Kind == library.KindCache
}

// Refuses reports whether nobody gets anything here.
func (l location) Refuses() bool { return l.Kind == library.KindDeny }

// CacheControl tells clients for how long they may keep answers; "" where the media server says that.
func (l location) CacheControl() string {
	switch {
	case l.Kind != library.KindCache:
		return ""
	case l.MaxAge == 0:
		return "no-store"
	}
	return "public, max-age=" + strconv.FormatInt(l.MaxAge, 10)
}

// Lua is the code that answers where no upstream does. It runs after the access chain, as nginx's own
// return would not.
func (l location) Lua() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "            "+format+"\n", args...) }
	switch l.Kind {
	case library.KindRedirect:
		line("return ngx.redirect(%s, %d)", luaText(l.Target), cmp.Or(l.Status, 302))
	case library.KindReturn:
		line("ngx.status = %d", cmp.Or(l.Status, 200))
		if l.Status != 204 && l.Status != 205 {
			line("ngx.header[\"Content-Type\"] = %s", luaString(cmp.Or(l.ContentType, "text/plain; charset=utf-8")))
			line("ngx.header[\"Content-Length\"] = %d", len(l.Body))
			line("ngx.print(%s)", luaString(l.Body))
		}
	case library.KindDeny:
		line("ngx.status = %d", cmp.Or(l.Status, 403))
		line("ngx.header[\"Content-Type\"] = \"application/json; charset=utf-8\"")
		line("ngx.header[\"Cache-Control\"] = \"no-store\"")
		line("ngx.header[\"X-UHD-Reason\"] = %q", reasonLocation)
		before := fmt.Sprintf(`{"message":%s,"reason":%q,"request_id":"`, jsonText(cmp.Or(l.Body, deniedMessage)), reasonLocation)
		line("ngx.print(%s, ngx.var.request_id, %s)", luaString(before), luaString(`"}`))
	}
	return b.String()
}
