package radio

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"

	"github.com/oklog/ulid/v2"
)

// A day of a device's log settles when it has ended and the plan can no longer move it. From
// then on its rows are counted in the device's book of days, which checkpoints countersign
// like a journal: what no device signs (missed, cancelled, pending, titles, places) can then
// no longer be changed or dropped unnoticed.

// SettledDay is an entry of a device's book of days.
type SettledDay struct {
	Device DeviceID `json:"device"`
	N      uint64   `json:"n"` // from 1, without gaps
	// Before is the day of the entry before; "" for the first.
	Before  Date   `json:"before"`
	Day     Date   `json:"day"`
	KnownAt Millis `json:"known_at"`
	Rows    int    `json:"rows"`
	// Digest is the SHA-256 of Body, in which each row has its SettledRow.
	Digest SHA256 `json:"digest"`
	Body   []byte `json:"-"`
	// Link of the entry in the book's chain.
	Link [32]byte `json:"-"`
}

// BookEnd is the last entry of a device's book of days.
type BookEnd struct {
	Device DeviceID
	N      uint64
	Day    Date
	Link   [32]byte
}

// SettledRow is what a book of days holds of one row.
type SettledRow struct {
	Airing AiringID
	// Words is how many had been said then.
	Words int
	// Planned says that the row was frozen then; sound that was heard of first may be found
	// in a plan later.
	Planned bool
	// Plan is a digest of all of the row but of Item, as it stood after those words, and of
	// the words; Item one of what sounded or was to sound, which a device's word may change.
	Plan, Item [settledSum]byte
}

const (
	settledSum  = 16
	settledSize = 16 + 4 + 2*settledSum
	// MaxSettledRows bounds one entry; a day of more rows has several.
	MaxSettledRows = 4000
)

// Settled counts a row of the log in as it stands.
func (r KeptRow) Settled() SettledRow {
	n := len(r.Said)
	return SettledRow{Airing: r.Airing, Words: n, Planned: r.FrozenAt != 0, Plan: r.planSum(n), Item: r.itemSum()}
}

// Told says whether the row is still the one that was counted in, but for words that came
// later and what they change. item is false when what sounds is another.
func (r KeptRow) Told(s SettledRow) (plan, item bool) {
	if len(r.Said) < s.Words {
		return false, r.itemSum() == s.Item
	}
	return r.planSum(s.Words) == s.Plan, r.itemSum() == s.Item
}

// planSum is over the row after its first n words. Held is left out: it may rise later, when
// another programme holds the same airing.
func (r KeptRow) planSum(n int) [settledSum]byte {
	a := r.After(n)
	h := sha256.New()
	line(h, "plan", a.Airing, a.Key.Device, a.Key.Schedule, a.Key.Slot, a.Key.SlotAt, a.Key.Entry, a.Key.Repeat, a.Origin, a.Day, int(a.SlotTime),
		a.Start, a.Samples, a.Priority, a.Revision, a.FrozenAt, a.Deadline, a.Campaign, a.Province, a.Commune, a.Hamlet, a.DeviceCode, a.DeviceName,
		a.CommuneName, a.HamletName, a.ScheduleCode, a.ScheduleTitle)
	line(h, "outcome", a.Outcome, a.Reason, a.From, a.StartedAt, a.Consumed, a.Expected, a.AtLeast, a.Proof, a.Stale, a.Clock, a.KnownAt, a.Words)
	for _, w := range r.Said[:n] {
		line(h, "word", w.Airing, w.N, w.KnownAt, w.From, w.Outcome, w.Reason, w.StartedAt, w.Consumed, w.Expected, w.AtLeast, w.Proof, w.Stale, w.Clock, w.Journal, w.Seq)
	}
	return [settledSum]byte(h.Sum(nil))
}

func (r KeptRow) itemSum() [settledSum]byte {
	h := sha256.New()
	line(h, "item", r.Bulletin, r.Version, r.Title, r.Author, r.Unit, r.SHA256)
	if r.Instead != "" { // rows of before there were variants keep their digest
		line(h, "instead", r.Instead, r.InsteadTitle)
	}
	return [settledSum]byte(h.Sum(nil))
}

// line writes values so that no two lists of them write the same.
func line(h hash.Hash, values ...any) {
	for _, v := range values {
		fmt.Fprintf(h, "%q\t", fmt.Sprint(v))
	}
	h.Write([]byte("\n"))
}

// AppendSettled writes rows as the body of an entry.
func AppendSettled(body []byte, s SettledRow) ([]byte, error) {
	id, err := ulid.ParseStrict(string(s.Airing))
	if err != nil || s.Words > 1<<30 {
		return body, fmt.Errorf("%w: row %.32q with %d words", ErrInvalid, string(s.Airing), s.Words)
	}
	n := uint32(s.Words) << 1
	if s.Planned {
		n |= 1
	}
	body = binary.BigEndian.AppendUint32(append(body, id[:]...), n)
	return append(append(body, s.Plan[:]...), s.Item[:]...), nil
}

// ReadSettled reads the body of an entry.
func ReadSettled(body []byte) ([]SettledRow, error) {
	if len(body)%settledSize != 0 || len(body) > MaxSettledRows*settledSize {
		return nil, fmt.Errorf("%w: a day's rows in %d bytes", ErrInvalid, len(body))
	}
	out := make([]SettledRow, 0, len(body)/settledSize)
	for ; len(body) > 0; body = body[settledSize:] {
		n := binary.BigEndian.Uint32(body[16:])
		out = append(out, SettledRow{Airing: IDFromBytes[AiringID]([16]byte(body)), Words: int(n >> 1), Planned: n&1 != 0,
			Plan: [settledSum]byte(body[20:]), Item: [settledSum]byte(body[20+settledSum:])})
	}
	return out, nil
}

// After is the row as its first n words have left it.
func (r KeptRow) After(n int) AsRun {
	a := r.AsRun
	a.Outcome, a.Reason, a.From, a.StartedAt, a.Consumed, a.Expected = PendingOutcome, NoReason, "", 0, 0, a.Samples
	a.AtLeast, a.Proof, a.Stale, a.Clock, a.KnownAt, a.Words = false, "", false, "", a.FrozenAt, 0
	for _, w := range r.Said[:n] {
		a.Take(w)
	}
	return a
}
