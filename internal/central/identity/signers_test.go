package identity

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// TestSign: with a sealed key, its password and a code. What is refused, and with which
// of several keys it is signed.
func TestSign(t *testing.T) {
	typed := radio.SignWith{Password: keyWord, Code: keyCode}
	for name, c := range map[string]struct {
		bend func(h *signingHouse, what *radio.Signing, with *radio.SignWith)
		key  string // that signed
		err  error
	}{
		"of two keys the one that speaks alone": {func(*signingHouse, *radio.Signing, *radio.SignWith) {}, "an C", nil},
		"the key named":                         {func(h *signingHouse, _ *radio.Signing, with *radio.SignWith) { with.KID = h.kidOf("an P") }, "an P", nil},
		"for the province": {func(_ *signingHouse, what *radio.Signing, _ *radio.SignWith) {
			what.Chain, what.Audience = what.Chain[:1], string(province)
		}, "an P", nil},
		"another's key":    {func(h *signingHouse, _ *radio.Signing, with *radio.SignWith) { with.KID = h.kidOf("binh P") }, "", radio.ErrForbidden},
		"a wrong password": {func(_ *signingHouse, _ *radio.Signing, with *radio.SignWith) { with.Password = "đoán mò" }, "", radio.ErrInvalid},
		"a wrong code":     {func(_ *signingHouse, _ *radio.Signing, with *radio.SignWith) { with.Code = "000000" }, "", radio.ErrInvalid},
		"no code":          {func(_ *signingHouse, _ *radio.Signing, with *radio.SignWith) { with.Code = "" }, "", radio.ErrInvalid},
		"another area": {func(_ *signingHouse, what *radio.Signing, _ *radio.SignWith) {
			what.Chain, what.Audience = []radio.AreaID{"OTHER", "X"}, "X"
		}, "", radio.ErrForbidden},
		"another use": {func(_ *signingHouse, what *radio.Signing, _ *radio.SignWith) { what.May = trust.MayApprove }, "", radio.ErrForbidden},
		"one key ended": {func(h *signingHouse, _ *radio.Signing, _ *radio.SignWith) {
			h.inRing("an C", func(p *trust.PersonKey) { p.NotAfter = radio.At(time.Now()) })
		}, "an P", nil},
		"a key that ends tomorrow": {func(h *signingHouse, _ *radio.Signing, _ *radio.SignWith) {
			h.inRing("an C", func(p *trust.PersonKey) { p.NotAfter = radio.At(time.Now().Add(24 * time.Hour)) })
		}, "an C", nil},
		"all keys ended": {func(h *signingHouse, _ *radio.Signing, _ *radio.SignWith) {
			for i := range h.ring.Persons {
				h.ring.Persons[i].NotAfter = radio.At(time.Now())
			}
		}, "", radio.ErrForbidden},
		"one revoked":             {func(h *signingHouse, _ *radio.Signing, _ *radio.SignWith) { h.ring.Revoked = []string{h.kidOf("an C")} }, "an P", nil},
		"one revoked in the rows": {func(h *signingHouse, _ *radio.Signing, _ *radio.SignWith) { h.rows[1].RevokedAt = 1 }, "an P", nil},
		"not in the keyring":      {func(h *signingHouse, _ *radio.Signing, _ *radio.SignWith) { h.ring.Persons = nil }, "", radio.ErrForbidden},
		"the keyring says another": {func(h *signingHouse, _ *radio.Signing, _ *radio.SignWith) {
			h.inRing("an C", func(p *trust.PersonKey) { p.ID = "binh" })
		}, "an P", nil},
		"only a passkey": {func(h *signingHouse, _ *radio.Signing, _ *radio.SignWith) { h.rows = nil }, "", radio.ErrForbidden},
		"sealed under another name": {func(h *signingHouse, _ *radio.Signing, _ *radio.SignWith) {
			h.rows[1].Sealed = []byte(h.kidOf("binh C"))
		}, "", radio.ErrInvalid},
		"no second factor yet": {func(h *signingHouse, _ *radio.Signing, with *radio.SignWith) {
			h.codeErr, with.Code = radio.ErrForbidden, ""
		}, "", radio.ErrForbidden},
		"nothing to sign": {func(_ *signingHouse, what *radio.Signing, _ *radio.SignWith) {
			what.Payload = func(radio.UserID, radio.Millis) ([]byte, error) { return nil, radio.ErrConflict }
		}, "", radio.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			h := newSigningHouse(t)
			what, with := storm(), typed
			c.bend(h, &what, &with)
			sig, at, err := h.signers().Sign(t.Context(), own("an"), what, with)
			if !errors.Is(err, c.err) || (c.err == nil) != (err == nil) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			if c.err == nil && h.proves(what, "an", sig, at) != h.kidOf(c.key) {
				t.Errorf("signed with another key than %s", c.key)
			}
		})
	}
}

// TestSignsWithoutSecondFactor: where none is laid down no code is asked for, and the page
// does not either.
func TestSignsWithoutSecondFactor(t *testing.T) {
	h := newSigningHouse(t)
	s := h.signers()
	ways, err := s.Ways(t.Context(), "an", trust.MayAlert, storm().Chain)
	if err != nil || !ways.Password || !ways.Code || len(ways.Passkeys) != 1 || ways.Passkeys[0].Name != "điện thoại" {
		t.Errorf("%+v %v", ways, err)
	}
	s.code = nil
	if _, _, err := s.Sign(t.Context(), own("an"), storm(), radio.SignWith{Password: keyWord}); err != nil {
		t.Error(err)
	}
	if ways, err = s.Ways(t.Context(), "an", trust.MayAlert, storm().Chain); err != nil || ways.Code {
		t.Errorf("%+v %v", ways, err)
	}
	if ways, err = s.Ways(t.Context(), "an", trust.MayApprove, storm().Chain); err != nil || ways.Any() {
		t.Errorf("with a key for alerts alone: %+v %v", ways, err)
	}
}

// TestCodeIsNotWasted: a code counts once, so it is not shown to the second factor behind
// a wrong password.
func TestCodeIsNotWasted(t *testing.T) {
	h := newSigningHouse(t)
	if _, _, err := h.signers().Sign(t.Context(), own("an"), storm(), radio.SignWith{Password: "đoán mò", Code: keyCode}); !errors.Is(err, radio.ErrInvalid) || len(h.codes) != 0 {
		t.Errorf("%v, asked %v", err, h.codes)
	}
}

// TestSealedForReal signs with a key as it rests in the database.
func TestSealedForReal(t *testing.T) {
	h := newSigningHouse(t)
	sealed, err := trust.SealKey(h.keys[h.kidOf("an C")], keyWord)
	must(t, err)
	h.rows[1].Sealed = sealed
	s := NewSigners(h, h, h, time.Now)
	with := radio.SignWith{Password: "đoán mò", Code: keyCode}
	if _, _, err := s.Sign(t.Context(), own("an"), storm(), with); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("another password: %v", err)
	}
	with.Password = keyWord
	sig, at, err := s.Sign(t.Context(), own("an"), storm(), with)
	must(t, err)
	if h.proves(storm(), "an", sig, at) != h.kidOf("an C") {
		t.Error("another key")
	}
}

// TestEachKeyItsPassword: of several keys that fit, the one signs that the password opens;
// all of them tried are one guess.
func TestEachKeyItsPassword(t *testing.T) {
	h := newSigningHouse(t)
	s := h.signers()
	tries := 0
	s.unseal = func(sealed []byte, word string) (trust.Key, error) {
		if tries++; word != "của tỉnh" || string(sealed) != h.kidOf("an P") {
			return trust.Key{}, trust.ErrPassword
		}
		return h.keys[string(sealed)], nil
	}
	sig, at, err := s.Sign(t.Context(), own("an"), storm(), radio.SignWith{Password: "của tỉnh", Code: keyCode})
	if err != nil || h.proves(storm(), "an", sig, at) != h.kidOf("an P") || tries != 2 {
		t.Fatalf("%v after %d tries", err, tries)
	}
	for range ownTries {
		if guessed, wait := wrongly(t, s, own("an"), radio.SignWith{Password: "đoán mò"}); !guessed {
			t.Fatalf("must wait %s", wait)
		}
	}
	tries = 0
	once := s.OpeningOnce()
	for range 3 {
		if _, err := once.unseal([]byte(h.kidOf("an P")), "của tỉnh"); err != nil {
			t.Fatal(err)
		}
	}
	if tries != 1 {
		t.Errorf("opened %d times", tries)
	}
}

// wrongly makes one guess and says how long the next must wait.
func wrongly(t *testing.T, s *Signers, by radio.Person, with radio.SignWith) (guessed bool, wait time.Duration) {
	t.Helper()
	_, _, err := s.Sign(t.Context(), by, storm(), with)
	var later interface{ RetryAfter() time.Duration }
	switch {
	case errors.As(err, &later):
		return false, later.RetryAfter()
	case errors.Is(err, radio.ErrInvalid):
		return true, 0
	}
	t.Fatalf("a wrong password: %v", err)
	return false, 0
}

// TestGuessesWait: wrong passwords and wrong codes of a session count together; five in a
// row make it wait, and what is right then too.
func TestGuessesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSigningHouse(t)
		s := h.signers()
		an := own("an")
		for i := range ownTries {
			bad := radio.SignWith{Password: "đoán mò", Code: keyCode}
			if i%2 == 1 {
				bad = radio.SignWith{Password: keyWord, Code: "000000"}
			}
			if guessed, _ := wrongly(t, s, an, bad); !guessed {
				t.Fatalf("guess %d must wait", i)
			}
		}
		right := radio.SignWith{Password: keyWord, Code: keyCode}
		_, _, err := s.Sign(t.Context(), an, storm(), right)
		var later interface{ RetryAfter() time.Duration }
		if !errors.As(err, &later) || later.RetryAfter() > time.Second {
			t.Fatalf("the right one at once after five wrong ones: %v", err)
		}
		time.Sleep(time.Second)
		if _, _, err = s.Sign(t.Context(), an, storm(), right); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

// TestStolenSession: who guesses in a session they stole keeps that session waiting, not
// the person in another.
func TestStolenSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigningHouse(t).signers()
		thief := own("an")
		thief.Session = "stolen"
		bad := radio.SignWith{Password: "đoán mò"}
		guesses := 0
		// As fast as it may, for the life of a session.
		for end := time.Now().Add(SessionLife); time.Now().Before(end); {
			guessed, wait := wrongly(t, s, thief, bad)
			if guessed {
				guesses++
			}
			time.Sleep(wait)
		}
		if guesses > 80 {
			t.Errorf("%d guesses in one session", guesses)
		}
		if _, _, err := s.Sign(t.Context(), own("an"), storm(), radio.SignWith{Password: keyWord, Code: keyCode}); err != nil {
			t.Errorf("the person in their own session: %v", err)
		}
	})
}

// TestManySessions: sessions without end do not add up to guesses without end; the person
// waits a minute at most.
func TestManySessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigningHouse(t).signers()
		an := own("an")
		guesses := 0
		for i := range 1000 {
			an.Session = fmt.Sprint(i)
			if guessed, _ := wrongly(t, s, an, radio.SignWith{Password: "đoán mò"}); guessed {
				guesses++
			}
		}
		if guesses != signTries {
			t.Errorf("%d guesses in one breath, want %d", guesses, signTries)
		}
		_, _, err := s.Sign(t.Context(), own("an"), storm(), radio.SignWith{Password: keyWord, Code: keyCode})
		var later interface{ RetryAfter() time.Duration }
		if !errors.As(err, &later) || later.RetryAfter() > signMost {
			t.Fatalf("the right password behind a hundred wrong ones: %v", err)
		}
		time.Sleep(later.RetryAfter())
		if _, _, err := s.Sign(t.Context(), own("an"), storm(), radio.SignWith{Password: keyWord, Code: keyCode}); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		if _, _, err := s.Sign(t.Context(), own("binh"), storm(), radio.SignWith{Password: keyWord, Code: keyCode}); err != nil {
			t.Errorf("somebody else: %v", err)
		}
	})
}

// TestPasskeyAnswer: an answer counts for what was asked, while it is fresh, of the person
// whose key the root has certified.
func TestPasskeyAnswer(t *testing.T) {
	type shown struct {
		h     *signingHouse
		phone *authenticator
		asks  []radio.PasskeyAsk
		what  *radio.Signing
		a     *radio.PasskeyAnswer
		by    radio.Person
	}
	late := func(d time.Duration) func(*shown) { return func(*shown) { time.Sleep(d) } }
	for name, c := range map[string]struct {
		before func(*shown) // the phone answers
		after  func(*shown) // it has
		err    error
	}{
		"as asked":           {nil, nil, nil},
		"after five minutes": {nil, late(PasskeyAnswerLife), nil},
		"too late":           {nil, late(PasskeyAnswerLife + time.Second), radio.ErrConflict},
		"of the future":      {nil, func(s *shown) { s.a.At += 1000 }, radio.ErrConflict},
		"dated back":         {nil, func(s *shown) { s.a.At -= 1000 }, radio.ErrConflict},
		"about what has changed since": {nil, func(s *shown) {
			s.what.Payload = func(radio.UserID, radio.Millis) ([]byte, error) { return []byte(`{"storm":false}`), nil }
		}, radio.ErrConflict},
		"for another place": {nil, func(s *shown) { s.what.Audience, s.what.Chain = string(province), s.what.Chain[:1] }, radio.ErrConflict},
		"of another type":   {nil, func(s *shown) { s.what.Type = "loaxa.approval.v1" }, radio.ErrConflict},
		"on another site":   {func(s *shown) { s.phone.origin = "https://loa.example.evil" }, nil, radio.ErrConflict},
		"for another party": {func(s *shown) { s.phone.party = "example" }, nil, radio.ErrConflict},
		"without a finger":  {func(s *shown) { s.phone.flags = 1 }, nil, radio.ErrConflict},
		"of another phone":  {func(s *shown) { *s.phone = newAuthenticator(s.h.t) }, nil, radio.ErrConflict},
		"by another person": {nil, func(s *shown) { s.by = own("binh") }, radio.ErrForbidden},
		"under another's name": {nil, func(s *shown) {
			s.by, s.a.KID = own("binh"), s.h.kidOf("binh phone")
		}, radio.ErrConflict},
		"with a sealed key's name": {nil, func(s *shown) { s.a.KID = s.h.kidOf("an C") }, radio.ErrForbidden},
		"revoked meanwhile":        {nil, func(s *shown) { s.h.ring.Revoked = []string{s.a.KID} }, radio.ErrForbidden},
		"ended meanwhile": {nil, func(s *shown) {
			time.Sleep(time.Second)
			s.h.inRing("an phone", func(p *trust.PersonKey) { p.NotAfter = radio.At(time.Now()) })
		}, radio.ErrForbidden},
		"of a console that is none": {nil, func(s *shown) { s.h.ring.RelyingParty = nil }, radio.ErrForbidden},
		"empty":                     {nil, func(s *shown) { *s.a = radio.PasskeyAnswer{} }, radio.ErrInvalid},
		"no signature":              {nil, func(s *shown) { s.a.Signature = "AA" }, radio.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSigningHouse(t)
				s := h.signers()
				what := storm()
				asks, err := s.Ask(t.Context(), own("an"), what)
				if err != nil || len(asks) != 1 || asks[0].KID != h.kidOf("an phone") || asks[0].RelyingParty != "loa.example" || asks[0].Credential != "Y3JlZA" {
					t.Fatalf("%+v %v", asks, err)
				}
				phone := h.phones[asks[0].KID]
				x := &shown{h: h, phone: &phone, asks: asks, what: &what, by: own("an")}
				if c.before != nil {
					c.before(x)
				}
				x.a = phone.answer(t, asks[0])
				if c.after != nil {
					c.after(x)
				}
				sig, at, err := s.Sign(t.Context(), x.by, what, radio.SignWith{Passkey: x.a})
				if !errors.Is(err, c.err) || (c.err == nil) != (err == nil) {
					t.Fatalf("%v, want %v", err, c.err)
				}
				if c.err == nil && (at != asks[0].At || h.proves(what, "an", sig, at) != asks[0].KID) {
					t.Error("signed something else")
				}
			})
		})
	}
}

// TestAskWithoutPasskey: nobody is asked for a passkey that does not count.
func TestAskWithoutPasskey(t *testing.T) {
	for name, bend := range map[string]func(h *signingHouse){
		"not certified": func(h *signingHouse) {
			kid := h.kidOf("an phone")
			h.ring.Persons = slices.DeleteFunc(h.ring.Persons, func(p trust.PersonKey) bool { return p.JWK.KID == kid })
		},
		"of another area": func(h *signingHouse) { h.inRing("an phone", func(p *trust.PersonKey) { p.Scope = "X" }) },
		"for approvals": func(h *signingHouse) {
			h.inRing("an phone", func(p *trust.PersonKey) { p.May = []string{trust.MayApprove} })
		},
		"forgotten": func(h *signingHouse) { h.passkeys = nil },
	} {
		h := newSigningHouse(t)
		bend(h)
		if asks, err := h.signers().Ask(t.Context(), own("an"), storm()); !errors.Is(err, radio.ErrForbidden) {
			t.Errorf("%s: %v %v", name, asks, err)
		}
	}
}
