package storetest

import (
	"errors"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func passkeySuites() []Suite { return []Suite{{"passkeys", passkeys}} }

func passkeys(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan, an, binh := alertHouse(t, s)
	phone := radio.Passkey{KID: "p1", Person: an, Credential: "c1", JWK: []byte(`{"kty":"EC"}`), Name: "điện thoại", CreatedAt: alertAt}
	must(t, s.AddPasskey(ctx, phone, 2))
	for name, bend := range map[string]func(*radio.Passkey){
		"the same key":        func(p *radio.Passkey) { p.Credential = "c9" },
		"the same credential": func(p *radio.Passkey) { p.KID = "p9" },
	} {
		again := phone
		again.Person = binh
		if bend(&again); !errors.Is(s.AddPasskey(ctx, again, 2), radio.ErrConflict) {
			t.Errorf("%s of another person is kept", name)
		}
	}
	laptop := phone
	laptop.KID, laptop.Credential, laptop.Name, laptop.CreatedAt = "p2", "c2", "máy tính", alertAt+1
	must(t, s.AddPasskey(ctx, laptop, 2))
	third := phone
	third.KID, third.Credential = "p3", "c3"
	if err := s.AddPasskey(ctx, third, 2); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("one too many: %v", err)
	}
	third.Person = binh
	must(t, s.AddPasskey(ctx, third, 2))
	same(t, "of one", need[[]radio.Passkey](t)(s.Passkeys(ctx, an)), []radio.Passkey{laptop, phone})
	same(t, "of all", len(need[[]radio.Passkey](t)(s.Passkeys(ctx, ""))), 3)

	if err := s.DropPasskey(ctx, binh, "p1", alertAt); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("another's is dropped: %v", err)
	}
	must(t, s.DropPasskey(ctx, an, "p2", alertAt+2))
	key := radio.PersonKeyRow{KID: "p1", Person: an, Scope: plan.Areas[1].ID, May: []string{"alert"}, JWK: phone.JWK, Sealed: []byte{}, CreatedBy: "test", CreatedAt: alertAt, NotAfter: alertAt + 9}
	must(t, s.AddPersonKey(ctx, key, "an"))
	same(t, "certified", need[[]radio.PersonKeyRow](t)(s.PersonKeys(ctx, an)), []radio.PersonKeyRow{key})
	if err := s.DropPasskey(ctx, an, "p1", alertAt); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("a certified one is dropped: %v", err)
	}
	same(t, "left", need[[]radio.Passkey](t)(s.Passkeys(ctx, an)), []radio.Passkey{phone})
	same(t, "audit", len(need[[]radio.AuditEntry](t)(s.Audit(ctx, string(an), 10))), 5)
}
