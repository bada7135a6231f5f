package ingest

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// memory is a Tx without a database (instrumented SQLite is too slow to fuzz), as
// strict as the strictest of them: text is UTF-8 without NUL, numbers have a sign.
type memory struct {
	t     *testing.T
	heads map[radio.JournalRef]radio.JournalHead
	links map[radio.JournalRef]map[uint64][32]byte
	heard int
}

func newMemory() *memory {
	return &memory{heads: map[radio.JournalRef]radio.JournalHead{}, links: map[radio.JournalRef]map[uint64][32]byte{}}
}

func (m *memory) text(all ...string) {
	for _, s := range all {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			m.t.Errorf("no database takes %q", s)
		}
	}
}

func (m *memory) number(all ...uint64) {
	for _, n := range all {
		if n > 1<<63-1 {
			m.t.Errorf("no database takes %d", n)
		}
	}
}

func (m *memory) JournalHeads(_ context.Context, refs []radio.JournalRef) (map[radio.JournalRef]radio.JournalHead, error) {
	out := map[radio.JournalRef]radio.JournalHead{}
	for _, r := range refs {
		if h, ok := m.heads[r]; ok {
			out[r] = h
		}
	}
	return out, nil
}

func (m *memory) JournalLinks(_ context.Context, ref radio.JournalRef, _, _ uint64) (map[uint64][32]byte, error) {
	return maps.Clone(m.links[ref]), nil
}

func (m *memory) WriteJournal(_ context.Context, w radio.JournalWrite) error {
	for _, e := range w.Entries {
		m.text(string(e.Device), string(e.Journal), string(e.Kind), e.Poison)
		m.number(e.Seq)
		if m.links[e.JournalRef] == nil {
			m.links[e.JournalRef] = map[uint64][32]byte{}
		}
		if _, twice := m.links[e.JournalRef][e.Seq]; twice {
			m.t.Errorf("record %d stored twice", e.Seq)
		}
		m.links[e.JournalRef][e.Seq] = e.Link
	}
	for _, h := range w.Heads {
		m.number(h.Upto)
		m.heads[h.JournalRef] = h
	}
	for _, d := range w.Disputes {
		m.number(d.Seq, d.Last)
	}
	return nil
}

func (m *memory) PutNews(_ context.Context, news []radio.DeviceNews) error {
	for _, n := range news {
		m.number(n.Connection)
	}
	return nil
}

func (m *memory) IssuedTo(_ context.Context, receipts []radio.Receipt) ([]bool, error) {
	return make([]bool, len(receipts)), nil
}

func (m *memory) PutReceipts(_ context.Context, receipts []radio.Receipt) error {
	for _, r := range receipts {
		m.text(r.ID, string(r.State), r.Reason)
	}
	return nil
}

func (m *memory) Machines(context.Context, []radio.DeviceID) (map[radio.DeviceID][]radio.DeviceMachine, error) {
	return map[radio.DeviceID][]radio.DeviceMachine{}, nil
}

func (m *memory) PutMachines(_ context.Context, now, _ []radio.DeviceMachine) error {
	for _, b := range now {
		m.text(string(b.Device), b.Machine)
	}
	return nil
}

func (m *memory) Apply(_ context.Context, heard []radio.Heard) error {
	m.heard += len(heard)
	for _, h := range heard {
		c := h.Record.Result
		if c == nil {
			continue
		}
		m.text(string(c.ID), string(c.Origin), string(c.Key.Schedule), string(c.Key.Slot), string(c.Key.Entry), string(c.Bulletin),
			string(c.SHA256), string(c.Outcome), string(c.Reason), c.Proof, string(c.Priority))
		if r := c.Ref(h.Device); r.Device != h.Device || r.At < 0 {
			m.t.Errorf("a row of another device or time: %+v", r)
		}
	}
	return nil
}

// FuzzMessage: whatever a device signs or does not sign, ingest neither panics nor asks
// for it again, and a journal goes on behind any record.
func FuzzMessage(f *testing.F) {
	d := newDevice(f)
	f.Add(0, []byte(`{}`))
	f.Add(0, []byte(`{"device":"`+string(d.id)+`","journal":"`+string(d.journal)+`","first":1,"records":["e30"]}`))
	f.Add(0, []byte(`{"first":-1,"records":[null]}`))
	f.Add(1, []byte(`{"nonce":"\u0000","connection":18446744073709551615}`))
	f.Add(2, []byte(`{"device":"`+string(d.id)+`"}`))
	f.Add(3, []byte(`{"state":"done","reason":"\u0000"}`))
	f.Add(4, []byte(`{"state":"birth","connection":1e99}`))
	f.Add(5, []byte(`{"seq":1,"kind":"boot","booted":{}}`))
	f.Add(5, []byte(`{"seq":1,"kind":"result","result":{"id":"\u0000","outcome":"aired","key":{"slot_at":-1}}}`))
	f.Add(5, []byte("\x00"))
	kinds := []wire.Kind{wire.Journal, wire.Hello, wire.Reported, wire.Receipt, wire.Presence}
	h := &house{t: f, clock: noon, keys: map[radio.DeviceID]trust.PublicKey{d.id: d.key.Public()}}
	var tx *memory
	h.Ingest = New(quiet, func(_ context.Context, do func(Tx) error) error { return do(tx) }, h, h, h.now)
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		tx = newMemory()
		tx.t = t
		h.acks = nil
		if which == len(kinds) {
			if len(data) > 90_000 {
				return
			}
			one := &device{t: t, id: d.id, key: d.key, journal: d.journal, links: d.links[:1]}
			one.raw(data)
			h.take(t, d.id, wire.Journal, one.batch(1, 1))
			if len(h.acks) != 1 || h.acks[0].Upto != 1 {
				t.Fatalf("the journal does not go on: %+v", h.acks)
			}
			return
		}
		kind := kinds[max(which, 0)%len(kinds)]
		h.take(t, d.id, kind, data)
		if kind != wire.Presence && len(data) <= kind.MaxPayload() && json.Valid(data) {
			signed, err := wire.Seal(kind, string(d.id), json.RawMessage(data), d.key)
			if err != nil {
				return // JSON that grows beyond its size when written out
			}
			h.take(t, d.id, kind, signed)
		}
	})
}

// take is Message with one commit by hand instead of Run.
func (h *house) take(t *testing.T, device radio.DeviceID, kind wire.Kind, data []byte) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- h.Message(t.Context(), string(device), wire.UpTopic(device, kind), data) }()
	limit := time.After(10 * time.Second)
	for {
		select {
		case j := <-h.queue:
			h.commitGroup(t.Context(), []*job{j})
		case err := <-done:
			if err != nil {
				t.Fatalf("%s would come again: %v", kind, err)
			}
			return
		case <-limit:
			t.Fatal("Message does not return")
		}
	}
}
