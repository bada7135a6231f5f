package verify

import (
	"bytes"
	"crypto/sha256"
)

// A journal that goes two ways was written by two boards with copies of one card, or by a
// flash that lost what it had sent. The first way counts; what the device recorded on the
// other one it tells again in a new journal. So every record that it has signed must be
// somewhere: which is not is named, whoever lost it.

// content is a record without its number.
type content [16]byte

// contentOf gives what stays of a record when it is told again in another journal.
func contentOf(raw []byte) content {
	const number = `{"seq":`
	rest := raw
	if bytes.HasPrefix(raw, []byte(number)) {
		rest = bytes.TrimLeft(raw[len(number):], "0123456789")
	}
	sum := sha256.Sum256(rest)
	return content(sum[:16])
}

// forked is a record that the device has signed, under a number that another one has.
type forked struct {
	Finding
	content content
}

// tells notes a record that counts.
func (w *deviceWalk) tells(raw []byte) {
	if w.told == nil {
		w.told = map[content]bool{}
	}
	if len(w.told) < maxResults {
		w.told[contentOf(raw)] = true
	}
}

// finishForks names what was recorded on another way and is nowhere.
func (w *deviceWalk) finishForks() {
	for _, f := range w.forked {
		switch {
		case w.told[f.content]:
			f.Text += ": a second board with a copy of its card, or a flash that lost what it had sent; it was told again in another journal, where it counts"
			w.note(f.Finding)
		case w.v.head.From != "" || w.v.head.To != "":
			f.Text += "; whether it was told again in another journal the days chosen do not say"
			w.note(f.Finding)
		default:
			f.Kind = Missing
			f.Text += ", which counts nowhere: a second board with a copy of its card, or a flash that lost what it had sent, and it was not told again in another journal"
			w.bad(f.Finding)
		}
	}
}

// strayed judges a batch that follows another record than the one held, as was noted when it
// came: that other record the device has written, so it must have come, too.
func (j *journalWalk) strayed(b *Batch, e *noted) {
	f := Finding{Kind: Broken, Seq: b.New, At: b.Received, Text: "the device has signed that it follows another record than the one held; it counts all the same"}
	if _, came := j.claims[claim{b.New - 1, e.Claimed}]; came || b.New == 1 {
		j.note(f)
		return
	}
	f.Kind, f.Seq = Missing, b.New-1
	f.Text = "the device has signed that what follows stands behind another record than the one held, and that one never came: a second board with a copy of its card, or a flash that lost what it had sent"
	j.bad(f)
}
