package publish

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// Amendment changes what is configured, in the transaction of ctx, and returns what it does: the same text whenever it does
// the same. It may run several times, of which at most the last one counts.
type Amendment func(ctx context.Context) (mark []byte, err error)

// amended makes an amendment in the transaction of ctx. It returns what is configured then, and the hash that guards it: of
// what was configured and of the amendment. A hash of the outcome would be another with each try, since rows that are new get
// other ids and times. Without an amendment that does not matter, and guard is "".
func (p *Publisher) amended(ctx context.Context, amend Amendment) (content store.Content, guard string, err error) {
	if content, err = p.cfg.Store.Configured(ctx); err != nil || amend == nil {
		return content, "", err
	}
	_, before, err := encode(content)
	if err != nil {
		return content, "", err
	}
	mark, err := amend(ctx)
	if err != nil {
		return content, "", err
	}
	sum := sha256.Sum256(slices.Concat([]byte(before), mark))
	content, err = p.cfg.Store.Configured(ctx)
	return content, hex.EncodeToString(sum[:]), err
}

// proposed is amended, for looking at: nothing stays. The hash is the ETag of what is seen.
func (p *Publisher) proposed(ctx context.Context, amend Amendment) (content store.Content, guard string, err error) {
	if amend == nil {
		if content, err = p.cfg.Store.Configured(ctx); err == nil {
			_, guard, err = encode(content)
		}
		return content, guard, err
	}
	err = p.cfg.Store.Try(ctx, func(ctx context.Context) (err error) {
		content, guard, err = p.amended(ctx, amend)
		return err
	})
	return content, guard, err
}

// proposal is what a publish is about to distribute.
type proposal struct {
	content store.Content
	kept    []byte // what the snapshot keeps
	hash    string // of kept
	current []store.Distribution
	configs []groupConfig
}

// propose works out, in the transaction of ctx, what req publishes: what is configured, once it is amended, or what a snapshot
// keeps, but with the limits of now, which no publish changes, and of hosts that there still are.
func (p *Publisher) propose(ctx context.Context, req Request, work *work) (*proposal, error) {
	content, guard, err := p.amended(ctx, req.Amend)
	if err != nil {
		return nil, err
	}
	if req.Snapshot != 0 {
		kept, err := p.cfg.Store.ReadSnapshot(ctx, req.Snapshot)
		if err != nil {
			return nil, err
		}
		content = revive(kept, content)
	}
	made := &proposal{content: content}
	if made.kept, made.hash, err = encode(content); err != nil {
		return nil, err
	}
	work.guard = guard
	if guard = cmp.Or(guard, made.hash); req.Expect != "" && req.Expect != guard {
		return nil, &StaleError{Current: guard}
	}
	if made.current, err = p.cfg.Store.CurrentDistributions(ctx); err != nil {
		return nil, err
	}
	made.configs, err = p.render(work, content, made.hash, made.current, req.Order)
	return made, err
}

// revive makes of what a snapshot keeps what can be published today.
func revive(content, configured store.Content) store.Content {
	hosts := map[string]bool{}
	for i := range configured.Servers {
		hosts[configured.Servers[i].Host] = true
	}
	var servers []fleet.Server
	for _, s := range content.Servers {
		if hosts[s.Host] {
			servers = append(servers, s)
		}
	}
	content.Servers, content.RateLimits = servers, configured.RateLimits
	return content
}
