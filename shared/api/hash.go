package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// notContent are the members of a Config that say which one it is and where it comes from, not what it
// configures. The set is closed: a member that is added counts as content, so that a slave older than
// its master still computes the master's hash.
var notContent = map[string]bool{
	"version": true, "snapshot_id": true, "epoch": true, "config_hash": true, "signature": true,
}

// ContentHash returns the hash that names a configuration: hex SHA-256 over the members of the JSON
// document config, sorted by name, but for those that only identify it. Each member counts as its
// name, a zero byte, its compacted JSON as received, and a zero byte; so both sides agree on documents
// with members that one of them does not know.
func ContentHash(config []byte) (string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(config, &members); err != nil {
		return "", fmt.Errorf("hash config: %w", err)
	}
	names := make([]string, 0, len(members))
	for name := range members {
		if !notContent[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b bytes.Buffer
	for _, name := range names {
		b.WriteString(name)
		b.WriteByte(0)
		if err := json.Compact(&b, members[name]); err != nil {
			return "", fmt.Errorf("hash config member %s: %w", name, err)
		}
		b.WriteByte(0)
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:]), nil
}

// SignedMessage is what Config.Signature signs: the content's hash bound to its place in time, so that
// an old configuration cannot be replayed under a new version.
func SignedMessage(hash string, version, epoch int64) []byte {
	return fmt.Appendf(nil, "uhd-config-v1\n%s\n%d\n%d\n", hash, version, epoch)
}
