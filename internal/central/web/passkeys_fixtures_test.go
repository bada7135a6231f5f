package web

import (
	"context"
	"fmt"

	"loaxa/internal/radio"
)

// fakePasskeys keeps passkeys without proving any; it records what it was asked.
type fakePasskeys struct {
	held  []radio.HeldKey
	acts  []string
	shut  bool
	err   error // of every change
	offer radio.PasskeyOffer
}

const waitingKey = "kid-that-waits"

func somePasskeys(p *fakePlan) *fakePasskeys {
	at := radio.At(now)
	return &fakePasskeys{offer: radio.PasskeyOffer{Challenge: "AA", RelyingParty: "localhost", Console: "Loa Xã", User: "AA", Login: "lan", Name: "Lan", Known: []string{}},
		held: []radio.HeldKey{
			{KID: "kid-that-works", State: radio.KeyWorks, Scope: p.places[0].Chain[1].ID, May: []string{"alert", "approve"}, CreatedAt: at, NotAfter: at + 86_400_000},
			{KID: waitingKey, Name: "điện thoại", Passkey: true, State: radio.KeyWaits, CreatedAt: at},
			{KID: "kid-of-old", Name: "máy tính", Passkey: true, State: radio.KeyRevoked, Scope: p.places[0].Chain[0].ID, May: []string{"alert"}, CreatedAt: at},
		}}
}

func (f *fakePasskeys) do(format string, args ...any) error {
	if f.err == nil {
		f.acts = append(f.acts, fmt.Sprintf(format, args...))
	}
	return f.err
}

func (f *fakePasskeys) Offered() bool { return !f.shut }

func (f *fakePasskeys) Begin(_ context.Context, by radio.Person, shown radio.Proof) (radio.PasskeyOffer, error) {
	return f.offer, f.do("begin by %s shown %v", by.Login, shown)
}

func (f *fakePasskeys) Register(_ context.Context, by radio.Person, made radio.PasskeyMade) (radio.Passkey, error) {
	return radio.Passkey{KID: "new", Person: by.ID, Name: made.Name, CreatedAt: radio.At(now)}, f.do("register %s by %s", made.Name, by.Login)
}

func (f *fakePasskeys) Drop(_ context.Context, by radio.Person, kid string) error {
	if kid != waitingKey {
		return fmt.Errorf("passkey: %w", radio.ErrNotFound)
	}
	return f.do("drop %s by %s", kid, by.Login)
}

func (f *fakePasskeys) Held(context.Context, radio.UserID) ([]radio.HeldKey, error) {
	return f.held, nil
}

func passkeyThing(_ *house, w where) []string {
	if w != common {
		return nil
	}
	return []string{"passkey", waitingKey}
}

func passkeyFixtures() []fixture {
	self := radio.Self
	return []fixture{
		{pattern: "POST /account/passkeys/{passkey}/drop", may: self, thing: passkeyThing},
		{pattern: "GET /api/v1/account/keys", may: self},
		{pattern: "POST /api/v1/account/passkeys/begin", may: self, body: `{"password":"a"}`},
		{pattern: "POST /api/v1/account/passkeys", may: self, body: `{"name":"a","credential":"AA","client_data":"AA","attestation":"AA"}`},
		{pattern: "DELETE /api/v1/account/passkeys/{passkey}", may: self, thing: passkeyThing},
	}
}
