package trust

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/text/unicode/norm"

	"loaxa/internal/radio"
)

// A person's private key rests at the centre, encrypted with the person's own password:
// a JWE with PBES2-HS256+A128KW (RFC 7518 §4.8). That protects against one stolen
// session and against a copy of the database; it does not protect against a centre that
// is taken while people type their passwords into it.
const (
	// pbes2Count is what new keys cost to open; RFC 8018 §4.2 asks for as many as the
	// user can bear. go-jose opens nothing above a million.
	pbes2Count = 600_000
	// leastCount and mostCount bound what is opened: a cheap one was not made here, and an
	// expensive one would hold a processor for as long as its writer likes.
	leastCount = 310_000
	mostCount  = 1_000_000
	saltBytes  = 16
	// maxSealedKey bounds the JWE in bytes.
	maxSealedKey = 4 << 10
)

// ErrPassword says that a password does not open a key.
var ErrPassword = fmt.Errorf("%w: the password does not open the key", radio.ErrForbidden)

// SealKey encrypts a private key with a password, as a compact JWE.
func SealKey(k Key, password string) ([]byte, error) { return sealKey(k, password, pbes2Count) }

func sealKey(k Key, password string, count int) ([]byte, error) {
	plain, err := k.Marshal()
	if err != nil {
		return nil, fmt.Errorf("seal key %s: %w", k.kid, err)
	}
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return nil, fmt.Errorf("make a salt: %w", err)
	}
	enc, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{
		Algorithm: jose.PBES2_HS256_A128KW, Key: passwordKey(password), KeyID: k.kid, PBES2Count: count, PBES2Salt: salt,
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("seal key %s: %w", k.kid, err)
	}
	jwe, err := enc.Encrypt(plain)
	if err != nil {
		return nil, fmt.Errorf("seal key %s: %w", k.kid, err)
	}
	text, err := jwe.CompactSerialize()
	if err != nil {
		return nil, fmt.Errorf("seal key %s: %w", k.kid, err)
	}
	return []byte(text), nil
}

// OpenKey decrypts a private key; ErrPassword when the password is another one.
func OpenKey(sealed []byte, password string) (Key, error) {
	if len(sealed) > maxSealedKey {
		return Key{}, fmt.Errorf("%w: sealed key of %d bytes", radio.ErrInvalid, len(sealed))
	}
	jwe, err := jose.ParseEncryptedCompact(string(sealed), []jose.KeyAlgorithm{jose.PBES2_HS256_A128KW}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return Key{}, fmt.Errorf("%w: sealed key: %v", radio.ErrInvalid, err)
	}
	// Before the first round is computed.
	count, ok := jwe.Header.ExtraHeaders["p2c"].(float64)
	if !ok || count < leastCount || count > mostCount {
		return Key{}, fmt.Errorf("%w: sealed key: p2c is %v, want %d to %d", radio.ErrInvalid, jwe.Header.ExtraHeaders["p2c"], leastCount, mostCount)
	}
	plain, err := jwe.Decrypt(passwordKey(password))
	if errors.Is(err, jose.ErrCryptoFailure) {
		return Key{}, ErrPassword
	}
	if err != nil {
		return Key{}, fmt.Errorf("open key: %w", err)
	}
	return ParseKey(plain)
}

// passwordKey: keyboards differ in how they write Vietnamese letters (NFC or NFD); the
// same word must be the same password.
func passwordKey(password string) []byte { return norm.NFC.Bytes([]byte(password)) }
