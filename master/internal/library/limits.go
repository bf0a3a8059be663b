package library

import (
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// RateLimitRule is a rule of the rate limiter; disabled ones stay at the master.
type RateLimitRule struct {
	ID int64 `json:"id" bun:",pk,autoincrement"`
	api.RateLimitRule
	Enabled   bool      `json:"enabled"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Revision  int64     `json:"revision"`
}

// StreamRule is a limit of concurrent streams; disabled ones stay at the master.
type StreamRule struct {
	ID int64 `json:"id" bun:",pk,autoincrement"`
	api.StreamRule
	Enabled   bool      `json:"enabled"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Revision  int64     `json:"revision"`
}

// Enforcement is a ban or a throttle; once its time is over, or disabled, it stays at the master.
type Enforcement struct {
	ID int64 `json:"id" bun:",pk,autoincrement"`
	api.Enforcement
	Automatic    *api.Automatic `json:"automatic,omitempty"` // of one that a quota made; disabled, it pardons until the period turns
	AutomaticKey *string        `json:"-"`                   // of which there is one each; nil: an admin made it
	Enabled      bool           `json:"enabled"`
	CreatedAt    time.Time      `json:"created_at"`
	UpdatedAt    time.Time      `json:"updated_at"`
	Revision     int64          `json:"revision"`
}
