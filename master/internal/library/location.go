package library

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/field"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// LocationRule answers certain paths otherwise than by handing them to the server's upstream. Which paths:
// as with URI rules, in any case, below /emby and /mediabrowser too. It stands behind the access chain
// unless SkipAccess says otherwise.
type LocationRule struct {
	ID        int64         `json:"id" bun:",pk,autoincrement"`
	Name      string        `json:"name"`
	MatchType api.MatchType `json:"match_type"`
	Pattern   string        `json:"pattern"`
	Kind      string        `json:"kind"` // return, redirect, proxy, deny or cache
	// Status of return, redirect and deny; 0: 200, 302 and 403.
	Status      int            `json:"status"`
	Body        string         `json:"body"`         // of return; of deny: what players are told, "": the usual
	ContentType string         `json:"content_type"` // of return; "": plain text
	Target      string         `json:"target"`       // of redirect: a URL or a path, with variables
	Upstream    fleet.Upstream `json:"upstream"`     // of proxy
	fleet.UpstreamTLS
	MaxAge      int64           `json:"max_age"`     // of cache: seconds for which clients keep answers; 0: not at all
	DenyMaps    []string        `json:"deny_maps"`   // names of deny maps, also delete and post, that refuse here
	SkipAccess  bool            `json:"skip_access"` // no access chain: anybody gets the answer; not of cache, where a URI rule does that
	ServiceType api.ServiceType `json:"service_type"`
	Enabled     bool            `json:"enabled"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	Revision    int64           `json:"revision"`
}

// Values of LocationRule.Kind.
const (
	KindReturn   = "return"
	KindRedirect = "redirect"
	KindProxy    = "proxy"
	KindDeny     = "deny"
	KindCache    = "cache" // as without the rule, but clients keep the answers
)

const (
	maxBody     = 2000 // characters
	maxAge      = 10 * 365 * 24 * 3600
	maxDenyMaps = 20
)

// NewLocationRule returns what a request for a new rule is decoded onto.
func NewLocationRule() LocationRule {
	r := LocationRule{Enabled: true}
	r.UpstreamTLSVerify = true
	r.SetDefaults()
	return r
}

// SetDefaults fills what is missing and trims texts.
func (r *LocationRule) SetDefaults() {
	r.Name = strings.TrimSpace(r.Name)
	r.ServiceType = cmp.Or(r.ServiceType, All)
	r.MatchType = cmp.Or(r.MatchType, api.MatchPrefix)
	r.Target = strings.TrimSpace(r.Target)
	if r.Upstream == nil {
		r.Upstream = fleet.Upstream{}
	}
	r.Upstream.SetDefaults()
	r.UpstreamTLS.SetDefaults()
	if r.DenyMaps == nil {
		r.DenyMaps = []string{}
	}
}

// Validate returns fleet.FieldErrors or nil.
func (r *LocationRule) Validate() error {
	var errs fleet.FieldErrors
	errs.Check("name", field.Name(r.Name, maxName))
	errs.Check("match_type", field.OneOf(r.MatchType, api.MatchExact, api.MatchPrefix, api.MatchRegex))
	if r.MatchType == api.MatchRegex {
		errs.Check("pattern", field.Pattern(r.Pattern))
	} else {
		errs.Check("pattern", field.Path(r.Pattern))
	}
	errs.Check("service_type", field.OneOf(r.ServiceType, api.Emby, api.Jellyfin, All))
	errs.Check("kind", field.OneOf(r.Kind, KindReturn, KindRedirect, KindProxy, KindDeny, KindCache))
	errs.Check("status", r.checkStatus())
	errs.Check("body", r.only(r.Body != "", KindReturn, KindDeny))
	errs.Check("body", field.Text(r.Body, maxBody))
	errs.Check("content_type", r.only(r.ContentType != "", KindReturn))
	errs.Check("content_type", field.ContentType(r.ContentType))
	errs.Check("target", r.checkTarget())
	r.checkUpstream(&errs)
	// A path that skips the chain must not reach the media server, which may read it otherwise than nginx.
	errs.Check("skip_access", r.only(r.SkipAccess, KindReturn, KindRedirect, KindDeny, KindProxy))
	errs.Check("max_age", r.only(r.MaxAge != 0, KindCache))
	errs.Check("max_age", between(r.MaxAge, 0, maxAge))
	if len(r.DenyMaps) > maxDenyMaps {
		errs.Add("deny_maps", fmt.Sprintf("has %d names, at most %d are allowed", len(r.DenyMaps), maxDenyMaps))
	}
	for i, name := range r.DenyMaps {
		err := field.Identifier(name)
		if slices.Contains(r.DenyMaps[:i], name) {
			err = errors.New("must name each map once")
		}
		errs.Check(fmt.Sprintf("deny_maps[%d]", i), err)
	}
	return errs.ErrorOrNil()
}

// only refuses a field that the rule's kind does not have.
func (r *LocationRule) only(given bool, kinds ...string) error {
	if !given || slices.Contains(kinds, r.Kind) {
		return nil
	}
	return fmt.Errorf("belongs to rules of the kind %s", strings.Join(kinds, " or "))
}

func (r *LocationRule) checkStatus() error {
	if r.Status == 0 {
		return nil
	}
	switch r.Kind {
	case KindRedirect:
		if !slices.Contains([]int{301, 302, 303, 307, 308}, r.Status) {
			return errors.New("of a redirect must be 301, 302, 303, 307 or 308")
		}
	case KindDeny:
		if r.Status < 400 || r.Status > 499 || r.Status == 444 {
			return errors.New("of a refusal must be from 400 to 499")
		}
	case KindReturn:
		if r.Status < 200 || r.Status > 599 || r.Status >= 300 && r.Status < 400 || r.Status == 444 || r.Status == 499 || r.Status == 206 {
			return errors.New("must be from 200 to 299 or from 400 to 599; for others use the kind redirect")
		}
		if (r.Status == 204 || r.Status == 205) && r.Body != "" {
			return fmt.Errorf("%d has no body: leave one of them away", r.Status)
		}
	default:
		return fmt.Errorf("belongs to the kinds %s, %s and %s", KindReturn, KindRedirect, KindDeny)
	}
	return nil
}

func (r *LocationRule) checkTarget() error {
	if r.Kind != KindRedirect {
		return r.only(r.Target != "", KindRedirect)
	}
	if !strings.HasPrefix(r.Target, "https://") && !strings.HasPrefix(r.Target, "http://") && !strings.HasPrefix(r.Target, "/") {
		return errors.New("must be a URL or a path, as in https://example.com$request_uri or /web/index.html")
	}
	if strings.ContainsAny(r.Target, " \t\"<>\\^`|") {
		return errors.New("must not contain spaces, quotes or other characters that URLs do not have: write them as %XX")
	}
	return CheckText(r.Target, field.ASCII)
}

func (r *LocationRule) checkUpstream(errs *fleet.FieldErrors) {
	if r.Kind == KindProxy {
		r.Upstream.Check(errs)
		r.CheckTLS(errs, r.Upstream)
		return
	}
	errs.Check("upstream", r.only(len(r.Upstream) > 0, KindProxy))
}

// References are the names of the maps that the rule uses: value maps, and deny maps but for those that
// are always there.
func (r *LocationRule) References() (values, denies []string) {
	for _, name := range r.DenyMaps {
		if !slices.Contains(builtinDenyMaps, name) {
			denies = append(denies, name)
		}
	}
	if r.Kind == KindRedirect {
		values = MapsIn(r.Target)
	}
	return values, denies
}
