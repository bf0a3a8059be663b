// Package account is the domain of who may administer the master: users, API keys and their roles.
package account

import (
	"fmt"
	"slices"
	"strings"
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

	SessionsEndedAt *time.Time `json:"-"` // logins before this moment no longer hold; nil: all do
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
	Scopes     []string   `json:"scopes"` // what of its role it may do, as in servers:read or snapshots; empty: all
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
func NewAPIKey() APIKey { return APIKey{Role: Viewer, Scopes: []string{}, Enabled: true} }

// ReadSuffix ends a scope that lets a key read a resource only.
const ReadSuffix = ":read"

// May reports whether the key's scopes let it read a resource, or write it too. A resource's name may be *
// in a scope.
func (k *APIKey) May(resource string, write bool) bool {
	if len(k.Scopes) == 0 {
		return true
	}
	for _, scope := range k.Scopes {
		name, readOnly := strings.CutSuffix(scope, ReadSuffix)
		if (name == resource || name == "*") && (!write || !readOnly) {
			return true
		}
	}
	return false
}

// SetDefaults fills what is missing.
func (k *APIKey) SetDefaults() {
	if k.Scopes == nil {
		k.Scopes = []string{}
	}
}

// Validate returns fleet.FieldErrors or nil.
func (k *APIKey) Validate() error {
	var errs fleet.FieldErrors
	errs.Check("name", field.Name(k.Name, maxName))
	errs.Check("role", field.OneOf(k.Role, Admin, Operator, Viewer))
	if len(k.Scopes) > maxScopes {
		errs.Add("scopes", fmt.Sprintf("has %d entries, at most %d are allowed", len(k.Scopes), maxScopes))
	}
	return errs.ErrorOrNil()
}

// MinPassword is the shortest password accepted, in characters: NIST SP 800-63B asks for 8 and for no
// rules of composition. MaxPassword bounds the work of hashing.
const (
	MinPassword = 8
	MaxPassword = 256

	maxName   = 64
	maxScopes = 100
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
