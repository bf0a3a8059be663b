package api

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrSignature is wrapped by what VerifySignature says of a signature that does not count.
var ErrSignature = errors.New("not signed by a known key")

// KeyID names a public key: the first 16 hex digits of its SHA-256.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

// Sign returns message's signatures by all keys, as Config.Signature holds them: "<key id>:<base64>", separated
// by spaces. Several keys are of a rotation: who knows one of them is served.
func Sign(message []byte, keys ...ed25519.PrivateKey) string {
	signatures := make([]string, len(keys))
	for i, key := range keys {
		public, _ := key.Public().(ed25519.PublicKey)
		signatures[i] = KeyID(public) + ":" + base64.StdEncoding.EncodeToString(ed25519.Sign(key, message))
	}
	return strings.Join(signatures, " ")
}

// VerifySignature returns nil when one of the keys has signed message. A signature without a key's id may be of
// any of them.
func VerifySignature(signature string, message []byte, keys ...ed25519.PublicKey) error {
	var ids []string
	for one := range strings.FieldsSeq(signature) {
		id, text, named := strings.Cut(one, ":")
		if !named {
			id, text = "", one
		}
		ids = append(ids, id)
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			continue
		}
		for _, key := range keys {
			if (id == "" || id == KeyID(key)) && ed25519.Verify(key, message, raw) {
				return nil
			}
		}
	}
	known := make([]string, len(keys))
	for i, key := range keys {
		known[i] = KeyID(key)
	}
	if slices.ContainsFunc(ids, func(id string) bool { return id == "" || slices.Contains(known, id) }) {
		return fmt.Errorf("%w: signature does not fit: the configuration was changed on its way, or an older master signed it with another key", ErrSignature)
	}
	return fmt.Errorf("%w: it is signed by key %s, known is %s", ErrSignature, strings.Join(ids, ", "), strings.Join(known, ", "))
}
