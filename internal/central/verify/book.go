package verify

import (
	"fmt"
	"maps"
	"slices"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// bookWalk goes along a device's book of days, as journalWalk along a journal; then every row
// of the log is held against what the book says of it.
type bookWalk struct {
	w *deviceWalk
	DayBook
	marks []mark
	next  uint64
	link  trust.Hash
	day   radio.Date // of the last entry
	begun bool
	bad   bool // it does not hold, which was named
	told  map[radio.AiringID]toldRow
}

// toldRow is what the book says of a row.
type toldRow struct {
	radio.SettledRow
	day     radio.Date
	knownAt radio.Millis
	seen    bool
}

func (w *deviceWalk) beginBook(b *DayBook) error {
	if w.book != nil || w.journal != nil || len(w.seen) > 0 || w.last != (rowPlace{}) || b.After > 1<<62 || b.Upto > 1<<62 || b.Upto < b.After {
		return errOrder
	}
	w.book = &bookWalk{w: w, DayBook: *b, next: b.After + 1, link: b.Before, told: map[radio.AiringID]toldRow{}}
	if b.After == 0 {
		w.book.link = bookStart(w.dev.ID)
	}
	return nil
}

func (b *bookWalk) wrong(kind Kind, at radio.Millis, format string, args ...any) {
	b.bad = true
	b.w.bad(Finding{Kind: kind, At: at, Text: "the book of days: " + fmt.Sprintf(format, args...)})
}

func (b *bookWalk) mark(m *Mark) error {
	if b.next != b.After+1 || len(b.marks) >= maxMarks {
		return errOrder
	}
	one, err := b.w.v.marks.prove(m)
	if err == nil && (m.Leaf.Device != b.w.dev.ID || m.Leaf.Journal != "") {
		err = fmt.Errorf("%w: it is of something else", radio.ErrInvalid)
	}
	if err != nil {
		b.wrong(Signed, 0, "%v", err)
		return nil
	}
	if n := len(b.marks); n > 0 && b.marks[n-1].number >= one.number {
		return errOrder
	}
	if one.number == b.w.v.head.Checkpoint {
		b.w.v.marks.marked++
		b.w.counted(m)
	}
	b.marks = append(b.marks, mark{upto: m.Leaf.Upto, hash: m.Leaf.Hash, checkpoint: one})
	b.meets(b.After, b.link)
	return nil
}

// meets holds the end of the book so far against the checkpoints that end there.
func (b *bookWalk) meets(n uint64, link trust.Hash) {
	for _, m := range b.marks {
		if m.upto == n && m.hash != link && !b.bad {
			b.wrong(Rewritten, m.at, "checkpoint %d has countersigned another entry %d (up to %s)", m.number, n, b.day)
		}
	}
}

func (b *bookWalk) entry(d *Day) error {
	x := d.SettledDay
	x.Body, x.Link = nil, [32]byte{}
	if x.N != b.next || x.Device != b.w.dev.ID {
		b.wrong(Missing, x.KnownAt, "entry %d must come, %d is here", b.next, x.N)
		return nil
	}
	switch {
	case !b.begun && b.After == 0 && x.Before != "", b.begun && x.Before != b.day, x.Before > x.Day:
		b.wrong(Altered, x.KnownAt, "entry %d of %s does not follow %s", x.N, clip(string(x.Day)), b.day)
	case !b.begun && b.After > 0 && x.Before >= b.w.v.head.From:
		b.wrong(Missing, x.KnownAt, "it begins behind %s", clip(string(x.Before)))
	}
	b.begun, b.day, b.next = true, x.Day, b.next+1
	link, err := bookLink(b.link, x)
	if err != nil {
		return err
	}
	b.link = link
	b.meets(x.N, link)
	if !b.w.v.here(x.Day) {
		return nil
	}
	if len(d.Rows) == 0 && x.Rows > 0 || bodyDigest(d.Rows) != x.Digest {
		b.wrong(Altered, x.KnownAt, "the rows of %s are not those that it names", clip(string(x.Day)))
		return nil
	}
	rows, err := radio.ReadSettled(d.Rows)
	if err != nil || len(rows) != x.Rows {
		b.wrong(Altered, x.KnownAt, "the rows of %s cannot be read (%v)", clip(string(x.Day)), err)
		return nil
	}
	for _, r := range rows {
		if len(b.told) < maxResults {
			b.told[r.Airing] = toldRow{SettledRow: r, day: x.Day, knownAt: x.KnownAt}
		}
	}
	return nil
}

// here says whether all rows of a day must be here.
func (v *Verifier) here(day radio.Date) bool {
	if day < v.head.From || v.head.To != "" && day > v.head.To {
		return false
	}
	gone, _ := v.head.archived(monthOf(day))
	return !gone
}

// endEntries says whether the book goes as far as it must.
func (b *bookWalk) endEntries() {
	if b.next != b.Upto+1 {
		b.wrong(Missing, 0, "it ends at entry %d, not %d", b.next-1, b.Upto)
	}
	if len(b.marks) == 0 {
		b.wrong(Signed, 0, "no checkpoint holds it")
		return
	}
	last := b.marks[len(b.marks)-1]
	if last.upto >= b.next && !b.bad {
		b.wrong(Missing, last.at, "checkpoint %d holds %d entries, %d are here", last.number, last.upto, b.next-1)
	}
	if last.upto < b.next-1 && !b.bad {
		b.wrong(Unsigned, last.at, "no checkpoint holds the entries behind %d", last.upto)
	}
	newest, _ := b.w.v.marks.newest()
	if to := b.w.v.head.To; last.number != newest.number && (to == "" || b.day <= to) && b.next > b.After {
		b.wrong(Missing, last.at, "it ends at %s with checkpoint %d, the newest is %d", b.day, last.number, newest.number)
	}
}

// row holds a row of the log against the book; own says that it rests on the centre's word.
func (b *bookWalk) row(r radio.KeptRow) (why string, own bool) {
	t, ok := b.told[r.Airing]
	if !ok {
		return "", true
	}
	t.seen = true
	b.told[r.Airing] = t
	if b.bad {
		return "", true // it proves nothing, and that was named
	}
	since := fmt.Sprintf("is not what was countersigned of it (settled %s)", t.knownAt.Time().Format("2006-01-02 15:04Z"))
	switch plan, item := r.Told(t.SettledRow); {
	case len(r.Said) < t.Words:
		return fmt.Sprintf("%d words about it were countersigned, %d are here", t.Words, len(r.Said)), false
	case t.day != r.Day:
		return fmt.Sprintf("day %s %s: %s", r.Day, since, t.day), false
	case !t.Planned && r.FrozenAt > t.knownAt:
		b.w.note(Finding{Kind: LogRow, Airing: r.Airing, At: r.Start, Text: "sound that was heard of before it was found in a plan; what the plan says of it is the centre's word"})
		return "", true
	case !plan:
		return "its plan, place or outcome " + since, false
	case !item && !soundsOther(r, t.Words):
		return "its bulletin, version, title, author, unit or SHA-256 " + since, false
	}
	for _, w := range r.Said[t.Words:] {
		if w.From == radio.WordCentre && !(w.Outcome == radio.Silent && w.KnownAt >= r.Deadline) && !(w.Outcome == radio.Missed && w.Reason == radio.ReasonNotSynced) {
			return fmt.Sprintf("its word number %d: the centre cannot say %s of a day that has settled", w.N, w.Outcome), false
		}
	}
	return "", len(r.Said) > t.Words
}

// soundsOther says whether a device's word behind the first n may have changed what sounded.
func soundsOther(r radio.KeptRow, n int) bool {
	return slices.ContainsFunc(r.Said[n:], func(w radio.Word) bool { return w.From == radio.WordDevice && w.Consumed > 0 })
}

// finish names the rows that are gone.
func (b *bookWalk) finish() {
	for _, id := range slices.Sorted(maps.Keys(b.told)) {
		if t := b.told[id]; !t.seen && !b.bad {
			b.w.bad(Finding{Kind: Missing, Airing: id, At: t.knownAt, Text: fmt.Sprintf("the log of %s had this row when the day was countersigned, and has it no more", t.day)})
		}
	}
}
