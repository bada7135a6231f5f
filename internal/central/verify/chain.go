package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// journalWalk goes along one journal.
type journalWalk struct {
	w   *deviceWalk
	ref radio.JournalRef
	Journal

	marks []mark
	// gaps in the order of their records, and breaks by the record behind them.
	gaps       []noted
	breaks     map[uint64][]*noted
	claims     map[claim][]byte      // signed on another way
	forks      map[uint64]trust.Hash // what was held of records that were signed twice
	eventCount int

	next   uint64     // the seq that must come
	link   trust.Hash // of the record before it, as its signer has it
	linked bool       // link can be believed
	before trust.Hash // link, when it could be believed before records that lack
	at     radio.Millis
	// window are the last records, for batches that were signed over them again.
	window []Record
	// batch is the one whose records come now, got what came of them.
	batch *Batch
	got   []Record
	// hole: records of this batch are missing, which is a finding of its own.
	hole bool
	// unchecked are batches whose signature nobody can check because of a hole.
	unchecked []Finding
	// sealed is the last record that a batch has brought before the one whose records come.
	sealed uint64
}

type mark struct {
	upto uint64
	hash trust.Hash
	gaps trust.Hash
	checkpoint
}

const (
	// maxMarks and maxEvents bound what is held beside a journal.
	maxMarks  = 10_000
	maxEvents = 10_000
)

func (w *deviceWalk) beginJournal(j *Journal) error {
	if w.journal != nil {
		w.journal.end()
	}
	if !radio.ValidID(j.Journal) || j.After > 1<<62 || j.Upto > 1<<62 || w.seen[j.Journal] != nil {
		return fmt.Errorf("%w: journal %s", errOrder, clip(string(j.Journal)))
	}
	if w.seen == nil {
		w.seen = map[radio.JournalID]*Journal{}
	}
	if len(w.seen) >= maxEvents {
		return fmt.Errorf("%w: more than %d journals of device %s", radio.ErrInvalid, maxEvents, w.dev.ID)
	}
	w.seen[j.Journal] = j
	if j.After > 0 && w.v.head.begins() == "" {
		w.bad(Finding{Kind: Missing, Journal: j.Journal, Seq: 1, Last: j.After, Text: "they are not here, and no month was archived"})
	}
	w.v.rep.Journals++
	jw := &journalWalk{w: w, ref: radio.JournalRef{Device: w.dev.ID, Journal: j.Journal}, Journal: *j, next: j.After + 1,
		breaks: map[uint64][]*noted{}, claims: map[claim][]byte{}, forks: map[uint64]trust.Hash{}}
	if j.After == 0 {
		jw.link, jw.linked = trust.FirstHash(j.Journal), true
	} else if j.Before != (trust.Hash{}) {
		jw.link, jw.linked = j.Before, true
	}
	w.journal = jw
	return nil
}

func (j *journalWalk) bad(f Finding) {
	f.Journal = j.ref.Journal
	if f.At == 0 {
		f.At = j.at
	}
	j.w.bad(f)
}

func (j *journalWalk) note(f Finding) {
	f.Journal = j.ref.Journal
	if f.At == 0 {
		f.At = j.at
	}
	j.w.note(f)
}

func (j *journalWalk) mark(m *Mark) error {
	if len(j.marks) >= maxMarks || j.next != j.After+1 {
		return errOrder
	}
	one, err := j.w.v.marks.prove(m)
	if err == nil && (m.Leaf.Device != j.ref.Device || m.Leaf.Journal != j.ref.Journal) {
		err = fmt.Errorf("%w: it is of another journal", radio.ErrInvalid)
	}
	if n := len(j.marks); err == nil && n > 0 && j.marks[n-1].number >= one.number {
		return errOrder
	}
	if err != nil {
		j.bad(Finding{Kind: Signed, Seq: m.Leaf.Upto, Text: err.Error()})
		return nil
	}
	if one.number == j.w.v.head.Checkpoint {
		j.w.v.marks.marked++
		j.w.counted(m)
	}
	if n := len(j.marks); n > 0 && j.marks[n-1].upto > m.Leaf.Upto {
		j.bad(Finding{Kind: Rewritten, Seq: m.Leaf.Upto, At: one.at, Text: fmt.Sprintf("checkpoint %d holds fewer records than checkpoint %d (%d)", one.number, j.marks[n-1].number, j.marks[n-1].upto)})
	}
	if m.Leaf.Upto == j.After && j.Before != (trust.Hash{}) && m.Leaf.Hash != j.Before {
		j.bad(Finding{Kind: Rewritten, Seq: j.After, At: one.at, Text: fmt.Sprintf("checkpoint %d has countersigned another end of what was archived", one.number)})
	}
	if m.Leaf.KID != "" && len(j.w.keys) > 0 && !j.w.holds(m.Leaf.KID) {
		j.bad(Finding{Kind: Keys, Seq: m.Leaf.Upto, At: one.at, Text: fmt.Sprintf("checkpoint %d names key %s, of which there is no certificate", one.number, m.Leaf.KID)})
	}
	j.marks = append(j.marks, mark{upto: m.Leaf.Upto, hash: m.Leaf.Hash, gaps: m.Leaf.Gaps, checkpoint: one})
	return nil
}

func (j *journalWalk) begin(b *Batch) error {
	j.endBatch(b.New)
	if b.First == 0 || b.First > b.New || b.New > b.Last || b.Last-b.First >= wire.MaxBatch {
		j.bad(Finding{Kind: Altered, Seq: b.New, At: b.Received, Text: "the place of a batch's signature makes no sense"})
		return nil
	}
	if b.New < j.next {
		j.bad(Finding{Kind: Reordered, Seq: b.New, Last: b.Last, At: b.Received, Text: "a signature over records that have one already"})
		return nil
	}
	j.batch = b
	return nil
}

// record takes the next record.
func (j *journalWalk) record(r *Record) error {
	j.w.v.rep.Records++
	if j.batch != nil && r.Seq > j.batch.Last {
		j.endBatch(r.Seq)
	}
	switch {
	case r.Seq == 0 || r.Seq > 1<<62:
		return errOrder
	case r.Seq < j.next:
		j.bad(Finding{Kind: Reordered, Seq: r.Seq, At: r.Received, Text: fmt.Sprintf("it stands behind record %d", j.next-1)})
		return nil
	case r.Seq > j.next:
		j.lack(r.Seq - 1)
	}
	j.next = r.Seq + 1
	j.at = r.Received
	j.index(r)
	if j.batch == nil || r.Seq < j.batch.New {
		j.alone(r)
		return nil
	}
	j.got = append(j.got, *r)
	if r.Seq == j.batch.Last {
		j.endBatch(j.next)
	}
	return nil
}

// lack names the records from next to last that are not there. The ones a device no
// longer had are noted as such, and the chain begins anew behind them.
func (j *journalWalk) lack(last uint64) {
	j.before = trust.Hash{}
	if j.linked {
		j.before = j.link
	}
	j.linked = false
	if err := j.lost(j.next, last); err != nil {
		j.hole = j.hole || j.batch != nil && last >= j.batch.First
		j.bad(Finding{Kind: Missing, Seq: j.next, Last: last, Text: err.Error()})
	}
}

// index holds what the log says beside a record against its bytes.
func (j *journalWalk) index(r *Record) {
	parsed, err := wire.ReadRecord(r.Bytes, j.ref.Device, r.Seq)
	switch {
	case err == nil && r.Poison != "":
		j.bad(Finding{Kind: Altered, Seq: r.Seq, At: r.Received, Text: "it was set aside as unreadable (" + clip(r.Poison) + "), yet it can be read"})
		return
	case err != nil && r.Poison != "" && (r.Kind != "" || r.At != 0):
		j.bad(Finding{Kind: Altered, Seq: r.Seq, At: r.Received, Text: "it was set aside as unreadable, yet the log says a kind or time of it"})
	case err != nil && r.Poison == "":
		// Its signature tells whether it is what the device wrote.
		j.note(Finding{Kind: Altered, Seq: r.Seq, At: r.Received, Text: "it was taken, yet by today's rules it cannot be read: " + clip(err.Error())})
	case err == nil && (parsed.Kind != r.Kind || parsed.At != r.At):
		j.bad(Finding{Kind: Altered, Seq: r.Seq, At: r.Received, Text: "the log says another kind or time of it than the record itself"})
	}
	j.w.tells(r.Bytes)
	if err == nil {
		j.w.result(j.ref, parsed)
	}
}

// alone judges a record without a batch: nobody has signed it.
func (j *journalWalk) alone(r *Record) {
	j.bad(Finding{Kind: Unsigned, Seq: r.Seq, At: r.Received, Text: "there is no signature over it"})
	j.follow(*r, r.Link)
}

// follow moves on behind a record: its link, the checkpoints that end there, the window.
func (j *journalWalk) follow(r Record, link trust.Hash) {
	j.link, j.linked = link, true
	if held, ok := j.forks[r.Seq]; ok && held != link {
		j.bad(Finding{Kind: Altered, Seq: r.Seq, At: r.Received, Text: "noted as signed twice, but the record that was held is another one"})
	}
	for _, m := range j.marks {
		if m.upto == r.Seq && m.hash != link {
			j.bad(Finding{Kind: Rewritten, Seq: r.Seq, At: r.Received, Text: fmt.Sprintf("checkpoint %d of %s has countersigned another one", m.number, m.at.Time().Format("2006-01-02"))})
		}
	}
	if n := len(j.marks); n > 0 && r.Seq <= j.marks[n-1].upto {
		j.w.v.rep.Covered++
	}
	j.window = append(j.window, r)
	if len(j.window) > 2*wire.MaxBatch {
		j.window = append([]Record(nil), j.window[wire.MaxBatch:]...)
	}
}

// endBatch judges the batch whose records have come; next is the seq that follows.
func (j *journalWalk) endBatch(next uint64) {
	b, got, hole := j.batch, j.got, j.hole
	j.batch, j.got, j.hole = nil, nil, false
	if b == nil {
		return
	}
	j.sealed = max(j.sealed, b.Last)
	j.w.v.rep.Batches++
	if len(got) == 0 {
		return // its records are missing, which is named when the next one comes
	}
	if last := got[len(got)-1].Seq; last != b.Last {
		hole = true // the rest is missing, which is named then
		if next == last+1 {
			j.bad(Finding{Kind: Unsigned, Seq: b.New, Last: last, At: b.Received, Text: fmt.Sprintf("the log says that their signature is over records up to %d, too, which it has another for", b.Last)})
		}
	}
	p, err := j.signed(b, got, hole)
	if err != nil {
		f := Finding{Kind: Unsigned, Seq: b.New, Last: b.Last, At: b.Received, Text: "the device's signature over them does not hold: " + err.Error()}
		switch {
		case j.compare(b, got):
		case hole: // behind what is missing
			j.unchecked = append(j.unchecked, f)
		default:
			j.bad(f)
		}
		for _, r := range got {
			j.follow(r, r.Link)
		}
		return
	}
	j.accept(b, p, got)
}

// asKept says whether signatures have the one form in which ingest keeps them: JSON and
// base64 can say the same in several.
func asKept(b []byte) error {
	var list []trust.Signature
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("%w: signatures: %v", radio.ErrInvalid, err)
	}
	again, err := json.Marshal(list)
	if err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("%w: the signatures are not in the form in which they were kept", radio.ErrInvalid)
	}
	for _, s := range list {
		for _, part := range []string{s.Protected, s.Signature} {
			if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
				return fmt.Errorf("%w: a signature is not base64url", radio.ErrInvalid)
			}
		}
	}
	return nil
}

// errHole: a batch cannot be built again because records are missing.
var errHole = errors.New("records of the batch are missing")

// signed gives what the device has signed in a batch.
func (j *journalWalk) signed(b *Batch, got []Record, hole bool) (wire.JournalPayload, error) {
	proof := radio.JournalProof{JournalRef: j.ref, New: b.New, First: b.First, Last: b.Last, Prev: b.Prev, Signatures: b.Signatures, Payload: b.Payload}
	var records [][]byte
	if len(b.Payload) == 0 {
		if hole {
			return wire.JournalPayload{}, errHole
		}
		for _, r := range append(append([]Record(nil), j.window...), got...) {
			if r.Seq >= b.First && r.Seq <= b.Last {
				records = append(records, r.Bytes)
			}
		}
		if uint64(len(records)) != b.Last-b.First+1 {
			return wire.JournalPayload{}, errHole
		}
	}
	if err := asKept(b.Signatures); err != nil {
		return wire.JournalPayload{}, err
	}
	envelope, err := wire.BatchEnvelope(proof, records)
	if err != nil {
		return wire.JournalPayload{}, err
	}
	p, err := j.w.proven(envelope)
	if err == nil && (p.Journal != j.ref.Journal || p.First != b.First || uint64(len(p.Records)) < b.Last-b.First+1) {
		err = fmt.Errorf("%w: it is over other records", radio.ErrForbidden)
	}
	return p, err
}

// compare names the first record of a batch whose bytes are not those that were chained;
// false when all links hold.
func (j *journalWalk) compare(b *Batch, got []Record) bool {
	link, known := j.link, j.linked
	if b.First == b.New && !known {
		link, known = b.Prev, true
	}
	seq := got[0].Seq
	if seq != b.New {
		known = false
	}
	for _, r := range got {
		if r.Seq != seq {
			known = false // records are missing before it
		}
		if r.at() != r.Seq {
			j.bad(Finding{Kind: Reordered, Seq: r.Seq, At: r.Received, Text: fmt.Sprintf("the record itself says that it is number %d", r.at())})
			return true
		}
		if known && trust.NextHash(link, r.Bytes) != r.Link {
			j.bad(Finding{Kind: Altered, Seq: r.Seq, At: r.Received, Text: "its bytes are not those that were chained"})
			return true
		}
		link, known, seq = r.Link, true, r.Seq+1
	}
	return false
}

// at is the number that a record itself says; its place when it says none.
func (r Record) at() uint64 {
	var own struct {
		Seq uint64 `json:"seq"`
	}
	if err := json.Unmarshal(r.Bytes, &own); err != nil || own.Seq == 0 {
		return r.Seq
	}
	return own.Seq
}

// accept goes along what was signed, and names the first record that is another one.
func (j *journalWalk) accept(b *Batch, p wire.JournalPayload, got []Record) {
	link := p.Prev
	if p.Prev != b.Prev {
		j.bad(Finding{Kind: Altered, Seq: b.New, At: b.Received, Text: "the log says of another record than the device that its batch follows it"})
	}
	named := false
	for i, raw := range p.Records {
		seq, before := p.First+uint64(i), link
		link = trust.NextHash(before, raw)
		if seq < b.New || seq > b.Last {
			continue
		}
		if seq == b.New {
			j.follows(b, before)
		}
		if len(got) == 0 || got[0].Seq != seq {
			continue // missing, and named
		}
		r := got[0]
		got = got[1:]
		switch {
		case named:
		case !bytes.Equal(r.Bytes, raw):
			named = true
			f := Finding{Kind: Altered, Seq: seq, At: r.Received, Text: "its bytes are not those that the device has signed"}
			if r.at() != seq {
				f.Kind, f.Text = Reordered, fmt.Sprintf("the record itself says that it is number %d", r.at())
			}
			j.bad(f)
		case r.Link != link:
			named = true
			j.bad(Finding{Kind: Altered, Seq: seq, At: r.Received, Text: "its link in the chain is not the one it has"})
		}
		j.follow(r, link)
	}
}

// follows says whether a batch goes on where the journal stood. A journal that a device
// has forked is told so by its event, with the device's own signature.
func (j *journalWalk) follows(b *Batch, before trust.Hash) {
	for _, e := range j.breaks[b.New] {
		e.seen = e.seen || e.Claimed == before && (!j.linked || j.link != before)
	}
	if !j.linked || j.link == before {
		return
	}
	for _, e := range j.breaks[b.New] {
		if e.Held == j.link && e.Claimed == before {
			j.strayed(b, e)
			return
		}
	}
	j.bad(Finding{Kind: Broken, Seq: b.New, At: b.Received, Text: "it does not follow from the record before it"})
}

// end judges how far the journal goes, and what is noted of it.
func (j *journalWalk) end() {
	j.endRecords()
	for _, f := range j.unchecked {
		j.bad(f)
	}
	j.finishEvents()
}

func (j *journalWalk) endRecords() {
	j.endBatch(max(j.next, j.Upto+1))
	upto, at := j.Upto, j.at
	what := "the log says that the journal goes on to here"
	for _, m := range j.marks {
		if m.upto > upto {
			if at == 0 {
				at = m.at
			}
			upto, what = m.upto, fmt.Sprintf("they were here at checkpoint %d of %s", m.number, m.at.Time().Format("2006-01-02"))
		}
	}
	switch {
	case upto >= j.next:
		if upto == j.Upto && j.lost(j.next, upto) == nil {
			return
		}
		j.bad(Finding{Kind: Missing, Seq: j.next, Last: upto, At: at, Text: "the end of the journal is not here: " + what})
	case j.next > j.Upto+1:
		j.bad(Finding{Kind: Altered, Seq: j.next - 1, Text: fmt.Sprintf("the log says that the journal ends at record %d", j.Upto)})
	case j.Link == (trust.Hash{}) && j.linked && j.next > j.After+1 && j.w.v.head.To == "":
		j.bad(Finding{Kind: Altered, Seq: j.Upto, Text: "the log says that it cannot follow the chain at the end of the journal, and it can"})
	case j.Link != (trust.Hash{}) && j.linked && j.Link != j.link:
		j.bad(Finding{Kind: Altered, Seq: j.Upto, Text: "the end of the journal that the log names is another one"})
	}
}
