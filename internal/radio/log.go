package radio

import (
	"fmt"
	"iter"
	"regexp"
)

// JournalRef names one journal of one device. A device that lost its journal begins
// a new one under a new id.
type JournalRef struct {
	Device  DeviceID
	Journal JournalID
}

// JournalHead is how far the centre holds a journal without a gap: up to Upto, whose
// link in the hash chain is Link. Linked is false when the chain cannot be checked at
// this place (nothing held yet, or the device no longer has what went before).
type JournalHead struct {
	JournalRef
	Upto   uint64
	Link   [32]byte
	Linked bool
}

// JournalEntry is one record as the centre keeps it: its exact bytes and its link.
type JournalEntry struct {
	JournalRef
	Seq   uint64
	Link  [32]byte
	Kind  RecordKind // "" for a poison record
	At    Millis     // the device's clock; 0 for a poison record
	Bytes []byte
	// Poison says why the record could not be taken; its bytes are kept apart.
	Poison string
}

// JournalProof is a batch's signature: with the records from First to Last it proves
// who wrote the records from New to Last, which this batch brought first.
type JournalProof struct {
	JournalRef
	New, First, Last uint64
	Prev             [32]byte
	// Signatures is the JSON of the envelope's signatures. Payload is set only when it
	// cannot be built again, byte for byte, from the records.
	Signatures []byte
	Payload    []byte
}

// DisputeKind tells what was wrong between two versions of a journal.
type DisputeKind string

const (
	// DisputeFork: another record under a key that is held. Both are kept, the first counts.
	DisputeFork DisputeKind = "fork"
	// DisputeBreak: a record follows another one than the one held. It is taken, and counts.
	DisputeBreak DisputeKind = "break"
	// DisputeGap: the device no longer has the records from Seq to Last.
	DisputeGap DisputeKind = "gap"
)

// JournalDispute is a security event of a journal, with the evidence.
type JournalDispute struct {
	JournalRef
	Kind      DisputeKind
	Seq, Last uint64
	Held      [32]byte // the link held (fork: of Seq, break: before Seq)
	Claimed   [32]byte // the link claimed at the same place
	Bytes     []byte   // fork: the other record
	Envelope  []byte   // the signed message that claims it
}

// JournalWrite is what one commit adds to the journals.
type JournalWrite struct {
	At       Millis // when the centre received it
	Heads    []JournalHead
	Entries  []JournalEntry
	Proofs   []JournalProof
	Disputes []JournalDispute
}

// Heard is one record that has just become part of a journal the centre holds.
type Heard struct {
	Device   DeviceID
	Journal  JournalID
	Received Millis
	Record   Record
}

// Presence is the unsigned hint whether a device is connected.
type Presence struct {
	Alive      bool   `json:"alive"`
	Connection uint64 `json:"connection"`
	At         Millis `json:"at"`
}

// DeviceNews is what one message tells about a device as a whole. Only what is set
// is news.
type DeviceNews struct {
	Device   DeviceID
	Received Millis
	Presence *Presence
	// Hello is the payload of up/hello, and its connection number, which counts even
	// below the one held: it is signed.
	Hello      []byte
	Connection uint64
	// Reported is the payload of up/reported.
	Reported []byte
}

// DeviceState is what the centre knows of a device apart from its airings.
type DeviceState struct {
	Device DeviceID `json:"device"`
	Presence
	// LastSeen is when the device last proved, by signed and fresh words, that it lives.
	LastSeen   Millis `json:"last_seen,omitempty"`
	HelloAt    Millis `json:"hello_at,omitempty"`
	Hello      []byte `json:"-"` // JSON, "" when none came yet
	ReportedAt Millis `json:"reported_at,omitempty"`
	Reported   []byte `json:"-"` // JSON of a Status
	// JournalAt is the instant up to which the device has told everything.
	JournalAt Millis `json:"journal_at,omitempty"`
}

// Receipt is a device's latest word on a command or an alert.
type Receipt struct {
	Device   DeviceID     `json:"device"`
	ID       string       `json:"id"`
	State    ReceiptState `json:"state"`
	Reason   string       `json:"reason,omitempty"`
	At       Millis       `json:"at"`
	Received Millis       `json:"received"`
}

// Freeze marks how far a device's airings are frozen, and from which revision.
type Freeze struct {
	Device   DeviceID
	Revision int64
	Upto     Millis // airings that start at or before it are frozen
}

// Planned says whether the row is part of the plan: frozen by the centre. Sound that
// nobody planned is counted apart.
func (a AsRun) Planned() bool { return a.Origin == FromSchedule && a.FrozenAt != 0 }

// End is the planned instant after the last sample.
func (a AsRun) End() Millis { return a.Start.Add(SamplesDuration(a.Samples)) }

// AsRunRef finds a row. At is the slot's instant, or the start of what has no slot:
// it never changes, and says in which month's part of the log the row stands.
type AsRunRef struct {
	Device DeviceID
	Airing AiringID
	At     Millis
}

// Ref finds the row itself.
func (a AsRun) Ref() AsRunRef { return ref(a.Key, a.Airing, a.Start) }

// Ref finds the row a confirmation of device d speaks of.
func (c Confirmation) Ref(d DeviceID) AsRunRef {
	r := ref(c.Key, c.ID, c.Start)
	r.Device = d
	return r
}

// Ref finds the row of a computed airing.
func (a Airing) Ref() AsRunRef { return ref(a.AiringKey, a.ID, At(a.Start())) }

func ref(k AiringKey, id AiringID, start Millis) AsRunRef {
	r := AsRunRef{Device: k.Device, Airing: id, At: k.SlotAt}
	if r.At == 0 {
		r.At = start
	}
	return r
}

// DeviceRevision is a programme that became active on a device.
type DeviceRevision struct {
	JournalRef
	Seq      uint64
	At       Millis
	Revision int64
}

// LogRow is a row of the log as people see it at one instant.
type LogRow struct {
	AsRun
	// Future: pending, and its time is still to come.
	Future bool `json:"future,omitempty"`
	// Overdue: still pending although word should have come.
	Overdue bool `json:"overdue,omitempty"`
}

// MaxLogRows bounds a page of the log.
const MaxLogRows = 10_000

// LogPage is part of the log, newest first.
type LogPage struct {
	Rows []LogRow
	// Next leads to the following page; zero on the last one.
	Next LogCursor
}

// LogTotals counts airings. Every planned one has exactly one outcome or is pending,
// so the outcomes' sum is Planned.
type LogTotals struct {
	Planned int64 `json:"planned"`
	// Unplanned counts sound nobody planned: alerts, commands, local, and airings whose
	// plan this centre does not know.
	Unplanned int64             `json:"unplanned"`
	Outcomes  map[Outcome]int64 `json:"outcomes"`
	// Coming counts planned airings whose time has not come, where they are told apart;
	// Planned and Outcomes then leave them out.
	Coming int64 `json:"coming,omitempty"`
}

// LogNow is now by the local clock: where the log's days and slots stand.
type LogNow struct {
	Day  Date
	Time TimeOfDay
}

// Put tells c, which was counted in, apart as still to come.
func (t *LogTotals) Put(c LogCount) {
	n := min(c.Rows, t.Outcomes[c.Outcome])
	t.Outcomes[c.Outcome] -= n
	t.Planned -= n
	t.Coming += n
}

// Add counts c in.
func (t *LogTotals) Add(c LogCount) {
	if !c.Planned {
		t.Unplanned += c.Rows
		return
	}
	if t.Outcomes == nil {
		t.Outcomes = map[Outcome]int64{}
	}
	t.Planned += c.Rows
	t.Outcomes[c.Outcome] += c.Rows
}

// Each gives the outcomes that occur, in the order reports show them.
func (t LogTotals) Each() iter.Seq2[Outcome, int64] {
	return func(yield func(Outcome, int64) bool) {
		for _, o := range Outcomes() {
			if n := t.Outcomes[o]; n > 0 && !yield(o, n) {
				return
			}
		}
	}
}

var reasonForm = regexp.MustCompile(`^[a-z_]{0,32}$`)

// CheckHeard bounds what a confirmation of device d says before it is written down:
// it comes from outside, and a device may speak of its own airings only.
func (c Confirmation) CheckHeard(d DeviceID) error {
	bad := func(what string) error { return fmt.Errorf("%w: confirmation %s: %s", ErrInvalid, c.ID, what) }
	optional := func(s string) bool { return s == "" || ValidID(s) }
	const latest = Millis(4102444800000) // the year 2100
	switch {
	case c.Key.Device != d && (c.Origin == FromSchedule || c.Key.Device != ""):
		return bad("airing of another device")
	case c.Origin != FromSchedule && c.Origin != FromCommand && c.Origin != FromAlert && c.Origin != FromLocal:
		return bad("origin " + clip(string(c.Origin)))
	case c.Origin == FromSchedule && (!ValidID(c.Key.Schedule) || !ValidID(c.Key.Slot) || !ValidID(c.Key.Entry)):
		return bad("ids of its key")
	case !optional(string(c.Key.Schedule)) || !optional(string(c.Key.Slot)) || !optional(string(c.Key.Entry)) || !optional(string(c.Bulletin)) || !optional(string(c.Instead)):
		return bad("ids")
	case c.SHA256 != "" && !c.SHA256.Valid():
		return bad("sha256")
	case c.Priority != "" && c.Priority.Rank() == 0:
		return bad("priority " + clip(string(c.Priority)))
	case !reasonForm.MatchString(string(c.Reason)):
		return bad("reason " + clip(string(c.Reason)))
	case !reasonForm.MatchString(c.Proof):
		return bad("proof " + clip(c.Proof))
	case c.Start < 0 || c.Start > latest || c.Key.SlotAt < 0 || c.Key.SlotAt > latest ||
		c.StartedAt < 0 || c.StartedAt > latest || c.EndedAt < 0 || c.EndedAt > latest:
		return bad("an instant out of range")
	case c.Version < 0 || c.Version > 1<<30 || c.Revision < 0 || c.Key.Repeat < 0 || c.Key.Repeat > 1<<30:
		return bad("a number out of range")
	case c.Consumed > 1<<40 || c.Expected > 1<<40:
		return bad("samples out of range")
	}
	return nil
}

// AsRunChange is a row of the log as it stands now, with the words that made it so.
type AsRunChange struct {
	Row   AsRun
	Words []Word
	// Only is set when the row exists and nothing of it changed but its outcome, from
	// Outcome to Words: the usual case, and much cheaper to write.
	Only bool
}
