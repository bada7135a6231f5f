package radio

import (
	"encoding/json"
	"fmt"
)

// RecordKind names what a journal record tells.
type RecordKind string

const (
	RecordBoot     RecordKind = "boot"     // the agent started
	RecordRevision RecordKind = "revision" // a document became active
	RecordAiring   RecordKind = "airing"   // an airing is about to sound
	RecordProgress RecordKind = "progress" // checkpoint every 10 s while it sounds
	RecordResult   RecordKind = "result"   // an airing's outcome: the confirmation
	RecordFault    RecordKind = "fault"    // a trouble opened or closed
	RecordSecurity RecordKind = "security" // something was refused as unproven
	RecordClock    RecordKind = "clock"    // the clock changed its state or stepped
	RecordReceipt  RecordKind = "receipt"  // a step of an alert or a command
)

// Record is one entry of a device's journal. Its exact JSON bytes are chained,
// signed in batches and kept by the centre. Exactly the part named by Kind is set.
type Record struct {
	Seq  uint64     `json:"seq"` // from 1, without gaps
	At   Millis     `json:"at"`  // the device's clock when it was written
	Boot BootID     `json:"boot"`
	Up   int64      `json:"up_ms"` // monotonic milliseconds since the machine started
	Kind RecordKind `json:"kind"`
	// Clock as it stood at At.
	Clock ClockStamp `json:"clock"`

	Booted   *BootRecord     `json:"booted,omitempty"`
	Revision *RevisionRecord `json:"revision,omitempty"`
	Airing   *AiringRecord   `json:"airing,omitempty"`
	Progress *ProgressRecord `json:"progress,omitempty"`
	Result   *Confirmation   `json:"result,omitempty"`
	Fault    *FaultRecord    `json:"fault,omitempty"`
	Security *SecurityRecord `json:"security,omitempty"`
	Step     *ClockRecord    `json:"step,omitempty"`
	Receipt  *ReceiptRecord  `json:"receipt,omitempty"`
}

// ClockStamp is the state of a device's clock in one record.
type ClockStamp struct {
	State   string `json:"state"`    // trusted, holdover, untrusted
	Source  string `json:"source"`   // kernel, rtc, modem, centre, manual, assumed, none
	BoundMS int64  `json:"bound_ms"` // error bound; −1 when unknown
}

// BootRecord tells what started.
type BootRecord struct {
	Version string `json:"version"`
	Why     string `json:"why"` // start, crash
	Device  string `json:"device_name,omitempty"`
}

// RevisionRecord tells which document became active.
type RevisionRecord struct {
	Document string `json:"document"` // programme, policy, settings, keys
	Revision int64  `json:"revision"`
}

// AiringRecord is written, and on disk, before the item sounds.
type AiringRecord struct {
	ID       AiringID  `json:"id"`
	Origin   Origin    `json:"origin"`
	Key      AiringKey `json:"key"`
	Start    Millis    `json:"start"` // planned
	Samples  int64     `json:"samples"`
	SHA256   SHA256    `json:"sha256"`
	Revision int64     `json:"revision"`
}

// ProgressRecord is the checkpoint that survives a power cut.
type ProgressRecord struct {
	ID       AiringID `json:"id"`
	Consumed int64    `json:"consumed"`
}

// Confirmation is the device's record of an airing: what was planned, what the
// sound device consumed, and the outcome. It never claims that anybody heard it.
type Confirmation struct {
	ID       AiringID   `json:"id"`
	Origin   Origin     `json:"origin"`
	Key      AiringKey  `json:"key"`
	Start    Millis     `json:"start"` // planned instant of the first sample
	Revision int64      `json:"revision"`
	Priority Priority   `json:"priority"`
	Bulletin BulletinID `json:"bulletin,omitempty"`
	Version  int        `json:"version,omitempty"`
	// Instead is the bulletin the programme says was meant, Bulletin standing in for it.
	Instead BulletinID `json:"instead,omitempty"`
	SHA256  SHA256     `json:"sha256,omitempty"`
	Outcome Outcome    `json:"outcome"`
	Reason  Reason     `json:"reason,omitempty"`
	// StartedAt and EndedAt are measured from the device's progress; 0 when
	// nothing sounded.
	StartedAt Millis `json:"started_at,omitempty"`
	EndedAt   Millis `json:"ended_at,omitempty"`
	Expected  int64  `json:"expected"` // samples of the whole item
	Consumed  int64  `json:"consumed"` // samples the device took
	Skipped   int64  `json:"skipped,omitempty"`
	// Interrupted counts how often it was cut by what outranks it, or paused, and went
	// on. What sounded twice around a cut counts once in Consumed.
	Interrupted int `json:"interrupted,omitempty"`
	// AtLeast is true when Consumed is only a checkpoint (power cut).
	AtLeast bool `json:"at_least,omitempty"`
	// SilenceMS is how much of the sound was digital silence, in stretches of more
	// than three seconds; 0 is as it should be.
	SilenceMS int64   `json:"silence_ms,omitempty"`
	GainDB    float64 `json:"gain_db,omitempty"`
	Driver    string  `json:"driver,omitempty"`
	Output    string  `json:"output,omitempty"` // name of the device opened
	Proof     string  `json:"proof,omitempty"`  // consumed, written or paced: what the driver can vouch for
}

// FaultRecord opens or closes one trouble of the device.
type FaultRecord struct {
	Code string `json:"code"` // output, cache, journal, disk, clock, link, …
	Open bool   `json:"open"`
	Text string `json:"text,omitempty"`
}

// SecurityRecord tells what was refused because it was not proven.
type SecurityRecord struct {
	What string `json:"what"`
	Text string `json:"text"`
}

// ClockRecord tells of a change of the clock's state or a step.
type ClockRecord struct {
	StepMS int64  `json:"step_ms,omitempty"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
}

// MaxRecordBytes bounds one record's JSON.
const MaxRecordBytes = 4096

// ParseRecord reads one record's exact bytes. Unknown fields and kinds pass, so
// that a newer agent's journal is kept by an older centre.
func ParseRecord(b []byte) (Record, error) {
	var r Record
	if len(b) > MaxRecordBytes {
		return r, fmt.Errorf("%w: record of %d bytes, at most %d", ErrInvalid, len(b), MaxRecordBytes)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("%w: record: %v", ErrInvalid, err)
	}
	return r, r.Check()
}

// Check refuses a record whose part does not match its kind.
func (r Record) Check() error {
	bad := func(why string) error { return fmt.Errorf("%w: record %d: %s", ErrInvalid, r.Seq, why) }
	switch {
	case r.Seq == 0:
		return bad("seq is 0")
	case r.Kind == RecordBoot && r.Booted == nil,
		r.Kind == RecordRevision && r.Revision == nil,
		r.Kind == RecordAiring && r.Airing == nil,
		r.Kind == RecordProgress && r.Progress == nil,
		r.Kind == RecordResult && r.Result == nil,
		r.Kind == RecordFault && r.Fault == nil,
		r.Kind == RecordSecurity && r.Security == nil,
		r.Kind == RecordClock && r.Step == nil,
		r.Kind == RecordReceipt && r.Receipt == nil:
		return bad("kind " + string(r.Kind) + " without its part")
	case r.Kind == "":
		return bad("no kind")
	}
	if c := r.Result; c != nil {
		if !c.Outcome.Valid() || c.Outcome == PendingOutcome || c.Outcome == Silent {
			return bad("outcome " + clip(string(c.Outcome)))
		}
		if !ValidID(c.ID) || c.Expected < 0 || c.Consumed < 0 || c.Skipped < 0 || c.SilenceMS < 0 {
			return bad("confirmation's id or samples")
		}
		if c.Origin == FromSchedule && c.Key.ID() != c.ID {
			return bad("airing id does not match its key")
		}
	}
	return nil
}
