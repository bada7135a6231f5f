package radio

import (
	"crypto/rand"
	"fmt"
	"regexp"

	"github.com/oklog/ulid/v2"
)

// Named ids, so that they cannot be swapped. Each is 26 characters of Crockford
// base32 (design §7); a new one sorts by its time of making.
type (
	AreaID     string
	DeviceID   string
	UserID     string
	BulletinID string
	CampaignID string
	ScheduleID string
	SlotID     string
	EntryID    string
	PolicyID   string
	AiringID   string
	JournalID  string
	BootID     string
	AlertID    string
	CommandID  string
	BatchID    string
)

// NewID makes a fresh id: 48 bits of time, 80 random bits.
func NewID[T ~string]() T {
	return T(ulid.MustNew(ulid.Now(), rand.Reader).String())
}

// IDFromBytes writes 16 bytes as 26 characters of Crockford base32.
func IDFromBytes[T ~string](b [16]byte) T { return T(ulid.ULID(b).String()) }

// ValidID says whether s has the one form of an id: 26 upper-case characters.
func ValidID[T ~string](s T) bool {
	if len(s) != ulid.EncodedSize {
		return false
	}
	id, err := ulid.ParseStrict(string(s))
	return err == nil && id.String() == string(s)
}

var codeForm = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?$`)

// ValidCode says whether s can be a code: the name people give things in files,
// 1–64 of a–z, 0–9, dot and hyphen, beginning and ending with a letter or digit.
func ValidCode(s string) bool { return codeForm.MatchString(s) }

var hashForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// SHA256 is a SHA-256 in 64 lower-case hexadecimal digits: the name of an audio
// file everywhere.
type SHA256 string

// Valid says whether h has the form of a hash.
func (h SHA256) Valid() bool { return hashForm.MatchString(string(h)) }

// CheckID gives an error of kind ErrInvalid unless s is an id.
func CheckID[T ~string](what string, s T) error {
	if !ValidID(s) {
		return fmt.Errorf("%w: %s %q is not an id (26 characters of Crockford base32)", ErrInvalid, what, clip(string(s)))
	}
	return nil
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
