package render

import (
	"fmt"
	"strconv"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
)

// upstream is where proxied requests go: addresses in an upstream{}, which keeps connections; names in a
// variable, which nginx looks up while it runs. A name in an upstream{} would be looked up once, when the
// configuration is loaded, and keep it from loading when there is no answer.
type upstream struct {
	Origin
	Name     string // of the upstream{}
	Variable string // that holds the target of a request, where targets are names
	fleet.Upstream
	TLS fleet.UpstreamTLS
}

func newUpstream(from Origin, name string, targets fleet.Upstream, tls fleet.UpstreamTLS) upstream {
	variable := "upstream_of_server_" // of bounded length, as nginx's hash of variables is
	if from.Resource != "servers" {
		variable = "upstream_of_location_"
	}
	return upstream{from, name, variable + strconv.FormatInt(from.ID, 10), targets, tls}
}

// Pass is what proxy_pass takes.
func (u upstream) Pass() string {
	if u.HasNames() {
		return u.TLS.UpstreamScheme + "://$" + u.Variable
	}
	return u.TLS.UpstreamScheme + "://" + u.Name
}

// HTTPS reports whether TLS is spoken to the upstream.
func (u upstream) HTTPS() bool { return u.TLS.UpstreamScheme == fleet.SchemeHTTPS }

// TLSName is the name asked for in TLS; "": none.
func (u upstream) TLSName() string { return u.TLS.TLSName(u.Upstream) }

// share of the clients that one target of several serves.
type share struct{ Percent, Address string }

// Shares divides clients by the targets' weights, in hundredths of a percent, of which each target gets at
// least one; the last one gets the rest.
func (u upstream) Shares() []share {
	const whole = 10_000
	total, spare := 0, whole-len(u.Upstream)
	for _, t := range u.Upstream {
		total += t.Weight
	}
	shares := make([]share, len(u.Upstream))
	for i, t := range u.Upstream {
		n := 1 + spare*t.Weight/total
		shares[i] = share{fmt.Sprintf("%d.%02d%%", n/100, n%100), t.Address}
	}
	shares[len(shares)-1].Percent = "*"
	return shares
}
