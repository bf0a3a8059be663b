package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/preflight"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Question says what a preview is of. Without Host and Profile it is of all hosts.
type Question struct {
	Host     string
	Profile  int64 // the hosts that have a server with this profile
	Snapshot int64 // of its content, as a rollback would publish it; 0: of what is configured now
	// Amend is done to what is configured before it is looked at, and then undone; nil: nothing.
	Amend Amendment
}

// Preview is what a publish would do.
type Preview struct {
	Hash   string         `json:"hash" doc:"of what is configured: the ETag for If-Match of a publish"`
	Groups []GroupPreview `json:"groups"`
}

// GroupPreview is what a publish would do to one group.
type GroupPreview struct {
	fleet.Group
	ServerCount   int                      `json:"server_count"`
	ConfigHash    string                   `json:"config_hash"`
	Changed       bool                     `json:"changed" doc:"whether it is another than what runs"`
	Against       *store.Distribution      `json:"against" doc:"what runs: what the slave said it applied, else what it fetched last; null: neither is known"`
	RenderedNginx string                   `json:"rendered_nginx"`
	RenderedLua   string                   `json:"rendered_lua" doc:"empty: the built-in access.lua"`
	LuaConfigs    map[string]api.LuaConfig `json:"lua_configs" doc:"by profile id"`
	Diff          string                   `json:"diff" doc:"unified, of server.conf, access.lua and rules.json; empty: nothing changes"`
	Preflight     preflight.Verdict        `json:"preflight"`
}

// Preview renders what is configured, compares it with what runs and asks nginx about it. Nothing is stored. What
// cannot be rendered wraps render.ErrInvalid; a snapshot that is not there is store.ErrNotFound.
func (p *Publisher) Preview(ctx context.Context, q Question) (*Preview, error) {
	content, guard, err := p.proposed(ctx, q.Amend)
	if err != nil {
		return nil, err
	}
	preview := &Preview{Hash: guard}
	if q.Snapshot != 0 {
		kept, err := p.cfg.Store.ReadSnapshot(ctx, q.Snapshot)
		if err != nil {
			return nil, err
		}
		content = revive(kept, content)
	}
	groups, err := asked(content, q)
	if err != nil {
		return nil, err
	}
	running, err := p.cfg.Store.Running(ctx)
	if err != nil {
		return nil, err
	}
	preview.Groups = make([]GroupPreview, len(groups))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(8)
	for i, group := range groups {
		work.Go(func() error { return p.preview(ctx, content, group, running, &preview.Groups[i]) })
	}
	return preview, work.Wait()
}

// asked returns the groups that a question is about.
func asked(content store.Content, q Question) ([]fleet.Group, error) {
	fallback := map[int64]api.ServiceType{} // default profiles
	known := q.Profile == 0
	for _, profile := range content.Profiles {
		known = known || profile.ID == q.Profile
		if profile.IsDefault {
			fallback[profile.ID] = profile.ServiceType
		}
	}
	if !known {
		return nil, fleet.FieldErrors{{Field: "profile_id", Message: "is no profile's"}}
	}
	var servers []fleet.Server
	for _, s := range content.Servers {
		uses := q.Profile == 0 || s.ProfileID != nil && *s.ProfileID == q.Profile || s.ProfileID == nil && fallback[q.Profile] == s.ServiceType
		if uses && (q.Host == "" || s.Host == q.Host) {
			servers = append(servers, s)
		}
	}
	if len(servers) == 0 && q.Host != "" {
		return nil, fleet.FieldErrors{{Field: "host", Message: "names no host with such servers"}}
	}
	return groupsOf(servers), nil
}

func (p *Publisher) preview(ctx context.Context, content store.Content, group fleet.Group, running map[fleet.Group]store.Distribution, into *GroupPreview) error {
	c, err := renderGroup(content, group, false)
	if err != nil {
		return err
	}
	*into = GroupPreview{
		Group: group, ServerCount: c.SiblingCount, ConfigHash: c.ConfigHash, Changed: true,
		RenderedNginx: c.RenderedNginx, RenderedLua: c.RenderedLua, LuaConfigs: c.LuaConfigs,
	}
	from := &api.Config{}
	if d, ok := running[group]; ok {
		into.Against, into.Changed = &d, d.ConfigHash != c.ConfigHash
		if into.Changed {
			if from, err = p.document(ctx, d.ID); err != nil {
				return err
			}
		}
	}
	if into.Changed {
		into.Diff = diff(from, c.Config)
	}
	into.Preflight, err = p.preflight(ctx, content, c)
	return err
}

// document returns the configuration of a distribution.
func (p *Publisher) document(ctx context.Context, id int64) (*api.Config, error) {
	compressed, err := p.cfg.Store.Document(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("document of distribution %d: %w", id, err)
	}
	doc, err := openDocument(compressed)
	if err != nil {
		return nil, fmt.Errorf("document of distribution %d: %w", id, err)
	}
	config := &api.Config{}
	return config, json.Unmarshal(doc.JSON(), config)
}

// diff compares what two configurations make of a slave's files.
func diff(from, to *api.Config) string {
	var b strings.Builder
	for _, file := range []struct{ name, from, to string }{
		{"server.conf", from.RenderedNginx, to.RenderedNginx},
		{"access.lua", from.RenderedLua, to.RenderedLua},
		{"rules.json", rulesOf(from), rulesOf(to)},
	} {
		b.WriteString(udiff.Unified("a/"+file.name, "b/"+file.name, file.from, file.to))
	}
	return b.String()
}

// rulesOf writes a configuration's rules so that a line is a value.
func rulesOf(c *api.Config) string {
	if c.LuaConfigs == nil {
		return ""
	}
	text, _ := json.MarshalIndent(map[string]any{"profiles": c.LuaConfigs, "rate_limit": c.RateLimitConfig}, "", "  ") // of plain structs: cannot fail
	return string(text) + "\n"
}

// Comparison is what differs between two snapshots.
type Comparison struct {
	From    int64       `json:"from"`
	To      int64       `json:"to" doc:"0: what is configured now"`
	Content string      `json:"content" doc:"unified diff of what operators edit, as JSON"`
	Groups  []GroupDiff `json:"groups" doc:"those of which anything differs"`
}

// GroupDiff is what differs for one group.
type GroupDiff struct {
	fleet.Group
	Diff  string `json:"diff" doc:"unified, of server.conf, access.lua and rules.json"`
	Error string `json:"error,omitempty" doc:"why one of the two cannot be rendered by this master"`
}

// Diff compares two snapshots, or one with what is configured (to: 0): what operators edit, and what this master renders of
// it. store.ErrNotFound when there is none.
func (p *Publisher) Diff(ctx context.Context, from, to int64) (*Comparison, error) {
	a, err := p.cfg.Store.ReadSnapshot(ctx, from)
	if err != nil {
		return nil, err
	}
	var b store.Content
	if to == 0 {
		b, err = p.cfg.Store.Configured(ctx)
	} else {
		b, err = p.cfg.Store.ReadSnapshot(ctx, to)
	}
	if err != nil {
		return nil, err
	}
	result := &Comparison{From: from, To: to, Groups: []GroupDiff{}}
	if result.Content, err = diffContent(a, b); err != nil {
		return nil, err
	}
	groups := groupsOf(slices.Concat(a.Servers, b.Servers))
	diffs := make([]GroupDiff, len(groups))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(8)
	for i, group := range groups {
		work.Go(func() error {
			diffs[i] = diffGroup(a, b, group)
			return ctx.Err()
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	for _, d := range diffs {
		if d.Diff != "" || d.Error != "" {
			result.Groups = append(result.Groups, d)
		}
	}
	return result, nil
}

// diffGroup compares what two contents make of a group.
func diffGroup(a, b store.Content, group fleet.Group) GroupDiff {
	d := GroupDiff{Group: group}
	before, errBefore := configOf(a, group)
	after, errAfter := configOf(b, group)
	err := errors.Join(errBefore, errAfter)
	switch {
	case err != nil:
		d.Error = err.Error()
	case before.ConfigHash != after.ConfigHash:
		d.Diff = diff(before, after)
	}
	return d
}

// configOf renders a group of content; one without servers is empty.
func configOf(content store.Content, group fleet.Group) (*api.Config, error) {
	if len(serversOf(content, group)) == 0 {
		return &api.Config{}, nil
	}
	c, err := renderGroup(content, group, false)
	return c.Config, err
}

func diffContent(a, b store.Content) (string, error) {
	before, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return "", err
	}
	after, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return "", err
	}
	return udiff.Unified("a/content.json", "b/content.json", string(before)+"\n", string(after)+"\n"), nil
}
