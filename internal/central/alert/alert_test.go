package alert

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// TestSigning walks the rule of design §8 through the room, with trust's own rule.
func TestSigning(t *testing.T) {
	h := newHouse(t)
	d := h.desk()
	for _, c := range []struct {
		name, area string
		signers    []string
		state      radio.AlertState
		err        error // of the last signature
	}{
		{"two of the province to the province", "tinh", []string{"an", "binh"}, radio.AlertIssued, nil},
		{"one of the province to the province", "tinh", []string{"an"}, radio.AlertDraft, nil},
		{"one person twice", "tinh", []string{"an", "an"}, radio.AlertDraft, radio.ErrConflict},
		{"one of the province to a commune", "xa-1", []string{"an"}, radio.AlertDraft, nil},
		{"the commune's own", "xa-1", []string{"chi"}, radio.AlertIssued, nil},
		{"the commune's own to its hamlet", "thon-1", []string{"chi"}, radio.AlertIssued, nil},
		{"the commune's own behind one of the province", "xa-1", []string{"an", "chi"}, radio.AlertIssued, nil},
		{"after it went out", "xa-1", []string{"chi", "an"}, radio.AlertIssued, radio.ErrConflict},
		{"another commune's", "xa-2", []string{"chi"}, radio.AlertDraft, radio.ErrForbidden},
		{"a commune's to the province", "tinh", []string{"an", "chi"}, radio.AlertDraft, radio.ErrForbidden},
		{"without a key", "xa-1", []string{"dung"}, radio.AlertDraft, radio.ErrForbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := d.Compose(t.Context(), h.people["an"].Person, h.wish(c.area))
			must(t, err)
			for i, login := range c.signers {
				_, err := d.Sign(t.Context(), h.people[login].Person, a.ID, a.Version, typed)
				last := i == len(c.signers)-1
				if !last && err != nil || last && (!errors.Is(err, c.err) || c.err == nil && err != nil) {
					t.Fatalf("%s: %v, want %v", login, err, c.err)
				}
			}
			if a, err = d.Find(t.Context(), a.ID); err != nil || a.State != c.state {
				t.Errorf("state %s, want %s (%v)", a.State, c.state, err)
			}
			if a.State == radio.AlertIssued && (a.Paper.SentAt == 0 || a.Paper.ExpiresAt.Sub(a.Paper.SentAt) > time.Hour) {
				t.Errorf("paper %+v", a.Paper)
			}
		})
	}
}

// TestStates: what may be done to an alert in each of its states.
func TestStates(t *testing.T) {
	h := newHouse(t)
	d := h.desk()
	an, chi := h.people["an"].Person, h.people["chi"].Person
	make := map[radio.AlertState]func() radio.AlertRecord{
		radio.AlertDraft: func() radio.AlertRecord {
			a, err := d.Compose(t.Context(), an, h.wish("xa-1"))
			must(t, err)
			return a
		},
	}
	make[radio.AlertDropped] = func() radio.AlertRecord {
		a := make[radio.AlertDraft]()
		must(t, d.Drop(t.Context(), an, a.ID, a.Version))
		return a
	}
	make[radio.AlertIssued] = func() radio.AlertRecord { return h.issued(d, "xa-1", nil, "chi") }
	make[radio.AlertCancelled] = func() radio.AlertRecord {
		a := make[radio.AlertIssued]()
		_, err := d.Cancel(t.Context(), chi, a.ID, "nhầm", typed)
		must(t, err)
		return a
	}
	do := map[string]func(a radio.AlertRecord) error{
		"change": func(a radio.AlertRecord) error {
			_, err := d.Change(t.Context(), an, a.ID, a.Version, h.wish("xa-1"))
			return err
		},
		"change an older version": func(a radio.AlertRecord) error {
			_, err := d.Change(t.Context(), an, a.ID, a.Version-1, h.wish("xa-1"))
			return err
		},
		"drop": func(a radio.AlertRecord) error { return d.Drop(t.Context(), an, a.ID, a.Version) },
		"sign": func(a radio.AlertRecord) error {
			_, err := d.Sign(t.Context(), chi, a.ID, a.Version, typed)
			return err
		},
		"sign another version": func(a radio.AlertRecord) error {
			_, err := d.Sign(t.Context(), chi, a.ID, a.Version+1, typed)
			return err
		},
		"cancel": func(a radio.AlertRecord) error {
			_, err := d.Cancel(t.Context(), chi, a.ID, "", typed)
			return err
		},
	}
	allowed := map[string]bool{"draft change": true, "draft drop": true, "draft sign": true, "issued cancel": true}
	for state, start := range make {
		for name, act := range do {
			t.Run(fmt.Sprintf("%s %s", state, name), func(t *testing.T) {
				err := act(start())
				if ok := allowed[fmt.Sprintf("%s %s", state, name)]; ok != (err == nil) || !ok && !errors.Is(err, radio.ErrConflict) {
					t.Errorf("error %v, allowed %v", err, ok)
				}
			})
		}
	}
}

// TestRefusedSignature: who is refused a signature leaves nothing behind.
func TestRefusedSignature(t *testing.T) {
	h := newHouse(t)
	d := h.desk()
	chi := h.people["chi"].Person
	a, err := d.Compose(t.Context(), chi, h.wish("xa-1"))
	must(t, err)
	if _, err := d.Sign(t.Context(), chi, a.ID, a.Version, radio.SignWith{Password: "đoán mò"}); !errors.Is(err, radio.ErrInvalid) {
		t.Fatalf("wrong password: %v", err)
	}
	if a, err = d.Find(t.Context(), a.ID); err != nil || a.State != radio.AlertDraft || len(a.Paper.Signatures) != 0 || a.Paper.Envelope != nil {
		t.Errorf("%s %+v %v", a.State, a.Paper, err)
	}
}

// TestAsked: a passkey is asked about the very bytes that its answer later stands under,
// begun at the instant of the ask; and about the first person's when it is the second.
func TestAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		an, binh := h.people["an"].Person, h.people["binh"].Person
		a, err := d.Compose(t.Context(), an, h.wish("tinh"))
		must(t, err)
		if _, err := d.AskSign(t.Context(), an, a.ID, a.Version+1); !errors.Is(err, radio.ErrConflict) {
			t.Errorf("asked about another version: %v", err)
		}
		answer := func(by radio.Person, asks []radio.PasskeyAsk, err error) radio.SignWith {
			must(t, err)
			time.Sleep(time.Minute) // to find the phone
			return radio.SignWith{Passkey: &radio.PasskeyAnswer{KID: asks[0].KID, At: asks[0].At}}
		}
		asks, err := d.AskSign(t.Context(), an, a.ID, a.Version)
		first, began := h.asked, radio.At(time.Now())
		a, err = d.Sign(t.Context(), an, a.ID, a.Version, answer(an, asks, err))
		must(t, err)
		if got, err := trust.Payload(a.Paper.Envelope, 4<<10); err != nil || string(got) != first || a.Paper.ExpiresAt != began.Add(time.Hour) {
			t.Fatalf("asked about %s, stands under %s (%v)", first, got, err)
		}
		asks, err = d.AskSign(t.Context(), binh, a.ID, a.Version)
		if h.asked != first {
			t.Errorf("the second was asked about %s", h.asked)
		}
		a, err = d.Sign(t.Context(), binh, a.ID, a.Version, answer(binh, asks, err))
		if err != nil || a.State != radio.AlertIssued {
			t.Fatalf("%s %v", a.State, err)
		}
		asks, err = d.AskCancel(t.Context(), an, a.ID)
		a, err = d.Cancel(t.Context(), an, a.ID, "nhầm", answer(an, asks, err))
		must(t, err)
		if got, err := trust.Payload(a.Tomb.Envelope, 4<<10); err != nil || string(got) != h.asked || !strings.Contains(h.asked, `"cancel":true`) {
			t.Errorf("asked about %s, stands under %s (%v)", h.asked, got, err)
		}
		if _, err := d.AskCancel(t.Context(), an, a.ID); !errors.Is(err, radio.ErrConflict) {
			t.Errorf("asked twice: %v", err)
		}
	})
}

// TestSlowSecond: the first signature waits ten minutes, then it counts no more.
func TestSlowSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		sign := func(a radio.AlertRecord, login string) radio.AlertRecord {
			a, err := d.Sign(t.Context(), h.people[login].Person, a.ID, a.Version, typed)
			must(t, err)
			return a
		}
		a, err := d.Compose(t.Context(), h.people["an"].Person, h.wish("tinh"))
		must(t, err)
		first := sign(a, "an")
		time.Sleep(radio.AlertSigning + time.Second)
		second := sign(a, "binh")
		if second.State != radio.AlertDraft || len(second.Paper.Signatures) != 1 || second.Paper.Signatures[0].Person != h.people["binh"].ID || second.Paper.ExpiresAt <= first.Paper.ExpiresAt {
			t.Fatalf("after the first went stale: %s %+v", second.State, second.Paper)
		}
		time.Sleep(radio.AlertSigning)
		if third := sign(a, "an"); third.State != radio.AlertIssued || third.Paper.ExpiresAt != second.Paper.ExpiresAt {
			t.Errorf("in time: %s %+v", third.State, third.Paper)
		}
	})
}

// TestComposeRefusals: what no device could carry out is told before anybody signs.
func TestComposeRefusals(t *testing.T) {
	h := newHouse(t)
	d := h.desk()
	an := h.people["an"].Person
	for name, change := range map[string]func(*radio.AlertWish){
		"no area":              func(w *radio.AlertWish) { w.Area = "" },
		"unknown area":         func(w *radio.AlertWish) { w.Area = radio.NewID[radio.AreaID]() },
		"no headline":          func(w *radio.AlertWish) { w.Headline = " " },
		"no text":              func(w *radio.AlertWish) { w.Text = "" },
		"text of quotes":       func(w *radio.AlertWish) { w.Text = strings.Repeat("<", radio.MaxAlertText) },
		"no sound":             func(w *radio.AlertWish) { w.Sounds = nil },
		"unknown sound":        func(w *radio.AlertWish) { w.Sounds = []radio.EmergencyRole{"trumpet"} },
		"drill that stands":    func(w *radio.AlertWish) { w.Drill, w.Standing, w.LifeMinutes = true, true, 10_000 },
		"a life too short":     func(w *radio.AlertWish) { w.LifeMinutes = 5 },
		"a life too long":      func(w *radio.AlertWish) { w.LifeMinutes = 24*60 + 1 },
		"longer than it lasts": func(w *radio.AlertWish) { w.Repeats, w.IntervalS, w.LifeMinutes = 20, 600, 60 },
		"no repeats":           func(w *radio.AlertWish) { w.Repeats = 0 },
	} {
		w := h.wish("xa-1")
		change(&w)
		if _, err := d.Compose(t.Context(), an, w); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := h.wish("xa-1")
	w.Voice = &radio.Rendition{SHA256: radio.VoiceHash(nil), Kbps: 32, Bytes: 100, Frames: 4, Samples: 4 * radio.FrameSamples}
	if _, err := d.Compose(t.Context(), an, w); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("a voice that is not here: %v", err)
	}
	if _, err := d.Compose(t.Context(), h.people["chi"].Person, h.wish("xa-2")); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("in another commune: %v", err)
	}
	w = h.wish("xa-1")
	w.Drill = true
	a, err := d.Compose(t.Context(), an, w)
	if err != nil || fmt.Sprint(a.Wish.Sounds) != "[drill siren lead_in drill]" {
		t.Errorf("a drill sounds %v: %v", a.Wish.Sounds, err)
	}
}

// forged gives drafts as somebody has written them over in the database.
type forged struct {
	Drafts
	text string
}

func (f forged) Alert(ctx context.Context, id radio.AlertID) (radio.AlertRecord, error) {
	a, err := f.Drafts.Alert(ctx, id)
	a.Wish.Text = f.text
	return a, err
}

// TestSignsWhatIsRead: the second person signs the bytes of the first only while they say
// what the draft says.
func TestSignsWhatIsRead(t *testing.T) {
	h := newHouse(t)
	d := h.desk()
	a, err := d.Compose(t.Context(), h.people["an"].Person, h.wish("tinh"))
	must(t, err)
	a, err = d.Sign(t.Context(), h.people["an"].Person, a.ID, a.Version, typed)
	must(t, err)
	d.rooms.Drafts = forged{h.store, "Chỉ là diễn tập"}
	if _, err := d.Sign(t.Context(), h.people["binh"].Person, a.ID, a.Version, typed); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("signed what nobody could read: %v", err)
	}
	d.rooms.Drafts = h.store
	if a, err = d.Find(t.Context(), a.ID); err != nil || a.State != radio.AlertDraft || len(a.Paper.Signatures) != 1 {
		t.Errorf("%s %+v %v", a.State, a.Paper, err)
	}
	if a, err = d.Sign(t.Context(), h.people["binh"].Person, a.ID, a.Version, typed); err != nil || a.State != radio.AlertIssued {
		t.Errorf("%s %v", a.State, err)
	}
}

// TestDrillOfAnOldKeyring: what every device would refuse is not sent.
func TestDrillOfAnOldKeyring(t *testing.T) {
	h := newHouse(t)
	d := h.desk()
	w := h.wish("xa-1")
	w.Drill = true
	chi := h.people["chi"].Person
	a, err := d.Compose(t.Context(), chi, w)
	must(t, err)
	if _, err := d.Sign(t.Context(), chi, a.ID, a.Version, typed); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("a drill that no keyring lists: %v", err)
	}
	for _, e := range d.rooms.Set {
		if e.Role == radio.RoleDrill {
			h.ring.Drill = []radio.SHA256{e.Rendition.SHA256}
		}
	}
	if a, err = d.Sign(t.Context(), chi, a.ID, a.Version, typed); err != nil || a.State != radio.AlertIssued {
		t.Errorf("%s %v", a.State, err)
	}
}

// TestInKeyring: whose key stands there and still signs, wherever it counts.
func TestInKeyring(t *testing.T) {
	h := newHouse(t)
	d := h.desk()
	for i, p := range h.ring.Persons {
		if p.ID == h.people["binh"].ID {
			h.ring.Persons[i].NotAfter = radio.At(time.Now())
		}
	}
	for login, want := range map[string]bool{"an": true, "binh": false, "chi": true, "dung": false} {
		if got := d.InKeyring(h.people[login].ID); got != want {
			t.Errorf("%s: %v", login, got)
		}
	}
	if n, err := d.Need(t.Context(), h.people["chi"].ID, h.areas["xa-1"]); err != nil || n != 1 {
		t.Errorf("chi needs %d in the own commune: %v", n, err)
	}
	for i := range h.ring.Persons {
		h.ring.Persons[i].NotAfter = 1
	}
	if n, err := d.Need(t.Context(), h.people["chi"].ID, h.areas["xa-1"]); err != nil || n != 2 {
		t.Errorf("with a key that ended chi needs %d: %v", n, err)
	}
}
