package ingest

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// hello of one board; n chooses it, 0 has no name.
func (d *device) hello(n byte) []byte {
	d.t.Helper()
	p := wire.HelloPayload{Device: d.id, Journal: d.journal, Nonce: "n", Connection: 7}
	if n != 0 {
		p.Machine = base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat(string(rune('a'+n)), 16)))
	}
	return d.seal(wire.Hello, p)
}

// One board at a time may hold an identity; which ones did is kept for whoever judges it.
func TestBoardsOfAnIdentity(t *testing.T) {
	h := newHouse(t)
	good, copied := h.device(), h.device()
	for range 4 {
		h.send(good, wire.Hello, good.hello(1))
		for n := range byte(2) {
			h.pass(time.Minute)
			h.send(copied, wire.Hello, copied.hello(n+1))
		}
	}
	h.send(good, wire.Hello, good.hello(0))
	returns, err := h.db.MachineReturns(t.Context(), 0)
	if err != nil || returns[good.id] != 0 || returns[copied.id] != 6 {
		t.Errorf("returns %v %v", returns, err)
	}
	boards, err := h.db.DeviceMachines(t.Context(), copied.id)
	if err != nil || len(boards) != 2 || boards[0].LastAt != radio.At(h.now()) || boards[0].Returns != 3 {
		t.Errorf("boards %+v %v", boards, err)
	}
}

// Two boards that name the same number, or none, are told apart by their journals; a board
// that names none is another one than the named one before. One that only began another
// journal, or never named a number, is one board.
func TestBoardsOfOneNumber(t *testing.T) {
	for name, c := range map[string]struct {
		boards   string // number of each hello's board
		journals string // its journal
		want     int
	}{
		"the same number":          {"11111", "ababa", 3},
		"without numbers":          {"00000", "ababa", 3},
		"one hides its number":     {"10101", "aaaaa", 3},
		"numbers and journals":     {"12121", "ababa", 3},
		"another journal for good": {"11111", "aabbb", 0},
		"never a number":           {"00000", "aaaaa", 0},
		"a number at last":         {"00111", "aaaaa", 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			d := h.device()
			ids := map[byte]radio.JournalID{'a': d.journal, 'b': radio.NewID[radio.JournalID]()}
			for i := range c.boards {
				d.journal = ids[c.journals[i]]
				h.send(d, wire.Hello, d.hello(c.boards[i]-'0'))
				h.pass(time.Minute)
			}
			returns, err := h.db.MachineReturns(t.Context(), 0)
			if err != nil || returns[d.id] != c.want {
				t.Errorf("returns %v %v", returns, err)
			}
			boards, err := h.db.DeviceMachines(t.Context(), d.id)
			if err != nil || len(boards) > 2 {
				t.Errorf("boards %+v %v", boards, err)
			}
			for _, b := range boards {
				if b.IsJournal() {
					t.Errorf("a journal is shown as a board: %+v", b)
				}
			}
		})
	}
}

// Two hellos of one device may come in one commit.
func TestBoardsInOneCommit(t *testing.T) {
	h := stopped(t, t.TempDir()+"/loaxa.db")
	d := h.device()
	w := writer{tx: nil, boards: nil}
	if err := w.putMachines(t.Context()); err != nil {
		t.Error("nothing to note:", err)
	}
	err := h.commit(t.Context(), func(tx Tx) error {
		w := writer{tx: tx}
		for i, m := range []string{"a", "b", "a", "b", "c", "d", "e", "f", "g", "h", "i"} {
			w.boards = append(w.boards, board{d.id, m, radio.At(noon) + radio.Millis(i)})
		}
		return w.putMachines(t.Context())
	})
	if err != nil {
		t.Fatal(err)
	}
	boards, err := h.db.DeviceMachines(t.Context(), d.id)
	if err != nil || len(boards) != radio.MaxMachines || boards[0].Machine != "i" {
		t.Errorf("boards %+v %v", boards, err)
	}
}

// What a board calls itself is bounded, like everything from outside.
func TestBoardNamesAreBounded(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	for _, name := range []string{"short", strings.Repeat("a", 23), "aaaaaaaaaaaaaaaaaaaa'--"} {
		h.send(d, wire.Hello, d.seal(wire.Hello, wire.HelloPayload{Device: d.id, Journal: d.journal, Machine: name}))
	}
	if h.Stats().Refused != 3 {
		t.Errorf("%d refused", h.Stats().Refused)
	}
}

// A device that was taken out is not heard, nor believed to be there.
func TestStrangersPresence(t *testing.T) {
	h := newHouse(t)
	d := newDevice(t) // no key is known
	birth, err := wire.EncodePresence(wire.PresencePayload{State: wire.Birth, Connection: 3})
	if err != nil {
		t.Fatal(err)
	}
	h.send(d, wire.Presence, birth)
	h.send(d, wire.Presence, nil) // clears what an external broker keeps
	if s := h.Stats(); s.Refused != 1 || s.Messages != 0 {
		t.Errorf("%+v", s)
	}
}
