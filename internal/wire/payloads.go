package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// PresenceState is birth or death.
type PresenceState string

const (
	Birth PresenceState = "birth"
	Death PresenceState = "death"
)

// PresencePayload is an unsigned hint, retained, and the last will. A death with an
// older connection number than the newest birth is ignored.
type PresencePayload struct {
	State      PresenceState `json:"state"`
	Connection uint64        `json:"connection"` // persisted, one higher at each connect
	At         radio.Millis  `json:"at"`
}

// HelloPayload is what a device says after every connect.
type HelloPayload struct {
	Device  radio.DeviceID  `json:"device"`
	Journal radio.JournalID `json:"journal"`
	Head    uint64          `json:"head"`  // last seq written; 0 for none
	Acked   uint64          `json:"acked"` // cumulative acknowledgement held
	// Oldest is the first seq the device can still send (acknowledged records are kept
	// 90 days); 0 when it does not say. What a restored centre lost and the device no
	// longer has is noted as a gap, and the journal goes on behind it.
	Oldest     uint64               `json:"oldest,omitempty"`
	Revisions  radio.RevisionStatus `json:"revisions"`
	Clock      radio.ClockStatus    `json:"clock"`
	Nonce      string               `json:"nonce"` // 22 characters base64url, fresh each time
	At         radio.Millis         `json:"at"`
	Version    string               `json:"version"`
	Connection uint64               `json:"connection"`
	// Lacks are voices of alerts that have not come, neither by themselves nor by HTTPS:
	// the centre sends them again. At most MaxLacks.
	Lacks []radio.SHA256 `json:"lacks,omitempty"`
}

// MaxLacks bounds the voices one hello asks for.
const MaxLacks = 8

// WelcomePayload answers a hello. Its time is a clock source only for the hello
// whose nonce it repeats, and only when the round trip took less than 10 s.
type WelcomePayload struct {
	Device radio.DeviceID `json:"device"`
	Nonce  string         `json:"nonce"`
	Time   radio.Millis   `json:"time"`
	// Journal and Upto: the centre holds this journal up to here and wants what follows.
	Journal   radio.JournalID      `json:"journal"`
	Upto      uint64               `json:"upto"`
	Revisions radio.RevisionStatus `json:"revisions"`
}

// JournalPayload is a batch of 1–50 records: their exact bytes, chained from Prev.
type JournalPayload struct {
	Device  radio.DeviceID  `json:"device"`
	Journal radio.JournalID `json:"journal"`
	First   uint64          `json:"first"` // seq of the first record
	Prev    trust.Hash      `json:"prev"`  // hash before it
	Records []Raw           `json:"records"`
}

// MaxBatch is the most records one batch carries.
const MaxBatch = 50

// Raw is exact bytes, base64url without padding in JSON.
type Raw []byte

// MarshalText writes base64url.
func (r Raw) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, r), nil
}

// UnmarshalText reads base64url.
func (r *Raw) UnmarshalText(b []byte) error {
	out, err := base64.RawURLEncoding.AppendDecode(nil, b)
	if err != nil {
		return fmt.Errorf("%w: record bytes: %v", radio.ErrInvalid, err)
	}
	*r = out
	return nil
}

// AckPayload is the only receipt for journal records: everything up to Upto is
// stored, or named in Rejected and kept apart (quarantine).
type AckPayload struct {
	Device   radio.DeviceID  `json:"device"`
	Journal  radio.JournalID `json:"journal"`
	Upto     uint64          `json:"upto"`
	Rejected []Rejected      `json:"rejected,omitempty"`
}

// Rejected names one poison record.
type Rejected struct {
	Seq    uint64 `json:"seq"`
	Reason string `json:"reason"`
}

// ReceiptPayload reports on a command or an alert.
type ReceiptPayload struct {
	Device radio.DeviceID     `json:"device"`
	ID     string             `json:"id"`
	State  radio.ReceiptState `json:"state"`
	Reason string             `json:"reason,omitempty"`
	At     radio.Millis       `json:"at"`
}

// Seal writes a payload as JSON and signs it for one audience.
func Seal(k Kind, aud string, payload any, keys ...trust.Key) ([]byte, error) {
	b, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", k, err)
	}
	if len(b) > k.MaxPayload() {
		return nil, fmt.Errorf("%w: %s for %s has %d bytes, at most %d", radio.ErrInvalid, k, aud, len(b), k.MaxPayload())
	}
	return trust.Sign(k.Type(), aud, b, keys...)
}

// Unseal proves an envelope and reads its payload into out. Unknown fields are
// ignored; out's own rules are the caller's to check.
func Unseal(k Kind, aud string, data []byte, lookup trust.Lookup, out any) error {
	payload, _, err := trust.Open(data, k.Type(), aud, k.MaxPayload(), lookup)
	if err != nil {
		return fmt.Errorf("open %s: %w", k, err)
	}
	if err := json.Unmarshal(payload, out); err != nil {
		return fmt.Errorf("open %s: %w: %v", k, radio.ErrInvalid, err)
	}
	return nil
}

// EncodePresence writes the unsigned presence.
func EncodePresence(p PresencePayload) ([]byte, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write presence: %w", err)
	}
	return b, nil
}

// ParsePresence reads a presence, within its bounds.
func ParsePresence(b []byte) (PresencePayload, error) {
	var p PresencePayload
	if len(b) > Presence.MaxPayload() {
		return p, fmt.Errorf("%w: presence of %d bytes", radio.ErrInvalid, len(b))
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("%w: presence: %v", radio.ErrInvalid, err)
	}
	if p.State != Birth && p.State != Death {
		return p, fmt.Errorf("%w: presence state %q", radio.ErrInvalid, p.State)
	}
	return p, nil
}

// Check bounds a batch and proves that it is not empty; the chain is checked by the
// centre record by record.
func (p JournalPayload) Check(device radio.DeviceID) error {
	switch {
	case p.Device != device:
		return fmt.Errorf("%w: journal of device %q under another's topic", radio.ErrForbidden, p.Device)
	case !radio.ValidID(p.Journal):
		return fmt.Errorf("%w: journal id", radio.ErrInvalid)
	case len(p.Records) == 0 || len(p.Records) > MaxBatch:
		return fmt.Errorf("%w: batch of %d records, want 1 to %d", radio.ErrInvalid, len(p.Records), MaxBatch)
	case p.First == 0 || p.First > 1<<62:
		return fmt.Errorf("%w: batch begins at seq %d", radio.ErrInvalid, p.First)
	}
	return nil
}
