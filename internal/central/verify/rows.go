package verify

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// deviceWalk goes along all of one device: its journals, then the rows of the log about
// it, which must follow from them.
type deviceWalk struct {
	v       *Verifier
	dev     Device
	keys    []trust.PublicKey
	book    *bookWalk
	booked  bool // the book was judged
	journal *journalWalk
	seen    map[radio.JournalID]*Journal
	// results are the confirmations in the journals that no row was seen for yet.
	results map[resultKey]result
	// told are the records that count, forked those that must be among them.
	told   map[content]bool
	forked []forked
	last   rowPlace
	// first is where in the tree of the head's checkpoint the device begins, place where its
	// next journal must stand, until where the next device does; -1 when nobody knows.
	first, place, until int
	// origins are those of the rows: a name taken by sound of another origin keeps a
	// confirmation out, which ingest has told the security log.
	origins map[radio.AiringID]radio.Origin
}

type resultKey struct {
	journal radio.JournalID
	seq     uint64
}

// result is what a confirmation says, as the log must say it.
type result struct {
	word    radio.Word
	origin  radio.Origin
	start   radio.Millis // planned
	written radio.Millis // by the device's clock
	used    bool

	key      radio.AiringKey
	revision int64
	priority radio.Priority
	bulletin radio.BulletinID
	version  int
	sha256   radio.SHA256
}

type rowPlace struct {
	at     int64
	airing radio.AiringID
}

// maxResults bounds the confirmations held of one device: twenty years of many a day.
const maxResults = 1_000_000

func (w *deviceWalk) bad(f Finding) {
	f.Device, f.Code = w.dev.ID, w.dev.Code
	w.v.rep.bad(f)
}

func (w *deviceWalk) note(f Finding) {
	f.Device, f.Code = w.dev.ID, w.dev.Code
	w.v.rep.note(f)
}

func (w *deviceWalk) holds(kid string) bool {
	return slices.ContainsFunc(w.keys, func(k trust.PublicKey) bool { return k.KID == kid })
}

// key gives the device's key of a name.
func (w *deviceWalk) key(kid string) (trust.PublicKey, error) {
	for _, k := range w.keys {
		if k.KID == kid {
			return k, nil
		}
	}
	return trust.PublicKey{}, fmt.Errorf("%w: signed by key %s, of which there is no certificate", radio.ErrForbidden, clip(kid))
}

// proven gives the batch in an envelope that a key of the device has signed.
func (w *deviceWalk) proven(envelope []byte) (wire.JournalPayload, error) {
	var p wire.JournalPayload
	err := wire.Unseal(wire.Journal, string(w.dev.ID), envelope, w.key, &p)
	if err == nil {
		err = p.Check(w.dev.ID)
	}
	return p, err
}

func (w *deviceWalk) take(it Item) error {
	switch {
	case it.Book != nil:
		return w.beginBook(it.Book)
	case w.book != nil && it.Mark != nil && w.journal == nil && len(w.seen) == 0:
		return w.book.mark(it.Mark)
	case w.book != nil && it.Day != nil && w.journal == nil && len(w.seen) == 0:
		return w.book.entry(it.Day)
	case it.Journal != nil:
		if w.last != (rowPlace{}) {
			return errOrder
		}
		return w.beginJournal(it.Journal)
	case it.Row != nil:
		return w.row(it.Row)
	case w.journal == nil:
		return errOrder
	case it.Mark != nil:
		return w.journal.mark(it.Mark)
	case it.Event != nil:
		return w.journal.event(it.Event)
	case it.Batch != nil:
		return w.journal.begin(it.Batch)
	case it.Record != nil:
		return w.journal.record(it.Record)
	}
	return errOrder
}

// result notes what a record of the journal confirms.
func (w *deviceWalk) result(ref radio.JournalRef, r radio.Record) {
	c := r.Result
	if c == nil || len(w.results) >= maxResults {
		return
	}
	if w.results == nil {
		w.results = map[resultKey]result{}
	}
	word := radio.Heard{Device: ref.Device, Journal: ref.Journal, Record: r}.Word(0)
	w.results[resultKey{ref.Journal, r.Seq}] = result{word: word, origin: c.Origin, start: c.Start, written: r.At,
		key: c.Key, revision: c.Revision, priority: c.Priority, bulletin: c.Bulletin, version: c.Version, sha256: c.SHA256}
}

// row holds a row of the log against the records.
func (w *deviceWalk) row(r *Row) error {
	if w.journal != nil {
		w.journal.end()
		w.journal = nil
	}
	w.endBook()
	place := rowPlace{at: partOf(r.Row), airing: r.Row.Airing}
	if r.Row.Key.Device != w.dev.ID || place.at < w.last.at || place.at == w.last.at && place.airing <= w.last.airing {
		return fmt.Errorf("%w: row %s", errOrder, clip(string(r.Row.Airing)))
	}
	w.last = place
	w.v.rep.Rows++
	if w.origins == nil {
		w.origins = map[radio.AiringID]radio.Origin{}
	}
	if len(w.origins) < maxResults {
		w.origins[r.Row.Airing] = r.Row.Origin
	}
	row := radio.KeptRow{AsRun: r.Row, Said: r.Said}
	why, own := w.judge(row), true
	if w.book != nil {
		var settled string
		settled, own = w.book.row(row)
		why = cmp.Or(why, settled)
	}
	if why != "" {
		w.bad(Finding{Kind: LogRow, Airing: r.Row.Airing, At: r.Row.Start, Text: why})
	}
	if own && r.Row.From != radio.WordDevice {
		w.v.rep.Own++
	}
	return w.v.month.row(row)
}

// endBook judges the book of days before the first row.
func (w *deviceWalk) endBook() {
	if w.book != nil && !w.booked {
		w.booked = true
		w.book.endEntries()
	}
}

// partOf is the part of the log a row stands in: yyyymm, UTC.
func partOf(a radio.AsRun) int64 {
	y, m, _ := a.Ref().At.Time().Date()
	return int64(y)*100 + int64(m)
}

// judge says why a row does not follow from what was said; "" when it does.
func (w *deviceWalk) judge(r radio.KeptRow) string {
	for i, said := range r.Said {
		if said.N != i+1 {
			return fmt.Sprintf("the word number %d about it is missing", i+1)
		}
		if i > 0 && said.KnownAt < r.Said[i-1].KnownAt {
			w.note(Finding{Kind: LogRow, Airing: r.Airing, At: said.KnownAt, Text: "its words are not in the order of their time: the centre's clock was set back"})
		}
	}
	if why := w.v.derived(r); why != "" {
		return why
	}
	sounded, why := w.replay(r)
	if why != "" {
		return why
	}
	want := r.After(len(r.Said))
	got := r.AsRun
	switch {
	case got.Words != len(r.Said):
		return fmt.Sprintf("it counts %d words, %d are there", got.Words, len(r.Said))
	case got.Outcome != want.Outcome || got.Reason != want.Reason || got.From != want.From:
		return fmt.Sprintf("the log says %s %s, what was said gives %s %s", got.Outcome, got.Reason, want.Outcome, want.Reason)
	case got.Consumed != want.Consumed || got.Expected != want.Expected || got.StartedAt != want.StartedAt || got.AtLeast != want.AtLeast:
		return cmp.Or(firstOf([]column{{"consumed", got.Consumed, want.Consumed}, {"expected", got.Expected, want.Expected}, {"started_at", got.StartedAt, want.StartedAt}}, "what was said gives"),
			"at_least is not what was said")
	case got.Proof != want.Proof || got.Stale != want.Stale || got.Clock != want.Clock || got.KnownAt != want.KnownAt:
		return firstOf([]column{{"proof", got.Proof, want.Proof}, {"stale_programme", got.Stale, want.Stale}, {"clock", got.Clock, want.Clock}, {"known_at", got.KnownAt, want.KnownAt}}, "what was said gives")
	}
	return w.item(r, sounded)
}

// heard says why a device's word in the log is not what its record says.
func (w *deviceWalk) heard(r radio.KeptRow, said radio.Word) string {
	key := resultKey{said.Journal, said.Seq}
	res, ok := w.results[key]
	if !ok {
		return w.elsewhere(said)
	}
	want := res.word
	want.N, want.KnownAt, want.Stale = said.N, said.KnownAt, said.Stale
	switch {
	case want != said:
		return fmt.Sprintf("its word number %d is not what record %d of journal %s says", said.N, said.Seq, said.Journal)
	case res.origin != r.Origin:
		return fmt.Sprintf("record %d of journal %s speaks of sound of another origin", said.Seq, said.Journal)
	case res.used:
		return fmt.Sprintf("record %d of journal %s is counted twice", said.Seq, said.Journal)
	}
	res.used = true
	w.results[key] = res
	return ""
}

// elsewhere says why a word cannot be of a part of a journal that is not here.
func (w *deviceWalk) elsewhere(said radio.Word) string {
	j, h := w.seen[said.Journal], w.v.head
	day := radio.DateOf(said.KnownAt.Time())
	switch {
	case j == nil:
		return fmt.Sprintf("its word number %d is of journal %s, which the device does not have", said.N, clip(string(said.Journal)))
	case said.Seq > j.After && said.Seq <= j.Upto || said.Seq == 0:
		return fmt.Sprintf("record %d of journal %s, which it names, does not speak of it", said.Seq, said.Journal)
	case said.Seq > j.Upto && (h.To == "" || day < h.To):
		return fmt.Sprintf("its word number %d is record %d of journal %s, which ends at record %d", said.N, said.Seq, said.Journal, j.Upto)
	case said.Seq <= j.After && day > h.begins():
		return fmt.Sprintf("its word number %d is record %d of journal %s, of which what came then begins behind record %d", said.N, said.Seq, said.Journal, j.After)
	}
	w.v.rep.Elsewhere++
	return ""
}

// end judges what is left: confirmations without their row.
func (w *deviceWalk) end() {
	if w.journal != nil {
		w.journal.end()
	}
	w.endBook()
	if w.book != nil {
		w.book.finish()
	}
	w.finishEdges()
	w.finishForks()
	var left []resultKey
	for k, r := range w.results {
		if !r.used {
			left = append(left, k)
		}
	}
	slices.SortFunc(left, func(a, b resultKey) int {
		if a.journal != b.journal {
			return map[bool]int{true: -1, false: 1}[a.journal < b.journal]
		}
		return map[bool]int{true: -1, false: 1}[a.seq < b.seq]
	})
	for _, k := range left {
		w.unheard(k, w.results[k])
	}
}

// unheard names a confirmation that no row of the log has taken over.
func (w *deviceWalk) unheard(k resultKey, r result) {
	h := w.v.head
	if h.From != "" || h.To != "" {
		// Of a day at the edge the row may stand outside.
		for _, at := range []radio.Millis{r.start, cmp.Or(r.key.SlotAt, r.start)} {
			if day := radio.DateOf(at.Time()); day <= h.From || h.To != "" && day >= h.To {
				return
			}
		}
	}
	// What sounds past the last midnight of a month is of that month, and comes after it.
	for _, zone := range []time.Duration{-14 * time.Hour, 14 * time.Hour} {
		day := radio.DateOf(cmp.Or(r.key.SlotAt, r.start).Add(zone).Time())
		if gone, _ := h.archived(monthOf(day)); gone {
			w.v.rep.Elsewhere++
			return
		}
	}
	if origin, ok := w.origins[r.word.Airing]; ok && origin != r.origin {
		w.note(Finding{Kind: LogRow, Journal: k.journal, Seq: k.seq, Airing: r.word.Airing, At: r.written, Text: "a confirmation under the name of sound of another origin, which does not count"})
		return
	}
	w.bad(Finding{Kind: LogRow, Journal: k.journal, Seq: k.seq, Airing: r.word.Airing, At: r.written, Text: fmt.Sprintf("the device has said %s, and the log does not say so", r.word.Outcome)})
}
