package pin

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// cost of argon2id. A number of six digits cannot withstand whoever has the card of the
// device in hands; the cost makes that hours instead of moments, in memory a small
// board has while it plays.
type cost struct {
	time, memory uint32 // passes, KiB
	lanes        uint8
}

var ours = cost{time: 4, memory: 16 << 10, lanes: 1}

const (
	saltLen = 16
	sumLen  = 32
	// Bounds of what is read back.
	maxMemory = 64 << 10
	maxTime   = 20
)

func (c cost) hash(pin string) (string, error) {
	salt := make([]byte, saltLen)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make a salt: %w", err)
	}
	sum := argon2.IDKey([]byte(pin), salt, c.time, c.memory, c.lanes, sumLen)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.time, c.lanes,
		b64.EncodeToString(salt), b64.EncodeToString(sum)), nil
}

func matches(hash, pin string) bool {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || !form.MatchString(pin) {
		return false
	}
	var c cost
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.time, &c.lanes); err != nil ||
		c.memory == 0 || c.memory > maxMemory || c.time == 0 || c.time > maxTime || c.lanes == 0 {
		return false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(want) != sumLen {
		return false
	}
	got := argon2.IDKey([]byte(pin), salt, c.time, c.memory, c.lanes, sumLen)
	return subtle.ConstantTimeCompare(got, want) == 1
}
