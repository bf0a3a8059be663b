package publish

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// SigningKeys reads SIGNING_KEY: the 32-byte seeds of Ed25519 keys in base64, separated by commas or white
// space. "" is none.
func SigningKeys(text string) ([]ed25519.PrivateKey, error) {
	var keys []ed25519.PrivateKey
	for seed := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r <= ' ' }) {
		b, err := base64.StdEncoding.DecodeString(seed)
		if err != nil || len(b) != ed25519.SeedSize {
			return nil, errors.New("SIGNING_KEY takes Ed25519 seeds: 32 bytes in base64, as `openssl rand -base64 32` makes them, separated by commas")
		}
		keys = append(keys, ed25519.NewKeyFromSeed(b))
	}
	return keys, nil
}

// sign returns the signatures of a configuration's place in time, "" without keys.
func (p *Publisher) sign(hash string, version, epoch int64) string {
	return api.Sign(api.SignedMessage(hash, version, epoch), p.cfg.SigningKeys...)
}

// reissue makes of a document that was published before one of another version and snapshot, with the same
// content, whatever members it has. allowShrink adds that, which makes it another content.
func (p *Publisher) reissue(document []byte, version, snapshotID, epoch int64, allowShrink bool) (body []byte, hash string, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, "", fmt.Errorf("read document: %w", err)
	}
	put := func(name string, value any) {
		members[name], _ = json.Marshal(value) // of numbers and texts: cannot fail
	}
	if allowShrink {
		put("allow_shrink", true)
	}
	if body, err = json.Marshal(members); err != nil {
		return nil, "", err
	}
	if hash, err = api.ContentHash(body); err != nil {
		return nil, "", err
	}
	put("version", version)
	put("snapshot_id", snapshotID)
	put("epoch", epoch)
	put("config_hash", hash)
	delete(members, "signature")
	if signature := p.sign(hash, version, epoch); signature != "" {
		put("signature", signature)
	}
	body, err = json.Marshal(members)
	return body, hash, err
}
