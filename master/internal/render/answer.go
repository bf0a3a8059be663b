package render

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// Reasons of refusals that are rendered and not the access chain's, as players and logs see them, and what
// players are told.
const (
	reasonMap      = "denied_by_map"
	reasonLocation = "denied_by_location"

	deniedMessage = "该请求已被服务器管理员禁止"
)

// verdict is the part of an access log line that says who refused the request: as lua/uhd/entry.lua has it. On
// agents that do not log it the variable means nothing.
func verdict(reason string, id int64) string {
	return nginxconf.Quote(fmt.Sprintf(`,"verdict":"reject","reason":%q,"rule":"%d","request_id":"$request_id"`, reason, id))
}

// refusal is the body of a refusal by nginx itself.
func refusal(reason string) string {
	return nginxconf.Quote(fmt.Sprintf(`{"message":%q,"reason":%q,"request_id":"$request_id"}`, deniedMessage, reason))
}

// luaString writes text as a Lua string in which nothing can end the string or the block around it.
func luaString(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c == 0x7f, strings.IndexByte(`"'\{}[]-`, c) >= 0:
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// luaText writes a text with variables as a Lua expression.
func luaText(text string) string {
	var parts []string
	for _, p := range library.ParseText(text) {
		if p.Variable != "" {
			parts = append(parts, "(ngx.var."+p.Variable+` or "")`)
			continue
		}
		parts = append(parts, luaString(p.Literal))
	}
	return strings.Join(parts, " .. ")
}

// nginxText writes a text with variables as nginx reads it.
func nginxText(text string) string {
	var b strings.Builder
	for _, p := range library.ParseText(text) {
		if p.Variable != "" {
			b.WriteString("${" + p.Variable + "}")
			continue
		}
		b.WriteString(p.Literal)
	}
	return nginxconf.Quote(b.String())
}

// jsonText writes text as JSON that is also a Lua string's content.
func jsonText(text string) string {
	encoded, _ := json.Marshal(text) // texts always encode
	return string(encoded)
}
