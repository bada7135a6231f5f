package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"loaxa/internal/central/ingest"
	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// noon of the first day, 23 November 2026, at UTC+7.
var noon = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)

// newID makes the same ids in every run, so that a failing seed fails again.
func newID[T ~string](h *house) T {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ids++
	sum := sha256.Sum256(fmt.Append(nil, h.ids))
	return radio.IDFromBytes[T]([16]byte(sum[:16]))
}

// house is reconcile with the real ingest and a real database; plans and programmes
// are kept here.
type house struct {
	*Reconciler
	t   testing.TB
	db  *store.Store
	in  *ingest.Ingest
	end func()

	mu        sync.Mutex
	ids       int
	clock     time.Time
	keys      map[radio.DeviceID]trust.PublicKey
	places    map[radio.DeviceID]radio.Place
	schedules []radio.Schedule
	alerts    map[radio.AlertID]radio.AlertRecord
	issued    map[radio.DeviceID][]radio.Issued
	acked     map[radio.JournalID]uint64
	planDown  error
}

func newHouse(t testing.TB) *house {
	t.Helper()
	db, err := store.Open(t.Context(), storetest.File(t))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, db: db, clock: noon, keys: map[radio.DeviceID]trust.PublicKey{}, places: map[radio.DeviceID]radio.Place{},
		issued: map[radio.DeviceID][]radio.Issued{}, acked: map[radio.JournalID]uint64{}}
	h.start()
	t.Cleanup(func() {
		h.end()
		if err := h.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// applyTx joins the two rooms, as the centre's composition does.
type applyTx struct {
	*store.LogTx
	r *Reconciler
}

// Apply is ingest.Tx.
func (tx applyTx) Apply(ctx context.Context, heard []radio.Heard) error {
	return tx.r.Apply(ctx, tx.LogTx, heard)
}

// start begins a new life of the centre on the same database.
func (h *house) start() {
	db := h.db
	h.Reconciler = New(quiet, func(ctx context.Context, f func(Tx) error) error {
		return db.Log(ctx, func(tx *store.LogTx) error { return f(tx) })
	}, h, h, h.now, 0)
	r := h.Reconciler
	h.in = ingest.New(quiet, func(ctx context.Context, f func(ingest.Tx) error) error {
		return db.Log(ctx, func(tx *store.LogTx) error { return f(applyTx{tx, r}) })
	}, h, h, h.now)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	in := h.in
	go func() { done <- in.Run(ctx) }()
	h.end = func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	}
}

func (h *house) restart() {
	h.end()
	h.start()
}

// restore sets the centre back to a copy of its database.
func (h *house) restore(file string) {
	h.t.Helper()
	h.end()
	if err := h.db.Close(); err != nil {
		h.t.Fatal(err)
	}
	db, err := store.Open(h.t.Context(), file)
	if err != nil {
		h.t.Fatal(err)
	}
	h.db = db
	h.start()
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

func (h *house) sweep() {
	h.t.Helper()
	if err := h.Sweep(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// Key is ingest.Devices.
func (h *house) Key(_ context.Context, d radio.DeviceID) (trust.PublicKey, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.keys[d], nil
}

// Hello is ingest.Answers.
func (h *house) Hello(context.Context, radio.DeviceID, wire.HelloPayload) error { return nil }

// Ack is ingest.Answers.
func (h *house) Ack(_ context.Context, ack wire.AckPayload) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acked[ack.Journal] = ack.Upto
	return nil
}

// Place is Plans.
func (h *house) Place(_ context.Context, d radio.DeviceID) (radio.Place, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.places[d]
	if !ok {
		return p, fmt.Errorf("place: %w", radio.ErrNotFound)
	}
	return p, nil
}

// Schedules is Plans.
func (h *house) Schedules(context.Context) ([]radio.Schedule, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.schedules), h.planDown
}

// AuditHead is Plans: everything laid down here has an id.
func (h *house) AuditHead(context.Context) (int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return int64(h.ids), nil
}

// Bulletin is Plans.
func (h *house) Bulletin(_ context.Context, id radio.BulletinID, version int) (radio.Bulletin, error) {
	return radio.Bulletin{ID: id, Version: version, Title: fmt.Sprintf("Bản tin v%d", version), Author: "Trần Thị B", Unit: "Sở VHTTDL"}, nil
}

// Alert is Plans: those that a test has laid down.
func (h *house) Alert(_ context.Context, id radio.AlertID) (radio.AlertRecord, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a, ok := h.alerts[id]
	if !ok {
		return a, fmt.Errorf("alert: %w", radio.ErrNotFound)
	}
	return a, nil
}

// IssuedRevisions is Programmes.
func (h *house) IssuedRevisions(context.Context, string) (map[radio.DeviceID]int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[radio.DeviceID]int64{}
	for d, all := range h.issued {
		out[d] = all[len(all)-1].Revision
	}
	return out, nil
}

// Issued is Programmes.
func (h *house) Issued(_ context.Context, d radio.DeviceID, _ string, revision int64) (radio.Issued, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, i := range h.issued[d] {
		if i.Revision == revision {
			return i, nil
		}
	}
	return radio.Issued{}, fmt.Errorf("programme %d: %w", revision, radio.ErrNotFound)
}

// issue keeps a programme as dispatch does, without telling reconcile.
func (h *house) issue(d *device, slots ...radio.ProgrammeSlot) radio.Programme {
	h.t.Helper()
	p := radio.Programme{Device: d.id, Revision: 1, Zone: "Asia/Ho_Chi_Minh", Slots: slots, IssuedAt: radio.At(h.now()), NotAfter: radio.At(h.now().Add(35 * 24 * time.Hour))}
	h.mu.Lock()
	defer h.mu.Unlock()
	if all := h.issued[d.id]; len(all) > 0 {
		p.Revision = all[len(all)-1].Revision + 1
	}
	seen := map[radio.BulletinID]bool{}
	for _, s := range slots {
		for _, it := range s.Items {
			if it.Kind == radio.KindAudio && !seen[it.Bulletin] {
				seen[it.Bulletin] = true
				frames := 40 * (it.Version + 1) // about 2 s and 3 s
				p.Audio = append(p.Audio, radio.ProgrammeAudio{Bulletin: it.Bulletin, Version: it.Version, Title: "tạm", Renditions: []radio.Rendition{
					{SHA256: sha(it, radio.MainKbps), Kbps: radio.MainKbps, Bytes: 1, Frames: frames, Samples: int64(frames) * radio.FrameSamples},
					{SHA256: sha(it, radio.LightKbps), Kbps: radio.LightKbps, Bytes: 1, Frames: frames, Samples: int64(frames) * radio.FrameSamples}}})
			}
		}
	}
	var kept []byte
	if isKept := func(s radio.ProgrammeSlot) bool { return s.Declined != "" }; slices.ContainsFunc(slots, isKept) {
		left := p
		left.Slots = slices.DeleteFunc(slices.Clone(slots), func(s radio.ProgrammeSlot) bool { return !isKept(s) })
		p.Declined, p.Slots = &left, slices.DeleteFunc(slices.Clone(slots), isKept)
		var err error
		if kept, err = json.Marshal(left); err != nil {
			h.t.Fatal(err)
		}
	}
	payload, err := json.Marshal(p)
	if err != nil {
		h.t.Fatal(err)
	}
	h.issued[d.id] = append(h.issued[d.id], radio.Issued{Device: d.id, Document: "programme", Revision: p.Revision, IssuedAt: p.IssuedAt, Payload: payload, Declined: kept})
	return p
}

func sha(it radio.Item, kbps int) radio.SHA256 {
	return radio.SHA256(fmt.Sprintf("%02d%02d", kbps, it.Version) + strings.Repeat("0", 60))
}

// publish issues and tells reconcile.
func (h *house) publish(d *device, slots ...radio.ProgrammeSlot) radio.Programme {
	h.t.Helper()
	p := h.issue(d, slots...)
	if err := h.Published(h.t.Context(), h.places[d.id], p, p.IssuedAt); err != nil {
		h.t.Fatal(err)
	}
	return p
}

// slot is a slot of one bulletin, every day at a local time.
func (h *house) slot(hour, minute int) radio.ProgrammeSlot {
	s := radio.Schedule{ID: newID[radio.ScheduleID](h), Code: "lich", Title: "Lịch phát", Campaign: newID[radio.CampaignID](h)}
	item := radio.Item{Entry: newID[radio.EntryID](h), Kind: radio.KindAudio, Bulletin: newID[radio.BulletinID](h), Version: 1, Repeat: 1}
	slot := newID[radio.SlotID](h)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.schedules = append(h.schedules, s)
	return radio.ProgrammeSlot{Schedule: s.ID, Slot: slot, Priority: radio.Normal, Cron: fmt.Sprintf("%d %d * * *", minute, hour), GraceSeconds: 120,
		Items: []radio.Item{item}}
}

// device is a device that writes and sends its journal.
type device struct {
	h       *house
	id      radio.DeviceID
	key     trust.Key
	journal radio.JournalID
	records [][]byte
	links   []trust.Hash
}

func (h *house) device() *device {
	h.t.Helper()
	key, err := trust.Generate()
	if err != nil {
		h.t.Fatal(err)
	}
	d := &device{h: h, id: newID[radio.DeviceID](h), key: key, journal: newID[radio.JournalID](h)}
	d.links = []trust.Hash{trust.FirstHash(d.journal)}
	n := len(h.places) + 1
	province := radio.Area{ID: newID[radio.AreaID](h), Kind: radio.Province, Name: "Tỉnh Hà Tĩnh", Zone: "Asia/Ho_Chi_Minh"}
	commune := radio.Area{ID: newID[radio.AreaID](h), Kind: radio.Commune, Name: fmt.Sprintf("Xã %d", n)}
	hamlet := radio.Area{ID: newID[radio.AreaID](h), Kind: radio.Hamlet, Name: fmt.Sprintf("Thôn %d", n)}
	h.places[d.id] = radio.Place{Device: radio.Device{ID: d.id, Code: fmt.Sprintf("cum-%d", n), Name: fmt.Sprintf("Cụm %d", n), Rendition: radio.LightKbps, Hamlet: hamlet.ID},
		Chain: []radio.Area{province, commune, hamlet}}
	h.keys[d.id] = key.Public()
	return d
}

func (d *device) record(at time.Time, r radio.Record) {
	d.h.t.Helper()
	r.Seq, r.At = uint64(len(d.records)+1), radio.At(at)
	r.Clock = radio.ClockStamp{State: "trusted", Source: "kernel"}
	b, err := json.Marshal(r)
	if err != nil {
		d.h.t.Fatal(err)
	}
	d.records = append(d.records, b)
	d.links = append(d.links, trust.NextHash(d.links[len(d.links)-1], b))
}

func (d *device) boots() {
	d.record(d.h.now(), radio.Record{Kind: radio.RecordBoot, Booted: &radio.BootRecord{Version: "1", Why: "start"}})
}

func (d *device) activates(at time.Time, revision int64) {
	d.record(at, radio.Record{Kind: radio.RecordRevision, Revision: &radio.RevisionRecord{Document: "programme", Revision: revision}})
}

// ends writes an airing's result: aired when the samples are all, else the outcome.
func (d *device) ends(a radio.Airing, revision int64, outcome radio.Outcome, why radio.Reason, consumed int64) {
	c := radio.Confirmation{ID: a.ID, Origin: radio.FromSchedule, Key: a.AiringKey, Start: radio.At(a.Start()), Revision: revision, Priority: a.Priority,
		Bulletin: a.Bulletin, Version: a.Version, SHA256: sha(radio.Item{Version: a.Version}, radio.LightKbps), Outcome: outcome, Reason: why,
		Expected: a.Samples, Consumed: consumed, Driver: "null", Proof: "paced"}
	if consumed > 0 {
		c.StartedAt, c.EndedAt = c.Start, radio.At(a.End())
	}
	d.record(a.End(), radio.Record{Kind: radio.RecordResult, Result: &c})
}

// sends delivers the records from first to last; the last of 0 is the newest.
func (d *device) sends(first, last int) {
	d.h.t.Helper()
	if last == 0 {
		last = len(d.records)
	}
	for ; first <= last; first += wire.MaxBatch {
		p := wire.JournalPayload{Device: d.id, Journal: d.journal, First: uint64(first), Prev: d.links[first-1]}
		for _, r := range d.records[first-1 : min(last, first-1+wire.MaxBatch)] {
			p.Records = append(p.Records, r)
		}
		b, err := wire.Seal(wire.Journal, string(d.id), p, d.key)
		if err != nil {
			d.h.t.Fatal(err)
		}
		if err := d.h.in.Message(d.h.t.Context(), string(d.id), wire.UpTopic(d.id, wire.Journal), b); err != nil {
			d.h.t.Fatal(err)
		}
	}
}

// rows gives a device's rows, the earliest first.
func (d *device) rows() []radio.AsRun {
	d.h.t.Helper()
	rows, err := d.h.db.AsRuns(d.h.t.Context(), radio.LogFilter{Device: d.id}, radio.LogCursor{}, 100_000)
	if err != nil {
		d.h.t.Fatal(err)
	}
	slices.Reverse(rows)
	return rows
}

func (d *device) row(id radio.AiringID) (radio.AsRun, []radio.Word) {
	d.h.t.Helper()
	row, words, err := d.h.db.AsRunHistory(d.h.t.Context(), d.id, id)
	if err != nil && !errors.Is(err, radio.ErrNotFound) {
		d.h.t.Fatal(err)
	}
	return row, words
}
