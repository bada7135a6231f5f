package verify

import (
	"context"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"loaxa/internal/central/identity"
	"loaxa/internal/central/ingest"
	"loaxa/internal/central/reconcile"
	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// noon of 23 November 2026, at UTC+7.
var noon = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)

var zone = time.FixedZone("+07", 7*3600)

// house is the real ingest and reconcile on a real database, with a real authority and
// root key.
type house struct {
	t       testing.TB
	dir     string
	db      *store.Store
	in      *ingest.Ingest
	rec     *reconcile.Reconciler
	root    trust.Key
	keys    *identity.Keys
	ca      *identity.CA
	keeper  *Keeper
	closer  *Closer
	area    radio.Area
	commune radio.Area
	hamlet  radio.Area

	mu    sync.Mutex
	clock time.Time
	known map[radio.DeviceID]trust.PublicKey
	acks  map[radio.JournalID]wire.AckPayload
}

func newHouse(t testing.TB) *house {
	t.Helper()
	dir := t.TempDir()
	h := &house{t: t, dir: dir, clock: noon, known: map[radio.DeviceID]trust.PublicKey{}, acks: map[radio.JournalID]wire.AckPayload{}}
	h.db = must(store.Open(t.Context(), storetest.FileIn(t, dir)))(t)
	h.area = radio.Area{ID: radio.NewID[radio.AreaID](), Code: "tinh", Kind: radio.Province, Name: "Tỉnh", Zone: "Asia/Ho_Chi_Minh"}
	h.commune = radio.Area{ID: radio.NewID[radio.AreaID](), Code: "xa", Kind: radio.Commune, Name: "Xã", Parent: h.area.ID}
	h.hamlet = radio.Area{ID: radio.NewID[radio.AreaID](), Code: "thon", Kind: radio.Hamlet, Name: "Thôn", Parent: h.commune.ID}
	h.plan(radio.PlanChange{Areas: []radio.Area{h.area, h.commune, h.hamlet}})
	h.root = must(trust.Generate())(t)
	h.ca = must(identity.OpenCA(filepath.Join(dir, "ca"), "Tỉnh", h.now))(t)
	ends := trust.Endpoints{Brokers: []string{"mqtts://a:1"}, Media: []string{"https://a:2"}}
	if err := identity.MakeKeys(filepath.Join(dir, "keys"), h.root, h.area.ID, ends, nil, h.now()); err != nil {
		t.Fatal(err)
	}
	h.keys = must(identity.OpenKeys(filepath.Join(dir, "keys"), h.area.ID))(t)
	h.keeper = NewKeeper(quiet, h.db, h.keys, trust.Fingerprint(h.ca.Certificate()), zone, h.now)
	h.closer = h.keeper.CloseMonths(h.db, 10)
	h.keeper.SettleDays(h.db)
	r := reconcile.New(quiet, func(ctx context.Context, f func(reconcile.Tx) error) error {
		return h.db.Log(ctx, func(tx *store.LogTx) error { return f(tx) })
	}, h.db, h.db, h.now, 0)
	h.rec = r
	h.in = ingest.New(quiet, func(ctx context.Context, f func(ingest.Tx) error) error {
		return h.db.Log(ctx, func(tx *store.LogTx) error { return f(applyTx{tx, r}) })
	}, h, h, h.now)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.in.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := h.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

type applyTx struct {
	*store.LogTx
	r *reconcile.Reconciler
}

// Apply is ingest.Tx.
func (tx applyTx) Apply(ctx context.Context, heard []radio.Heard) error {
	return tx.r.Apply(ctx, tx.LogTx, heard)
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

// Key is ingest.Devices.
func (h *house) Key(_ context.Context, d radio.DeviceID) (trust.PublicKey, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, ok := h.known[d]
	if !ok {
		return k, fmt.Errorf("device: %w", radio.ErrNotFound)
	}
	return k, nil
}

// Hello is ingest.Answers.
func (h *house) Hello(context.Context, radio.DeviceID, wire.HelloPayload) error { return nil }

// Ack is ingest.Answers.
func (h *house) Ack(_ context.Context, a wire.AckPayload) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acks[a.Journal] = a
	return nil
}

func (h *house) plan(c radio.PlanChange) {
	h.t.Helper()
	c.At, c.Author, c.Approver = radio.At(h.now()), "a", "b"
	if err := h.db.ApplyPlan(h.t.Context(), c); err != nil {
		h.t.Fatal(err)
	}
}

// device writes and sends a journal.
type device struct {
	h       *house
	id      radio.DeviceID
	key     trust.Key
	journal radio.JournalID
	records [][]byte
	links   []trust.Hash
	count   int64
}

func (h *house) device(code string) *device {
	h.t.Helper()
	d := &device{h: h, id: radio.NewID[radio.DeviceID](), key: must(trust.Generate())(h.t)}
	h.plan(radio.PlanChange{Devices: []radio.Device{{ID: d.id, Code: code, Name: "Cụm " + code, Hamlet: h.hamlet.ID, Rendition: radio.MainKbps}}})
	secret := string(d.id)
	now := radio.At(h.now())
	if err := h.db.AddEnrolmentCode(h.t.Context(), radio.EnrolmentCode{SecretHash: secret, Device: d.id, CreatedBy: "a", CreatedAt: now, ExpiresAt: now + 1000}); err != nil {
		h.t.Fatal(err)
	}
	cert := must(h.ca.Device(d.id, d.key.Public().Ed25519()))(h.t)
	jwk := must(d.key.Public().MarshalJSON())(h.t)
	c := radio.Certificate{Serial: cert.SerialNumber.Text(16), Device: d.id, KID: d.key.KID(), JWK: string(jwk), PEM: CertificatePEM(cert.Raw), IssuedAt: now, NotAfter: radio.At(cert.NotAfter)}
	if err := h.db.Enrol(h.t.Context(), secret, c); err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	h.known[d.id] = d.key.Public()
	h.mu.Unlock()
	d.begin()
	return d
}

func (d *device) begin() {
	d.journal = radio.NewID[radio.JournalID]()
	d.records, d.links = nil, []trust.Hash{trust.FirstHash(d.journal)}
}

func (d *device) raw(b []byte) {
	d.records = append(d.records, b)
	d.links = append(d.links, trust.NextHash(d.links[len(d.links)-1], b))
}

func (d *device) record(r radio.Record) {
	d.h.t.Helper()
	r.Seq, r.At = uint64(len(d.records)+1), radio.At(d.h.now())
	d.raw(must(json.Marshal(r))(d.h.t))
}

func (d *device) boots(n int) *device {
	d.h.t.Helper()
	for range n {
		d.record(radio.Record{Kind: radio.RecordBoot, Booted: &radio.BootRecord{Version: "1", Why: "start"}})
	}
	return d
}

// airs writes the confirmation of an airing that is planned nowhere here.
func (d *device) airs(outcome radio.Outcome, consumed int64) radio.Confirmation {
	d.h.t.Helper()
	d.count++
	start := radio.At(d.h.now())
	key := radio.AiringKey{Device: d.id, Schedule: radio.NewID[radio.ScheduleID](), Slot: radio.NewID[radio.SlotID](), SlotAt: start, Entry: radio.NewID[radio.EntryID](), Repeat: 1}
	c := radio.Confirmation{ID: key.ID(), Origin: radio.FromSchedule, Key: key, Start: start, Revision: 1, Priority: radio.Normal,
		Outcome: outcome, StartedAt: start, Expected: 100, Consumed: consumed, Proof: "paced"}
	d.says(c)
	return c
}

func (d *device) says(c radio.Confirmation) {
	d.h.t.Helper()
	d.record(radio.Record{Kind: radio.RecordResult, Clock: radio.ClockStamp{State: "trusted", Source: "kernel"}, Result: &c})
}

// again begins a new journal with the records from a number on, as a device does behind a
// fork.
func (d *device) again(from int) {
	d.h.t.Helper()
	old := d.records[from-1:]
	d.begin()
	for _, b := range old {
		r := must(radio.ParseRecord(b))(d.h.t)
		r.Seq = uint64(len(d.records) + 1)
		d.raw(must(json.Marshal(r))(d.h.t))
	}
}

func (d *device) batch(first, last int) []byte {
	p := wire.JournalPayload{Device: d.id, Journal: d.journal, First: uint64(first), Prev: d.links[first-1]}
	for _, r := range d.records[first-1 : last] {
		p.Records = append(p.Records, r)
	}
	return must(wire.Seal(wire.Journal, string(d.id), p, d.key))(d.h.t)
}

// sends gives a batch to the centre, and wants it taken.
func (d *device) sends(first, last int) *device {
	d.h.t.Helper()
	d.h.give(d, wire.Journal, d.batch(first, last))
	return d
}

func (h *house) give(d *device, kind wire.Kind, data []byte) {
	h.t.Helper()
	if err := h.in.Message(h.t.Context(), string(d.id), wire.UpTopic(d.id, kind), data); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) checkpoint() radio.KeptCheckpoint {
	h.t.Helper()
	return must(h.keeper.Make(h.t.Context()))(h.t)
}

func (h *house) source() Source {
	h.t.Helper()
	envelope, _ := h.keys.Keyring()
	s := Source{Store: h.db, Province: h.area, Root: h.keys.FirstRoot().Key, Keyring: envelope,
		CA: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.ca.Certificate().Raw})), Names: map[radio.DeviceID]radio.Device{}}
	for _, p := range must(h.db.Places(h.t.Context()))(h.t) {
		s.Names[p.Device.ID] = p.Device
	}
	return s
}

func (h *house) opts() Options { return Options{Root: h.root.KID()} }

// items are those of a bundle of everything.
func (h *house) items() []Item {
	h.t.Helper()
	var out []Item
	err := h.source().Walk(h.t.Context(), Choice{MadeAt: radio.At(h.now())}, func(it Item) error {
		out = append(out, it)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// verify checks the database.
func (h *house) verify(opts Options) Report {
	h.t.Helper()
	return must(Bundle(func(take func(Item) error) error {
		return h.source().Walk(h.t.Context(), Choice{MadeAt: radio.At(h.now())}, take)
	}, opts))(h.t)
}

// judge checks items.
func judge(t testing.TB, items []Item, opts Options) Report {
	t.Helper()
	return must(Bundle(func(take func(Item) error) error {
		for _, it := range items {
			if err := take(it); err != nil {
				return err
			}
		}
		return nil
	}, opts))(t)
}

// sql changes the database behind the centre's back.
func (h *house) sql(query string, args ...any) {
	h.t.Helper()
	db := must(sql.Open("sqlite", "file:"+filepath.Join(h.dir, "loaxa.db")+"?_pragma=busy_timeout(10000)"))(h.t)
	_, err := db.ExecContext(h.t.Context(), query, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		h.t.Fatal(err)
	}
}

func wantOK(t testing.TB, rep Report) {
	t.Helper()
	for _, f := range rep.Findings {
		t.Errorf("%s", f)
	}
	if !rep.OK() && len(rep.Findings) == 0 {
		t.Error("not OK")
	}
}

// nextOnline takes the place of an online key that was stolen.
func nextOnline(h *house, folder string) (string, error) {
	kid, err := identity.NextOnline(folder, h.root, h.area.ID, true, h.now())
	if err != nil {
		return "", err
	}
	_, err = h.keys.Refresh()
	return kid, err
}
