package identity

import (
	"errors"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// TestFirstSecondFactor: the first one, also the first after a reset, is asked for at sign-in
// at once; for what takes a code it counts a day later, or when another administrator says so.
func TestFirstSecondFactor(t *testing.T) { onBoth(t, firstSecondFactor) }

func firstSecondFactor(t *testing.T, s *store.Store) {
	ctx, h := t.Context(), newSecondHouse(t, s)
	all := radio.Grant{Role: radio.RoleAdmin, Area: radio.Everywhere}
	lan := h.person(t, "lan", radio.Grant{Role: radio.RoleApprover, Area: radio.Everywhere})
	admin, fresh := h.person(t, "quan-tri", all), h.person(t, "moi", all)
	h.setUp(t, admin)
	code := func(p radio.Person) string { h.now = h.now.Add(2 * totpStep); return h.code(t, p) }
	waits := func(what string, err error, who string) {
		t.Helper()
		refusedAs(t, what, err, radio.ErrForbidden)
		var vi interface{ Vietnamese() string }
		if err == nil || errors.Is(err, ErrNoSecond) || !errors.As(err, &vi) || !strings.Contains(vi.Vietnamese(), "confirm-second --login "+who) || !strings.Contains(err.Error(), "another administrator") {
			t.Errorf("%s: %v", what, err)
		}
	}
	since := func(p radio.Person) radio.Millis {
		f, err := s.SecondFactor(ctx, p.ID)
		must(t, err)
		return f.Since
	}
	signIn := func() {
		t.Helper()
		in, err := h.Login(ctx, radio.SignIn{Login: "lan", Password: goodPassword, Address: "home"})
		if err != nil || in.Ticket == "" || in.Session != "" {
			t.Fatalf("the password alone opens a session: %+v %v", in, err)
		}
		in, err = h.SignInCode(ctx, in.Ticket, code(lan))
		if err != nil || in.Session == "" {
			t.Fatalf("%+v %v", in, err)
		}
	}

	recovery := h.setUpFirst(t, lan)
	began := since(lan).Time()
	signIn()
	waits("a code", h.CheckCode(ctx, lan, code(lan)), "lan")
	if err := h.CheckCode(ctx, lan, recovery[0]); !strings.Contains(err.Error(), "23 h 58 min") && !strings.Contains(err.Error(), "23 h 59 min") {
		t.Errorf("a recovery code: %v", err)
	}
	if state, err := h.Second(ctx, lan); err != nil || state.CountsAt != since(lan)+radio.Millis(FirstSecondWait.Milliseconds()) {
		t.Errorf("%+v %v", state, err)
	}
	// For the own account it counts: a new telephone, which makes nothing count sooner.
	must(t, h.Prove(ctx, lan, radio.Proof{Password: goodPassword, Code: code(lan)}))
	refusedAs(t, "without a code", h.Prove(ctx, lan, radio.Proof{Password: goodPassword}), radio.ErrInvalid)
	_, err := h.RenewRecovery(ctx, lan, code(lan))
	must(t, err)
	h.setUpFirst(t, lan)
	waits("another telephone", h.CheckCode(ctx, lan, code(lan)), "lan")
	h.now = began.Add(FirstSecondWait - 3*totpStep)
	waits("almost a day later", h.CheckCode(ctx, lan, code(lan)), "lan")
	h.now = began.Add(FirstSecondWait)
	must(t, h.CheckCode(ctx, lan, code(lan)))
	if state, err := h.Second(ctx, lan); err != nil || !state.Set || state.CountsAt != 0 {
		t.Errorf("%+v %v", state, err)
	}
	refusedAs(t, "what counts already", h.CountSecond(ctx, admin, lan.ID, since(lan), code(admin)), radio.ErrConflict)
	h.setUpFirst(t, lan)
	must(t, h.CheckCode(ctx, lan, code(lan))) // another telephone in place of one that counts

	// After a reset.
	must(t, h.ResetSecondByRoot(ctx, "lan", "command:root"))
	delete(h.secrets, lan.ID)
	h.setUpFirst(t, lan)
	waits("after a reset", h.CheckCode(ctx, lan, code(lan)), "lan")
	h.setUpFirst(t, fresh)
	waits("an administrator whose own is new", h.CountSecond(ctx, fresh, lan.ID, since(lan), code(fresh)), "moi")
	waits("asks for a reset", h.AskSecondReset(ctx, fresh, lan.ID, code(fresh)), "moi")
	refusedAs(t, "oneself", h.CountSecond(ctx, fresh, fresh.ID, since(fresh), code(fresh)), radio.ErrForbidden)
	refusedAs(t, "no administrator", h.CountSecond(ctx, lan, fresh.ID, since(fresh), code(lan)), radio.ErrNotFound)
	refusedAs(t, "a wrong code", h.CountSecond(ctx, admin, lan.ID, since(lan), "000000"), radio.ErrInvalid)
	refusedAs(t, "not said which", h.CountSecond(ctx, admin, lan.ID, 0, code(admin)), radio.ErrInvalid)
	refusedAs(t, "another one than was seen", h.CountSecond(ctx, admin, lan.ID, since(lan)-1, code(admin)), radio.ErrConflict)
	program := admin
	program.Token = radio.TokenWrites
	refusedAs(t, "a program", h.CountSecond(ctx, program, lan.ID, since(lan), code(admin)), radio.ErrNotFound)
	waits("after all of these", h.CheckCode(ctx, lan, code(lan)), "lan")
	if state, _, err := h.SecondOf(ctx, admin, lan.ID); err != nil || state.CountsAt == 0 {
		t.Errorf("%+v %v", state, err)
	}
	must(t, h.CountSecond(ctx, admin, lan.ID, since(lan), code(admin)))
	must(t, h.CheckCode(ctx, lan, code(lan)))
	must(t, h.CountSecondByOperator(ctx, "moi", "command:x"))
	must(t, h.CheckCode(ctx, fresh, code(fresh)))
	refusedAs(t, "nobody", h.CountSecondByOperator(ctx, "nobody", "command:x"), radio.ErrNotFound)
}

// TestFounderConfirmsNobody: who makes the first account has nobody to confirm theirs; for an
// hour it counts at once, and nobody else's does.
func TestFounderConfirmsNobody(t *testing.T) {
	for name, c := range map[string]struct {
		later   time.Duration
		restart bool
		counts  bool
	}{
		"at once": {0, false, true}, "within the hour": {FirstCodeLife - 2*totpStep, false, true}, "an hour later": {FirstCodeLife, false, false},
		"after a restart": {0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, h := t.Context(), newSecondHouse(t, openStore(t, storetest.File(t)))
			first, code, err := NewFirstRun(h.People, h.s)
			must(t, err)
			_, err = first.MakeFirst(ctx, code, "lan", "Lan", goodPassword, "home")
			must(t, err)
			if c.restart {
				h.People = newPeople(h.s, h.keys, func() time.Time { return h.now }, cost{time: 1, memory: 64, lanes: 1})
			}
			lan := h.signedIn(t, "lan")
			hoa := h.person(t, "hoa", radio.Grant{Role: radio.RoleAdmin, Area: radio.Everywhere})
			h.now = h.now.Add(c.later)
			h.setUpFirst(t, lan)
			h.setUpFirst(t, hoa)
			if err := h.CheckCode(ctx, lan, h.code(t, lan)); (err == nil) != c.counts {
				t.Errorf("the founder's: %v", err)
			}
			refusedAs(t, "another's", h.CheckCode(ctx, hoa, h.code(t, hoa)), radio.ErrForbidden)
		})
	}
}
