package web

import (
	"context"
	"fmt"
	"io"
	"slices"

	"loaxa/internal/radio"
)

// fakeAlerts keeps alerts as the room does, and records who did what.
type fakeAlerts struct {
	all      []radio.AlertRecord
	contacts []radio.AreaContact
	acts     []string
	board    func(a radio.AlertRecord) radio.AlertBoard
	need     int
	ways     radio.SignWays
	listed   []radio.UserID // whose keys stand in the keyring
	err      error          // of every act
}

const goodPassword = "mật khẩu của khóa"

func (f *fakeAlerts) Find(_ context.Context, id radio.AlertID) (radio.AlertRecord, error) {
	for _, a := range f.all {
		if a.ID == id {
			return a, nil
		}
	}
	return radio.AlertRecord{}, fmt.Errorf("alert: %w", radio.ErrNotFound)
}

func (f *fakeAlerts) List(_ context.Context, after radio.AlertID, limit int) ([]radio.AlertRecord, error) {
	all := f.all
	if i := slices.IndexFunc(all, func(a radio.AlertRecord) bool { return a.ID == after }); i >= 0 {
		all = all[i+1:]
	}
	return slices.Clone(all[:min(limit, len(all))]), f.err
}

func (f *fakeAlerts) do(format string, args ...any) error {
	if f.err != nil {
		return f.err
	}
	f.acts = append(f.acts, fmt.Sprintf(format, args...))
	return nil
}

func (f *fakeAlerts) Compose(ctx context.Context, by radio.Person, w radio.AlertWish) (radio.AlertRecord, error) {
	w, err := w.Normal(f.Set())
	if err != nil {
		return radio.AlertRecord{}, err
	}
	a := radio.AlertRecord{ID: id[radio.AlertID]('z', 900+len(f.acts)), Version: 1, State: radio.AlertDraft, Wish: w, ComposedBy: by.ID, ComposedName: by.Name, ComposedAt: radio.At(now)}
	noSignatures(&a)
	f.all = append([]radio.AlertRecord{a}, f.all...)
	return a, f.do("compose %s by %s", w.Headline, by.Login)
}

func noSignatures(a *radio.AlertRecord) {
	a.Paper.Signatures, a.Tomb.Signatures = []radio.AlertSignature{}, []radio.AlertSignature{}
}

func (f *fakeAlerts) Change(_ context.Context, by radio.Person, id radio.AlertID, version int, w radio.AlertWish) (radio.AlertRecord, error) {
	w, err := w.Normal(f.Set())
	if err != nil {
		return radio.AlertRecord{}, err
	}
	for i, a := range f.all {
		if a.ID == id && a.Version == version && a.State == radio.AlertDraft {
			f.all[i].Wish, f.all[i].Version = w, version+1
			noSignatures(&f.all[i])
			return f.all[i], f.do("change %s by %s", w.Headline, by.Login)
		}
	}
	return radio.AlertRecord{}, radio.ErrConflict
}

func (f *fakeAlerts) Drop(_ context.Context, by radio.Person, _ radio.AlertID, version int) error {
	return f.do("drop %d by %s", version, by.Login)
}

func (f *fakeAlerts) Voice(_ context.Context, r io.Reader) (radio.Rendition, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return radio.Rendition{}, err
	}
	if len(b) == 0 {
		return radio.Rendition{}, fmt.Errorf("%w: no sound", radio.ErrInvalid)
	}
	return radio.Rendition{SHA256: radio.VoiceHash(b), Kbps: 32, Bytes: int64(len(b)), Frames: 4, Samples: 4 * radio.FrameSamples}, f.do("voice of %d bytes", len(b))
}

func (f *fakeAlerts) Sign(ctx context.Context, by radio.Person, id radio.AlertID, version int, with radio.SignWith) (radio.AlertRecord, error) {
	return f.signed(ctx, id, with, "sign %d by %s", version, by.Login)
}

func (f *fakeAlerts) Cancel(ctx context.Context, by radio.Person, id radio.AlertID, why string, with radio.SignWith) (radio.AlertRecord, error) {
	return f.signed(ctx, id, with, "cancel %q by %s", why, by.Login)
}

func (f *fakeAlerts) signed(ctx context.Context, id radio.AlertID, with radio.SignWith, format string, args ...any) (radio.AlertRecord, error) {
	if with.Passkey != nil {
		format += fmt.Sprintf(" with passkey %s of %d", with.Passkey.KID, with.Passkey.At)
	} else if with.Password != goodPassword {
		var e radio.Invalid
		e.Add("key_password", "mật khẩu của khóa ký không đúng", "the password does not open the key")
		return radio.AlertRecord{}, e.Err()
	}
	if err := f.do(format, args...); err != nil {
		return radio.AlertRecord{}, err
	}
	return f.Find(ctx, id)
}

func (f *fakeAlerts) Need(context.Context, radio.UserID, radio.AreaID) (int, error) {
	return f.need, nil
}
func (f *fakeAlerts) Ways(context.Context, radio.UserID, radio.AreaID) (radio.SignWays, error) {
	return f.ways, nil
}

func (f *fakeAlerts) AskSign(_ context.Context, by radio.Person, id radio.AlertID, version int) ([]radio.PasskeyAsk, error) {
	return f.asks(), f.do("ask to sign %d by %s", version, by.Login)
}

func (f *fakeAlerts) AskCancel(_ context.Context, by radio.Person, id radio.AlertID) ([]radio.PasskeyAsk, error) {
	return f.asks(), f.do("ask to cancel by %s", by.Login)
}

func (f *fakeAlerts) asks() []radio.PasskeyAsk {
	var out []radio.PasskeyAsk
	for _, p := range f.ways.Passkeys {
		out = append(out, radio.PasskeyAsk{KID: p.KID, Credential: "AA", RelyingParty: "localhost", Challenge: "AA", At: radio.At(now)})
	}
	return out
}

func (f *fakeAlerts) InKeyring(p radio.UserID) bool { return slices.Contains(f.listed, p) }

func (f *fakeAlerts) Board(_ context.Context, a radio.AlertRecord) (radio.AlertBoard, error) {
	return f.board(a), f.err
}

func (f *fakeAlerts) Set() []radio.EmergencyAudio {
	var set []radio.EmergencyAudio
	for i, r := range radio.EmergencyRoles() {
		set = append(set, radio.EmergencyAudio{Role: r, Rendition: radio.Rendition{SHA256: hash(40 + i), Kbps: 32, Bytes: 18, Frames: 200, Samples: 6 * radio.SampleRate}})
	}
	return set
}

func (f *fakeAlerts) Contacts(context.Context) ([]radio.AreaContact, error) { return f.contacts, f.err }

func (f *fakeAlerts) PutContact(_ context.Context, c radio.AreaContact, by string, _ radio.Millis) error {
	return f.do("contact %s %s by %s", c.Name, c.Phone, by)
}

// provinceAlerts has, for the own commune, the other one and the province, a draft and an
// alert that is out.
func provinceAlerts(p *fakePlan) *fakeAlerts {
	f := &fakeAlerts{need: 2, ways: radio.SignWays{Password: true}}
	for i, area := range []radio.AreaID{p.places[0].Chain[1].ID, p.places[2].Chain[1].ID, p.places[0].Chain[0].ID} {
		draft := radio.AlertRecord{ID: id[radio.AlertID]('z', 2*i), Version: 1, State: radio.AlertDraft, ComposedBy: sau, ComposedName: "Trần Văn Sáu", ComposedAt: radio.At(now),
			Wish: radio.AlertWish{Area: area, Headline: fmt.Sprintf("Lũ về %d", i), Text: "Bà con lên cao ngay.", Sounds: []radio.EmergencyRole{radio.RoleSiren, radio.RoleLeadIn},
				Repeats: 3, IntervalS: 30, LifeMinutes: 60}}
		noSignatures(&draft)
		out := draft
		out.ID, out.State, out.Wish.Drill = id[radio.AlertID]('z', 2*i+1), radio.AlertIssued, true
		out.Wish.Sounds = []radio.EmergencyRole{radio.RoleDrill, radio.RoleSiren, radio.RoleDrill}
		out.Wish.Voice = &radio.Rendition{SHA256: hash(1), Kbps: 32, Bytes: 18, Frames: 4, Samples: 4 * radio.FrameSamples}
		out.Paper = radio.AlertPaper{ExpiresAt: radio.At(now) + 3600_000, SentAt: radio.At(now) - 10_000,
			Signatures: []radio.AlertSignature{{Person: sau, Name: "Trần Văn Sáu", KID: "k", At: radio.At(now) - 10_000}}}
		f.all = append(f.all, draft, out)
	}
	f.board = func(a radio.AlertRecord) radio.AlertBoard {
		var targets []radio.AlertTarget
		var steps []radio.Receipt
		var cycles []radio.AlertCycle
		for i, place := range p.places {
			if !place.Within(radio.Target{Area: a.Wish.Area}) {
				continue
			}
			targets = append(targets, radio.TargetOf(place))
			said := []radio.ReceiptState{radio.ReceiptReceived, radio.ReceiptRunning, radio.ReceiptDone}[:i%4]
			for n, state := range said {
				steps = append(steps, radio.Receipt{Device: place.Device.ID, ID: string(a.ID), State: state, Received: a.Paper.SentAt + radio.Millis(1000*(n+1))})
			}
			if i%4 == 3 {
				cycles = append(cycles, radio.AlertCycle{Device: place.Device.ID, Cycle: 1, Outcome: radio.Aired, StartedAt: a.Paper.SentAt + 2000, Consumed: 10, Expected: 10})
			}
		}
		return radio.NewAlertBoard(a, targets, steps, cycles, radio.At(now))
	}
	f.contacts = []radio.AreaContact{{Area: p.places[0].Hamlet().ID, Name: "Ông Trưởng", Phone: "0912 345 678"}}
	return f
}
