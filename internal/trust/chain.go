package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// Hash is a link of a journal's chain.
type Hash [sha256.Size]byte

// String in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes hexadecimal.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) != 2*sha256.Size {
		return fmt.Errorf("%w: hash of %d characters", radio.ErrInvalid, len(b))
	}
	if _, err := hex.Decode(h[:], b); err != nil {
		return fmt.Errorf("%w: hash: %v", radio.ErrInvalid, err)
	}
	return nil
}

// FirstHash is what stands before a journal's first record: SHA-256 of its id.
func FirstHash(j radio.JournalID) Hash { return sha256.Sum256([]byte(j)) }

// NextHash is the link of a record: SHA-256(prev ‖ exact bytes).
func NextHash(prev Hash, record []byte) Hash {
	h := sha256.New()
	h.Write(prev[:])
	h.Write(record)
	return Hash(h.Sum(nil))
}

// NextRevision is max(last + 1, unix seconds): never back, also after a centre was
// restored from an older copy (design §8).
func NextRevision(last int64, now time.Time) int64 { return max(last+1, now.Unix()) }
