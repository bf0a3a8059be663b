package chain

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Reason is why the whitelist refuses a client; "" for a client that may pass. The codes are those that players see.
type Reason string

// The whitelist's reasons.
const (
	ClientNotAllowed   Reason = "client_not_allowed"
	ClientOutdated     Reason = "client_outdated" // or keeps its version to itself
	ClientUnidentified Reason = "client_unidentified"
)

// Client is the application that a request says it comes from. Name "": it says none.
type Client struct{ Name, Version string }

// Whitelist is who may come in. See lua/uhd/clients.lua.
type Whitelist struct {
	names    map[string]bool // nil: all
	minimums map[string]minimum
	patterns []agentPattern
	strict   bool // who says no name is refused
}

type minimum struct {
	text    string
	numbers []float64
}

type agentPattern struct {
	name string
	pattern
}

// NewWhitelist compiles the whitelist of a profile's rules.
func NewWhitelist(c *api.LuaConfig) (*Whitelist, error) {
	w := &Whitelist{minimums: map[string]minimum{}, strict: c.Unidentified == api.UnidentifiedReject}
	for _, name := range c.AllowedClients {
		if w.names == nil {
			w.names = map[string]bool{}
		}
		w.names[nameKey(name)] = true
	}
	for name, text := range c.MinVersions {
		if numbers := parseVersion(text); len(numbers) > 0 {
			w.minimums[nameKey(name)] = minimum{text, numbers}
		}
	}
	for i, p := range c.ClientPatterns {
		compiled, err := compile(p.Pattern, "i")
		if err != nil {
			return nil, fmt.Errorf("client pattern %d: %w", i, err)
		}
		w.patterns = append(w.patterns, agentPattern{p.Name, compiled})
	}
	return w, nil
}

// ByAgent names a client that states no name by its User-Agent; the zero Client when no pattern fits.
func (w *Whitelist) ByAgent(agent string) Client {
	if agent == "" {
		return Client{}
	}
	for _, named := range w.patterns {
		match, version, grouped, ok := named.find(agent)
		if !ok {
			continue
		}
		if !grouped {
			_, rest, _ := strings.Cut(agent, match)
			version = following.FindString(strings.TrimLeft(rest, space+"/"))
		}
		return Client{named.name, version}
	}
	return Client{}
}

// following is a version after a name, as in "VLC/3.0.18".
var following = regexp.MustCompile(`^[0-9][0-9A-Za-z.-]*`)

const space = " \t\n\v\f\r"

// Refuse returns why the client may not pass, and for an outdated one the lowest version that may.
func (w *Whitelist) Refuse(c Client) (why Reason, lowest string) {
	if c.Name == "" {
		if w.strict {
			return ClientUnidentified, ""
		}
		return "", ""
	}
	key := nameKey(c.Name)
	if w.names != nil && !w.names[key] {
		return ClientNotAllowed, ""
	}
	least, limited := w.minimums[key]
	if !limited {
		return "", ""
	}
	if numbers := parseVersion(c.Version); len(numbers) == 0 || compareVersions(numbers, least.numbers) < 0 {
		return ClientOutdated, least.text
	}
	return "", ""
}

// nameKey is a name as names are compared: in lower case, without whitespace around it.
func nameKey(name string) string { return lower(strings.Trim(name, space)) }
