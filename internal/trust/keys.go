// Package trust holds what proves who said something: keys, JWS envelopes, the
// keyring that the root signs, revisions that never go back, the hash chain of a
// journal, and certificate checks that still work on a board whose clock stands at
// 1970. It receives bytes from wire's callers and hands back payloads that were
// proven, or an error. It is the only door to go-jose; there is no cryptography of
// our own (design §8).
package trust

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"

	"loaxa/internal/radio"
)

// PublicKey is an Ed25519 key that verifies, with its name (kid).
type PublicKey struct {
	KID string
	key ed25519.PublicKey
}

// Key is an Ed25519 key that signs. Its kid is the RFC 7638 thumbprint.
type Key struct {
	kid  string
	priv ed25519.PrivateKey
}

// Generate makes a new key.
func Generate() (Key, error) {
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("make a key: %w", err)
	}
	return KeyFrom(priv)
}

// KeyFrom names an Ed25519 private key.
func KeyFrom(priv ed25519.PrivateKey) (Key, error) {
	if len(priv) != ed25519.PrivateKeySize {
		return Key{}, fmt.Errorf("%w: private key of %d bytes", radio.ErrInvalid, len(priv))
	}
	pub, err := NewPublicKey(priv.Public())
	if err != nil {
		return Key{}, err
	}
	return Key{kid: pub.KID, priv: priv}, nil
}

// KID is the key's RFC 7638 thumbprint (SHA-256, base64url).
func (k Key) KID() string { return k.kid }

// Public gives the verifying half.
func (k Key) Public() PublicKey {
	return PublicKey{KID: k.kid, key: k.priv.Public().(ed25519.PublicKey)}
}

// Signer is the key for certificate requests and TLS.
func (k Key) Signer() crypto.Signer { return k.priv }

// String keeps the private half out of logs.
func (k Key) String() string { return "key " + k.kid }

// NewPublicKey names an Ed25519 public key, as found in a certificate.
func NewPublicKey(pub crypto.PublicKey) (PublicKey, error) {
	p, ok := pub.(ed25519.PublicKey)
	if !ok || len(p) != ed25519.PublicKeySize {
		return PublicKey{}, fmt.Errorf("%w: want an Ed25519 key, got %T", radio.ErrInvalid, pub)
	}
	jwk := jose.JSONWebKey{Key: p}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return PublicKey{}, fmt.Errorf("thumbprint of a key: %w", err)
	}
	return PublicKey{KID: base64.RawURLEncoding.EncodeToString(sum), key: p}, nil
}

// Ed25519 gives the raw key.
func (p PublicKey) Ed25519() ed25519.PublicKey { return p.key }

// IsZero says that no key is there.
func (p PublicKey) IsZero() bool { return len(p.key) == 0 }

// MarshalJSON writes the key as a JWK (RFC 7517, RFC 8037) with its kid.
func (p PublicKey) MarshalJSON() ([]byte, error) {
	if p.IsZero() {
		return []byte("null"), nil
	}
	return jose.JSONWebKey{Key: p.key, KeyID: p.KID}.MarshalJSON()
}

// UnmarshalJSON reads a JWK; the kid is computed, and a wrong one is refused.
func (p *PublicKey) UnmarshalJSON(b []byte) error {
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(b); err != nil {
		return fmt.Errorf("%w: read a JWK: %v", radio.ErrInvalid, err)
	}
	got, err := NewPublicKey(jwk.Key)
	if err != nil {
		return err
	}
	if jwk.KeyID != "" && jwk.KeyID != got.KID {
		return fmt.Errorf("%w: JWK's kid %q is not its thumbprint", radio.ErrInvalid, jwk.KeyID)
	}
	*p = got
	return nil
}

// Marshal gives the private key as a JWK, for a key file or a store of 0600.
func (k Key) Marshal() ([]byte, error) {
	return jose.JSONWebKey{Key: k.priv, KeyID: k.kid}.MarshalJSON()
}

// ParseKey reads a private JWK.
func ParseKey(b []byte) (Key, error) {
	var jwk jose.JSONWebKey
	if err := json.Unmarshal(b, &jwk); err != nil {
		return Key{}, fmt.Errorf("%w: read a private JWK: %v", radio.ErrInvalid, err)
	}
	priv, ok := jwk.Key.(ed25519.PrivateKey)
	if !ok {
		return Key{}, fmt.Errorf("%w: the JWK is not a private Ed25519 key", radio.ErrInvalid)
	}
	return KeyFrom(priv)
}

// SaveKey writes a private key to a new file of mode 0600; it never overwrites.
func SaveKey(path string, k Key) error {
	b, err := k.Marshal()
	if err != nil {
		return fmt.Errorf("write key %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of key %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// LoadKey reads a private key file and refuses one that others may read.
func LoadKey(path string) (Key, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Key{}, fmt.Errorf("key file %s: %w", path, radio.ErrNotFound)
	}
	if err != nil {
		return Key{}, fmt.Errorf("key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Key{}, fmt.Errorf("%w: key file %s may be read by others; chmod 600 it", radio.ErrForbidden, path)
	}
	if info.Size() > 4096 {
		return Key{}, fmt.Errorf("%w: key file %s has %d bytes", radio.ErrInvalid, path, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Key{}, fmt.Errorf("key file: %w", err)
	}
	k, err := ParseKey(b)
	if err != nil {
		return Key{}, fmt.Errorf("key file %s: %w", path, err)
	}
	return k, nil
}
