package radio

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// KeptJournal is one journal as the centre holds it, from its first record that was not
// archived.
type KeptJournal struct {
	JournalHead
	// From is the first seq held here; what was before it is archived, and Before the link
	// of the last of that.
	From   uint64
	Before [32]byte
}

// KeptRecord is one record as the centre keeps it.
type KeptRecord struct {
	Seq      uint64
	Link     [32]byte
	Kind     RecordKind
	At       Millis
	Received Millis
	Bytes    []byte
	Poison   string
}

// KeptBatch is a batch's signature, and when it came.
type KeptBatch struct {
	JournalProof
	Received Millis
}

// KeptCheckpoint is a checkpoint as the centre has signed it (wire.CheckpointPayload).
type KeptCheckpoint struct {
	Number   uint64
	At       Millis
	Size     int
	Digest   [32]byte
	Envelope []byte
}

// CheckpointMark is the end of a journal at a checkpoint.
type CheckpointMark struct {
	JournalRef
	Number uint64
	Place  int
	Upto   uint64
	Hash   [32]byte
	KID    string
	// Gaps is the AddGap of the records before Upto that the device no longer had; zero for
	// none.
	Gaps [32]byte
}

// Countersigned is what a checkpoint is made over.
type Countersigned struct {
	Last  KeptCheckpoint // the one before; zero at first
	Marks []CheckpointMark
	// Months were closed since the one before, the oldest first.
	Months []ClosedMonth
	// Audit is the newest entry of the audit.
	Audit AuditHead
}

// AddGap is the digest of the gaps of a journal, in their order, with one more: the records
// from first to last, which its device no longer had.
func AddGap(before [32]byte, first, last uint64) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(before[:], first), last))
}

// KeptRow is a row of the log with every word said about it, in their order.
type KeptRow struct {
	AsRun
	Said []Word
}

// AsKnown is the row as it was known at an instant: with the outcome that the words said
// until then have given it. ok is false for a row that nobody knew of. What the plan says
// of it (start, commune) is as it is now.
func (r KeptRow) AsKnown(at Millis) (_ AsRun, ok bool) {
	a := r.AsRun
	a.Outcome, a.Reason, a.From, a.StartedAt, a.Consumed, a.Expected = PendingOutcome, NoReason, "", 0, 0, a.Samples
	a.AtLeast, a.Proof, a.Stale, a.Clock, a.KnownAt, a.Words = false, "", false, "", a.FrozenAt, 0
	if a.FrozenAt > at {
		a.FrozenAt = 0 // heard of before it was planned, or not at all
	}
	ok = a.FrozenAt > 0
	for _, w := range r.Said {
		if w.KnownAt > at {
			break
		}
		a.Take(w)
		ok = true
	}
	return a, ok
}

// WriteMonthRow writes the line by which a row counts in the digest of a closed month.
func (a AsRun) WriteMonthRow(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%t\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\n", a.Key.Device, a.Airing, a.Day, a.Start, a.Origin, a.Planned(),
		a.Commune, a.Outcome, a.Reason, a.From, a.StartedAt, a.Consumed, a.Expected, a.KnownAt)
	return err
}

// ClosedMonth is a month of the log whose snapshot was signed.
type ClosedMonth struct {
	Month      string            `json:"month"` // local, "2026-12"
	ClosedAt   Millis            `json:"closed_at"`
	By         string            `json:"by"`
	Rows       int64             `json:"rows"`
	Planned    map[Outcome]int64 `json:"planned"`
	Unplanned  int64             `json:"unplanned"`
	Digest     string            `json:"digest"`
	Checkpoint uint64            `json:"checkpoint"`
	// Amendments is how many words have come since.
	Amendments int64  `json:"amendments"`
	Envelope   []byte `json:"-"`
}

// LogMonth is a local month of the log.
type LogMonth struct {
	Month string `json:"month"` // "2026-12"
	// Closed is its snapshot; nil before, and while it is being signed (Closing).
	Closed  *ClosedMonth `json:"closed,omitempty"`
	Closing bool         `json:"closing,omitempty"`
	Ended   bool         `json:"ended"`
	// Due is the day on which it closes by itself.
	Due Date `json:"due,omitempty"`
}

// First day of the month.
func (m LogMonth) First() Date { return Date(m.Month + "-01") }

// Last day of the month.
func (m LogMonth) Last() Date {
	first, err := time.Parse(time.DateOnly, string(m.First()))
	if err != nil {
		return m.First()
	}
	return DateOf(first.AddDate(0, 1, -1))
}

// Amendment is a word about an airing of a month that was closed before.
type Amendment struct {
	Month string  `json:"month"`
	Was   Outcome `json:"was,omitempty"` // "" for sound nobody knew of
	Word  Word    `json:"word"`
	Row   AsRun   `json:"row"`
}

// ArchivedMonth is a month of the log that rests in a file of the centre's folder.
type ArchivedMonth struct {
	Month      string `json:"month"`
	File       string `json:"file"` // name within the archive's folder
	SHA256     string `json:"sha256"`
	Bytes      int64  `json:"bytes"`
	VerifiedAt Millis `json:"verified_at"`
	DoneAt     Millis `json:"done_at,omitempty"` // 0 while its rows are going
}
