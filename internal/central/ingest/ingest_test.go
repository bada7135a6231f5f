package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

func TestNewsOfADevice(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	presence, err := wire.EncodePresence(wire.PresencePayload{State: wire.Birth, Connection: 7})
	if err != nil {
		t.Fatal(err)
	}
	hello := wire.HelloPayload{Device: d.id, Journal: d.journal, Head: 3, Nonce: "n", Connection: 7}
	receipt := wire.ReceiptPayload{Device: d.id, ID: string(radio.NewID[radio.AiringID]()), State: "done", Reason: "vì\x00 sao"}
	h.send(d, wire.Presence, presence)
	h.send(d, wire.Hello, d.seal(wire.Hello, hello))
	h.send(d, wire.Reported, d.seal(wire.Reported, radio.Status{Device: d.id, Name: "Cụm 1"}))
	h.send(d, wire.Receipt, d.seal(wire.Receipt, receipt))

	state, err := h.db.DeviceState(t.Context(), d.id)
	if err != nil || !state.Alive || state.Connection != 7 || state.LastSeen != radio.At(noon) {
		t.Errorf("state %+v, %v", state, err)
	}
	var status radio.Status
	if err := json.Unmarshal(state.Reported, &status); err != nil || status.Name != "Cụm 1" {
		t.Errorf("reported %s, %v", state.Reported, err)
	}
	var said wire.HelloPayload
	if err := json.Unmarshal(state.Hello, &said); err != nil || !reflect.DeepEqual(said, hello) || len(h.hellos) != 1 || !reflect.DeepEqual(h.hellos[0], hello) {
		t.Errorf("hello %s, handed on %+v, %v", state.Hello, h.hellos, err)
	}
	receipts, err := h.db.Receipts(t.Context(), d.id, 10)
	if err != nil || len(receipts) != 1 || receipts[0].State != "done" || receipts[0].Reason != "vì  sao" {
		t.Errorf("receipts %+v, %v", receipts, err)
	}
}

// What can never be taken is acknowledged to the broker, so that it does not come for ever.
func TestRefusedForGood(t *testing.T) {
	h := newHouse(t)
	d, other, stranger := h.device().boots(1), h.device().boots(1), newDevice(t).boots(1)
	own := func(k wire.Kind) string { return wire.UpTopic(d.id, k) }
	foreignPayload := wire.JournalPayload{Device: other.id, Journal: d.journal, First: 1, Prev: d.links[0], Records: []wire.Raw{d.records[0]}}
	bad := func(change func(*wire.JournalPayload)) []byte {
		p := wire.JournalPayload{Device: d.id, Journal: d.journal, First: 1, Prev: d.links[0], Records: []wire.Raw{d.records[0]}}
		change(&p)
		return d.seal(wire.Journal, p)
	}
	flipped := d.batch(1, 1)
	flipped[len(flipped)/2] ^= 1
	many := func(p *wire.JournalPayload) {
		for range wire.MaxBatch {
			p.Records = append(p.Records, d.records[0])
		}
	}
	for name, c := range map[string]struct {
		device, topic string
		data          []byte
	}{
		"no topic of ours":            {string(d.id), "weather/today", nil},
		"a topic of binary":           {string(d.id), "loaxa/v1/\x00", nil},
		"another device's topic":      {string(d.id), wire.UpTopic(other.id, wire.Journal), other.batch(1, 1)},
		"a down topic":                {string(d.id), wire.DownTopic(d.id, wire.Ack), nil},
		"a stranger":                  {string(stranger.id), wire.UpTopic(stranger.id, wire.Journal), stranger.batch(1, 1)},
		"signed by another device":    {string(d.id), own(wire.Journal), other.batch(1, 1)},
		"a flipped bit":               {string(d.id), own(wire.Journal), flipped},
		"for another device":          {string(d.id), own(wire.Journal), d.seal(wire.Journal, foreignPayload)},
		"under another kind":          {string(d.id), own(wire.Hello), d.batch(1, 1)},
		"empty":                       {string(d.id), own(wire.Journal), nil},
		"too large":                   {string(d.id), own(wire.Reported), []byte(strings.Repeat("x", wire.MaxMessage))},
		"no records":                  {string(d.id), own(wire.Journal), bad(func(p *wire.JournalPayload) { p.Records = nil })},
		"too many records":            {string(d.id), own(wire.Journal), bad(many)},
		"from seq 0":                  {string(d.id), own(wire.Journal), bad(func(p *wire.JournalPayload) { p.First = 0 })},
		"seq out of range":            {string(d.id), own(wire.Journal), bad(func(p *wire.JournalPayload) { p.First = 1 << 63 })},
		"no journal id":               {string(d.id), own(wire.Journal), bad(func(p *wire.JournalPayload) { p.Journal = "J" })},
		"presence of nothing":         {string(d.id), own(wire.Presence), []byte(`{"state":"asleep"}`)},
		"presence beyond all numbers": {string(d.id), own(wire.Presence), []byte(`{"state":"birth","connection":18446744073709551615}`)},
		"hello of another device":     {string(d.id), own(wire.Hello), d.seal(wire.Hello, wire.HelloPayload{Device: other.id, Journal: d.journal})},
		"hello without a journal":     {string(d.id), own(wire.Hello), d.seal(wire.Hello, wire.HelloPayload{Device: d.id})},
		"hello beyond all numbers":    {string(d.id), own(wire.Hello), d.seal(wire.Hello, wire.HelloPayload{Device: d.id, Journal: d.journal, Head: 1 << 63})},
		"report of another device":    {string(d.id), own(wire.Reported), d.seal(wire.Reported, radio.Status{Device: other.id})},
		"receipt without a state":     {string(d.id), own(wire.Receipt), d.seal(wire.Receipt, wire.ReceiptPayload{Device: d.id, ID: string(d.id)})},
		"receipt without an id":       {string(d.id), own(wire.Receipt), d.seal(wire.Receipt, wire.ReceiptPayload{Device: d.id, State: "done"})},
	} {
		t.Run(name, func(t *testing.T) {
			before := h.Stats()
			if err := h.Message(t.Context(), c.device, c.topic, c.data); err != nil {
				t.Fatalf("it would come again for ever: %v", err)
			}
			after := h.Stats()
			if after.Refused != before.Refused+1 || after.Messages != before.Messages {
				t.Errorf("stats %+v, before %+v", after, before)
			}
		})
	}
	if len(h.acks)+len(h.hellos)+len(h.heard) != 0 {
		t.Errorf("acks %v, hellos %v, records %v", h.acks, h.hellos, h.heard)
	}
	if _, err := h.db.DeviceState(t.Context(), d.id); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("something was stored: %v", err)
	}
}

// What may go through later is not acknowledged.
func TestTransientFailures(t *testing.T) {
	away := errors.New("away")
	t.Run("the key store", func(t *testing.T) {
		h := newHouse(t)
		d := h.device().boots(1)
		h.down = away
		if err := h.Message(t.Context(), string(d.id), wire.UpTopic(d.id, wire.Journal), d.batch(1, 1)); !errors.Is(err, away) {
			t.Fatalf("error %v", err)
		}
		h.down = nil
		h.send(d, wire.Journal, d.batch(1, 1))
	})
	t.Run("the database", func(t *testing.T) {
		h := newHouse(t)
		d := h.device().boots(1)
		h.apply = func([]radio.Heard) error { return away }
		if err := h.Message(t.Context(), string(d.id), wire.UpTopic(d.id, wire.Journal), d.batch(1, 1)); !errors.Is(err, away) {
			t.Fatalf("error %v", err)
		}
		if len(h.acks) != 0 || h.watermark(d) != 0 {
			t.Fatalf("acks %v, watermark %d", h.acks, h.watermark(d))
		}
		h.apply = nil
		h.send(d, wire.Journal, d.batch(1, 1))
	})
}

func TestEnrolledAgain(t *testing.T) {
	h := newHouse(t)
	d := h.device().boots(2)
	h.send(d, wire.Journal, d.batch(1, 1))
	fresh := newDevice(t)
	d.key, h.keys[d.id] = fresh.key, fresh.key.Public()

	h.send(d, wire.Journal, d.batch(1, 2)) // refused: the key was asked for just now
	if h.watermark(d) != 1 || h.Stats().Refused != 1 {
		t.Fatalf("watermark %d, stats %+v", h.watermark(d), h.Stats())
	}
	asked := h.asked
	h.pass(time.Minute)
	h.send(d, wire.Journal, d.batch(1, 2))
	if h.watermark(d) != 2 || h.asked != asked+1 {
		t.Fatalf("watermark %d, asked %d times more", h.watermark(d), h.asked-asked)
	}

	delete(h.keys, d.id)
	h.Forget(d.id)
	h.send(d, wire.Journal, d.boots(1).batch(1, 3))
	if h.watermark(d) != 2 {
		t.Error("a device taken out was heard")
	}
}

// waiting polls until n messages wait for a commit.
func (h *house) waiting(n int) {
	h.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for limit := time.After(30 * time.Second); len(h.queue) < n; {
		select {
		case <-tick.C:
		case <-limit:
			h.t.Fatalf("%d messages wait, want %d", len(h.queue), n)
		}
	}
}

func TestOneCommitForMany(t *testing.T) {
	h := stopped(t, storetest.File(t))
	const n = 40
	errs := make(chan error, n)
	for range n {
		d := h.device().boots(1)
		go func() {
			errs <- h.Message(t.Context(), string(d.id), wire.UpTopic(d.id, wire.Journal), d.batch(1, 1))
		}()
	}
	h.waiting(n)
	h.run()
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if s := h.Stats(); s.Commits != 1 || s.Records != n || len(h.acks) != n {
		t.Errorf("stats %+v, %d acks", s, len(h.acks))
	}
}

func TestOneBadMessageDoesNotKeepOthersOut(t *testing.T) {
	h := stopped(t, storetest.File(t))
	cursed := h.device().boots(1)
	h.apply = func(heard []radio.Heard) error {
		for _, r := range heard {
			if r.Device == cursed.id {
				return errors.New("the database does not take this")
			}
		}
		return nil
	}
	errs := make(chan error, 6)
	bad := make(chan error, 1)
	go func() {
		bad <- h.Message(t.Context(), string(cursed.id), wire.UpTopic(cursed.id, wire.Journal), cursed.batch(1, 1))
	}()
	for range 6 {
		d := h.device().boots(1)
		go func() {
			errs <- h.Message(t.Context(), string(d.id), wire.UpTopic(d.id, wire.Journal), d.batch(1, 1))
		}()
	}
	h.waiting(7)
	h.run()
	for range 6 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if err := <-bad; err == nil {
		t.Error("the bad message was acknowledged")
	}
}

// A database that is away fails the group at once, and not each message after its own
// timeout.
func TestDatabaseAway(t *testing.T) {
	h := stopped(t, storetest.File(t))
	const n = 20
	var tries atomic.Int64
	h.commit = func(context.Context, func(Tx) error) error {
		tries.Add(1)
		return fmt.Errorf("%w: it hangs", radio.ErrUnavailable)
	}
	errs := make(chan error, n)
	for range n {
		d := h.device().boots(1)
		go func() {
			errs <- h.Message(t.Context(), string(d.id), wire.UpTopic(d.id, wire.Journal), d.batch(1, 1))
		}()
	}
	h.waiting(n)
	h.run()
	for range n {
		if err := <-errs; !errors.Is(err, radio.ErrUnavailable) {
			t.Errorf("a message was acknowledged without a commit: %v", err)
		}
	}
	if got := tries.Load(); got != 1 {
		t.Errorf("%d transactions were tried for one group", got)
	}
}

func TestStopTurnsAway(t *testing.T) {
	h := stopped(t, storetest.File(t))
	d := h.device().boots(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	errs := make(chan error, 1)
	go func() {
		errs <- h.Message(t.Context(), string(d.id), wire.UpTopic(d.id, wire.Journal), d.batch(1, 1))
	}()
	h.waiting(1)
	if err := h.Run(ctx); err != nil {
		t.Fatal(err)
	}
	// Run may have taken the message before it saw the end; then it is committed.
	if err := <-errs; err != nil && !errors.Is(err, radio.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	if err := h.Message(ctx, string(d.id), wire.UpTopic(d.id, wire.Journal), d.batch(1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("after the stop: %v", err)
	}
}
