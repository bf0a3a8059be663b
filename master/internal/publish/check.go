package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/preflight"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// PreflightError is a publish that nginx would refuse, or that it could not be asked about where it must be.
type PreflightError struct{ Failed []Preflight }

func (e *PreflightError) Error() string {
	lines := make([]string, len(e.Failed))
	for i, f := range e.Failed {
		lines[i] = fmt.Sprintf("preflight of %s (%s) %s: %s", f.Host, f.ServiceType, strings.ReplaceAll(string(f.Status), "_", " "), f.Verdict)
	}
	return strings.Join(lines, "; ")
}

// work is what the tries of one publish know together: preflights take seconds, for which no transaction waits.
type work struct {
	order   rollout.Order
	hash    string // of the content that was rendered
	content store.Content
	configs []groupConfig
	guard   string                       // of what is amended; "": nothing is
	checked map[string]preflight.Verdict // by key
	seen    []Preflight
}

// key is by what the answer about a configuration is known again in the next try: by its hash, but where something is amended
// by what that comes from, since rows that are new have other ids then.
func (w *work) key(c groupConfig) string {
	if w.guard == "" {
		return c.ConfigHash
	}
	return w.guard + " " + c.group.Host + " " + string(c.group.ServiceType)
}

// render is renderGroups and cover; the same content is rendered once.
func (p *Publisher) render(w *work, content store.Content, hash string, current []store.Distribution, order rollout.Order) ([]groupConfig, error) {
	if w.configs == nil || w.hash != hash {
		configs, err := p.renderGroups(content, order)
		if err != nil {
			return nil, err
		}
		w.hash, w.content, w.configs = hash, content, configs
	}
	return cover(content, w.configs, current, order)
}

// uncheckedError says that a try came upon configurations of which nginx has not been asked.
type uncheckedError struct{ configs []groupConfig }

func (*uncheckedError) Error() string { return "configurations changed while they were tested" }

// pass returns nil when nginx was asked about all configurations that change; the answers are in w.
func (p *Publisher) pass(w *work, configs []groupConfig) error {
	if !p.asks(w.order) {
		return nil
	}
	var unchecked []groupConfig
	for _, c := range configs {
		if _, ok := w.checked[w.key(c)]; c.changed && !ok {
			unchecked = append(unchecked, c)
		}
	}
	if len(unchecked) > 0 {
		return &uncheckedError{unchecked}
	}
	return nil
}

func (p *Publisher) asks(order rollout.Order) bool { return p.preflights() && !order.SkipPreflight }

// preflights reports whether nginx is ever asked.
func (p *Publisher) preflights() bool {
	return p.cfg.Preflight != nil && p.cfg.Preflight.Mode() != preflight.Off
}

// tries bounds how often a publish starts anew because others change what is configured meanwhile.
const tries = 10

// checked runs try, between whose runs nginx is asked about what it comes upon, until it has nothing to ask.
func (p *Publisher) checked(ctx context.Context, order rollout.Order, try func(*work) error) error {
	w := &work{order: order, checked: map[string]preflight.Verdict{}}
	for n := 1; ; n++ {
		err := try(w)
		unchecked, ok := errors.AsType[*uncheckedError](err)
		if !ok {
			return err
		}
		if n == tries {
			return &StaleError{Current: w.hash}
		}
		if err := p.ask(ctx, w, unchecked.configs); err != nil {
			return err
		}
	}
}

// ask asks nginx about configurations; a *PreflightError when it refuses any.
func (p *Publisher) ask(ctx context.Context, w *work, configs []groupConfig) error {
	results := make([]Preflight, len(configs))
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(8) // the checker runs fewer
	for i, c := range configs {
		group.Go(func() (err error) {
			results[i].Group = c.group
			results[i].Verdict, err = p.preflight(asking, w.content, c)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	refused := func(r Preflight) bool {
		return r.Status == preflight.Failed || r.Status == preflight.NotRun && p.cfg.Preflight.Mode() == preflight.Require
	}
	for i, c := range configs {
		w.checked[w.key(c)] = results[i].Verdict
	}
	w.seen = append(w.seen, results...)
	failed := slices.DeleteFunc(results, func(r Preflight) bool { return !refused(r) })
	if len(failed) > 0 {
		return &PreflightError{failed}
	}
	return nil
}

// results are the answers for people.
func (w *work) results() []Preflight { return append([]Preflight{}, w.seen...) }

// verdict returns what nginx says of a configuration where it need not be asked, and whether that is so.
func (p *Publisher) verdict(of preflight.Key) (preflight.Verdict, bool) {
	if p.cfg.Preflight == nil {
		return preflight.Verdict{Status: preflight.NotRun, Cause: "this master makes no preflights"}, true
	}
	return p.cfg.Preflight.Known(of)
}

// preflight asks nginx about one group, and finds the row of the library that a refused rule is.
func (p *Publisher) preflight(ctx context.Context, content store.Content, c groupConfig) (preflight.Verdict, error) {
	if known, ok := p.verdict(c.asked); ok {
		return known, nil
	}
	result, err := p.cfg.Preflight.Check(ctx, c.Config, c.origins)
	if err != nil || result.Status != preflight.Failed || result.Field == "" {
		return result, err
	}
	result.Origin = originOf(content, c, result)
	return result, nil
}

// originOf names the rule, player or profile that is refused.
func originOf(content store.Content, c groupConfig, r preflight.Verdict) *render.Origin {
	switch {
	case r.Field == "rendered_lua":
		at := slices.IndexFunc(content.Profiles, func(p library.Profile) bool { return p.IsDefault && p.ServiceType == c.group.ServiceType })
		if at >= 0 {
			return &render.Origin{Resource: "profiles", ID: content.Profiles[at].ID, Name: content.Profiles[at].Name, Field: "custom_lua"}
		}
	case strings.Contains(r.Field, "_list["):
		at := slices.IndexFunc(content.URIRules, func(u library.URIRule) bool { return u.Enabled && u.Pattern == r.Text })
		if at >= 0 {
			return &render.Origin{Resource: "uri-rules", ID: content.URIRules[at].ID, Name: content.URIRules[at].Name, Field: "pattern"}
		}
	case strings.Contains(r.Field, "client_patterns["):
		at := slices.IndexFunc(content.Players, func(p library.Player) bool { return p.Enabled && slices.Contains(p.UAPatterns, r.Text) })
		if at >= 0 {
			return &render.Origin{Resource: "players", ID: content.Players[at].ID, Name: content.Players[at].ClientName, Field: "ua_patterns"}
		}
	}
	return r.Origin
}
