// Package account is the domain of who may administer the master: users, API keys and their roles.
package account

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/uhdadmin/media-gateway/master/internal/field"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
)

// Role says what a user or an API key may do.
type Role string

// The roles, each of which may do what the one before it may.
const (
	Viewer   Role = "viewer"   // reads
	Operator Role = "operator" // changes the fleet, but no raw nginx or Lua
	Admin    Role = "admin"    // also raw nginx and Lua, users and API keys
)

// rising orders the roles.
var rising = []Role{Viewer, Operator, Admin}

// Valid reports whether r is one of the three.
func (r Role) Valid() bool { return slices.Contains(rising, r) }

// May reports whether r includes what needed may do.
func (r Role) May(needed Role) bool {
	return r.Valid() && slices.Index(rising, r) >= slices.Index(rising, needed)
}

// User is a person who logs in with a password.
type User struct {
	ID           int64     `json:"id" bun:",pk,autoincrement"`
	Username     string    `json:"username"`
	Role         Role      `json:"role"`
	PasswordHash string    `json:"-"` // argon2id, PHC string
	Enabled      bool      `json:"enabled"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
	Revision     int64     `json:"revision"`
}

// NewUser returns what a request for a new user is decoded onto.
func NewUser() User { return User{Role: Viewer, Enabled: true} }

// Validate returns fleet.FieldErrors or nil.
func (u *User) Validate() error {
	var errs fleet.FieldErrors
	errs.Check("username", field.Name(u.Username, maxName))
	errs.Check("role", field.OneOf(u.Role, Admin, Operator, Viewer))
	return errs.ErrorOrNil()
}

// APIKey lets a program in. The key itself is shown once and kept only as its SHA-256.
type APIKey struct {
	ID         int64      `json:"id" bun:",pk,autoincrement"`
	Name       string     `json:"name"`
	Role       Role       `json:"role"`
	Prefix     string     `json:"prefix"` // first characters, to tell keys apart
	Hash       string     `json:"-"`      // hex SHA-256 of the key
	Enabled    bool       `json:"enabled"`
	ExpiresAt  *time.Time `json:"expires_at"`   // nil: never
	LastUsedAt *time.Time `json:"last_used_at"` // to the minute
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	Revision   int64      `json:"revision"`
}

// NewAPIKey returns what a request for a new key is decoded onto.
func NewAPIKey() APIKey { return APIKey{Role: Viewer, Enabled: true} }

// Validate returns fleet.FieldErrors or nil.
func (k *APIKey) Validate() error {
	var errs fleet.FieldErrors
	errs.Check("name", field.Name(k.Name, maxName))
	errs.Check("role", field.OneOf(k.Role, Admin, Operator, Viewer))
	return errs.ErrorOrNil()
}

// MinPassword is the shortest password accepted, in characters: NIST SP 800-63B asks for 8 and for no
// rules of composition. MaxPassword bounds the work of hashing.
const (
	MinPassword = 8
	MaxPassword = 256

	maxName = 64
)

// CheckPassword returns fleet.FieldErrors or nil.
func CheckPassword(password string) error {
	n := utf8.RuneCountInString(password)
	if n >= MinPassword && n <= MaxPassword {
		return nil
	}
	message := fmt.Sprintf("must have %d to %d characters", MinPassword, MaxPassword)
	return fleet.FieldErrors{{Field: "password", Message: message}}
}
