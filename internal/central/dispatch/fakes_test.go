package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"loaxa/internal/central/programme"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

const zone = "Asia/Ho_Chi_Minh"

var begin = time.Date(2026, time.March, 2, 3, 0, 0, 0, time.UTC)

// house plays every neighbour of the Dispatcher and records, in one list, what
// happened in which order.
type house struct {
	t    *testing.T
	root trust.Key

	mu      sync.Mutex
	now     time.Time
	online  trust.Key
	keyring trust.Keyring
	// rootNumber is 0 while there is only the first.
	rootNumber int
	plan       radio.Plan
	places     []radio.Place
	withdraw   []radio.SHA256
	issued     []radio.Issued
	upto       uint64
	events     []string
	sent       []message
	// fail names what does not work: plan, places, withdrawn, add, current, watermark,
	// freeze, publish, or publish:<kind>.
	fail map[string]error
}

type message struct {
	topic    string
	payload  []byte
	retained bool
}

func id[T ~string](kind byte, n int) T {
	return radio.IDFromBytes[T]([16]byte{1, kind, byte(n >> 8), byte(n)})
}

func device(n int) radio.DeviceID { return id[radio.DeviceID]('d', n) }

var (
	provinceID = id[radio.AreaID]('a', 1)
	journalID  = id[radio.JournalID]('j', 1)
)

// newHouse has one province, devices 1 to n, one approved bulletin and one schedule.
func newHouse(t *testing.T, n int) *house {
	t.Helper()
	h := &house{t: t, now: begin, fail: map[string]error{}}
	var err error
	if h.root, err = trust.Generate(); err != nil {
		t.Fatal(err)
	}
	h.rotate(1)
	chain := []radio.Area{{ID: provinceID, Kind: radio.Province, Zone: zone}, {ID: id[radio.AreaID]('a', 2), Kind: radio.Commune}, {ID: id[radio.AreaID]('a', 3), Kind: radio.Hamlet}}
	for i := range n {
		h.places = append(h.places, radio.Place{Chain: chain, Device: radio.Device{ID: device(i + 1), Code: fmt.Sprintf("cum-%d", i+1), Name: "Cụm", Rendition: 64, Enrolled: 1}})
	}
	h.plan.Bulletins = []radio.Bulletin{bulletin(1)}
	h.plan.Schedules = []radio.Schedule{schedule(1, radio.Target{Area: provinceID}, "0 5 * * *", 1)}
	return h
}

func bulletin(n int) radio.Bulletin {
	return radio.Bulletin{ID: id[radio.BulletinID]('b', n), Version: 1, Title: fmt.Sprintf("Bản tin %d", n), State: radio.Approved,
		Renditions: []radio.Rendition{{SHA256: radio.SHA256(fmt.Sprintf("%064x", n)), Kbps: 64, Bytes: 1000, Frames: 1000, Samples: 1000*1152 - 1105, Head: 1105}},
		Area:       provinceID, Signed: &radio.ApprovalRow{Area: provinceID, SignedApproval: radio.SignedApproval{Protected: "header", At: 1, Signature: "signature"}}}
}

func schedule(n int, target radio.Target, rule string, bulletins ...int) radio.Schedule {
	s := radio.Schedule{ID: id[radio.ScheduleID]('s', n), Priority: radio.Normal, Targets: []radio.Target{target}, Zone: zone, GraceSeconds: 120,
		Slots: []radio.Slot{{ID: id[radio.SlotID]('l', n), Cron: rule}}}
	for i, b := range bulletins {
		s.Slots[0].Items = append(s.Slots[0].Items, radio.Entry{ID: id[radio.EntryID]('e', 64*n+i), Kind: radio.KindAudio, Bulletin: id[radio.BulletinID]('b', b), Repeat: 1})
	}
	return s
}

// rotate puts a fresh online key into a keyring of that version.
func (h *house) rotate(version int64) {
	online, err := trust.Generate()
	if err != nil {
		h.t.Fatal(err)
	}
	h.online = online
	h.keyring = trust.Keyring{Version: version, Province: provinceID,
		Online: []trust.OnlineKey{{JWK: online.Public(), Kinds: wire.OnlineKinds(), Scope: provinceID, NotAfter: radio.At(begin.AddDate(1, 0, 0))}}}
}

// stands: a signature holds unless the keyring has revoked its key.
func (h *house) stands(b radio.Bulletin) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Contains(h.keyring.Revoked, b.Signed.KID) {
		return radio.ErrForbidden
	}
	return nil
}

func (h *house) dispatcher() *Dispatcher {
	return New(Rooms{Plans: h, Resolver: programme.Resolver{Tuning: programme.Tuning{JitterMS: 60000}, Stands: h.stands}, Issued: h, Journals: h, Publisher: h, Freezer: h, Keys: h}, h.clock, slog.New(slog.DiscardHandler))
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) set(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// did takes the events so far.
func (h *house) did() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.events
	h.events = nil
	return out
}

func (h *house) failing(what string) error {
	if err := h.fail[what]; err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (h *house) Plan(context.Context) (radio.Plan, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.plan, h.failing("plan")
}

func (h *house) Places(context.Context) ([]radio.Place, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.places), h.failing("places")
}

func (h *house) WithdrawnHashes(_ context.Context, since radio.Millis) ([]radio.SHA256, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if since != radio.At(h.now.AddDate(0, 0, -60)) {
		h.t.Errorf("withdrawn since %s", since.Time())
	}
	return h.withdraw, h.failing("withdrawn")
}

func (h *house) AddIssued(_ context.Context, i radio.Issued) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, old := range h.issued {
		if old.Device == i.Device && old.Document == i.Document && old.Revision >= i.Revision {
			return fmt.Errorf("%w: revision %d after %d", radio.ErrConflict, i.Revision, old.Revision)
		}
	}
	if err := h.failing("add"); err != nil {
		return err
	}
	h.issued = append(h.issued, i)
	h.events = append(h.events, fmt.Sprintf("store %s %s %d", short(i.Device), i.Document, i.Revision-begin.Unix()))
	return nil
}

func (h *house) CurrentIssued(_ context.Context, d radio.DeviceID) ([]radio.Issued, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	newest := map[string]radio.Issued{}
	for _, i := range h.issued {
		if i.Device == d && i.Revision > newest[i.Document].Revision {
			newest[i.Document] = i
		}
	}
	var out []radio.Issued
	for _, i := range newest {
		out = append(out, i)
	}
	return out, h.failing("current")
}

func (h *house) JournalHead(_ context.Context, ref radio.JournalRef) (radio.JournalHead, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ref.Journal != journalID {
		return radio.JournalHead{}, h.failing("watermark")
	}
	return radio.JournalHead{JournalRef: ref, Upto: h.upto, Link: [32]byte{3}, Linked: h.upto > 30}, h.failing("watermark")
}

func (h *house) Publish(_ context.Context, topic string, payload []byte, retained bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	to, err := wire.ParseTopic(topic)
	if err != nil {
		h.t.Error(err)
	}
	if err := errors.Join(h.failing("publish"), h.failing("publish:"+string(to.Kind))); err != nil {
		return err
	}
	h.sent = append(h.sent, message{topic, payload, retained})
	h.events = append(h.events, fmt.Sprintf("send %s %s", short(to.Device), to.Kind))
	return nil
}

func (h *house) Published(_ context.Context, place radio.Place, p radio.Programme, at radio.Millis) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.failing("freeze"); err != nil {
		return err
	}
	if place.Device.ID != p.Device || at != p.IssuedAt || p.Revision == 0 {
		h.t.Errorf("published %s for %s at %d", p.Device, place.Device.ID, at)
	}
	h.events = append(h.events, fmt.Sprintf("freeze %s %d", short(p.Device), p.Revision-begin.Unix()))
	return nil
}

func (h *house) Online() trust.Key { return h.online }

func (h *house) Root() trust.Root {
	return trust.Root{Number: max(h.rootNumber, 1), Key: h.root.Public()}
}

func (h *house) Roots() []byte {
	if h.rootNumber < 2 {
		return nil
	}
	return []byte(`[]`)
}

func (h *house) Keyring() ([]byte, trust.Keyring) {
	envelope, err := trust.SignKeyring(h.keyring, h.root)
	if err != nil {
		h.t.Fatal(err)
	}
	return envelope, h.keyring
}

func short(d radio.DeviceID) string {
	for n := range 100 {
		if device(n) == d {
			return fmt.Sprint(n)
		}
	}
	return string(d)
}

// last proves the newest message of a kind as the device would, and reads it.
func last[T any](h *house, d radio.DeviceID, kind wire.Kind) T {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	var out T
	for _, m := range slices.Backward(h.sent) {
		if m.topic != wire.DownTopic(d, kind) {
			continue
		}
		if m.retained != kind.Retained() {
			h.t.Errorf("%s retained %v", kind, m.retained)
		}
		if kind == wire.Keys {
			k, err := trust.OpenKeyring(m.payload, provinceID, h.root.Public(), 0)
			b, jerr := json.Marshal(k)
			if err := errors.Join(err, jerr, json.Unmarshal(b, &out)); err != nil {
				h.t.Fatal(err)
			}
			return out
		}
		if err := wire.Unseal(kind, string(d), m.payload, h.keyring.OnlineLookup(string(kind), radio.At(h.now), nil), &out); err != nil {
			h.t.Fatal(err)
		}
		return out
	}
	h.t.Fatalf("no %s was sent to %s", kind, short(d))
	return out
}

func expect(t *testing.T, h *house, want ...string) {
	t.Helper()
	if got := h.did(); !slices.Equal(got, want) {
		t.Fatalf("did\n%q\nwant\n%q", got, want)
	}
}
