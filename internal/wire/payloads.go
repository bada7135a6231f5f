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
	// Machine names the board without telling what it is: the centre sees when one
	// identity speaks from two boards. Empty when the board has no name of its own.
	Machine string `json:"machine,omitempty"`
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
	// Hash of the chain at Upto. Only a device whose own chain says the same there may take
	// the records up to it for stored: another board with a copy of its card may have written
	// them. Zero where the centre holds no chain, and from centres that do not say it: then
	// nothing is acknowledged.
	Hash trust.Hash `json:"hash,omitzero"`
	// Signer is the kid of who has signed it: the receiver's to fill in.
	Signer string `json:"-"`
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
	// Hash of the chain at Upto: what the centre says it has stored, under its signature.
	// A device whose own chain differs there knows that its log was bent. Zero from
	// centres that do not say it.
	Hash trust.Hash `json:"hash,omitzero"`
	// Forked says that the batch goes another way than the journal the centre holds.
	Forked *Forked `json:"forked,omitempty"`
}

// Forked is the first record of a batch under whose number the centre holds another one:
// two boards write the journal of one card, or a flash lost what it had sent. The centre
// takes nothing of the batch from here on, so the device tells it again in a new journal.
type Forked struct {
	Seq uint64     `json:"seq"`
	Own trust.Hash `json:"own"` // of the chain there as the batch had it: whose batch it was
	// Before is the centre's own chain at the record before; zero where it is not known.
	Before trust.Hash `json:"before,omitzero"`
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

// EncodeRoots writes the steps of the root key, oldest first.
func EncodeRoots(steps []json.RawMessage) ([]byte, error) {
	b, err := json.Marshal(steps)
	if err != nil {
		return nil, fmt.Errorf("write roots: %w", err)
	}
	if len(steps) > trust.MaxRootSteps || len(b) > Roots.MaxPayload() {
		return nil, fmt.Errorf("%w: %d root steps of %d bytes", radio.ErrInvalid, len(steps), len(b))
	}
	return b, nil
}

// ParseRoots reads the steps, within their bounds; trust.WalkRoots proves them.
func ParseRoots(b []byte) ([]json.RawMessage, error) {
	if len(b) > Roots.MaxPayload() {
		return nil, fmt.Errorf("%w: roots of %d bytes", radio.ErrInvalid, len(b))
	}
	var steps []json.RawMessage
	if err := json.Unmarshal(b, &steps); err != nil {
		return nil, fmt.Errorf("%w: roots: %v", radio.ErrInvalid, err)
	}
	if len(steps) > trust.MaxRootSteps {
		return nil, fmt.Errorf("%w: %d root steps, at most %d", radio.ErrInvalid, len(steps), trust.MaxRootSteps)
	}
	return steps, nil
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
