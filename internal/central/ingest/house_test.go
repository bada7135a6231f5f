package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

var noon = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)

// house is an Ingest on a real database, with recording neighbours.
type house struct {
	*Ingest
	t     testing.TB
	db    *store.Store
	apply func(heard []radio.Heard) error

	mu     sync.Mutex
	clock  time.Time
	keys   map[radio.DeviceID]trust.PublicKey
	asked  int
	down   error // of the key store
	heard  []radio.Heard
	hellos []wire.HelloPayload
	acks   []wire.AckPayload
}

// Key is Devices.
func (h *house) Key(_ context.Context, d radio.DeviceID) (trust.PublicKey, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	if h.down != nil {
		return trust.PublicKey{}, h.down
	}
	k, ok := h.keys[d]
	if !ok {
		return k, fmt.Errorf("device %s: %w", d, radio.ErrNotFound)
	}
	return k, nil
}

// Hello is Answers.
func (h *house) Hello(_ context.Context, _ radio.DeviceID, p wire.HelloPayload) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hellos = append(h.hellos, p)
	return nil
}

// Ack is Answers.
func (h *house) Ack(_ context.Context, ack wire.AckPayload) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acks = append(h.acks, ack)
	return nil
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = h.clock.Add(d)
}

type houseTx struct {
	*store.LogTx
	h *house
}

// Apply is Tx: it records in place of reconcile.
func (tx houseTx) Apply(_ context.Context, heard []radio.Heard) error {
	if tx.h.apply != nil {
		if err := tx.h.apply(heard); err != nil {
			return err
		}
	}
	tx.h.mu.Lock()
	defer tx.h.mu.Unlock()
	tx.h.heard = append(tx.h.heard, heard...)
	return nil
}

// stopped makes a house whose Run does not run yet.
func stopped(t testing.TB, dsn string) *house {
	t.Helper()
	db, err := store.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, db: db, clock: noon, keys: map[radio.DeviceID]trust.PublicKey{}}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	h.Ingest = New(quiet, func(ctx context.Context, f func(Tx) error) error {
		return db.Log(ctx, func(tx *store.LogTx) error { return f(houseTx{tx, h}) })
	}, h, h, h.now)
	return h
}

// run starts Run and ends it before the store closes.
func (h *house) run() *house {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	})
	return h
}

func newHouse(t testing.TB) *house {
	t.Helper()
	return stopped(t, storetest.File(t)).run()
}

// device is a device with a key and a journal it chains itself.
type device struct {
	t       testing.TB
	id      radio.DeviceID
	key     trust.Key
	journal radio.JournalID
	records [][]byte
	links   []trust.Hash // links[n] is the link of record n; links[0] stands before the first
}

func (h *house) device() *device {
	h.t.Helper()
	d := newDevice(h.t)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys[d.id] = d.key.Public()
	return d
}

func newDevice(t testing.TB) *device {
	t.Helper()
	key, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	d := &device{t: t, id: radio.NewID[radio.DeviceID](), key: key, journal: radio.NewID[radio.JournalID]()}
	d.links = []trust.Hash{trust.FirstHash(d.journal)}
	return d
}

func (d *device) raw(b []byte) {
	d.records = append(d.records, b)
	d.links = append(d.links, trust.NextHash(d.links[len(d.links)-1], b))
}

func (d *device) record(r radio.Record) {
	d.t.Helper()
	r.Seq = uint64(len(d.records) + 1)
	r.At = radio.At(noon) + radio.Millis(r.Seq)
	b, err := json.Marshal(r)
	if err != nil {
		d.t.Fatal(err)
	}
	d.raw(b)
}

// boots writes n harmless records.
func (d *device) boots(n int) *device {
	d.t.Helper()
	for range n {
		d.record(radio.Record{Kind: radio.RecordBoot, Booted: &radio.BootRecord{Version: "1", Why: "start"}})
	}
	return d
}

// airs writes a confirmation.
func (d *device) airs() radio.Confirmation {
	d.t.Helper()
	key := radio.AiringKey{Device: d.id, Schedule: radio.NewID[radio.ScheduleID](), Slot: radio.NewID[radio.SlotID](), SlotAt: radio.At(noon), Entry: radio.NewID[radio.EntryID](), Repeat: 1}
	c := radio.Confirmation{ID: key.ID(), Origin: radio.FromSchedule, Key: key, Start: radio.At(noon), Revision: 5, Priority: radio.Normal,
		Bulletin: radio.NewID[radio.BulletinID](), Version: 1, SHA256: "3b7cf1d1c1a5b2c4d3e4f5061728394a5b6c7d8e9f00112233445566778899aa",
		Outcome: radio.Aired, StartedAt: radio.At(noon), EndedAt: radio.At(noon) + 60000, Expected: 60 * 44100, Consumed: 60 * 44100,
		Driver: "null", Output: "null", Proof: "paced"}
	d.record(radio.Record{Kind: radio.RecordResult, Clock: radio.ClockStamp{State: "trusted", Source: "kernel"}, Result: &c})
	return c
}

// batch signs the records from first to last.
func (d *device) batch(first, last int) []byte {
	d.t.Helper()
	p := wire.JournalPayload{Device: d.id, Journal: d.journal, First: uint64(first), Prev: d.links[first-1]}
	for _, r := range d.records[first-1 : last] {
		p.Records = append(p.Records, r)
	}
	return d.seal(wire.Journal, p)
}

func (d *device) seal(k wire.Kind, payload any) []byte {
	d.t.Helper()
	b, err := wire.Seal(k, string(d.id), payload, d.key)
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

// send gives the message and wants it taken.
func (h *house) send(d *device, k wire.Kind, data []byte) {
	h.t.Helper()
	if err := h.Message(h.t.Context(), string(d.id), wire.UpTopic(d.id, k), data); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) lastAck() wire.AckPayload {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.acks) == 0 {
		h.t.Fatal("no ack")
	}
	return h.acks[len(h.acks)-1]
}

func (h *house) watermark(d *device) uint64 {
	h.t.Helper()
	head, err := h.db.JournalHead(h.t.Context(), radio.JournalRef{Device: d.id, Journal: d.journal})
	if err != nil {
		h.t.Fatal(err)
	}
	return head.Upto
}

// seqs lists what reconcile was handed.
func (h *house) seqs() []uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []uint64
	for _, r := range h.heard {
		out = append(out, r.Record.Seq)
	}
	return out
}
