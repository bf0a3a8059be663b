package store

import (
	"context"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
)

func (s *Store) servers() Table[fleet.Server] {
	return Table[fleet.Server]{
		s:    s,
		name: "servers",
		stamp: func(r *fleet.Server) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"name", "host", "server_name", "note"},
		filters: []string{"enabled", "host", "profile_id", "service_type"},
		change:  ChangeSlaves,
		check: func(ctx context.Context, tx bun.IDB, _, row *fleet.Server) error {
			row.SetDefaults()
			if err := row.Validate(); err != nil {
				return err
			}
			return checkProfile(ctx, tx, row)
		},
	}
}

// checkProfile refuses a profile that is not there or is made for another kind of server.
func checkProfile(ctx context.Context, tx bun.IDB, server *fleet.Server) error {
	if server.ProfileID == nil {
		return nil
	}
	profile, err := get[library.Profile](ctx, tx, *server.ProfileID)
	if errors.Is(explain(err), ErrNotFound) {
		return refuse("profile_id", "must be the id of a profile, or null for the default one")
	}
	if err != nil {
		return err
	}
	if profile.ServiceType != server.ServiceType {
		return refuse("profile_id",
			"must be a profile for %s: this one is for %s", server.ServiceType, profile.ServiceType)
	}
	return nil
}

// SlaveIdentity is who a slave token stands for, and whether it may come in.
type SlaveIdentity struct {
	TokenID       int64
	ServerID      int64
	ServerEnabled bool
	Scopes        []string
	ExpiresAt     *time.Time
	RevokedAt     *time.Time
	Group         fleet.Group
	Siblings      []int64 // ids of all servers of the group, disabled ones too
}

// SlaveByToken returns the identity behind the token with the hash (hex SHA-256), or ErrNotFound.
func (s *Store) SlaveByToken(ctx context.Context, tokenHash string) (SlaveIdentity, error) {
	token := new(fleet.Token)
	if err := s.db.NewSelect().Model(token).Where("hash = ?", tokenHash).Scan(ctx); err != nil {
		return SlaveIdentity{}, explain(err)
	}
	server, err := get[fleet.Server](ctx, s.db, token.ServerID)
	if err != nil {
		return SlaveIdentity{}, explain(err)
	}
	var siblings []int64
	err = s.db.NewSelect().Model((*fleet.Server)(nil)).Column("id").
		Where("host = ?", server.Host).Where("service_type = ?", server.ServiceType).Order("id").Scan(ctx, &siblings)
	if err != nil {
		return SlaveIdentity{}, explain(err)
	}
	return SlaveIdentity{
		TokenID: token.ID, ServerID: server.ID, ServerEnabled: server.Enabled,
		Scopes: token.Scopes, ExpiresAt: token.ExpiresAt, RevokedAt: token.RevokedAt,
		Group: fleet.Group{Host: server.Host, ServiceType: server.ServiceType}, Siblings: siblings,
	}, nil
}
