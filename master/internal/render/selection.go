package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// pick returns what a profile selects of the library's entries, in the order of ids: a default profile all
// that is enabled for its service type, others what their list names of that.
func pick[T any, P interface {
	*T
	Entry() library.Entry
}](p *library.Profile, all []T, ids []int64) []T {
	listed := make(map[int64]bool, len(ids))
	for _, id := range ids {
		listed[id] = true
	}
	var picked []T
	for i := range all {
		e := P(&all[i]).Entry()
		if e.Fits(p.ServiceType) && (p.IsDefault || listed[e.ID]) {
			picked = append(picked, all[i])
		}
	}
	slices.SortFunc(picked, func(a, b T) int { return cmp.Compare(P(&a).Entry().ID, P(&b).Entry().ID) })
	return picked
}

// selection is what the server blocks of one profile have in common.
type selection struct {
	library.Settings
	locations []library.LocationRule // in the order in which they are tried
	denies    []library.NginxMap     // that refuse everywhere
	headers   []library.ProxyHeader
	maps      []library.NginxMap // all that are needed
}

func (in *Input) selection(p *library.Profile, fleetWide library.Settings) (selection, error) {
	s := selection{
		Settings:  fleetWide.With(p),
		locations: pick(p, in.LocationRules, p.LocationRuleIDs),
		headers:   winners(pick(p, in.ProxyHeaders, p.ProxyHeaderIDs)),
		maps:      pick(p, in.NginxMaps, p.NginxMapIDs),
	}
	slices.SortStableFunc(s.locations, precedence)
	for _, m := range s.maps {
		if m.Kind == library.MapDeny && m.Everywhere {
			s.denies = append(s.denies, m)
		}
	}
	for i := range s.headers {
		h := &s.headers[i]
		if err := in.need(&s, library.MapValue, h.References(), fmt.Sprintf("proxy header %d (%s)", h.ID, h.Name)); err != nil {
			return s, err
		}
	}
	for i := range s.locations {
		l := &s.locations[i]
		values, denies := l.References()
		name := fmt.Sprintf("location rule %d (%s)", l.ID, l.Name)
		if err := in.need(&s, library.MapValue, values, name); err != nil {
			return s, err
		}
		if err := in.need(&s, library.MapDeny, denies, name); err != nil {
			return s, err
		}
	}
	return s, nil
}

// need adds the maps that somebody names.
func (in *Input) need(s *selection, kind string, names []string, by string) error {
	for _, name := range names {
		is := func(m library.NginxMap) bool { return m.Kind == kind && m.Name == name }
		if slices.ContainsFunc(s.maps, is) {
			continue
		}
		i := slices.IndexFunc(in.NginxMaps, is)
		if i < 0 || !in.NginxMaps[i].Enabled {
			return fmt.Errorf("%s %w: it uses the %s map %s, which is disabled or deleted; enable that, or change what uses it", by, ErrInvalid, kind, name)
		}
		s.maps = append(s.maps, in.NginxMaps[i])
	}
	return nil
}

// winners leaves of several changes to one header the one that counts.
func winners(headers []library.ProxyHeader) []library.ProxyHeader {
	best := map[string]int{}
	for i := range headers {
		h := &headers[i]
		other, taken := best[subject(h)]
		if !taken || headers[other].ServiceType == library.All || h.ServiceType != library.All {
			best[subject(h)] = i
		}
	}
	var kept []library.ProxyHeader
	for i := range headers {
		if best[subject(&headers[i])] == i {
			kept = append(kept, headers[i])
		}
	}
	return kept
}

// subject is what a change is about: what the media server says may be hidden while something else is added.
func subject(h *library.ProxyHeader) string {
	direction := h.Action
	if h.OfRequest() {
		direction = "request"
	}
	return direction + " " + strings.ToLower(h.Header)
}

// precedence is that of nginx's own locations: exact paths, then the longest prefixes, then regexes by id.
func precedence(a, b library.LocationRule) int {
	rank := func(r *library.LocationRule) int {
		return slices.Index([]api.MatchType{api.MatchExact, api.MatchPrefix, api.MatchRegex}, r.MatchType)
	}
	if c := cmp.Compare(rank(&a), rank(&b)); c != 0 || a.MatchType == api.MatchRegex {
		return c
	}
	return cmp.Compare(len(b.Pattern), len(a.Pattern))
}
