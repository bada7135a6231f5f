// Package trust holds what proves who said something: keys, JWS envelopes, the
// keyring that the root signs, revisions that never go back, the hash chain of a
// journal, and certificate checks that still work on a board whose clock stands at
// 1970. It receives bytes from wire's callers and hands back payloads that were
// proven, or an error. It is the only door to go-jose; there is no cryptography of
// our own (design §8).
package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
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

// PublicKey is a key that verifies, with its name (kid): an Ed25519 key, or the P-256
// key of a passkey, which proves only what its authenticator was shown (webauthn.go).
type PublicKey struct {
	KID     string
	key     ed25519.PublicKey
	passkey *ecdsa.PublicKey
	party   *RelyingParty // of a passkey, once its keyring has been opened
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
	return named(PublicKey{key: p})
}

// NewPasskey names the public key of a passkey. Only ES256, which every authenticator
// has (WebAuthn §5.8.5).
func NewPasskey(pub crypto.PublicKey) (PublicKey, error) {
	p, ok := pub.(*ecdsa.PublicKey)
	if !ok || p.Curve != elliptic.P256() {
		return PublicKey{}, fmt.Errorf("%w: want a P-256 key of a passkey, got %T", radio.ErrInvalid, pub)
	}
	if _, err := p.ECDH(); err != nil { // not a point of the curve
		return PublicKey{}, fmt.Errorf("%w: key of a passkey: %v", radio.ErrInvalid, err)
	}
	return named(PublicKey{passkey: p})
}

func named(p PublicKey) (PublicKey, error) {
	sum, err := p.jwk().Thumbprint(crypto.SHA256)
	if err != nil {
		return PublicKey{}, fmt.Errorf("thumbprint of a key: %w", err)
	}
	p.KID = base64.RawURLEncoding.EncodeToString(sum)
	return p, nil
}

func (p PublicKey) jwk() *jose.JSONWebKey {
	if p.passkey != nil {
		return &jose.JSONWebKey{Key: p.passkey, KeyID: p.KID}
	}
	return &jose.JSONWebKey{Key: p.key, KeyID: p.KID}
}

// Ed25519 gives the raw key; nil for a passkey.
func (p PublicKey) Ed25519() ed25519.PublicKey { return p.key }

// IsPasskey says that the private half rests in a person's authenticator.
func (p PublicKey) IsPasskey() bool { return p.passkey != nil }

// IsZero says that no key is there.
func (p PublicKey) IsZero() bool { return len(p.key) == 0 && p.passkey == nil }

// MarshalJSON writes the key as a JWK (RFC 7517, RFC 8037) with its kid.
func (p PublicKey) MarshalJSON() ([]byte, error) {
	if p.IsZero() {
		return []byte("null"), nil
	}
	return p.jwk().MarshalJSON()
}

// UnmarshalJSON reads a JWK; the kid is computed, and a wrong one is refused.
func (p *PublicKey) UnmarshalJSON(b []byte) error {
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(b); err != nil {
		return fmt.Errorf("%w: read a JWK: %v", radio.ErrInvalid, err)
	}
	got, err := NewPublicKey(jwk.Key)
	if _, ok := jwk.Key.(*ecdsa.PublicKey); ok {
		got, err = NewPasskey(jwk.Key)
	}
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
	return saveSecret(path, b)
}

// SaveSealedKey is SaveKey for a file that opens with a passphrase (see SealKey).
func SaveSealedKey(path string, k Key, passphrase string) error {
	b, err := SealKey(k, passphrase)
	if err != nil {
		return err
	}
	return saveSecret(path, b)
}

func saveSecret(path string, b []byte) error {
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
	return LoadSealedKey(path, func() (string, error) {
		return "", fmt.Errorf("%w: it opens with a passphrase only", radio.ErrInvalid)
	})
}

// LoadSealedKey is LoadKey for a file that may open with a passphrase, which is asked for
// only when it does.
func LoadSealedKey(path string, passphrase func() (string, error)) (Key, error) {
	b, err := loadSecret(path)
	if err != nil {
		return Key{}, err
	}
	var k Key
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '{' {
		k, err = ParseKey(b)
	} else if bytes.Count(b, []byte(".")) != 4 { // nobody is asked for the passphrase of what is no key
		err = fmt.Errorf("%w: it holds no key: neither a JWK nor one under a passphrase", radio.ErrInvalid)
	} else {
		var word string
		if word, err = passphrase(); err == nil {
			k, err = OpenKey(b, word)
		}
	}
	if err != nil {
		return Key{}, fmt.Errorf("key file %s: %w", path, err)
	}
	return k, nil
}

func loadSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("key file %s: %w", path, radio.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: key file %s may be read by others; chmod 600 it", radio.ErrForbidden, path)
	}
	if info.Size() > 4096 {
		return nil, fmt.Errorf("%w: key file %s has %d bytes", radio.ErrInvalid, path, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	return b, nil
}
