package storetest

import (
	"errors"
	"slices"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func alertSuites() []Suite {
	return []Suite{
		{"alerts: composed, changed, dropped", alertDrafts},
		{"alerts: signed, issued, cancelled", alertSigned},
		{"alerts: a stale signature makes room", alertStale},
		{"alerts: what stands, and pages", alertsStanding},
		{"alerts: cycles in the log", alertCycles},
		{"alerts: old ones are forgotten", alertsForgotten},
		{"alerts: contacts", alertContacts},
		{"alerts: keys of persons", personKeys},
	}
}

const alertAt = radio.Millis(1_795_300_000_000)

// alertHouse is a plan with two people.
func alertHouse(t *testing.T, s *store.Store) (plan radio.PlanChange, an, binh radio.UserID) {
	plan = SamplePlan()
	must(t, s.ApplyPlan(t.Context(), plan))
	for _, p := range []struct {
		id   *radio.UserID
		name string
	}{{&an, "An"}, {&binh, "Bình"}} {
		*p.id = radio.NewID[radio.UserID]()
		must(t, s.AddPerson(t.Context(), radio.Account{ID: *p.id, Login: p.name, Name: p.name, PasswordHash: "x", CreatedAt: alertAt}, "test"))
	}
	return plan, an, binh
}

func alertDraft(area radio.AreaID, by radio.UserID, name string) radio.AlertRecord {
	voice := radio.Rendition{SHA256: radio.SHA256("aa" + string(make64())), Kbps: 32, Bytes: 100, Frames: 4, Samples: 4000}
	return radio.AlertRecord{
		ID: radio.NewID[radio.AlertID](), Version: 1, State: radio.AlertDraft,
		Wish: radio.AlertWish{Area: area, Headline: "Lũ về", Text: "Bà con \"lên cao\"\nngay", Sounds: []radio.EmergencyRole{radio.RoleSiren}, Voice: &voice,
			Repeats: 3, IntervalS: 30, LifeMinutes: 60},
		ComposedBy: by, ComposedName: name, ComposedAt: alertAt,
		Paper: radio.AlertPaper{Signatures: []radio.AlertSignature{}}, Tomb: radio.AlertPaper{Signatures: []radio.AlertSignature{}},
	}
}

func make64() []byte {
	b := make([]byte, 62)
	for i := range b {
		b[i] = '0'
	}
	return b
}

func alertDrafts(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan, an, binh := alertHouse(t, s)
	a := alertDraft(plan.Areas[1].ID, an, "An")
	must(t, s.ComposeAlert(ctx, a, an, alertAt))
	same(t, "composed", need[radio.AlertRecord](t)(s.Alert(ctx, a.ID)), a)
	if used, _, err := s.AudioInUse(ctx); err != nil || !slices.Contains(used, a.Wish.Voice.SHA256) {
		t.Errorf("the voice of a draft is swept: %v %v", used, err)
	}
	if err := s.ComposeAlert(ctx, a, an, alertAt); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("composed twice: %v", err)
	}

	a.Paper.Envelope, a.Paper.ExpiresAt = []byte("one"), alertAt+100
	a.Paper.Signatures = append(a.Paper.Signatures, radio.AlertSignature{Person: binh, Name: "Bình", KID: "k", At: alertAt + 1})
	must(t, s.SignAlert(ctx, a, 0, nil))
	changed := alertDraft(plan.Areas[0].ID, binh, "Bình")
	changed.ID, changed.Version, changed.ComposedAt = a.ID, 2, alertAt+5
	must(t, s.ComposeAlert(ctx, changed, binh, alertAt+5))
	same(t, "a change drops the signatures", need[radio.AlertRecord](t)(s.Alert(ctx, a.ID)), changed)
	if err := s.ComposeAlert(ctx, changed, binh, alertAt+6); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("the same change twice: %v", err)
	}
	if err := s.SignAlert(ctx, a, 0, nil); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("signed what was changed: %v", err)
	}

	if err := s.DropAlert(ctx, a, an, alertAt+7); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("dropped what was changed: %v", err)
	}
	must(t, s.DropAlert(ctx, changed, an, alertAt+8))
	changed.State = radio.AlertDropped
	same(t, "dropped", need[radio.AlertRecord](t)(s.Alert(ctx, a.ID)), changed)
	next := changed
	next.Version = 3
	for name, err := range map[string]error{"change": s.ComposeAlert(ctx, next, an, alertAt+9), "drop": s.DropAlert(ctx, changed, an, alertAt+9)} {
		if !errors.Is(err, radio.ErrConflict) {
			t.Errorf("%s of what is dropped: %v", name, err)
		}
	}
	if _, err := s.Alert(ctx, radio.NewID[radio.AlertID]()); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	trail := need[[]radio.AuditEntry](t)(s.Audit(ctx, string(a.ID), 10))
	var actions []string
	for _, e := range trail {
		actions = append(actions, e.Action)
	}
	same(t, "audit", actions, []string{"alert.drop", "alert.change", "alert.sign", "alert.compose"})
}

func alertSigned(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan, an, binh := alertHouse(t, s)
	a := alertDraft(plan.Areas[1].ID, an, "An")
	must(t, s.ComposeAlert(ctx, a, an, alertAt))
	sign := func(p *radio.AlertPaper, who radio.UserID, name string, at radio.Millis, envelope string) {
		p.Envelope, p.ExpiresAt = []byte(envelope), alertAt+1_000_000
		p.Signatures = append(p.Signatures, radio.AlertSignature{Person: who, Name: name, KID: "kid of " + name, At: at})
	}
	sign(&a.Paper, an, "An", alertAt+1, "one")
	must(t, s.SignAlert(ctx, a, 0, nil))
	same(t, "half signed", need[radio.AlertRecord](t)(s.Alert(ctx, a.ID)), a)

	twice := a
	twice.Paper.Signatures = append(twice.Paper.Signatures[:1:1], twice.Paper.Signatures[0])
	if err := s.SignAlert(ctx, twice, 1, nil); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("one person twice: %v", err)
	}
	target := radio.AlertTarget{Device: plan.Devices[0].ID, Code: "cx-01", Name: "Cụm", Hamlet: plan.Areas[2].ID, HamletName: "Thôn 1", Commune: plan.Areas[1].ID, CommuneName: "Xã"}
	full := a
	full.Paper.Signatures = append([]radio.AlertSignature{}, a.Paper.Signatures...)
	sign(&full.Paper, binh, "Bình", alertAt+2, "two")
	full.Paper.SentAt, full.State = alertAt+2, radio.AlertIssued
	if err := s.SignAlert(ctx, full, 0, []radio.AlertTarget{target}); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("without seeing the first: %v", err)
	}
	must(t, s.SignAlert(ctx, full, 1, []radio.AlertTarget{target}))
	same(t, "issued", need[radio.AlertRecord](t)(s.Alert(ctx, a.ID)), full)
	same(t, "targets", need[[]radio.AlertTarget](t)(s.AlertTargets(ctx, a.ID)), []radio.AlertTarget{target})
	next := full
	next.Version = 2
	for name, err := range map[string]error{
		"signed again": s.SignAlert(ctx, full, 1, nil), "changed": s.ComposeAlert(ctx, next, an, alertAt), "dropped": s.DropAlert(ctx, full, an, alertAt),
	} {
		if !errors.Is(err, radio.ErrConflict) {
			t.Errorf("%s after it went out: %v", name, err)
		}
	}

	sign(&full.Tomb, binh, "Bình", alertAt+3, "tomb one")
	full.Why = "nhầm xã"
	must(t, s.SignTomb(ctx, full, 0))
	same(t, "cancel half signed", need[radio.AlertRecord](t)(s.Alert(ctx, a.ID)), full)
	sign(&full.Tomb, an, "An", alertAt+4, "tomb two")
	full.Tomb.SentAt, full.State = alertAt+4, radio.AlertCancelled
	must(t, s.SignTomb(ctx, full, 1))
	same(t, "cancelled", need[radio.AlertRecord](t)(s.Alert(ctx, a.ID)), full)
	if err := s.SignTomb(ctx, full, 1); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("cancelled twice: %v", err)
	}
}

func alertStale(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan, an, binh := alertHouse(t, s)
	a := alertDraft(plan.Areas[1].ID, an, "An")
	must(t, s.ComposeAlert(ctx, a, an, alertAt))
	one := func(who radio.UserID, name string, at radio.Millis) radio.AlertRecord {
		b := a
		b.Paper = radio.AlertPaper{Envelope: []byte(name), ExpiresAt: at + 10, Signatures: []radio.AlertSignature{{Person: who, Name: name, KID: name, At: at}}}
		return b
	}
	must(t, s.SignAlert(ctx, one(an, "An", alertAt), 0, nil))
	soon := alertAt.Add(radio.AlertSigning)
	if err := s.SignAlert(ctx, one(binh, "Bình", soon), 0, nil); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("a fresh signature was passed over: %v", err)
	}
	later := one(binh, "Bình", soon+1)
	must(t, s.SignAlert(ctx, later, 0, nil))
	same(t, "signed anew", need[radio.AlertRecord](t)(s.Alert(ctx, a.ID)), later)
}

func alertsStanding(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan, an, _ := alertHouse(t, s)
	var all []radio.AlertRecord
	for i := range 5 {
		a := alertDraft(plan.Areas[0].ID, an, "An")
		a.ComposedAt = alertAt + radio.Millis(i/2)
		must(t, s.ComposeAlert(ctx, a, an, a.ComposedAt))
		if i > 0 { // the first stays a draft
			at := alertAt + radio.Millis(10+i)
			a.State = radio.AlertIssued
			a.Paper = radio.AlertPaper{Envelope: []byte("e"), ExpiresAt: alertAt + radio.Millis(1000*i), SentAt: at,
				Signatures: []radio.AlertSignature{{Person: an, Name: "An", KID: "k", At: at}}}
			must(t, s.SignAlert(ctx, a, 0, nil))
		}
		all = append(all, a)
	}
	all[4].State, all[4].Tomb = radio.AlertCancelled, radio.AlertPaper{Envelope: []byte("t"), ExpiresAt: all[4].Paper.ExpiresAt, SentAt: alertAt + 50,
		Signatures: []radio.AlertSignature{{Person: an, Name: "An", KID: "k", At: alertAt + 50}}}
	must(t, s.SignTomb(ctx, all[4], 0))
	same(t, "standing", need[[]radio.AlertRecord](t)(s.StandingAlerts(ctx, alertAt+2000)), all[3:])
	same(t, "nothing stands", len(need[[]radio.AlertRecord](t)(s.StandingAlerts(ctx, alertAt+4000))), 0)
	var pages []radio.AlertID
	for after := radio.AlertID(""); ; {
		page := need[[]radio.AlertRecord](t)(s.Alerts(ctx, after, 2))
		for _, a := range page {
			pages = append(pages, a.ID)
		}
		if len(page) < 2 {
			break
		}
		after = page[len(page)-1].ID
	}
	same(t, "pages", len(pages), 5)
	same(t, "the newest first", pages[0], all[4].ID)
	seen := map[radio.AlertID]bool{}
	for _, id := range pages {
		if seen[id] {
			t.Errorf("%s stands on two pages", id)
		}
		seen[id] = true
	}
}

func alertContacts(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan := SamplePlan()
	must(t, s.ApplyPlan(ctx, plan))
	c := radio.AreaContact{Area: plan.Areas[2].ID, Name: "Ông Trưởng thôn", Phone: "0912 345 678"}
	must(t, s.PutContact(ctx, c, "u", alertAt))
	c.Phone = "0239 3 456 789"
	must(t, s.PutContact(ctx, c, "u", alertAt+1))
	c.UpdatedAt = alertAt + 1
	same(t, "contacts", need[[]radio.AreaContact](t)(s.Contacts(ctx)), []radio.AreaContact{c})
	must(t, s.PutContact(ctx, radio.AreaContact{Area: c.Area}, "u", alertAt+2))
	same(t, "taken away", len(need[[]radio.AreaContact](t)(s.Contacts(ctx))), 0)
	if err := s.PutContact(ctx, radio.AreaContact{Area: "nowhere", Name: "x", Phone: "1"}, "u", alertAt); err == nil {
		t.Error("a contact of no area")
	}
}

func personKeys(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan, an, binh := alertHouse(t, s)
	k := radio.PersonKeyRow{KID: "k1", Person: an, Scope: plan.Areas[1].ID, May: []string{"alert", "approve"}, JWK: []byte(`{}`), Sealed: []byte("jwe"), CreatedBy: "test", CreatedAt: alertAt}
	must(t, s.AddPersonKey(ctx, k, "an"))
	if err := s.AddPersonKey(ctx, k, "an"); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("the same key twice: %v", err)
	}
	second := k
	second.KID, second.Person, second.CreatedAt = "k2", binh, alertAt+1
	must(t, s.AddPersonKey(ctx, second, "binh"))
	same(t, "of one", need[[]radio.PersonKeyRow](t)(s.PersonKeys(ctx, an)), []radio.PersonKeyRow{k})
	must(t, s.RevokePersonKey(ctx, k, "test", alertAt+2))
	if err := s.RevokePersonKey(ctx, k, "test", alertAt+3); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("revoked twice: %v", err)
	}
	k.RevokedAt = alertAt + 2
	if err := s.RetirePersonKey(ctx, k, "test", alertAt+3); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("a revoked key ends: %v", err)
	}
	must(t, s.RetirePersonKey(ctx, second, "test", alertAt+50))
	must(t, s.RetirePersonKey(ctx, second, "test", alertAt+40))
	if err := s.RetirePersonKey(ctx, second, "test", alertAt+60); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("an ended key lives on: %v", err)
	}
	second.NotAfter = alertAt + 40
	same(t, "all", need[[]radio.PersonKeyRow](t)(s.PersonKeys(ctx, "")), []radio.PersonKeyRow{second, k})
}
