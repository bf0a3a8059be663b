package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Parameters of argon2id as the OWASP Password Storage Cheat Sheet recommends (19 MiB, 2 passes, one
// lane); salt and key lengths as in RFC 9106, section 4.
const (
	argonMemory  = 19 * 1024 // KiB
	argonPasses  = 2
	argonLanes   = 1
	argonSaltLen = 16
	argonKeyLen  = 32
)

// A flood of logins must not take all memory, 19 MiB each, nor wait for ever.
const (
	parallelHashes = 2
	hashWait       = 5 * time.Second // for a place among them
)

// Passwords hashes and verifies passwords, a few at a time.
type Passwords struct {
	slots chan struct{}
	dummy string // what unknown users are verified against, so that they take as long as known ones
}

// NewPasswords returns a hasher that works on so many at a time, 0: 2. When more than it can do in some
// seconds ask, its errors wrap api.ErrBusy.
func NewPasswords(parallel int) *Passwords {
	p := &Passwords{slots: make(chan struct{}, cmp.Or(parallel, parallelHashes))}
	p.dummy = encode(make([]byte, argonSaltLen), make([]byte, argonKeyLen))
	return p
}

// Hash returns password's argon2id hash as a PHC string.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSaltLen)
	_, _ = rand.Read(salt) // never fails
	if err := p.acquire(ctx); err != nil {
		return "", err
	}
	defer p.release()
	return encode(salt, argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonLanes, argonKeyLen)), nil
}

// Verify reports whether password is the one of hash, a PHC string; "" stands for an unknown user: it
// takes as long as any other and is never right.
func (p *Passwords) Verify(ctx context.Context, hash, password string) (bool, error) {
	known := hash != ""
	if !known {
		hash = p.dummy
	}
	h, err := decode(hash)
	if err != nil {
		return false, err
	}
	if err := p.acquire(ctx); err != nil {
		return false, err
	}
	defer p.release()
	key := argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1 && known, nil
}

func (p *Passwords) acquire(ctx context.Context) error {
	timer := time.NewTimer(hashWait)
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return fmt.Errorf("%w: too many logins at once", api.ErrBusy)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Passwords) release() { <-p.slots }

// phc is a decoded hash. A hash carries its own parameters, so that raising ours leaves old ones valid.
type phc struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

var errPHC = errors.New("stored password hash is not argon2id: set the password anew with `uhd-master admin create`")

func encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, argonMemory, argonPasses, argonLanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

func decode(s string) (phc, error) {
	var h phc
	var version int
	var rest string
	_, err := fmt.Sscanf(s, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &h.memory, &h.passes, &h.lanes, &rest)
	if err != nil || version != argon2.Version || h.passes == 0 || h.lanes == 0 {
		return h, errPHC
	}
	salt, key, _ := strings.Cut(rest, "$")
	b64 := base64.RawStdEncoding.Strict()
	if h.salt, err = b64.DecodeString(salt); err != nil || len(h.salt) == 0 {
		return h, errPHC
	}
	if h.key, err = b64.DecodeString(key); err != nil || len(h.key) == 0 {
		return h, errPHC
	}
	return h, nil
}
