package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"loaxa/internal/radio"
)

// secondKeyFile holds the key under which the secrets of second factors rest in the
// database. Who has stolen a copy of the database alone cannot make codes with it; who has
// taken the centre, or a whole backup, holds this file too.
const secondKeyFile = "second.key"

// seal encrypts small secrets under a key of the key folder: AES-256-GCM with random
// nonces, bound to whose secret it is.
type seal struct{ dir string }

// errNoSeal: the database was restored without the key folder.
func errNoSeal() error {
	return radio.Refuse(radio.ErrUnavailable, "Máy chủ thiếu tệp khóa second.key trong thư mục khóa nên không kiểm tra được mã xác thực. Hãy khôi phục tệp từ bản sao lưu; mã khôi phục vẫn dùng được.",
		"the key folder lacks second.key, so codes cannot be checked: restore it from a backup; recovery codes still work")
}

// hide encrypts a secret of a person. The first one makes the key.
func (s seal) hide(secret string, whose radio.UserID) (string, error) {
	key, err := s.key()
	if errors.Is(err, fs.ErrNotExist) {
		key, err = s.make()
	}
	if err != nil {
		return "", err
	}
	aead, err := gcm(key)
	if err != nil {
		return "", err
	}
	return base64.RawStdEncoding.EncodeToString(aead.Seal(nil, nil, []byte(secret), []byte(whose))), nil
}

// show decrypts what hide gave.
func (s seal) show(sealed string, whose radio.UserID) (string, error) {
	key, err := s.key()
	if errors.Is(err, fs.ErrNotExist) {
		return "", errNoSeal()
	}
	if err != nil {
		return "", err
	}
	aead, err := gcm(key)
	if err != nil {
		return "", err
	}
	b, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil {
		return "", fmt.Errorf("read the second factor of %s: %w", whose, err)
	}
	secret, err := aead.Open(nil, nil, b, []byte(whose))
	if err != nil {
		// Another centre's key file, or a row that somebody moved to another person.
		return "", fmt.Errorf("open the second factor of %s: %w", whose, err)
	}
	return string(secret), nil
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("key of second factors: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (s seal) path() string { return filepath.Join(s.dir, secondKeyFile) }

func (s seal) key() ([]byte, error) {
	text, err := os.ReadFile(s.path())
	if err != nil {
		return nil, fmt.Errorf("key of second factors: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%w: %s holds no key of 32 bytes", radio.ErrInvalid, s.path())
	}
	return key, nil
}

// make writes a new key, unless another process has just done so.
func (s seal) make() (key []byte, err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the key folder: %w", err)
	}
	lock, err := lockFolder(s.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if key, err = s.key(); !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make the key of second factors: %w", err)
	}
	tmp := s.path() + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write the key of second factors: %w", err)
	}
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("write the key of second factors: %w", err)
	}
	return key, os.Rename(tmp, s.path())
}
