package alert

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// typed is what persons sign with.
var typed = radio.SignWith{Password: "mật khẩu để thử"}

// person of the tests: a right and a key somewhere.
type person struct {
	radio.Person
	key trust.Key
}

type sent struct {
	topic   string
	payload []byte
	at      time.Duration
}

// house has a real store: a province, two communes of one hamlet each, two devices a
// hamlet. an and binh hold keys of the province, chi one of the first commune, dung
// none.
type house struct {
	t      *testing.T
	store  *store.Store
	people map[string]person
	areas  map[string]radio.AreaID
	places []radio.Place
	begun  time.Time

	mu     sync.Mutex
	ring   trust.Keyring
	voices map[radio.SHA256][]byte
	asked  string // the payload about which a person was asked last
	sent   []sent
	fail   error
	busy   map[string]bool // topics the broker does not take now
}

func newHouse(t *testing.T) *house {
	t.Helper()
	s, err := store.Open(t.Context(), storetest.File(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &house{t: t, store: s, people: map[string]person{}, areas: map[string]radio.AreaID{}, voices: map[radio.SHA256][]byte{}, begun: time.Now()}
	h.layDown()
	h.ring = trust.Keyring{Version: 1, Province: h.areas["tinh"]}
	for _, login := range []string{"an", "binh", "chi", "dung"} {
		key, err := trust.Generate()
		must(t, err)
		p := person{Person: radio.Person{ID: radio.NewID[radio.UserID](), Login: login, Name: login}, key: key}
		role, scope := radio.RoleApprover, h.areas["tinh"]
		if login == "chi" {
			scope = h.areas["xa-1"]
		}
		p.Grants = []radio.Grant{{Role: role, Area: scope}, {Role: radio.RoleEditor, Area: scope}}
		h.people[login] = p
		must(t, s.AddPerson(t.Context(), radio.Account{ID: p.ID, Login: login, Name: p.Name, PasswordHash: "x", CreatedAt: 1, Grants: p.Grants}, "test"))
		if login == "dung" {
			continue
		}
		h.ring.Persons = append(h.ring.Persons, trust.PersonKey{ID: p.ID, JWK: p.key.Public(), Scope: scope, May: []string{trust.MayAlert}})
	}
	return h
}

func (h *house) layDown() {
	plan := radio.PlanChange{At: 1, Author: "a", Approver: "b"}
	add := func(code string, kind radio.AreaKind, parent string) {
		a := radio.Area{ID: radio.NewID[radio.AreaID](), Code: code, Kind: kind, Name: code, Parent: h.areas[parent]}
		if kind == radio.Province {
			a.Zone = "Asia/Ho_Chi_Minh"
		}
		h.areas[code] = a.ID
		plan.Areas = append(plan.Areas, a)
	}
	add("tinh", radio.Province, "")
	for n := range 2 {
		commune, hamlet := fmt.Sprintf("xa-%d", n+1), fmt.Sprintf("thon-%d", n+1)
		add(commune, radio.Commune, "tinh")
		add(hamlet, radio.Hamlet, commune)
		for m := range 2 {
			plan.Devices = append(plan.Devices, radio.Device{ID: radio.NewID[radio.DeviceID](), Code: fmt.Sprintf("cum-%d%d", n+1, m+1), Name: "Cụm", Hamlet: h.areas[hamlet], Rendition: 64})
		}
	}
	must(h.t, h.store.ApplyPlan(h.t.Context(), plan))
	for i, d := range plan.Devices {
		code := fmt.Sprint(i)
		must(h.t, h.store.AddEnrolmentCode(h.t.Context(), radio.EnrolmentCode{SecretHash: code, Device: d.ID, CreatedBy: "x", CreatedAt: 1, ExpiresAt: 1000}))
		must(h.t, h.store.Enrol(h.t.Context(), code, radio.Certificate{Serial: code, Device: d.ID, KID: "k", JWK: "{}", PEM: "p", IssuedAt: 2, NotAfter: 1 << 50}))
	}
	var err error
	h.places, err = h.store.Places(h.t.Context())
	must(h.t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) desk() *Desk {
	var set []radio.EmergencyAudio
	for _, r := range radio.EmergencyRoles() {
		set = append(set, radio.EmergencyAudio{Role: r, Rendition: radio.Rendition{SHA256: radio.VoiceHash([]byte(r)), Kbps: 32, Samples: 5 * radio.SampleRate}})
	}
	return New(Rooms{Drafts: h.store, Papers: h.store, Heard: h.store, Map: h.store, Keys: h, Signers: h, Voices: h, Publisher: h, Set: set}, time.Now, slog.New(slog.DiscardHandler))
}

// Ways, Ask and Sign are what identity does, without its checks of keys and passwords: a
// passkey is the person's key, and its answer names the instant of the ask.
func (h *house) Ways(_ context.Context, by radio.UserID, may string, chain []radio.AreaID) (radio.SignWays, error) {
	return radio.SignWays{Password: h.holds(by, chain)}, nil
}

func (h *house) holds(by radio.UserID, chain []radio.AreaID) bool {
	_, ring := h.Keyring()
	return slices.ContainsFunc(ring.Persons, func(p trust.PersonKey) bool { return p.ID == by && slices.Contains(chain, p.Scope) })
}

func (h *house) Ask(_ context.Context, by radio.Person, what radio.Signing) ([]radio.PasskeyAsk, error) {
	at := radio.At(time.Now())
	payload, err := what.Payload(by.ID, at)
	h.asked = string(payload)
	return []radio.PasskeyAsk{{KID: h.people[by.Login].key.KID(), At: at}}, err
}

func (h *house) Sign(_ context.Context, by radio.Person, what radio.Signing, with radio.SignWith) (trust.Signature, radio.Millis, error) {
	at := radio.At(time.Now())
	switch {
	case what.May != trust.MayAlert || !h.holds(by.ID, what.Chain):
		return trust.Signature{}, 0, radio.ErrForbidden
	case with.Passkey != nil:
		at = with.Passkey.At
	case with.Password != typed.Password:
		return trust.Signature{}, 0, radio.ErrInvalid
	}
	payload, err := what.Payload(by.ID, at)
	if err != nil {
		return trust.Signature{}, 0, err
	}
	sig, err := trust.SignDetached(what.Type, what.Audience, payload, h.people[by.Login].key)
	return sig, at, err
}

func (h *house) Keyring() ([]byte, trust.Keyring) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return nil, h.ring
}

func (h *house) Voice(_ context.Context, r io.Reader) (radio.Rendition, error) {
	b, err := io.ReadAll(r)
	v := radio.Rendition{SHA256: radio.VoiceHash(b), Kbps: 32, Bytes: int64(len(b)), Frames: 4, Samples: 4 * 1152}
	h.voices[v.SHA256] = b
	return v, err
}

func (h *house) Bytes(x radio.SHA256) ([]byte, error) {
	if b, ok := h.voices[x]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("voice: %w", radio.ErrNotFound)
}

func (h *house) Publish(_ context.Context, topic string, payload []byte, retained bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if retained {
		h.t.Errorf("%s is retained", topic)
	}
	if h.fail != nil {
		return h.fail
	}
	if h.busy[topic] {
		return radio.ErrUnavailable
	}
	h.sent = append(h.sent, sent{topic, payload, time.Since(h.begun)})
	return nil
}

// took takes what was sent so far: topics by the names of the tests, and when.
func (h *house) took() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, m := range h.sent {
		topic, err := wire.ParseTopic(m.topic)
		if err != nil {
			h.t.Error(err)
		}
		name := ""
		for code, id := range h.areas {
			if id == topic.Area {
				name = code
			}
		}
		for _, p := range h.places {
			if p.Device.ID == topic.Device {
				name = p.Device.Code
			}
		}
		what := string(topic.Kind)
		if topic.Kind == wire.Alert {
			var a radio.Alert
			if _, _, err := trust.Open(m.payload, wire.Alert.Type(), string(h.audience(m.payload)), wire.Alert.MaxPayload(), h.ring.PersonLookup(trust.MayAlert, 0)); err != nil {
				h.t.Errorf("%s: %v", name, err)
			}
			must(h.t, wire.Unseal(wire.Alert, string(h.audience(m.payload)), m.payload, h.ring.PersonLookup(trust.MayAlert, 0), &a))
			if a.Cancel {
				what = "tomb"
			}
		}
		out = append(out, fmt.Sprintf("%s %s %s", m.at.Round(time.Second), what, name))
	}
	h.sent = nil
	// Devices of one round go in no order that matters.
	slices.Sort(out)
	return out
}

// audience finds the area whose name the envelope carries.
func (h *house) audience(envelope []byte) radio.AreaID {
	for _, id := range h.areas {
		if _, _, err := trust.Open(envelope, wire.Alert.Type(), string(id), wire.Alert.MaxPayload(), h.ring.PersonLookup(trust.MayAlert, 0)); err == nil {
			return id
		}
	}
	return ""
}

// hear is a receipt that came in.
func (h *house) hear(a radio.AlertID, device int, state radio.ReceiptState, reason radio.Reason) {
	must(h.t, h.store.Log(h.t.Context(), func(tx *store.LogTx) error {
		return tx.PutReceipts(h.t.Context(), []radio.Receipt{{Device: h.places[device].Device.ID, ID: string(a), State: state, Reason: string(reason), At: radio.At(time.Now()), Received: radio.At(time.Now())}})
	}))
}

func (h *house) wish(area string) radio.AlertWish {
	return radio.AlertWish{Area: h.areas[area], Headline: "Lũ về", Text: "Lên cao ngay", Sounds: []radio.EmergencyRole{radio.RoleSiren, radio.RoleLeadIn}, Repeats: 3, IntervalS: 30, LifeMinutes: 60}
}

// issued composes an alert and has it signed by the people named.
func (h *house) issued(d *Desk, area string, change func(*radio.AlertWish), signers ...string) radio.AlertRecord {
	h.t.Helper()
	w := h.wish(area)
	if change != nil {
		change(&w)
	}
	by := h.people[signers[0]].Person
	a, err := d.Compose(h.t.Context(), by, w)
	must(h.t, err)
	for _, login := range signers {
		a, err = d.Sign(h.t.Context(), h.people[login].Person, a.ID, a.Version, typed)
		must(h.t, err)
	}
	if a.State != radio.AlertIssued {
		h.t.Fatalf("alert is %s after %v signed", a.State, signers)
	}
	return a
}
