package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// Prefixes of the two kinds of secrets that the master hands out.
const (
	SlaveTokenPrefix = "uhd_" // a slave's token
	APIKeyPrefix     = "uha_" // an API key
)

// shownChars of a secret, besides its prefix, stay readable in lists. They leave 110 of its 130 random
// bits unknown.
const shownChars = 4

// Secret is a random token or key: Text is shown once, the rest is kept.
type Secret struct {
	Text   string
	Prefix string // first characters, to tell secrets apart
	Hash   string // hex SHA-256; a random secret needs no slow hash
}

// NewSecret draws a secret that begins with prefix.
func NewSecret(prefix string) Secret {
	text := prefix + rand.Text()
	return Secret{Text: text, Prefix: text[:len(prefix)+shownChars], Hash: hashSecret(text)}
}

func hashSecret(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
