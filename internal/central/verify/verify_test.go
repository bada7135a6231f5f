package verify

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/raced"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// lively makes a log of a device in which much has happened: batches cut anew, a poison
// record, a payload that cannot be built again, two words about one airing.
func (h *house) lively(code string) *device {
	h.t.Helper()
	d := h.device(code).boots(1)
	d.airs(radio.Aired, 100)
	d.sends(1, 2)
	h.pass(time.Minute)
	d.raw([]byte("{"))
	d.boots(1)
	d.sends(2, 4)
	h.pass(time.Minute)
	c := d.airs(radio.Partial, 40)
	c.Consumed = 60
	d.says(c)
	payload := map[string]any{"device": d.id, "journal": d.journal, "first": 5, "prev": d.links[4].String(), "records": []wire.Raw{d.records[4], d.records[5]}, "later": true}
	h.give(d, wire.Journal, must(wire.Seal(wire.Journal, string(d.id), payload, d.key))(h.t))
	return d
}

// hits says whether a finding names a record of a journal.
func hits(rep Report, d *device, seq uint64) bool {
	return slices.ContainsFunc(rep.Findings, func(f Finding) bool {
		return f.Device == d.id && f.Journal == d.journal && f.Seq <= seq && seq <= max(f.Last, f.Seq)
	})
}

func TestAllHolds(t *testing.T) {
	h := newHouse(t)
	a, b := h.lively("a"), h.lively("b")
	h.checkpoint()
	h.pass(24 * time.Hour)
	a.boots(3).sends(7, 9)
	b.boots(1)
	b.sends(3, 7)
	h.checkpoint()
	a.boots(1).sends(10, 10)
	rep := h.verify(h.opts())
	wantOK(t, rep)
	want := Counts{Devices: 2, Journals: 2, Records: 17, Batches: 9, Rows: 4, Keyrings: 1, Checkpoints: 2, Covered: 16}
	if rep.Counts != want {
		t.Errorf("counts %+v, want %+v", rep.Counts, want)
	}
	if rep.Newest != 2 || rep.Digest == (trust.Hash{}) || rep.Known != 0 {
		t.Errorf("%+v", rep)
	}
	bundle := h.bundle(Choice{})
	again := must(readBundle(bundle, h.opts()))(t)
	if !reflect.DeepEqual(again, rep) {
		t.Errorf("the bundle gives %+v\nthe database %+v", again, rep)
	}
	if ack := h.acks[a.journal]; ack.Upto != 10 || ack.Hash != a.links[10] {
		t.Errorf("ack %+v", ack)
	}
}

func (h *house) bundle(c Choice) []byte {
	h.t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	c.MadeAt = radio.At(h.now())
	if err := errors.Join(h.source().Walk(h.t.Context(), c, w.Take), w.Close()); err != nil {
		h.t.Fatal(err)
	}
	return b.Bytes()
}

func readBundle(b []byte, opts Options) (Report, error) {
	return Bundle(func(take func(Item) error) error { return Read(bytes.NewReader(b), take) }, opts)
}

// fork lets a walk go on from a state again and again.
func fork(v *Verifier) *Verifier {
	c := *v
	return &c
}

// sampled says that a test of every bit takes some of them: where no time is given, and
// under the race detector (`make test` runs this package without it too).
func sampled() bool { return testing.Short() || raced.On }

// TestEveryBit: any single flipped bit of what is kept of a journal is named, with its
// device, journal and record. Only the times at which things came to the centre are its
// own word, and no device's.
func TestEveryBit(t *testing.T) {
	h := newHouse(t)
	d := h.device("a").boots(1)
	d.airs(radio.Aired, 100)
	d.sends(1, 2)
	d.raw([]byte("{"))
	d.boots(1)
	d.sends(2, 4)
	d.boots(1)
	payload := map[string]any{"device": d.id, "journal": d.journal, "first": 5, "prev": d.links[4].String(), "records": []wire.Raw{d.records[4]}, "later": true}
	h.give(d, wire.Journal, must(wire.Seal(wire.Journal, string(d.id), payload, d.key))(t))
	h.checkpoint()
	items := h.items()
	begin := slices.IndexFunc(items, func(it Item) bool { return it.Device != nil })
	prefix := New(h.opts())
	for _, it := range items[:begin] {
		if err := prefix.Take(it); err != nil {
			t.Fatal(err)
		}
	}
	step := 1
	if sampled() {
		step = 19
	}
	flips := 0
	// try flips bits of b, which is part of items, and wants record seq named.
	try := func(what string, seq uint64, b []byte) {
		t.Helper()
		for bit := 0; bit < 8*len(b); bit += step {
			b[bit/8] ^= 1 << (bit % 8)
			flips++
			v := fork(prefix)
			for _, it := range items[begin:] {
				if err := v.Take(it); err != nil {
					t.Fatalf("%s of record %d, bit %d: %v", what, seq, bit, err)
				}
			}
			rep := v.End(true)
			if rep.OK() || !hits(rep, d, seq) {
				t.Errorf("%s of record %d: bit %d flipped, found %v", what, seq, bit, rep.Findings)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
	}
	number := func(what string, seq uint64, flip func(bit int)) {
		t.Helper()
		for _, bit := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 61} {
			flip(bit)
			v := fork(prefix)
			err := error(nil)
			for _, it := range items[begin:] {
				if err = v.Take(it); err != nil {
					break
				}
			}
			rep := v.End(err == nil)
			if err == nil && (rep.OK() || len(rep.Findings) == 0 || rep.Findings[0].Device != d.id) {
				t.Errorf("%s of record %d: bit %d flipped, found %v", what, seq, bit, rep.Findings)
			}
			flip(bit)
		}
	}
	for _, it := range items[begin:] {
		switch {
		case it.Record != nil:
			try("bytes", it.Record.Seq, it.Record.Bytes)
			try("link", it.Record.Seq, it.Record.Link[:])
			number("number", it.Record.Seq, func(bit int) { it.Record.Seq ^= 1 << bit })
			if it.Record.Poison == "" {
				number("time", it.Record.Seq, func(bit int) { it.Record.At ^= 1 << bit })
			}
		case it.Batch != nil:
			try("prev", it.Batch.New, it.Batch.Prev[:])
			try("signatures", it.Batch.New, it.Batch.Signatures)
			try("payload", it.Batch.New, it.Batch.Payload)
			number("begin of the batch", it.Batch.New, func(bit int) { it.Batch.New ^= 1 << bit })
			number("first of the batch", it.Batch.New, func(bit int) { it.Batch.First ^= 1 << bit })
			number("last of the batch", it.Batch.New, func(bit int) { it.Batch.Last ^= 1 << bit })
		case it.Journal != nil:
			try("end", it.Journal.Upto, it.Journal.Link[:])
			number("end", it.Journal.Upto, func(bit int) { it.Journal.Upto ^= 1 << bit })
		case it.Mark != nil:
			try("checkpoint", it.Mark.Leaf.Upto, it.Mark.Leaf.Hash[:])
			try("gaps", it.Mark.Leaf.Upto, it.Mark.Leaf.Gaps[:])
		}
	}
	if flips < 1000 {
		t.Errorf("only %d bits were tried", flips)
	}
}

// TestOneChange: what is dropped, swapped, doubled or cut off is named, in the database
// and in a bundle, and so are rows that do not follow from the records.
func TestOneChange(t *testing.T) {
	const where = ` WHERE device = $1 AND seq = 5`
	changes := map[string]struct {
		sql  string
		also string
		seq  uint64
		kind Kind
		all  bool // it takes the proof from other devices, too
	}{
		"a record dropped":                 {sql: `DELETE FROM journal_record` + where, seq: 5, kind: Missing},
		"the first dropped":                {sql: `DELETE FROM journal_record WHERE device = $1 AND seq = 1`, seq: 1, kind: Missing},
		"the last dropped":                 {sql: `DELETE FROM journal_record WHERE device = $1 AND seq = 6`, seq: 6, kind: Missing},
		"the end cut off":                  {sql: `DELETE FROM journal_record WHERE device = $1 AND seq >= 5`, also: `DELETE FROM journal_batch WHERE device = $1 AND new_seq = 5`, seq: 5, kind: Missing},
		"two swapped":                      {sql: `UPDATE journal_record SET seq = seq + 100 WHERE device = $1 AND seq IN (1, 2)`, also: `UPDATE journal_record SET seq = 103 - seq WHERE device = $1 AND seq > 100`, seq: 1, kind: Reordered},
		"the bytes of two swapped":         {sql: `UPDATE journal_record SET bytes = (SELECT o.bytes FROM journal_record o WHERE o.device = $1 AND o.seq = 11 - journal_record.seq) WHERE device = $1 AND seq IN (5, 6)`, seq: 5, kind: Reordered},
		"a signature dropped":              {sql: `DELETE FROM journal_batch WHERE device = $1 AND new_seq = 3`, seq: 3, kind: Unsigned},
		"the signature of another":         {sql: `UPDATE journal_batch SET signatures = (SELECT o.signatures FROM journal_batch o WHERE o.device = $1 AND o.new_seq = 3) WHERE device = $1 AND new_seq = 1`, seq: 1, kind: Unsigned},
		"a record of another's":            {sql: `UPDATE journal_record SET bytes = CAST('{"seq":4,"at":1,"boot":"","up_ms":0,"kind":"boot","clock":{},"booted":{}}' AS BLOB) WHERE device = $1 AND seq = 4`, seq: 4, kind: Altered},
		"a record set aside":               {sql: `INSERT INTO journal_quarantine (device, journal, seq, reason, received, bytes) SELECT device, journal, seq, 'bad', 1, bytes FROM journal_record WHERE device = $1 AND seq = 5`, seq: 5, kind: Altered},
		"another kind":                     {sql: `UPDATE journal_record SET kind = 'fault'` + where, seq: 5, kind: Altered},
		"the end of the journal":           {sql: `UPDATE journal_head SET upto = 4 WHERE device = $1`, seq: 6},
		"no such journal":                  {sql: `DELETE FROM journal_head WHERE device = $1`, seq: 6},
		"the journal wholly gone":          {sql: `DELETE FROM journal_record WHERE device = $1`, also: `DELETE FROM journal_head WHERE device = $1`, seq: 1, kind: Missing},
		"an outcome":                       {sql: `UPDATE airing SET outcome = 'aired' WHERE device = $1 AND outcome = 'partial'`, kind: LogRow},
		"a length":                         {sql: `UPDATE airing SET consumed = 99 WHERE device = $1 AND outcome = 'partial'`, kind: LogRow},
		"an outcome and its words":         {sql: `UPDATE airing SET outcome = 'aired' WHERE device = $1 AND outcome = 'partial'`, also: `UPDATE airing_word SET outcome = 'aired' WHERE device = $1`, kind: LogRow},
		"a word dropped":                   {sql: `DELETE FROM airing_word WHERE device = $1 AND n = 2`, kind: LogRow},
		"a word and its count":             {sql: `DELETE FROM airing_word WHERE device = $1 AND n = 2`, also: `UPDATE airing SET words = 1, consumed = 40 WHERE device = $1 AND words = 2`, kind: LogRow},
		"a row dropped":                    {sql: `DELETE FROM airing WHERE device = $1 AND outcome = 'partial'`, kind: LogRow},
		"a word that nobody said":          {sql: `UPDATE airing_word SET said = 'centre', journal = '', seq = 0 WHERE device = $1 AND n = 1`, kind: LogRow},
		"the certificate of a stranger":    {sql: `UPDATE device_certificate SET pem = (SELECT o.pem FROM device_certificate o WHERE o.device <> $1) WHERE device = $1`, kind: Keys},
		"no certificate":                   {sql: `DELETE FROM device_certificate WHERE device = $1`, seq: 1},
		"what a checkpoint says of it":     {sql: `UPDATE checkpoint_leaf SET upto = 5 WHERE device = $1`, kind: Signed, all: true},
		"a gap that is noted":              {sql: `INSERT INTO journal_conflict (device, journal, kind, seq, last_seq, held, claimed, received) SELECT device, journal, 'gap', 3, 4, x'', x'', 1 FROM journal_head WHERE device = $1`, seq: 3, kind: Altered},
		"a break that is noted":            {sql: `INSERT INTO journal_conflict (device, journal, kind, seq, last_seq, held, claimed, received) SELECT device, journal, 'break', 5, 5, x'', x'01', 1 FROM journal_head WHERE device = $1`, seq: 5, kind: Broken},
		"a word of another journal":        {sql: `UPDATE airing_word SET journal = '01ARZ3NDEKTSV4RRFFQ69G5FAV' WHERE device = $1 AND n = 2`, kind: LogRow},
		"a word of a record to come":       {sql: `UPDATE airing_word SET seq = 7 WHERE device = $1 AND n = 2`, kind: LogRow},
		"the gaps of a checkpoint":         {sql: `UPDATE checkpoint_leaf SET gaps = x'01' WHERE device = $1`, kind: Signed, all: true},
		"the checkpoint names another key": {sql: `UPDATE checkpoint_leaf SET kid = 'x' WHERE device = $1`, kind: Signed, all: true},
	}
	left := raced.Some(len(changes)) // any of them
	for name, c := range changes {
		if left--; left < 0 {
			break
		}
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			d := h.lively("a")
			h.lively("b")
			h.checkpoint()
			wantOK(t, h.verify(h.opts()))
			h.sql(c.sql, string(d.id))
			if c.also != "" {
				h.sql(c.also, string(d.id))
			}
			rep := h.verify(h.opts())
			again := must(readBundle(h.bundle(Choice{}), h.opts()))(t)
			if !reflect.DeepEqual(rep, again) {
				t.Errorf("the bundle gives %+v\nthe database %+v", again.Findings, rep.Findings)
			}
			if rep.OK() {
				t.Fatal("nothing found")
			}
			f := rep.Findings[0]
			if !c.all && f.Device != d.id || f.Code != "a" && !c.all || c.kind != "" && f.Kind != c.kind || c.seq != 0 && !hits(rep, d, c.seq) {
				t.Errorf("found %v", rep.Findings)
			}
			if c.seq != 0 && f.At == 0 && c.seq > 1 {
				t.Errorf("no time in %s", f)
			}
			for _, f := range rep.Findings {
				if f.Device != d.id && !c.all {
					t.Errorf("found of another: %s", f)
				}
			}
		})
	}
}

// TestAnyChange: in larger journals, with any cut into batches, any one record dropped,
// swapped with its neighbour, doubled, altered, or all cut off behind it, is named.
func TestAnyChange(t *testing.T) {
	h := newHouse(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	d := h.device("a")
	for len(d.records) < 300 {
		from := len(d.records)
		for range 1 + rnd.IntN(30) {
			if rnd.IntN(3) == 0 {
				d.airs(radio.Aired, 100)
			} else {
				d.boots(1)
			}
			h.pass(time.Second)
		}
		// Batches reach back over what is held already.
		for at := from; at < len(d.records); {
			first := max(1, at+1-rnd.IntN(5))
			at = min(len(d.records), max(at+1, first+rnd.IntN(wire.MaxBatch)))
			at = min(at, first+wire.MaxBatch-1)
			d.sends(first, at)
		}
		if rnd.IntN(4) == 0 {
			h.checkpoint()
		}
	}
	h.checkpoint()
	items := h.items()
	wantOK(t, judge(t, items, h.opts()))
	var at []int
	for i, it := range items {
		if it.Record != nil {
			at = append(at, i)
		}
	}
	copyOf := func(it Item) Item {
		r := *it.Record
		r.Bytes = bytes.Clone(r.Bytes)
		return Item{Record: &r}
	}
	changes := raced.Few(200)
	if testing.Short() {
		changes = 40
	}
	for n := range changes {
		i := at[rnd.IntN(len(at)-1)]
		seq := items[i].Record.Seq
		changed := slices.Clone(items)
		what := []string{"dropped", "swapped", "doubled", "altered", "cut off"}[n%5]
		switch what {
		case "dropped":
			changed = slices.Delete(changed, i, i+1)
		case "swapped":
			j := i + 1
			for changed[j].Record == nil {
				j++
			}
			changed[i], changed[j] = changed[j], changed[i]
		case "doubled":
			changed = slices.Insert(changed, i, changed[i])
		case "altered":
			changed[i] = copyOf(changed[i])
			changed[i].Record.Bytes[rnd.IntN(len(changed[i].Record.Bytes))] ^= 1 << rnd.IntN(8)
		case "cut off":
			changed = slices.DeleteFunc(changed, func(it Item) bool {
				return it.Record != nil && it.Record.Seq >= seq || it.Batch != nil && it.Batch.New >= seq
			})
			changed = slices.Clone(changed)
			for k, it := range changed {
				if it.Journal != nil {
					j := *it.Journal
					j.Upto, j.Link = seq-1, trust.Hash{}
					changed[k].Journal = &j
				}
			}
		}
		rep := judge(t, changed, h.opts())
		if rep.OK() || !hits(rep, d, seq) && !hits(rep, d, seq+1) {
			t.Errorf("record %d %s: found %v", seq, what, rep.Findings)
		}
		if f := rep.Findings[0]; f.Seq > seq+1 {
			t.Errorf("record %d %s: the first found is %s", seq, what, f)
		}
	}
}

// TestFileBits: whatever bit of a bundle's file is flipped or wherever it is cut, it is
// noticed, or it says the very same.
func TestFileBits(t *testing.T) {
	h := newHouse(t)
	h.lively("a")
	h.checkpoint()
	whole := h.bundle(Choice{})
	text := unzip(t, whole)
	step := 3
	if sampled() {
		step = 31
	}
	for i := 0; i < len(whole); i += step {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		if rep, err := readBundle(b, h.opts()); err == nil && rep.OK() && !bytes.Equal(text, unzip(t, b)) {
			t.Fatalf("byte %d changed: nothing found", i)
		}
		if rep, err := readBundle(whole[:i], h.opts()); err == nil && (rep.OK() || rep.Findings[len(rep.Findings)-1].Kind != File && rep.Findings[0].Kind != File) {
			t.Fatalf("cut at byte %d: %v", i, rep.Findings)
		}
	}
	if rep := must(readBundle(append(bytes.Clone(whole), whole...), h.opts()))(t); !rep.OK() {
		t.Logf("what follows the end is named: %v", rep.Findings)
	}
}

func unzip(t testing.TB, b []byte) []byte {
	t.Helper()
	z := must(gzip.NewReader(bytes.NewReader(b)))(t)
	return must(io.ReadAll(z))(t)
}

// TestWhoIsBelieved: nothing holds without the root, and a bundle of another province is
// not even looked at.
func TestWhoIsBelieved(t *testing.T) {
	h := newHouse(t)
	h.lively("a")
	other := newHouse(t)
	other.lively("a")
	bundle := h.bundle(Choice{})
	if _, err := readBundle(bundle, other.opts()); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("under another root: %v", err)
	}
	rep := must(readBundle(bundle, h.opts()))(t)
	if len(rep.Findings) != 1 || rep.Findings[0].Kind != Keys || !strings.Contains(rep.Findings[0].Text, "nobody vouches") {
		t.Errorf("without a checkpoint: %v", rep.Findings)
	}
	opts := h.opts()
	opts.CA = trust.Fingerprint(h.ca.Certificate())[:16]
	wantOK(t, must(readBundle(bundle, opts))(t))
	opts.CA = trust.Fingerprint(other.ca.Certificate())[:16]
	if _, err := readBundle(bundle, opts); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("under another authority: %v", err)
	}
	h.checkpoint()
	// Another authority in place of the province's: the checkpoint names the right one.
	items := h.items()
	head := *items[0].Head
	head.CA = CertificatePEM(other.ca.Certificate().Raw)
	items[0].Head = &head
	if rep := judge(t, items, h.opts()); rep.OK() || rep.Findings[0].Kind != Keys {
		t.Errorf("another authority: %v", rep.Findings)
	}
}

// TestCheckpointsChain: what somebody kept of a checkpoint proves all before it; a
// database that was cut, checkpoints and all, is found out by it.
func TestCheckpointsChain(t *testing.T) {
	h := newHouse(t)
	d := h.lively("a")
	first := h.checkpoint()
	h.pass(24 * time.Hour)
	d.boots(2).sends(7, 8)
	last := h.checkpoint()
	opts := h.opts()
	for _, c := range []radio.KeptCheckpoint{first, last} {
		opts.Held = &Held{Number: c.Number, Digest: c.Digest}
		wantOK(t, h.verify(opts))
	}
	opts.Held.Digest[0] ^= 1
	if rep := h.verify(opts); rep.OK() || rep.Findings[0].Kind != Rewritten {
		t.Errorf("another digest: %v", rep.Findings)
	}
	opts.Held = &Held{Number: last.Number, Digest: last.Digest}
	for _, q := range []string{`DELETE FROM journal_record WHERE device = $1 AND seq > 6`, `DELETE FROM journal_batch WHERE device = $1 AND new_seq > 6`,
		`UPDATE journal_head SET upto = 6, link = (SELECT link FROM journal_record WHERE device = $1 AND seq = 6) WHERE device = $1`} {
		h.sql(q, string(d.id))
	}
	if rep := h.verify(h.opts()); rep.OK() || !hits(rep, d, 7) || !hits(rep, d, 8) {
		t.Errorf("cut: %v", rep.Findings)
	}
	h.sql(`DELETE FROM checkpoint_leaf WHERE number = 2`)
	h.sql(`DELETE FROM checkpoint WHERE number = 2`)
	wantOK(t, h.verify(h.opts())) // by itself it cannot know
	if rep := h.verify(opts); rep.OK() || rep.Findings[0].Kind != Missing || !strings.Contains(rep.Findings[0].Text, "checkpoint 2") {
		t.Errorf("cut with its checkpoint: %v", rep.Findings)
	}
}

// TestRevokedKey: what a stolen online key has countersigned counts only where a later
// checkpoint by another key stands on it.
func TestRevokedKey(t *testing.T) {
	h := newHouse(t)
	d := h.lively("a")
	h.checkpoint()
	folder := filepath.Join(h.dir, "keys")
	h.pass(time.Hour)
	if _, err := nextOnline(h, folder); err != nil {
		t.Fatal(err)
	}
	rep := h.verify(h.opts())
	if rep.OK() || !slices.ContainsFunc(rep.Findings, func(f Finding) bool { return f.Kind == Signed && strings.Contains(f.Text, "revoked") }) {
		t.Errorf("only a stolen key stands for it: %v", rep.Findings)
	}
	h.checkpoint()
	wantOK(t, h.verify(h.opts()))
	d.boots(1).sends(7, 7)
	wantOK(t, h.verify(h.opts()))
}

// TestForksAndGaps: what ingest has noted with its evidence is told, and is not wrong.
func TestForksAndGaps(t *testing.T) {
	h := newHouse(t)
	// A flash that lost its last writes.
	d := h.device("a").boots(4)
	d.sends(1, 4)
	d.records, d.links = d.records[:2], d.links[:3]
	d.airs(radio.Aired, 100)
	d.boots(2)
	d.sends(1, 5)
	if rep := h.verify(h.opts()); rep.OK() || !hits(rep, d, 3) {
		t.Errorf("what came under numbers that others have, and counts nowhere: %v", rep.Findings)
	}
	d.again(3)
	d.sends(1, 3)
	// A device that no longer has what a restored centre lost.
	g := h.device("g").boots(8)
	g.sends(1, 2)
	h.give(g, wire.Hello, must(wire.Seal(wire.Hello, string(g.id), wire.HelloPayload{Device: g.id, Journal: g.journal, Head: 8, Oldest: 5}, g.key))(t))
	g.sends(5, 8)
	h.checkpoint()
	rep := h.verify(h.opts())
	wantOK(t, rep)
	if len(rep.Notes) != 3 {
		t.Errorf("notes %v", rep.Notes)
	}
	// A gap that somebody noted over records that a checkpoint has seen.
	h.sql(`DELETE FROM journal_record WHERE device = $1 AND seq IN (6, 7, 8)`, string(g.id))
	h.sql(`DELETE FROM journal_batch WHERE device = $1 AND new_seq > 5`, string(g.id))
	h.sql(`INSERT INTO journal_conflict (device, journal, kind, seq, last_seq, held, claimed, received) VALUES ($1, $2, 'gap', 6, 8, x'', x'', 1)`, string(g.id), string(g.journal))
	if rep := h.verify(h.opts()); rep.OK() || !hits(rep, g, 8) {
		t.Errorf("a gap that was made up: %v", rep.Findings)
	}
}

// TestBehindAnotherRecord: a device that was not told of its fork goes on behind it. What it
// wrote before is named; noted or not, it is not explained by what came later.
func TestBehindAnotherRecord(t *testing.T) {
	for name, fork := range map[string]bool{"the other record came": true, "it never came": false} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			d := h.device("a").boots(4)
			d.sends(1, 4)
			d.records, d.links = d.records[:3], d.links[:4]
			d.airs(radio.Aired, 100) // 4, another one
			d.boots(2)
			if fork {
				d.sends(4, 4)
			}
			d.sends(5, 6)
			rep := h.verify(h.opts())
			if rep.OK() || !hits(rep, d, 4) {
				t.Errorf("found %v, noted %v", rep.Findings, rep.Notes)
			}
			h.sql(`DELETE FROM journal_conflict WHERE device = $1 AND kind = 'break'`, string(d.id))
			if rep := h.verify(h.opts()); !hits(rep, d, 5) {
				t.Errorf("a break that nobody noted: %v", rep.Findings)
			}
		})
	}
}

// TestPartOfTheLog: a bundle of some devices, or of some days, holds by itself.
func TestPartOfTheLog(t *testing.T) {
	h := newHouse(t)
	a, b := h.lively("a"), h.lively("b")
	h.checkpoint()
	h.pass(24 * time.Hour)
	for range 3 {
		for _, d := range []*device{a, b} {
			n := len(d.records)
			d.airs(radio.Aired, 100)
			d.boots(1)
			d.sends(max(1, n), n+2) // reaches back over the day before
		}
		h.pass(time.Hour)
		h.checkpoint()
		h.pass(23 * time.Hour)
	}
	one := must(readBundle(h.bundle(Choice{Devices: []radio.DeviceID{b.id}}), h.opts()))(t)
	wantOK(t, one)
	if one.Devices != 1 || one.Records != 12 || one.Rows != 5 {
		t.Errorf("one device: %+v", one.Counts)
	}
	for from := 23; from <= 28; from++ {
		for to := from; to <= 28; to++ {
			c := must(Choice{From: radio.Date(fmt.Sprintf("2026-11-%d", from)), To: radio.Date(fmt.Sprintf("2026-11-%d", to))}.Days(zone))(t)
			rep := must(readBundle(h.bundle(c), h.opts()))(t)
			wantOK(t, rep)
			if from == 25 && to == 26 && (rep.Records != 8 || rep.Rows != 4) {
				t.Errorf("two days: %+v", rep.Counts)
			}
		}
	}
}

// FuzzRead: whatever lines come, reading them ends, and says something.
func FuzzRead(f *testing.F) {
	h := newHouse(f)
	h.lively("a")
	h.checkpoint()
	text := unzip(f, h.bundle(Choice{}))
	f.Add(text)
	for _, line := range bytes.SplitAfter(text, []byte("\n")) {
		f.Add(line)
	}
	f.Add([]byte(`{"device":{"id":"x"}}`))
	opts := h.opts()
	f.Fuzz(func(t *testing.T, lines []byte) {
		var b bytes.Buffer
		w := NewWriter(&b)
		if _, err := w.zip.Write(lines); err != nil {
			t.Fatal(err)
		}
		w.sum.Write(lines)
		w.lines = int64(bytes.Count(lines, []byte("\n")))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		rep, err := readBundle(b.Bytes(), opts)
		if err == nil && rep.OK() && rep.Devices == 0 && rep.Records != 0 {
			t.Errorf("%+v", rep)
		}
		if _, err := json.Marshal(rep); err != nil {
			t.Error(err)
		}
	})
}
