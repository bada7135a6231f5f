package ingest

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

func TestSameBatchTenTimes(t *testing.T) {
	h := newHouse(t)
	d := h.device().boots(2)
	d.airs()
	for range 10 {
		h.send(d, wire.Journal, d.batch(1, 3))
		if ack := h.lastAck(); ack.Upto != 3 || len(ack.Rejected) != 0 || ack.Journal != d.journal {
			t.Fatalf("ack %+v", ack)
		}
	}
	if got := h.seqs(); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Errorf("reconcile heard %v", got)
	}
	if s := h.Stats(); s.Records != 3 || s.Messages != 10 || s.Refused != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestBatchesCutAnewAndProofs(t *testing.T) {
	h := newHouse(t)
	d := h.device().boots(9)
	for _, cut := range [][2]int{{1, 2}, {2, 4}, {1, 4}, {3, 6}, {7, 9}, {1, 9}} {
		h.send(d, wire.Journal, d.batch(cut[0], cut[1]))
	}
	if got := h.seqs(); !slices.Equal(got, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Fatalf("reconcile heard %v", got)
	}
	ref := radio.JournalRef{Device: d.id, Journal: d.journal}
	for seq := uint64(1); seq <= 9; seq++ {
		proof, records, err := h.db.JournalProof(t.Context(), ref, seq)
		if err != nil {
			t.Fatal(err)
		}
		if proof.Payload != nil {
			t.Errorf("record %d: the payload is kept twice", seq)
		}
		envelope, err := wire.BatchEnvelope(proof, records)
		if err != nil {
			t.Fatal(err)
		}
		var p wire.JournalPayload
		if err := wire.Unseal(wire.Journal, string(d.id), envelope, trust.Only(d.key.Public()), &p); err != nil {
			t.Fatalf("record %d: %v", seq, err)
		}
		if i := seq - p.First; !bytes.Equal(p.Records[i], d.records[seq-1]) {
			t.Errorf("record %d: the proof speaks of another", seq)
		}
	}
}

func TestPayloadThatCannotBeBuiltAgainIsKept(t *testing.T) {
	h := newHouse(t)
	d := h.device().boots(1)
	// A newer agent's field, which this centre does not know.
	payload := map[string]any{"device": d.id, "journal": d.journal, "first": 1, "prev": d.links[0].String(), "records": []wire.Raw{d.records[0]}, "later": true}
	h.send(d, wire.Journal, d.seal(wire.Journal, payload))
	proof, records, err := h.db.JournalProof(t.Context(), radio.JournalRef{Device: d.id, Journal: d.journal}, 1)
	if err != nil || proof.Payload == nil {
		t.Fatalf("proof %+v, %v", proof, err)
	}
	envelope, err := wire.BatchEnvelope(proof, records)
	if err != nil {
		t.Fatal(err)
	}
	var p wire.JournalPayload
	if err := wire.Unseal(wire.Journal, string(d.id), envelope, trust.Only(d.key.Public()), &p); err != nil {
		t.Fatal(err)
	}
}

// A batch whose predecessor was not stored (its commit failed) waits its turn.
func TestBatchAheadIsSentAgain(t *testing.T) {
	h := newHouse(t)
	d := h.device().boots(6)
	h.send(d, wire.Journal, d.batch(1, 2))
	h.send(d, wire.Journal, d.batch(5, 6))
	if ack := h.lastAck(); ack.Upto != 2 {
		t.Fatalf("ack %+v", ack)
	}
	h.send(d, wire.Journal, d.batch(3, 6))
	if ack := h.lastAck(); ack.Upto != 6 {
		t.Fatalf("ack %+v", ack)
	}
	if got := h.seqs(); !slices.Equal(got, []uint64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("reconcile heard %v", got)
	}
}

func TestPoisonRecordsAreNamedAndTheRestGoesOn(t *testing.T) {
	stranger := radio.NewID[radio.DeviceID]()
	result := func(change string) []byte {
		// A confirmation of another origin, so that its id is free.
		return []byte(strings.ReplaceAll(`{"seq":2,"at":1,"kind":"result","result":{"id":"`+string(radio.NewID[radio.AiringID]())+
			`","origin":"local","key":{},"outcome":"aired","reason":"","proof":"paced"}}`, strings.Split(change, "→")[0], strings.Split(change, "→")[1]))
	}
	for name, raw := range map[string][]byte{
		"no JSON":                    []byte("{"),
		"empty":                      {},
		"binary":                     {0, 1, 2, 0xff},
		"too large":                  []byte(`{"seq":2,"kind":"boot","booted":{"why":"` + strings.Repeat("x", radio.MaxRecordBytes) + `"}}`),
		"another seq":                []byte(`{"seq":7,"kind":"boot","booted":{}}`),
		"no kind":                    []byte(`{"seq":2}`),
		"kind without its part":      []byte(`{"seq":2,"kind":"result"}`),
		"a kind no database takes":   []byte(`{"seq":2,"kind":"a\u0000b"}`),
		"airing of another device":   result(`"key":{}→"key":{"device":"` + string(stranger) + `"}`),
		"an unknown outcome":         result(`"aired"→"heard"`),
		"the centre's own word":      result(`"aired"→"silent"`),
		"a reason no database takes": result(`"reason":""→"reason":"\u0000"`),
		"a proof no database takes":  result(`"paced"→"\u0000"`),
		"an unknown origin":          result(`"local"→"thin air"`),
		"an instant without end":     result(`"key":{}→"start":9223372036854775807,"key":{}`),
		"a key that is not its id's": result(`"local"→"schedule"`),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			d := h.device().boots(1)
			d.raw(raw)
			d.boots(1)
			for range 2 { // the reason is told again when the ack was lost
				h.send(d, wire.Journal, d.batch(1, 3))
				ack := h.lastAck()
				if ack.Upto != 3 || len(ack.Rejected) != 1 || ack.Rejected[0].Seq != 2 || ack.Rejected[0].Reason == "" {
					t.Fatalf("ack %+v", ack)
				}
			}
			if got := h.seqs(); !slices.Equal(got, []uint64{1, 3}) {
				t.Errorf("reconcile heard %v", got)
			}
			kept, err := h.db.JournalPoison(t.Context(), d.id, 10)
			if err != nil || len(kept) != 1 || !bytes.Equal(kept[0].Bytes, raw) {
				t.Errorf("quarantine %+v, %v", kept, err)
			}
		})
	}
}

func TestUnknownKindIsKept(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	d.raw([]byte(`{"seq":1,"at":5,"kind":"weather","weather":{"rain":true}}`))
	h.send(d, wire.Journal, d.batch(1, 1))
	if ack := h.lastAck(); ack.Upto != 1 || len(ack.Rejected) != 0 {
		t.Errorf("ack %+v", ack)
	}
}

// A flash that lies about its writes: the device forgot records 3 and 4 after they were
// acknowledged, and wrote others.
func TestForkedJournal(t *testing.T) {
	h := newHouse(t)
	d := h.device().boots(4)
	h.send(d, wire.Journal, d.batch(1, 4))
	held := slices.Clone(d.links)
	d.records, d.links = d.records[:2], d.links[:3]
	for range 3 {
		d.airs()
	}
	for range 2 {
		h.send(d, wire.Journal, d.batch(1, 5))
		ack := h.lastAck()
		if ack.Upto != 4 || ack.Hash != held[4] || len(ack.Rejected) != 2 || ack.Rejected[0].Seq != 3 || ack.Rejected[1].Seq != 4 {
			t.Fatalf("ack %+v", ack)
		}
		// Whose batch it was, and up to where it holds: a new journal begins there.
		if f := ack.Forked; f == nil || *f != (wire.Forked{Seq: 3, Own: d.links[3], Before: held[2]}) {
			t.Fatalf("forked %+v", f)
		}
	}
	if got := h.seqs(); !slices.Equal(got, []uint64{1, 2, 3, 4}) {
		t.Errorf("reconcile heard %v: 5 must be told in the new journal alone", got)
	}
	// A device of an older version goes on behind the head.
	h.send(d, wire.Journal, d.batch(5, 5))
	if ack := h.lastAck(); ack.Upto != 5 || ack.Hash != d.links[5] || ack.Forked != nil {
		t.Fatalf("ack %+v", ack)
	}
	disputes, err := h.db.JournalDisputes(t.Context(), d.id, 10)
	if err != nil || len(disputes) != 3 {
		t.Fatalf("disputes %+v, %v", disputes, err)
	}
	slices.SortFunc(disputes, func(a, b radio.JournalDispute) int { return int(a.Seq) - int(b.Seq) })
	for i, want := range []radio.DisputeKind{radio.DisputeFork, radio.DisputeFork, radio.DisputeBreak} {
		if disputes[i].Kind != want {
			t.Errorf("dispute %d: %+v", i, disputes[i])
		}
	}
	if first := disputes[0]; first.Held != held[3] || first.Claimed != d.links[3] || !bytes.Equal(first.Bytes, d.records[2]) || first.Envelope == nil {
		t.Errorf("fork: %+v", first)
	}
	if last := disputes[2]; last.Held != held[4] || last.Claimed != d.links[4] {
		t.Errorf("break: %+v", last)
	}
}

// The answer to a batch is about that batch: a device can hold only what it has against its
// own chain, and another board may have written what is held behind it.
func TestAnswerIsAboutTheBatch(t *testing.T) {
	h := newHouse(t)
	d := h.device().boots(8)
	h.send(d, wire.Journal, d.batch(1, 8))
	for _, c := range []struct{ first, last int }{{1, 3}, {2, 8}, {8, 8}} {
		h.send(d, wire.Journal, d.batch(c.first, c.last))
		if ack := h.lastAck(); ack.Upto != uint64(c.last) || ack.Hash != d.links[c.last] || ack.Forked != nil {
			t.Errorf("%+v: ack %+v", c, ack)
		}
	}
}

func TestChainMustBeginAtTheJournalsID(t *testing.T) {
	h := newHouse(t)
	d := newDevice(t)
	h.keys[d.id] = d.key.Public()
	d.links[0] = trust.Hash{1}
	d.boots(1)
	h.send(d, wire.Journal, d.batch(1, 1))
	disputes, err := h.db.JournalDisputes(t.Context(), d.id, 10)
	if err != nil || len(disputes) != 1 || disputes[0].Kind != radio.DisputeBreak || h.watermark(d) != 1 {
		t.Errorf("disputes %+v, %v", disputes, err)
	}
}

// A centre set back to an older copy of its database gets the records again.
func TestRestoredBackup(t *testing.T) {
	h := newHouse(t)
	d := h.device().boots(5)
	h.send(d, wire.Journal, d.batch(1, 5))
	old := filepath.Join(t.TempDir(), "old.db")
	if err := h.db.Snapshot(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	d.boots(5)
	h.send(d, wire.Journal, d.batch(6, 10))

	back := stopped(t, old).run()
	back.keys = h.keys
	if upto := back.watermark(d); upto != 5 {
		t.Fatalf("watermark %d: dispatch's welcome asks for what follows it", upto)
	}
	d.boots(1)
	back.send(d, wire.Journal, d.batch(11, 11)) // the device does not know yet
	if ack := back.lastAck(); ack.Upto != 5 {
		t.Fatalf("ack %+v", ack)
	}
	back.send(d, wire.Journal, d.batch(6, 11))
	if ack := back.lastAck(); ack.Upto != 11 {
		t.Fatalf("ack %+v", ack)
	}
	if disputes, err := back.db.JournalDisputes(t.Context(), d.id, 10); err != nil || len(disputes) != 0 {
		t.Errorf("disputes %+v, %v", disputes, err)
	}
}

// What the device no longer has cannot hold up its journal for ever.
func TestGapTheDeviceCannotFill(t *testing.T) {
	for name, c := range map[string]struct {
		oldest, head uint64
		upto         uint64
	}{
		"nothing said":              {0, 8, 2},
		"all is there":              {1, 8, 2},
		"the next is there":         {3, 8, 2},
		"records are gone":          {5, 8, 4},
		"all are gone":              {9, 8, 8},
		"more gone than ever wrote": {20, 8, 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			d := h.device().boots(8)
			h.send(d, wire.Journal, d.batch(1, 2))
			hello := d.seal(wire.Hello, wire.HelloPayload{Device: d.id, Journal: d.journal, Head: c.head, Oldest: c.oldest})
			h.send(d, wire.Hello, hello)
			if got := h.watermark(d); got != c.upto {
				t.Fatalf("watermark %d, want %d", got, c.upto)
			}
			disputes, err := h.db.JournalDisputes(t.Context(), d.id, 10)
			if err != nil || (len(disputes) == 1) != (c.upto > 2) {
				t.Errorf("disputes %+v, %v", disputes, err)
			}
			for _, gap := range disputes {
				if !bytes.Equal(gap.Envelope, hello) {
					t.Error("the device's own word was not kept with the gap")
				}
			}
			if c.upto < 8 {
				h.send(d, wire.Journal, d.batch(int(c.upto)+1, 8))
			}
			if got := h.watermark(d); got != 8 {
				t.Errorf("watermark %d", got)
			}
		})
	}
}

func TestOldBatchOfAGapIsIgnored(t *testing.T) {
	h := newHouse(t)
	d := h.device().boots(8)
	h.send(d, wire.Hello, d.seal(wire.Hello, wire.HelloPayload{Device: d.id, Journal: d.journal, Head: 8, Oldest: 5}))
	h.send(d, wire.Journal, d.batch(2, 6))
	if got := h.seqs(); fmt.Sprint(got) != "[5 6]" {
		t.Errorf("reconcile heard %v", got)
	}
	if ack := h.lastAck(); ack.Upto != 6 || len(ack.Rejected) != 0 {
		t.Errorf("ack %+v", ack)
	}
}
