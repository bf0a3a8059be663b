package auth

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/uhdadmin/media-gateway/shared/api"
)

func TestPasswordRoundTrip(t *testing.T) {
	p := NewPasswords(0)
	hash, err := p.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash is %s", hash)
	}
	other, err := p.Hash(t.Context(), "correct horse")
	if err != nil || other == hash {
		t.Errorf("two hashes of a password are the same (%v): no salt", err)
	}
	for password, want := range map[string]bool{"correct horse": true, "correct horsf": false, "": false} {
		if ok, err := p.Verify(t.Context(), hash, password); err != nil || ok != want {
			t.Errorf("Verify(%q) is %v, %v", password, ok, err)
		}
	}
}

// TestVerifyOtherParameters: a hash carries its own, so raising ours leaves old ones valid.
func TestVerifyOtherParameters(t *testing.T) {
	key := argon2.IDKey([]byte("password"), []byte("somesalt"), 1, 1024, 4, 24)
	b64 := base64.RawStdEncoding
	hash := "$argon2id$v=19$m=1024,t=1,p=4$" + b64.EncodeToString([]byte("somesalt")) + "$" + b64.EncodeToString(key)
	for password, want := range map[string]bool{"password": true, "wrong": false} {
		if ok, err := NewPasswords(0).Verify(t.Context(), hash, password); err != nil || ok != want {
			t.Errorf("Verify(%q) is %v, %v", password, ok, err)
		}
	}
}

func TestVerifyUnknownUser(t *testing.T) {
	if ok, err := NewPasswords(0).Verify(t.Context(), "", ""); err != nil || ok {
		t.Errorf("an unknown user is let in: %v, %v", ok, err)
	}
}

func TestVerifyBadHash(t *testing.T) {
	for _, hash := range []string{
		"x", "$argon2i$v=19$m=1024,t=2,p=4$c29t$Y2Q", "$argon2id$v=19$m=1024,t=0,p=4$c29t$Y2Q",
		"$argon2id$v=19$m=1024,t=2,p=4$c29t$", "$argon2id$v=19$m=1024,t=2,p=4$!$Y2Q",
	} {
		if ok, err := NewPasswords(0).Verify(t.Context(), hash, "password"); err == nil || ok {
			t.Errorf("%s is %v, %v: want an error", hash, ok, err)
		}
	}
}

// TestPasswordsBusy: more logins than can be checked are sent away, instead of piling up.
func TestPasswordsBusy(t *testing.T) {
	t.Parallel()
	p := NewPasswords(1)
	p.slots <- struct{}{}
	if _, err := p.Verify(t.Context(), "", "x"); !errors.Is(err, api.ErrBusy) {
		t.Errorf("error = %v, want ErrBusy", err)
	}
	p.release()
	if _, err := p.Verify(t.Context(), "", "x"); err != nil {
		t.Errorf("error = %v when there is room again", err)
	}
}
