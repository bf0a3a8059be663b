// Package publish turns the draft that operators edit into what slaves run: it takes a snapshot of fleet
// and library, renders each group, and hands the results to the Board, which slaves ask.
//
// A publish is one database transaction. Only when it is committed does the Board change, so a slave
// never hears of a configuration that a crash could take back. The boards of other replicas follow by
// Refresh, when the store tells them.
package publish

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Config of a Publisher.
type Config struct {
	Store      *store.Store
	Board      *Board
	SigningKey ed25519.PrivateKey // nil: configurations are not signed
	Log        *slog.Logger
	Now        func() time.Time // nil: time.Now
}

// Publisher publishes. Its methods may be called from any goroutine.
type Publisher struct {
	cfg Config
}

// New returns a publisher.
func New(cfg Config) *Publisher {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Publisher{cfg: cfg}
}

// SigningKey reads SIGNING_KEY: the 32-byte seed of an Ed25519 key in base64; "" is no key.
func SigningKey(seed string) (ed25519.PrivateKey, error) {
	if seed == "" {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(seed)
	if err != nil || len(b) != ed25519.SeedSize {
		return nil, errors.New("SIGNING_KEY takes an Ed25519 seed: 32 bytes in base64, as `openssl rand -base64 32` makes them")
	}
	return ed25519.NewKeyFromSeed(b), nil
}

// Request is what an operator asks to publish.
type Request struct {
	Note        string
	By          string   // who asks
	Hosts       []string // only these; empty: all
	AllowShrink bool     // dropping servers, even all of a group, is intended
}

// Result is a snapshot and where it goes.
type Result struct {
	store.Snapshot
	Distributions []store.Distribution `json:"distributions"`
}

// Publish renders the current fleet and library and makes the result what slaves should run. What an
// operator must mend is a fleet.FieldErrors or wraps render.ErrInvalid; then nothing is stored.
func (p *Publisher) Publish(ctx context.Context, req Request) (*Result, error) {
	p.cfg.Board.changing.Lock()
	defer p.cfg.Board.changing.Unlock()
	var result *Result
	var entries []Entry
	err := p.cfg.Store.Publish(ctx, func(ctx context.Context, tx *store.PublishTx) (err error) {
		result, entries, err = p.publish(ctx, tx, req)
		return err
	})
	if err != nil {
		return nil, err
	}
	p.cfg.Board.set(entries...)
	p.cfg.Log.Info("Snapshot published", "snapshot_id", result.ID, "by", req.By, "groups", len(entries))
	return result, nil
}

func (p *Publisher) publish(ctx context.Context, tx *store.PublishTx, req Request) (*Result, []Entry, error) {
	content, err := tx.Content(ctx)
	if err != nil {
		return nil, nil, err
	}
	current, err := tx.Current(ctx)
	if err != nil {
		return nil, nil, err
	}
	configs, err := renderGroups(content, current, req)
	if err != nil {
		return nil, nil, err
	}
	versions, err := tx.LastVersions(ctx)
	if err != nil {
		return nil, nil, err
	}
	result, err := p.addSnapshot(ctx, tx, content, req)
	if err != nil {
		return nil, nil, err
	}
	var entries []Entry
	for _, c := range configs {
		host := c.group.Host
		c.Version = max(p.cfg.Now().Unix(), versions[host]+1)
		versions[host] = c.Version
		c.SnapshotID, c.Epoch = result.ID, result.Epoch
		entry, distribution, err := p.distribute(ctx, tx, c)
		if err != nil {
			return nil, nil, err
		}
		entries = append(entries, entry)
		result.Distributions = append(result.Distributions, distribution)
	}
	return result, entries, nil
}

func (p *Publisher) addSnapshot(ctx context.Context, tx *store.PublishTx, content store.Content, req Request) (*Result, error) {
	epoch, err := tx.Epoch(ctx)
	if err != nil {
		return nil, err
	}
	kept, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("encode snapshot: %w", err)
	}
	sum := sha256.Sum256(kept)
	result := &Result{Snapshot: store.Snapshot{Hash: hex.EncodeToString(sum[:]), Epoch: epoch, Note: req.Note, PublishedBy: req.By}}
	return result, tx.AddSnapshot(ctx, &result.Snapshot, compress(kept))
}

// distribute stores one group's configuration under its hash and, with a key, its signature.
func (p *Publisher) distribute(ctx context.Context, tx *store.PublishTx, c groupConfig) (Entry, store.Distribution, error) {
	d := store.Distribution{
		SnapshotID: c.SnapshotID, Host: c.group.Host, ServiceType: c.group.ServiceType,
		Version: c.Version, ServerCount: c.SiblingCount,
	}
	body, err := seal(c.Config, p.cfg.SigningKey)
	if err != nil {
		return Entry{}, d, err
	}
	d.ConfigHash = c.ConfigHash
	doc := newDocument(body)
	if err := tx.AddDistribution(ctx, &d, doc.Gzip); err != nil {
		return Entry{}, d, err
	}
	return newEntry(&d, c.Epoch, doc), d, nil
}

// seal fills in the hash and the signature and returns the document as slaves get it.
func seal(c *api.Config, key ed25519.PrivateKey) ([]byte, error) {
	unsealed, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode config: %w", err)
	}
	if c.ConfigHash, err = api.ContentHash(unsealed); err != nil {
		return nil, err
	}
	if key != nil {
		c.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(key, api.SignedMessage(c.ConfigHash, c.Version, c.Epoch)))
	}
	return json.Marshal(c)
}

type groupConfig struct {
	group fleet.Group
	*api.Config
}

// renderGroups renders what req covers, by host and service type: every group that has servers, enabled
// or not, but for those that are empty and were never published.
func renderGroups(content store.Content, current []store.Distribution, req Request) ([]groupConfig, error) {
	served := map[fleet.Group]bool{}
	for i := range current {
		served[current[i].Group()] = current[i].ServerCount > 0
	}
	var configs []groupConfig
	var errs fleet.FieldErrors
	for _, group := range groupsOf(content.Servers) {
		if len(req.Hosts) > 0 && !slices.Contains(req.Hosts, group.Host) {
			continue
		}
		config, err := render.Render(render.Input{
			Group: group, Servers: content.Servers, Profiles: content.Profiles, Players: content.Players,
			URIRules: content.URIRules, LocationRules: content.LocationRules, NginxMaps: content.NginxMaps, ProxyHeaders: content.ProxyHeaders, Settings: content.Settings, RateLimits: content.RateLimits, AllowShrink: req.AllowShrink,
		})
		if err != nil {
			return nil, err
		}
		if config.SiblingCount == 0 {
			if !served[group] {
				continue
			}
			if !req.AllowShrink {
				errs.Add("allow_shrink", fmt.Sprintf("must be true to publish no server at all to %s (%s), whose servers are all disabled", group.Host, group.ServiceType))
			}
		}
		configs = append(configs, groupConfig{group, config})
	}
	for i, host := range req.Hosts {
		if !slices.ContainsFunc(content.Servers, func(s fleet.Server) bool { return s.Host == host }) {
			errs.Add(fmt.Sprintf("hosts[%d]", i), "names no host with servers")
		}
	}
	if len(configs) == 0 && len(errs) == 0 {
		errs.Add("hosts", "has nothing to publish: no server is enabled; add or enable one")
	}
	return configs, errs.ErrorOrNil()
}

func groupsOf(servers []fleet.Server) []fleet.Group {
	seen := map[fleet.Group]bool{}
	var groups []fleet.Group
	for i := range servers {
		if g := (fleet.Group{Host: servers[i].Host, ServiceType: servers[i].ServiceType}); !seen[g] {
			seen[g] = true
			groups = append(groups, g)
		}
	}
	slices.SortFunc(groups, compareGroups)
	return groups
}
