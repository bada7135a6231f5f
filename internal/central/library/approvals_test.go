package library

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// right is the password that opens every key of the tests.
const right = "mở khóa ký"

// pens are the keys of a few persons, in a keyring of theirs; the province is "P".
type pens struct {
	ring   trust.Keyring
	keys   map[radio.UserID]trust.Key
	now    func() time.Time
	signed int
	asked  int
	// spoil changes a signature before it is handed on.
	spoil func(*trust.Signature)
}

func newPens(t *testing.T, now func() time.Time, persons map[radio.UserID]radio.AreaID) *pens {
	t.Helper()
	p := &pens{ring: trust.Keyring{Version: 1, Province: "P"}, keys: map[radio.UserID]trust.Key{}, now: now}
	for person, scope := range persons {
		p.give(t, person, scope)
	}
	return p
}

// give makes a person's key.
func (p *pens) give(t *testing.T, person radio.UserID, scope radio.AreaID) trust.Key {
	t.Helper()
	k, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	p.keys[person] = k
	p.ring.Version++
	p.ring.Persons = append(p.ring.Persons, trust.PersonKey{ID: person, JWK: k.Public(), Scope: scope, May: []string{trust.MayApprove}})
	return k
}

func (p *pens) Keyring() ([]byte, trust.Keyring) { return nil, p.ring }

func (p *pens) Ways(_ context.Context, by radio.UserID, _ string, _ []radio.AreaID) (radio.SignWays, error) {
	_, has := p.keys[by]
	return radio.SignWays{Password: has}, nil
}

func (p *pens) Ask(_ context.Context, by radio.Person, what radio.Signing) ([]radio.PasskeyAsk, error) {
	p.asked++
	return []radio.PasskeyAsk{{KID: p.keys[by.ID].KID(), Challenge: what.Audience}}, nil
}

func (p *pens) Sign(_ context.Context, by radio.Person, what radio.Signing, with radio.SignWith) (trust.Signature, radio.Millis, error) {
	if with.Password != right {
		var e radio.Invalid
		e.Add("password", "sai mật khẩu", "wrong password")
		return trust.Signature{}, 0, e.Err()
	}
	at := radio.At(p.now())
	payload, err := what.Payload(by.ID, at)
	if err != nil {
		return trust.Signature{}, 0, err
	}
	if len(what.Chain) == 0 || string(what.Chain[len(what.Chain)-1]) != what.Audience || what.May != trust.MayApprove || what.Type != trust.ApprovalType {
		return trust.Signature{}, 0, fmt.Errorf("asked to sign %+v", what)
	}
	p.signed++
	s, err := trust.SignDetached(what.Type, what.Audience, payload, p.keys[by.ID])
	if p.spoil != nil {
		p.spoil(&s)
	}
	return s, at, err
}

// Decide signs, where it approves and the test says nothing of how.
func (b *deskBench) Decide(ctx context.Context, id radio.BulletinID, version int, v radio.Verdict, by radio.UserID) (radio.Bulletin, error) {
	if v.To == radio.Approved && v.Sign == nil {
		v.Sign = &radio.SignWith{Password: right}
	}
	return b.Desk.Decide(ctx, id, version, v, radio.Person{ID: by})
}

// TestApprovalIsSigned: the signature over the audio is kept with the decision, or neither
// is; the audit names the key.
func TestApprovalIsSigned(t *testing.T) {
	b, ctx := newDeskBench(t), t.Context()
	x, err := b.Submit(ctx, b.create("Tin", "một").ID, 1, false, b.lan)
	b.ok(err)
	b.hear(x, b.hoa)
	verdict := radio.Verdict{To: radio.Approved, Seen: x.SubmittedAt}
	decide := func(by radio.UserID, with *radio.SignWith) error {
		v := verdict
		v.Sign = with
		_, err := b.Desk.Decide(ctx, x.ID, 1, v, radio.Person{ID: by})
		return err
	}
	stays := func(what string, err error, kind error) {
		t.Helper()
		b.refused(what, err, kind)
		if now, err := b.store.Bulletin(ctx, x.ID, 1); err != nil || now.State != radio.Pending || now.Signed != nil {
			t.Errorf("%s: it is %s, signed %+v, %v", what, now.State, now.Signed, err)
		}
	}
	stays("nothing to sign with", decide(b.hoa, nil), radio.ErrInvalid)
	stays("wrong password", decide(b.hoa, &radio.SignWith{Password: "x"}), radio.ErrInvalid)
	b.pens.spoil = func(s *trust.Signature) { s.Signature = "AAAA" }
	stays("a signature that proves nothing", decide(b.hoa, &radio.SignWith{Password: right}), radio.ErrForbidden)
	b.pens.spoil = nil
	minh := radio.NewID[radio.UserID]()
	b.hear(x, minh)
	err = decide(minh, &radio.SignWith{Password: right})
	stays("no key", err, radio.ErrForbidden)
	var no *NoKey
	if !errors.As(err, &no) || !strings.Contains(no.Vietnamese(), "Bạn chưa có khóa ký duyệt") || !strings.Contains(err.Error(), "you hold no key") {
		t.Errorf("no key: %v", err)
	}
	b.pens.give(t, minh, "C") // for a commune only
	stays("a commune's key", decide(minh, &radio.SignWith{Password: right}), radio.ErrForbidden)

	b.ok(decide(b.hoa, &radio.SignWith{Password: right}))
	now, err := b.store.Bulletin(ctx, x.ID, 1)
	b.ok(err)
	s := now.Signed
	if now.State != radio.Approved || s == nil || s.KID != b.pens.keys[b.hoa].KID() || s.Person != b.hoa || s.Area != "P" || s.At != radio.At(b.clock) {
		t.Fatalf("approved %+v, signed %+v", now, s)
	}
	b.ok(b.pens.ring.CheckBulletin(now))
	if sig := b.Signable(now, b.hoa); sig.Again || !sig.Key || b.Signable(now, b.lan).Key != true {
		t.Errorf("signable %+v", sig)
	}
	log, err := b.store.Audit(ctx, string(x.ID), 1)
	b.ok(err)
	if log[0].Action != "bulletin.approve" || log[0].Facts.Key != s.KID {
		t.Errorf("audit %+v %+v", log[0], log[0].Facts)
	}
	b.refused("approved twice", decide(b.hoa, &radio.SignWith{Password: right}), radio.ErrConflict)
}

// TestApproveAgain: what is approved and whose signature is missing, revoked or ended before
// it was given is approved again by the same rules as the first time.
func TestApproveAgain(t *testing.T) {
	b, ctx := newDeskBench(t), t.Context()
	x := b.air(b.create("Tin", "một"))
	again := func(by radio.UserID, seen radio.Millis) error {
		_, err := b.Decide(ctx, x.ID, 1, radio.Verdict{To: radio.Approved, Seen: seen}, by)
		return err
	}
	b.refused("it stands", again(b.hoa, x.SubmittedAt), radio.ErrConflict)
	b.pens.ring.Version++
	b.pens.ring.Revoked = []string{b.pens.keys[b.hoa].KID()}
	now, err := b.store.Bulletin(ctx, x.ID, 1)
	b.ok(err)
	if s := b.Signable(now, b.hoa); !s.Again || s.Key || !strings.Contains(s.Why, "revoked") {
		t.Errorf("revoked: %+v", s)
	}
	b.refused("with the revoked key", again(b.hoa, x.SubmittedAt), radio.ErrForbidden)
	b.refused("its author", again(b.lan, x.SubmittedAt), radio.ErrForbidden)
	minh := radio.NewID[radio.UserID]()
	b.pens.give(t, minh, "P")
	b.refused("unheard", again(minh, x.SubmittedAt), radio.ErrConflict)
	b.hear(x, minh)
	b.refused("without what was seen", again(minh, 0), radio.ErrConflict)
	_, err = b.Ask(ctx, x.ID, 1, radio.Person{ID: b.lan})
	b.refused("ask for the author", err, radio.ErrForbidden)
	if asks, err := b.Ask(ctx, x.ID, 1, radio.Person{ID: minh}); err != nil || len(asks) != 1 || asks[0].Challenge != "P" {
		t.Errorf("asks %+v %v", asks, err)
	}
	b.changes = 0
	b.ok(again(minh, x.SubmittedAt))
	now, err = b.store.Bulletin(ctx, x.ID, 1)
	b.ok(err)
	if now.State != radio.Approved || now.DecidedBy != minh || now.Signed.Person != minh || b.pens.ring.CheckBulletin(now) != nil || b.changes != 1 {
		t.Errorf("approved again %+v, %d changes told", now, b.changes)
	}
	log, err := b.store.Audit(ctx, string(x.ID), 1)
	b.ok(err)
	if log[0].Action != "bulletin.reapprove" || log[0].Facts.Key != now.Signed.KID {
		t.Errorf("audit %+v %+v", log[0], log[0].Facts)
	}
	// The next version has none of it.
	next, err := b.Revise(ctx, x.ID, 1, b.lan)
	b.ok(err)
	if next.Signed != nil {
		t.Errorf("a draft is signed: %+v", next.Signed)
	}
}

// TestStands: by each keyring anew, and never by what was proven for something else.
func TestStands(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC) }
	p := newPens(t, now, map[radio.UserID]radio.AreaID{"AN": "P", "BINH": "C"})
	a := NewApprovals(p, p, now)
	made := func(area radio.AreaID, by radio.UserID) radio.Bulletin {
		t.Helper()
		b := radio.Bulletin{ID: "B", Code: "tin", Version: 2, Area: area, State: radio.Approved, Renditions: []radio.Rendition{{SHA256: "a"}, {SHA256: "b"}}}
		var err error
		if b.Signed, err = a.Sign(t.Context(), radio.Person{ID: by}, b, radio.SignWith{Password: right}); err != nil {
			t.Fatal(err)
		}
		return b
	}
	province, commune := made("P", "AN"), made("C", "BINH")
	if made("C", "AN").Signed == nil {
		t.Error("the province does not approve for a commune")
	}
	if _, err := a.Sign(t.Context(), radio.Person{ID: "BINH"}, radio.Bulletin{Area: "P"}, radio.SignWith{Password: right}); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("a commune approves for the province: %v", err)
	}
	for range 2 { // the second time from memory
		for name, c := range map[string]struct {
			b  radio.Bulletin
			ok bool
		}{
			"the province's":          {province, true},
			"the commune's":           {commune, true},
			"unsigned":                {with(province, func(b *radio.Bulletin) { b.Signed = nil }), false},
			"another rendition":       {with(province, func(b *radio.Bulletin) { b.Renditions = []radio.Rendition{{SHA256: "a"}, {SHA256: "c"}} }), false},
			"another order":           {with(province, func(b *radio.Bulletin) { b.Renditions = []radio.Rendition{{SHA256: "b"}, {SHA256: "a"}} }), false},
			"another version":         {with(province, func(b *radio.Bulletin) { b.Version = 3 }), false},
			"another bulletin":        {with(province, func(b *radio.Bulletin) { b.ID = "X" }), false},
			"moved to another desk":   {with(province, func(b *radio.Bulletin) { b.Area = "C" }), false},
			"another instant":         {with(province, func(b *radio.Bulletin) { b.Signed = row(*b.Signed, func(r *radio.ApprovalRow) { r.At++ }) }), false},
			"the signature of others": {with(province, func(b *radio.Bulletin) { b.Signed = commune.Signed }), false},
		} {
			if err := a.Stands(c.b); (err == nil) != c.ok {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	p.ring.Revoked = []string{p.keys["AN"].KID()}
	if err := a.Stands(province); err != nil {
		t.Errorf("the same version of the keyring was proven twice: %v", err)
	}
	p.ring.Version++
	if a.Stands(province) == nil || a.Stands(commune) != nil {
		t.Error("a new keyring does not count")
	}
	p.ring.Version++
	p.ring.Revoked, p.ring.Persons[0].NotAfter, p.ring.Persons[1].NotAfter = nil, province.Signed.At, province.Signed.At
	if a.Stands(province) == nil || a.Stands(commune) == nil {
		t.Error("approved when the key had ended")
	}
	p.ring.Version++
	p.ring.Persons[0].NotAfter, p.ring.Persons[1].NotAfter = province.Signed.At+1, province.Signed.At+1
	if a.Stands(province) != nil || a.Stands(commune) != nil || a.MayApprove("AN", "P") != true {
		t.Error("approved before the key ended")
	}
	if _, err := NewApprovals(p, nil, now).Sign(t.Context(), radio.Person{ID: "AN"}, province, radio.SignWith{}); !errors.Is(err, radio.ErrUnavailable) {
		t.Errorf("nobody can sign: %v", err)
	}
}

func with(b radio.Bulletin, change func(*radio.Bulletin)) radio.Bulletin { change(&b); return b }

func row(r radio.ApprovalRow, change func(*radio.ApprovalRow)) *radio.ApprovalRow {
	change(&r)
	return &r
}
