package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// CheckpointPayload is the centre's countersignature over the end of every journal it
// holds, so that nobody can later say there never were more records. Each names the
// digest of the one before: who keeps the number and the digest of one (64 digits, on
// paper) can prove all up to it.
type CheckpointPayload struct {
	Province radio.AreaID `json:"province"`
	Number   uint64       `json:"number"` // from 1, without gaps
	At       radio.Millis `json:"at"`
	Prev     trust.Hash   `json:"prev"` // digest of the one before; zero for the first
	// Size and Tree: how many journals and books of days, and the tree hash of their CheckpointLeafs in the
	// order of device and journal (RFC 6962 §2.1).
	Size int        `json:"size"`
	Tree trust.Hash `json:"tree"`
	// CA is the fingerprint of the authority that has certified the devices' keys.
	CA string `json:"ca"`
	// Closed are the months that were closed since the one before: their snapshots can
	// neither go nor be made anew.
	Closed []MonthMark `json:"closed,omitempty"`
	// Audit is the newest entry of the audit.
	Audit AuditMark `json:"audit,omitzero"`
	// Keyring is the version of the one in force: none that is newer can be kept back later.
	Keyring int64 `json:"keyring,omitempty"`
}

// MonthMark names the snapshot of a closed month.
type MonthMark struct {
	Month  string     `json:"month"`
	Digest trust.Hash `json:"digest"` // of its MonthPayload
}

// AuditMark names an entry of the audit, and by its hash all before it.
type AuditMark struct {
	Number int64  `json:"number"`
	Hash   string `json:"hash"`
}

// Digest names a signed payload: the SHA-256 of its bytes.
func Digest(payload []byte) trust.Hash { return sha256.Sum256(payload) }

// CheckpointLeaf is the end of one journal at a checkpoint, or, where Journal is "", of the
// device's book of days (radio.SettledDay), which the centre keeps.
type CheckpointLeaf struct {
	Device  radio.DeviceID  `json:"device"`
	Journal radio.JournalID `json:"journal"`
	Upto    uint64          `json:"upto"`
	Hash    trust.Hash      `json:"hash"`
	// KID is the key the device signs with.
	KID string `json:"kid"`
	// Gaps is radio.AddGap over the records before that the device no longer had.
	Gaps trust.Hash `json:"gaps,omitzero"`
}

// Bytes are what the tree is made of.
func (l CheckpointLeaf) Bytes() ([]byte, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("write a leaf: %w", err)
	}
	return b, nil
}

// MonthPayload closes a month of the log: how its airings had ended as far as was known
// at one instant. What is heard later is an amendment and changes nothing here.
type MonthPayload struct {
	Province radio.AreaID `json:"province"`
	Month    string       `json:"month"` // local, "2026-12"
	KnownAt  radio.Millis `json:"known_at"`
	By       string       `json:"by"`
	Rows     int64        `json:"rows"`
	// Digest is the SHA-256 of the rows' radio.MonthRow lines, in the order of device, month (UTC) of
	// the slot, and airing.
	Digest    trust.Hash              `json:"digest"`
	Planned   map[radio.Outcome]int64 `json:"planned"`
	Unplanned int64                   `json:"unplanned"`
	// Checkpoint made with it.
	Checkpoint uint64 `json:"checkpoint"`
}

// BatchPayload is what a device signed in a batch: kept, or built again from the records
// from First to Last.
func BatchPayload(p radio.JournalProof, records [][]byte) ([]byte, error) {
	if p.Payload != nil {
		return p.Payload, nil
	}
	jp := JournalPayload{Device: p.Device, Journal: p.Journal, First: p.First, Prev: p.Prev}
	for _, r := range records {
		jp.Records = append(jp.Records, r)
	}
	b, err := json.Marshal(jp)
	if err != nil {
		return nil, fmt.Errorf("build a batch again: %w", err)
	}
	return b, nil
}

// BatchEnvelope builds the signed message of a batch again, so that anybody with the
// device's key can verify what the log says.
func BatchEnvelope(p radio.JournalProof, records [][]byte) ([]byte, error) {
	payload, err := BatchPayload(p, records)
	if err != nil {
		return nil, err
	}
	env := trust.Envelope{Payload: base64.RawURLEncoding.EncodeToString(payload)}
	if err := json.Unmarshal(p.Signatures, &env.Signatures); err != nil {
		return nil, fmt.Errorf("build a batch again: %w: %v", radio.ErrInvalid, err)
	}
	return json.Marshal(env)
}

var kindForm = regexp.MustCompile(`^[a-z_]{1,32}$`)

// ReadRecord gives the record of a device's journal that stands under seq, within the
// bounds of what may be written down; an error says why it is poison.
func ReadRecord(raw []byte, device radio.DeviceID, seq uint64) (radio.Record, error) {
	r, err := radio.ParseRecord(raw)
	switch {
	case err != nil:
	case r.Seq != seq:
		err = fmt.Errorf("%w: the record says seq %d", radio.ErrInvalid, r.Seq)
	case !kindForm.MatchString(string(r.Kind)):
		err = fmt.Errorf("%w: record kind %.32q", radio.ErrInvalid, string(r.Kind))
	case r.Kind == radio.RecordResult:
		err = r.Result.CheckHeard(device)
	}
	return r, err
}
