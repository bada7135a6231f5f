package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/raced"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// copied lets a test change an item without changing the others'.
func copied(it Item) Item {
	switch {
	case it.Record != nil:
		r := *it.Record
		r.Bytes = bytes.Clone(r.Bytes)
		it.Record = &r
	case it.Row != nil:
		r := *it.Row
		r.Said = slices.Clone(r.Said)
		it.Row = &r
	case it.Batch != nil:
		b := *it.Batch
		it.Batch = &b
	case it.Journal != nil:
		j := *it.Journal
		it.Journal = &j
	case it.Head != nil:
		h := *it.Head
		it.Head = &h
	case it.Device != nil:
		d := *it.Device
		it.Device = &d
	}
	return it
}

// noting puts events where they stand in a bundle: behind the marks of the one journal.
func noting(items []Item, events ...Event) []Item {
	out := slices.Clone(items)
	at := slices.IndexFunc(out, func(it Item) bool { return it.Journal != nil }) + 1
	for at < len(out) && (out[at].Mark != nil || out[at].Event != nil && out[at].Event.Seq < events[0].Seq) {
		at++
	}
	for i := range events {
		out = slices.Insert(out, at+i, Item{Event: &events[i]})
	}
	return out
}

// again makes a row follow from what is said of it.
func (r *Row) again() {
	r.Row.Words = len(r.Said)
	r.Row, _ = radio.KeptRow{AsRun: r.Row, Said: r.Said}.AsKnown(1 << 62)
}

func (h *house) hello(d *device, head, oldest uint64) []byte {
	h.t.Helper()
	return must(wire.Seal(wire.Hello, string(d.id), wire.HelloPayload{Device: d.id, Journal: d.journal, Head: head, Oldest: oldest}, d.key))(h.t)
}

// TestForgedThroughGap: a record of a batch is dropped, another of it rewritten, and both
// explained by events that nobody has signed.
func TestForgedThroughGap(t *testing.T) {
	h := newHouse(t)
	d := h.device("a").boots(2)
	d.sends(1, 2)
	d.boots(1)                // 3: to be lost
	d.airs(radio.Partial, 40) // 4: to be forged
	d.boots(3)
	d.sends(3, 7)
	d.boots(2)
	d.sends(8, 9)
	h.checkpoint()
	items := h.items()
	wantOK(t, judge(t, items, h.opts()))
	for name, evidence := range map[string][]byte{"no evidence": nil, "the device's hello": h.hello(d, 9, 4)} {
		t.Run(name, func(t *testing.T) {
			var out []Item
			links := slices.Clone(d.links)
			var forged radio.Record
			for _, it := range items {
				it = copied(it)
				switch r := it.Record; {
				case r != nil && r.Seq == 3:
					continue
				case r != nil && r.Seq == 4:
					if err := json.Unmarshal(r.Bytes, &forged); err != nil {
						t.Fatal(err)
					}
					forged.Result.Outcome, forged.Result.Consumed = radio.Aired, 100
					r.Bytes = must(json.Marshal(forged))(t)
					fallthrough
				case r != nil && r.Seq > 4 && r.Seq < 8:
					r.Link = trust.NextHash(links[r.Seq-1], r.Bytes)
					links[r.Seq] = r.Link
				case it.Row != nil:
					for i, s := range it.Row.Said {
						w := radio.Heard{Device: d.id, Journal: d.journal, Record: forged}.Word(0)
						w.N, w.KnownAt, w.Stale = s.N, s.KnownAt, s.Stale
						it.Row.Said[i] = w
					}
					it.Row.again()
				}
				out = append(out, it)
			}
			out = noting(out, Event{Kind: radio.DisputeGap, Seq: 3, Last: 3, Envelope: evidence},
				Event{Kind: radio.DisputeBreak, Seq: 8, Last: 8, Held: links[7], Claimed: d.links[7]})
			rep := judge(t, out, h.opts())
			if rep.OK() || !hits(rep, d, 3) || !hits(rep, d, 4) {
				t.Errorf("found %v", rep.Findings)
			}
		})
	}
}

// TestDroppedThroughGap: records that were countersigned are dropped with their signature,
// and a gap is noted in their place, without and with an old hello of the device.
func TestDroppedThroughGap(t *testing.T) {
	for _, c := range []struct {
		name     string
		evidence func(h *house, d *device) []byte
		later    bool // a checkpoint stands over it already when it is dropped
		ok       bool
		says     string
	}{
		{name: "no evidence", evidence: func(*house, *device) []byte { return nil }, later: true, says: "other gaps"},
		{name: "an old hello", evidence: func(h *house, d *device) []byte { return h.hello(d, 6, 5) }, later: true, says: "other gaps"},
		{name: "no evidence, before any checkpoint", evidence: func(*house, *device) []byte { return nil }, ok: true, says: "not proven"},
		{name: "of another end", evidence: func(h *house, d *device) []byte { return h.hello(d, 6, 4) }, says: "something else"},
		{name: "of another journal", evidence: func(h *house, d *device) []byte {
			other := *d
			other.journal = radio.NewID[radio.JournalID]()
			return h.hello(&other, 6, 5)
		}, says: "something else"},
		{name: "by another's key", evidence: func(h *house, d *device) []byte {
			other := *d
			other.key = must(trust.Generate())(h.t)
			return h.hello(&other, 6, 5)
		}, says: "does not hold"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			d := h.device("a").boots(2)
			d.sends(1, 2)
			h.checkpoint()
			h.pass(time.Hour)
			d.airs(radio.Aired, 100) // 3: sound that nobody may know of
			d.boots(1)
			d.sends(3, 4)
			d.boots(2)
			d.sends(5, 6)
			if c.later {
				h.checkpoint()
			}
			wantOK(t, h.verify(h.opts()))
			h.sql(`DELETE FROM journal_record WHERE device = $1 AND seq IN (3,4)`, string(d.id))
			h.sql(`DELETE FROM journal_batch WHERE device = $1 AND new_seq = 3`, string(d.id))
			h.sql(`DELETE FROM airing_word WHERE device = $1`, string(d.id))
			h.sql(`DELETE FROM airing WHERE device = $1`, string(d.id))
			h.sql(`INSERT INTO journal_conflict (device, journal, kind, seq, last_seq, held, claimed, received, envelope) VALUES ($1, $2, 'gap', 3, 4, x'', x'', 1, $3)`,
				string(d.id), string(d.journal), c.evidence(h, d))
			rep := h.verify(h.opts())
			told := fmt.Sprint(rep.Findings, rep.Notes)
			if rep.OK() != c.ok || !strings.Contains(told, c.says) {
				t.Errorf("told %s", told)
			}
			if !c.later {
				// Once a checkpoint stands over it, it is wrong for good.
				h.checkpoint()
				if rep := h.verify(h.opts()); rep.OK() || !hits(rep, d, 3) || !hits(rep, d, 4) {
					t.Errorf("under a checkpoint: %v", rep.Findings)
				}
			}
		})
	}
}

// TestGapAfterGap: a device comes back twice with less than it had before, and says so.
func TestGapAfterGap(t *testing.T) {
	h := newHouse(t)
	d := h.device("a").boots(12)
	d.sends(1, 2)
	h.checkpoint()
	h.give(d, wire.Hello, h.hello(d, 8, 5))
	wantOK(t, h.verify(h.opts()))
	h.checkpoint()
	h.give(d, wire.Hello, h.hello(d, 12, 9))
	wantOK(t, h.verify(h.opts()))
	d.sends(9, 11)
	for range 2 {
		h.checkpoint()
		rep := h.verify(h.opts())
		wantOK(t, rep)
		if len(rep.Notes) != 2 || rep.Notes[0].Last != 4 || rep.Notes[1].Last != 8 {
			t.Errorf("notes %v", rep.Notes)
		}
		d.sends(11, 12)
	}
	h.sql(`UPDATE journal_conflict SET envelope = NULL WHERE seq = 3`)
	if rep := h.verify(h.opts()); rep.OK() || !hits(rep, d, 3) {
		t.Errorf("without its evidence: %v", rep.Findings)
	}
}

// TestAnyInvention: a gap, a break or a fork that is noted anywhere in a log where there was
// none, and a word of a journal or record that there is not, is named.
func TestAnyInvention(t *testing.T) {
	h := newHouse(t)
	d := h.device("a")
	for range 6 {
		from := len(d.records)
		d.boots(3)
		d.airs(radio.Partial, 40)
		d.boots(2)
		d.sends(from+1, from+6)
		h.checkpoint()
	}
	items := h.items()
	wantOK(t, judge(t, items, h.opts()))
	n := uint64(len(d.records))
	rnd := rand.New(rand.NewPCG(3, 4))
	journals := map[string]func() (radio.JournalID, uint64){
		"an invented journal": func() (radio.JournalID, uint64) { return radio.NewID[radio.JournalID](), 1 + rnd.Uint64N(n) },
		"behind the end":      func() (radio.JournalID, uint64) { return d.journal, n + 1 + rnd.Uint64N(n) },
		"no record":           func() (radio.JournalID, uint64) { return d.journal, 0 },
		"another record":      func() (radio.JournalID, uint64) { return d.journal, 6*rnd.Uint64N(n/6) + 1 },
		"no journal":          func() (radio.JournalID, uint64) { return "", 0 },
	}
	for range raced.Some(30) {
		seq := 1 + rnd.Uint64N(n)
		last := seq + rnd.Uint64N(n-seq+1)
		for name, e := range map[string]Event{
			"gap":              {Kind: radio.DisputeGap, Seq: seq, Last: last},
			"gap with a hello": {Kind: radio.DisputeGap, Seq: seq, Last: last, Envelope: h.hello(d, n, last+1)},
			"break":            {Kind: radio.DisputeBreak, Seq: seq, Last: seq, Held: d.links[seq-1], Claimed: trust.Hash{1}},
			"true break":       {Kind: radio.DisputeBreak, Seq: seq, Last: seq, Held: trust.Hash{1}, Claimed: d.links[seq-1]},
			"fork":             {Kind: radio.DisputeFork, Seq: seq, Last: seq, Held: d.links[seq], Claimed: trust.Hash{1}, Envelope: d.batch(int(seq), int(seq))},
		} {
			if rep := judge(t, noting(items, e), h.opts()); rep.OK() || !hits(rep, d, seq) {
				t.Errorf("%s at %d: found %v", name, seq, rep.Findings)
			}
			if e.Kind != radio.DisputeGap {
				continue
			}
			// With the records gone that it is to explain.
			gone := slices.DeleteFunc(noting(items, e), func(it Item) bool {
				return it.Record != nil && it.Record.Seq >= seq && it.Record.Seq <= last || it.Batch != nil && it.Batch.New >= seq && it.Batch.Last <= last
			})
			if rep := judge(t, gone, h.opts()); rep.OK() || !hits(rep, d, seq) {
				t.Errorf("%s for %d–%d, which are gone: found %v", name, seq, last, rep.Findings)
			}
		}
		fork := Event{Kind: radio.DisputeFork, Seq: seq, Last: seq, Held: d.links[seq], Claimed: trust.Hash{1}}
		if rep := judge(t, noting(items, fork), h.opts()); !strings.Contains(fmt.Sprint(rep.Notes), "not proven") {
			t.Errorf("a fork without evidence: %v, %v", rep.Findings, rep.Notes)
		}
	}
	for name, of := range journals {
		out := slices.Clone(items)
		at := slices.IndexFunc(out, func(it Item) bool { return it.Row != nil })
		row := *copied(out[at]).Row
		w := row.Said[0]
		w.N, w.Outcome, w.Consumed, w.Reason = 2, radio.Aired, 100, ""
		w.Journal, w.Seq = of()
		row.Said = append(row.Said, w)
		row.again()
		out[at] = Item{Row: &row}
		if rep := judge(t, out, h.opts()); rep.OK() || rep.Findings[0].Kind != LogRow || rep.Findings[0].Airing != row.Row.Airing {
			t.Errorf("a word of %s: found %v", name, rep.Findings)
		}
	}
}

// TestInventedArchive: records cannot be said to rest in an archive where there is none, nor
// words to be in it that came after it.
func TestInventedArchive(t *testing.T) {
	h := newHouse(t)
	d := h.device("a").boots(2)
	d.sends(1, 2)
	d.airs(radio.Partial, 40)
	d.sends(3, 3)
	h.checkpoint()
	h.sql(`DELETE FROM journal_record WHERE device = $1 AND seq <= 2`, string(d.id))
	h.sql(`DELETE FROM journal_batch WHERE device = $1 AND new_seq = 1`, string(d.id))
	h.sql(`INSERT INTO journal_archived (device, journal, upto, link) VALUES ($1, $2, 2, $3)`, string(d.id), string(d.journal), d.links[2][:])
	if rep := h.verify(h.opts()); rep.OK() || !hits(rep, d, 1) {
		t.Errorf("found %v", rep.Findings)
	}
	h.sql(`INSERT INTO month_archived (month, file, sha256, bytes, verified_at, done_at) VALUES ('2026-09', 'x', 'x', 1, 1, 1)`)
	wantOK(t, h.verify(h.opts()))
	h.sql(`UPDATE airing_word SET seq = 2 WHERE device = $1`, string(d.id))
	if rep := h.verify(h.opts()); rep.OK() || rep.Findings[0].Kind != LogRow {
		t.Errorf("found %v", rep.Findings)
	}
}

// TestTalkingWhileVerified: what devices say while the log is walked is neither wrong nor
// in the way.
func TestTalkingWhileVerified(t *testing.T) {
	h := newHouse(t)
	d := h.lively("a")
	h.checkpoint()
	once := false
	rep := must(Bundle(func(take func(Item) error) error {
		return h.source().Walk(t.Context(), Choice{MadeAt: radio.At(h.now())}, func(it Item) error {
			if it.Row != nil && !once || it.Record != nil && it.Record.Seq == 6 {
				once = once || it.Row != nil
				n := len(d.records)
				d.airs(radio.Aired, 100)
				d.sends(n+1, n+1)
				d.begin()
				d.airs(radio.Aired, 100)
				d.sends(1, 1)
			}
			return take(it)
		})
	}, h.opts()))(t)
	wantOK(t, rep)
	wantOK(t, h.verify(h.opts()))
}
