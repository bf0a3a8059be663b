package api_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/api"
)

func newKey(t *testing.T, seed byte) (ed25519.PrivateKey, ed25519.PublicKey) {
	t.Helper()
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(seed), ed25519.SeedSize)))
	return private, private.Public().(ed25519.PublicKey)
}

// TestSignatures: during a rotation everybody who knows one of the keys is served, and nobody else.
func TestSignatures(t *testing.T) {
	old, oldPublic := newKey(t, 'o')
	next, nextPublic := newKey(t, 'n')
	_, stranger := newKey(t, 's')
	message := api.SignedMessage("hash", 7, 1)
	bare := base64.StdEncoding.EncodeToString(ed25519.Sign(old, message))
	for name, c := range map[string]struct {
		signature string
		keys      []ed25519.PublicKey
		ok        bool
	}{
		"one key":         {api.Sign(message, old), []ed25519.PublicKey{oldPublic}, true},
		"both, old known": {api.Sign(message, old, next), []ed25519.PublicKey{oldPublic}, true},
		"both, new known": {api.Sign(message, old, next), []ed25519.PublicKey{nextPublic}, true},
		"new, both known": {api.Sign(message, next), []ed25519.PublicKey{oldPublic, nextPublic}, true},
		"no id":           {bare, []ed25519.PublicKey{nextPublic, oldPublic}, true},
		"unknown key":     {api.Sign(message, old, next), []ed25519.PublicKey{stranger}, false},
		"other message":   {api.Sign(api.SignedMessage("hash", 8, 1), old), []ed25519.PublicKey{oldPublic}, false},
		"stolen id":       {api.KeyID(stranger) + ":" + bare, []ed25519.PublicKey{stranger, oldPublic}, false},
		"garbage":         {"x y:z ::", []ed25519.PublicKey{oldPublic}, false},
		"no key known":    {api.Sign(message, old), nil, false},
	} {
		err := api.VerifySignature(c.signature, message, c.keys...)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, api.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := api.VerifySignature(api.Sign(message, old), message, stranger)
	if err == nil || !strings.Contains(err.Error(), api.KeyID(oldPublic)) || !strings.Contains(err.Error(), api.KeyID(stranger)) {
		t.Errorf("%v does not say which keys there are", err)
	}
}
