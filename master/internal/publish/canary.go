package publish

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// OnlineFor is how long a slave counts as online after it was heard of: three heartbeats.
const OnlineFor = 3 * time.Minute

// free refuses to publish to hosts that canaries are to decide about.
func free(ctx context.Context, tx *store.PublishTx, configs []groupConfig) error {
	underway, err := tx.Underway(ctx)
	if err != nil {
		return err
	}
	for _, r := range underway {
		for _, c := range configs {
			if r.Plan.Covers(c.group.Host) {
				return &BusyError{Host: c.group.Host, Rollout: r.ID, Snapshot: r.SnapshotID}
			}
		}
	}
	return nil
}

// plan returns who gets a publish first, and their configurations: all of them without canaries. All
// configurations have been asked about, those of the others, too.
func (p *Publisher) plan(ctx context.Context, tx *store.PublishTx, req Request, made *proposal, work *work) (rollout.Plan, []groupConfig, error) {
	var plan rollout.Plan
	if err := p.pass(work, made.configs); err != nil || req.Canary == nil {
		return plan, made.configs, err
	}
	agents, err := tx.Agents(ctx)
	if err != nil {
		return plan, nil, err
	}
	hosts, err := rollout.Choose(*req.Canary, candidates(made.configs, agents, p.cfg.Now()), made.hash)
	if err != nil || len(hosts) == 0 { // nothing changes: nothing to watch
		return plan, made.configs, err
	}
	former := map[fleet.Group]int64{}
	for _, d := range made.current {
		former[d.Group()] = d.ID
	}
	var first []groupConfig
	for _, c := range made.configs {
		if !slices.Contains(hosts, c.group.Host) {
			plan.Rest = append(plan.Rest, c.group)
			continue
		}
		first = append(first, c)
		plan.Canaries = append(plan.Canaries, rollout.Member{Group: c.group, Servers: serversOf(made.content, c.group), Former: former[c.group]})
	}
	plan.Required = min(cmp.Or(req.Canary.RequiredAcks, len(first)), len(first))
	return plan, first, nil
}

// candidates are the hosts of the configurations. One is online when all its slaves are.
func candidates(configs []groupConfig, agents []store.Agent, at time.Time) []rollout.Candidate {
	seen := map[fleet.Group]time.Time{}
	for _, a := range agents {
		seen[fleet.Group{Host: a.Host, ServiceType: a.ServiceType}] = a.LastSeen
	}
	var list []rollout.Candidate
	for _, c := range configs {
		online := at.Sub(seen[c.group]) < OnlineFor
		if last := len(list) - 1; last >= 0 && list[last].Host == c.group.Host { // configs are by host
			list[last].Online = list[last].Online && online
			list[last].Changed = list[last].Changed || c.changed
			continue
		}
		list = append(list, rollout.Candidate{Host: c.group.Host, Changed: c.changed, Online: online})
	}
	return list
}

// comesDue returns the scheduled rollout that is published now; nil without one.
func comesDue(ctx context.Context, tx *store.PublishTx, id int64) (*store.Rollout, error) {
	if id == 0 {
		return nil, nil
	}
	return tx.Rollout(ctx, id, rollout.Scheduled)
}

// begin stores how far a publish is that has canaries or was scheduled; nil when it is neither.
func (p *Publisher) begin(ctx context.Context, tx *store.PublishTx, req Request, scheduled *store.Rollout, plan rollout.Plan, snapshotID int64) (*store.Rollout, error) {
	if scheduled == nil && len(plan.Canaries) == 0 {
		return nil, nil
	}
	row := scheduled
	if row == nil {
		row = &store.Rollout{Note: req.Note, RequestedBy: req.By, Order: req.Order}
	}
	old := *row
	row.Order.Canary = req.Canary // with its defaults
	row.SnapshotID, row.Plan, row.PublishedAt, row.State = snapshotID, plan, new(p.cfg.Now().UTC()), rollout.Canary
	if len(plan.Canaries) == 0 {
		row.End(rollout.Done, "")
	}
	if scheduled == nil {
		return row, tx.AddRollout(ctx, row)
	}
	return row, tx.SaveRollout(ctx, row, "publish", &old)
}

// Promote gives the others what the canaries of a rollout have. A *store.StateError when it is not waiting for
// that any more.
func (p *Publisher) Promote(ctx context.Context, id int64) (*store.Rollout, error) {
	var row *store.Rollout
	err := p.checked(ctx, rollout.Order{}, func(work *work) error {
		return p.change(ctx, func(ctx context.Context, tx *store.PublishTx) (entries []Entry, err error) {
			row, entries, err = p.promote(ctx, tx, id, work)
			return entries, err
		})
	})
	p.metrics.count(err)
	if err != nil {
		return nil, err
	}
	p.cfg.Log.Info("Canaries promoted", "rollout", id, "snapshot_id", row.SnapshotID, "groups", len(row.Plan.Rest))
	return row, nil
}

func (p *Publisher) promote(ctx context.Context, tx *store.PublishTx, id int64, work *work) (*store.Rollout, []Entry, error) {
	row, err := tx.Rollout(ctx, id, rollout.Canary, rollout.Soaking)
	if err != nil {
		return nil, nil, err
	}
	old := *row
	work.order.SkipPreflight = row.Order.SkipPreflight
	snapshot, err := tx.Snapshot(ctx, row.SnapshotID)
	if err != nil {
		return nil, nil, err
	}
	content, err := tx.ReadSnapshot(ctx, row.SnapshotID)
	if err != nil {
		return nil, nil, err
	}
	work.content = content
	current, err := tx.Current(ctx)
	if err != nil {
		return nil, nil, err
	}
	r, err := p.renderer(content)
	if err != nil {
		return nil, nil, err
	}
	var configs []groupConfig
	for _, group := range row.Plan.Rest {
		c, err := r.render(group, row.Order.AllowShrink)
		if err != nil {
			return nil, nil, err
		}
		c.changed = !slices.ContainsFunc(current, func(d store.Distribution) bool { return d.Group() == group && d.ConfigHash == c.ConfigHash })
		configs = append(configs, c)
	}
	if err := p.pass(work, configs); err != nil {
		return nil, nil, err
	}
	var distributions []store.Distribution
	entries, err := p.distribute(ctx, tx, snapshot, configs, &distributions)
	if err != nil {
		return nil, nil, err
	}
	row.End(rollout.Done, "")
	return row, entries, tx.SaveRollout(ctx, row, "promote", &old)
}

// Halt gives the canaries of a rollout what they had before, as new snapshots, since versions only rise. The
// others never hear of it. A *store.StateError when it has ended already.
func (p *Publisher) Halt(ctx context.Context, id int64, reason string) (*store.Rollout, error) {
	var row *store.Rollout
	err := p.change(ctx, func(ctx context.Context, tx *store.PublishTx) (entries []Entry, err error) {
		row, entries, err = p.halt(ctx, tx, id, reason)
		return entries, err
	})
	if err != nil {
		return nil, err
	}
	p.cfg.Log.Warn("Canaries halted, they get their former configuration", "rollout", id, "snapshot_id", row.SnapshotID, "reason", reason)
	return row, nil
}

func (p *Publisher) halt(ctx context.Context, tx *store.PublishTx, id int64, reason string) (*store.Rollout, []Entry, error) {
	row, err := tx.Rollout(ctx, id, rollout.Canary, rollout.Soaking)
	if err != nil {
		return nil, nil, err
	}
	old := *row
	versions, err := p.versions(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	back := map[int64]*store.Snapshot{} // by the snapshot that they go back to
	var entries []Entry
	for _, member := range row.Plan.Canaries {
		if member.Former == 0 {
			continue // there is nothing to go back to
		}
		former, err := tx.Distribution(ctx, member.Former)
		if err != nil {
			return nil, nil, fmt.Errorf("former configuration of %s: %w", member.Host, err)
		}
		snapshot := back[former.SnapshotID]
		if snapshot == nil {
			if snapshot, err = p.again(ctx, tx, former.SnapshotID, fmt.Sprintf("Back from snapshot %d: %s", row.SnapshotID, reason)); err != nil {
				return nil, nil, err
			}
			back[former.SnapshotID] = snapshot
		}
		entry, err := p.restore(ctx, tx, former, snapshot, versions.next(member.Host), len(member.Servers))
		if err != nil {
			return nil, nil, err
		}
		entries = append(entries, entry)
	}
	row.End(rollout.Halted, reason)
	return row, entries, tx.SaveRollout(ctx, row, "halt", &old)
}

// again makes a snapshot with the content of an earlier one.
func (p *Publisher) again(ctx context.Context, tx *store.PublishTx, id int64, note string) (*store.Snapshot, error) {
	former, err := tx.Snapshot(ctx, id)
	if err != nil {
		return nil, err
	}
	epoch, err := tx.Epoch(ctx)
	if err != nil {
		return nil, err
	}
	row := &store.Snapshot{Hash: former.Hash, Epoch: epoch, Note: note, PublishedBy: "master"}
	return row, tx.CopySnapshot(ctx, row, id)
}

// restore distributes the document of an earlier distribution again. servers: how many the group has now.
func (p *Publisher) restore(ctx context.Context, tx *store.PublishTx, former *store.Distribution, of *store.Snapshot, version int64, servers int) (Entry, error) {
	compressed, err := tx.Document(ctx, former.ID)
	if err != nil {
		return Entry{}, err
	}
	document, err := openDocument(compressed)
	if err != nil {
		return Entry{}, err
	}
	// A slave refuses to lose more than half of its servers, unless that is meant.
	body, hash, err := p.reissue(document.JSON(), version, of.ID, of.Epoch, former.ServerCount*2 < servers)
	if err != nil {
		return Entry{}, err
	}
	d := store.Distribution{
		SnapshotID: of.ID, Host: former.Host, ServiceType: former.ServiceType,
		Version: version, ServerCount: former.ServerCount, ConfigHash: hash,
	}
	doc := newDocument(body)
	if err := tx.AddDistribution(ctx, &d, doc.Gzip); err != nil {
		return Entry{}, err
	}
	return newEntry(&d, of.Epoch, doc), nil
}
