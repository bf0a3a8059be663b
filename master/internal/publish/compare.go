package publish

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/aymanbagabas/go-udiff"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Pair says what is compared.
type Pair struct {
	From   int64  // a snapshot
	To     int64  // another one; 0: what is configured now
	Host   string // of which groups are compared; "": all
	InFull int    // how many groups are returned with what differs, the first ones; 0: all
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
	Diff  string `json:"diff" doc:"unified, of server.conf, access.lua and rules.json; empty of groups beyond in_full"`
	Error string `json:"error,omitempty" doc:"why one of the two cannot be rendered by this master"`
}

// Compare compares two snapshots, or one with what is configured: what operators edit, and what this master renders of it.
// store.ErrNotFound when there is none.
func (p *Publisher) Compare(ctx context.Context, q Pair) (*Comparison, error) {
	a, err := p.cfg.Store.ReadSnapshot(ctx, q.From)
	if err != nil {
		return nil, err
	}
	var b store.Content
	if q.To == 0 {
		b, err = p.cfg.Store.Configured(ctx)
	} else {
		b, err = p.cfg.Store.ReadSnapshot(ctx, q.To)
	}
	if err != nil {
		return nil, err
	}
	result := &Comparison{From: q.From, To: q.To}
	if result.Content, err = diffContent(a, b); err != nil {
		return nil, err
	}
	result.Groups, err = p.compareGroups(ctx, a, b, q)
	return result, err
}

func (p *Publisher) compareGroups(ctx context.Context, a, b store.Content, q Pair) ([]GroupDiff, error) {
	before, err := p.renderer(a)
	if err != nil {
		return nil, err
	}
	after, err := p.renderer(b)
	if err != nil {
		return nil, err
	}
	groups := groupsOf(slices.Concat(a.Servers, b.Servers))
	if q.Host != "" {
		groups = slices.DeleteFunc(groups, func(g fleet.Group) bool { return g.Host != q.Host })
	}
	changes := make([]groupChange, len(groups))
	err = sideBySide(ctx, len(groups), func(_ context.Context, i int) (err error) {
		changes[i], err = changeOf(before, after, groups[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	changes = slices.DeleteFunc(changes, groupChange.none)
	diffs := make([]GroupDiff, len(changes))
	err = sideBySide(ctx, len(changes), func(_ context.Context, i int) (err error) {
		diffs[i], err = changes[i].diff(q.InFull == 0 || i < q.InFull)
		return err
	})
	return diffs, err
}

// groupChange is what two contents make of a group.
type groupChange struct {
	group         fleet.Group
	before, after look
	failed        string // why one of them cannot be rendered; "": both can
}

// changeOf renders a group only where what it is rendered from is another, and not known.
func changeOf(before, after *renderer, group fleet.Group) (groupChange, error) {
	from, err := before.input(group, false)
	if err != nil {
		return groupChange{}, err
	}
	to, err := after.input(group, false)
	if err != nil || from == to {
		return groupChange{}, err
	}
	a, errBefore := before.lookAtServers(group)
	b, errAfter := after.lookAtServers(group)
	c := groupChange{group: group, before: a, after: b}
	if err := errors.Join(errBefore, errAfter); err != nil {
		c.failed = err.Error()
	}
	return c, nil
}

// lookAtServers is look, but a group without servers has nothing.
func (r *renderer) lookAtServers(group fleet.Group) (look, error) {
	if len(r.servers[group]) == 0 {
		return look{config: func() (groupConfig, error) { return groupConfig{Config: &api.Config{}}, nil }}, nil
	}
	return r.look(group)
}

func (c groupChange) none() bool { return c.failed == "" && c.before.hash == c.after.hash }

// diff says of a group that it differs; in full, how.
func (c groupChange) diff(inFull bool) (GroupDiff, error) {
	d := GroupDiff{Group: c.group, Error: c.failed}
	if d.Error != "" || !inFull {
		return d, nil
	}
	before, err := c.before.config()
	if err != nil {
		return d, err
	}
	after, err := c.after.config()
	if err != nil {
		return d, err
	}
	d.Diff = diff(before.Config, after.Config)
	return d, nil
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
