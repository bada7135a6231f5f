package identity

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// The test vectors of RFC 6238 appendix B, as six digits.
func TestCodesOfTheStandard(t *testing.T) {
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" // "12345678901234567890"
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		now := time.Unix(at, 0)
		got, err := CodeAt(secret, now)
		if err != nil || got != want {
			t.Errorf("at %d: %s %v, want %s", at, got, err, want)
		}
		for _, c := range []struct {
			later time.Duration
			ok    bool
		}{{0, true}, {totpStep, true}, {-totpStep, true}, {2 * totpStep, false}, {-2 * totpStep, false}} {
			step, err := stepOf(secret, want, now.Add(c.later))
			if at > 60 && (err == nil) != c.ok || err == nil && step != at/30 {
				t.Errorf("the code of %d seen %s later: step %d, %v", at, c.later, step, err)
			}
		}
	}
}

func TestReadCode(t *testing.T) {
	for text, want := range map[string][2]string{
		"123456": {"123456", ""}, " 123 456 ": {"123456", ""}, "123-456": {"123456", ""}, "O12345": {"012345", ""},
		"0123-4567-89ab-cdef": {"", "0123456789ABCDEF"}, "oiL3 4567 89AB CDEF": {"", "0113456789ABCDEF"},
		"": {}, "12345": {}, "1234567": {}, "12345a": {}, "１２３４５６": {}, "0123-4567-89ab-cdeu": {}, "0123456789ABCDEF0": {}, strings.Repeat("1", 1000): {},
	} {
		if d, r := readCode(text); [2]string{d, r} != want {
			t.Errorf("%q: %q %q, want %q", text, d, r, want)
		}
	}
}

func FuzzReadCode(f *testing.F) {
	for _, s := range []string{"123456", "0123-4567-89ab-cdef", "", "oIl3456789ABCDEF", "\x00\xff", "١٢٣٤٥٦"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, r := readCode(s)
		if d != "" && (len(d) != totpDigits || strings.Trim(d, "0123456789") != "" || r != "") {
			t.Fatalf("digits %q", d)
		}
		if r != "" {
			if again, same := readCode(r); len(r) != recoveryLen || again != "" || same != r {
				t.Fatalf("recovery %q, read again %q", r, same)
			}
		}
	})
}

// second is a desk with a clock, and people who have an authenticator.
type second struct {
	*People
	s       *store.Store
	now     time.Time
	keys    string
	secrets map[radio.UserID]string
}

func newSecondHouse(t *testing.T, s *store.Store) *second {
	h := &second{s: s, now: morning, keys: t.TempDir(), secrets: map[radio.UserID]string{}}
	h.People = newPeople(s, h.keys, func() time.Time { return h.now }, cost{time: 1, memory: 64, lanes: 1})
	return h
}

// person is one who has signed in.
func (h *second) person(t *testing.T, login string, grants ...radio.Grant) radio.Person {
	t.Helper()
	_, err := h.Add(t.Context(), login, "Người "+login, goodPassword, grants, "x")
	must(t, err)
	return h.signedIn(t, login)
}

func (h *second) signedIn(t *testing.T, login string) radio.Person {
	t.Helper()
	in, err := h.Login(t.Context(), radio.SignIn{Login: login, Password: goodPassword, Address: "home"})
	must(t, err)
	who, err := h.Session(t.Context(), in.Session)
	must(t, err)
	return who
}

// code is what the authenticator shows now.
func (h *second) code(t *testing.T, by radio.Person) string {
	t.Helper()
	code, err := CodeAt(h.secrets[by.ID], h.now)
	must(t, err)
	return code
}

// setUp sets a second factor up that counts for everything.
func (h *second) setUp(t *testing.T, by radio.Person) (recovery []string) {
	t.Helper()
	recovery = h.setUpFirst(t, by)
	if f, err := h.s.SecondFactor(t.Context(), by.ID); err != nil || f.CountsAt > radio.At(h.now) {
		must(t, errors.Join(err, h.s.CountSecond(t.Context(), by.ID, 0, "command:x", radio.At(h.now))))
	}
	return recovery
}

// setUpFirst is setUp without anybody's confirmation.
func (h *second) setUpFirst(t *testing.T, by radio.Person) (recovery []string) {
	t.Helper()
	code := ""
	if h.secrets[by.ID] != "" {
		h.now = h.now.Add(totpStep)
		code = h.code(t, by)
	}
	fresh, err := h.BeginSecond(t.Context(), by, radio.Proof{Password: goodPassword, Code: code})
	must(t, err)
	h.secrets[by.ID] = fresh.Secret
	h.now = h.now.Add(totpStep)
	recovery, err = h.ConfirmSecond(t.Context(), by, h.code(t, by))
	must(t, err)
	h.now = h.now.Add(totpStep)
	return recovery
}

// TestSecondFactor walks one person through it: from none, by the first code, to a new
// telephone.
func TestSecondFactor(t *testing.T) { onBoth(t, secondFactor) }

func secondFactor(t *testing.T, s *store.Store) {
	ctx, h := t.Context(), newSecondHouse(t, s)
	lan := h.person(t, "lan")
	refusedAs(t, "a code of nobody's", h.CheckCode(ctx, lan, "123456"), ErrNoSecond)
	if !errors.Is(ErrNoSecond, radio.ErrForbidden) {
		t.Error("no second factor is no refusal")
	}
	program := lan
	program.Token = radio.TokenWrites
	_, err := h.BeginSecond(ctx, program, radio.Proof{Password: goodPassword})
	refusedAs(t, "a program sets one up", err, radio.ErrForbidden)
	_, err = h.BeginSecond(ctx, lan, radio.Proof{Password: "sai"})
	refusedAs(t, "without the password", err, radio.ErrInvalid)
	_, err = h.ConfirmSecond(ctx, lan, "123456")
	refusedAs(t, "a first code of nothing", err, radio.ErrConflict)

	fresh, err := h.BeginSecond(ctx, lan, radio.Proof{Password: goodPassword})
	must(t, err)
	u, err := url.Parse(fresh.URL)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Loa Xã:lan" || u.Query().Get("secret") != fresh.Secret || u.Query().Get("issuer") != "Loa Xã" || strings.Contains(fresh.URL, "+") || len(fresh.Secret) != 32 {
		t.Fatalf("%+v %v", fresh, err)
	}
	h.secrets[lan.ID] = fresh.Secret
	kept, err := s.SecondFactor(ctx, lan.ID)
	if err != nil || kept.Sealed != "" || strings.Contains(kept.Pending, fresh.Secret) {
		t.Fatalf("%+v %v", kept, err)
	}
	if info, err := os.Stat(filepath.Join(h.keys, secondKeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	refusedAs(t, "before the first code", h.CheckCode(ctx, lan, h.code(t, lan)), ErrNoSecond)
	_, err = h.ConfirmSecond(ctx, lan, "000000")
	refusedAs(t, "a wrong first code", err, radio.ErrInvalid)
	h.now = h.now.Add(pendingLife)
	_, err = h.ConfirmSecond(ctx, lan, h.code(t, lan))
	refusedAs(t, "a secret that waited too long", err, radio.ErrConflict)
	recovery := h.setUp(t, lan)
	if state, err := h.Second(ctx, lan); err != nil || !state.Set || state.Pending || state.Recovery != recoveryCodes || len(recovery) != recoveryCodes {
		t.Fatalf("%+v %v %v", state, recovery, err)
	}

	first := h.code(t, lan)
	must(t, h.CheckCode(ctx, lan, first[:3]+" "+first[3:]))
	refusedAs(t, "a code twice", h.CheckCode(ctx, lan, first), radio.ErrInvalid)
	refusedAs(t, "a program with a code", h.CheckCode(ctx, program, h.code(t, lan)), radio.ErrForbidden)
	h.now = h.now.Add(3 * totpStep)
	refusedAs(t, "an old code", h.CheckCode(ctx, lan, first), radio.ErrInvalid)
	for _, bad := range []string{"", "12345", "abc", strings.Repeat("1", 5000)} {
		refusedAs(t, "no code", h.CheckCode(ctx, lan, bad), radio.ErrInvalid)
	}
	must(t, h.CheckCode(ctx, lan, strings.ToLower(recovery[3])))
	refusedAs(t, "a recovery code twice", h.CheckCode(ctx, lan, recovery[3]), radio.ErrInvalid)
	_, err = h.RenewRecovery(ctx, lan, "000000")
	refusedAs(t, "new recovery codes without a code", err, radio.ErrInvalid)
	fourth, err := h.RenewRecovery(ctx, lan, h.code(t, lan))
	must(t, err)
	refusedAs(t, "an old recovery code", h.CheckCode(ctx, lan, recovery[4]), radio.ErrInvalid)

	// A new telephone takes a code of the old one, or a recovery code.
	h.now = h.now.Add(10 * time.Minute)
	_, err = h.BeginSecond(ctx, lan, radio.Proof{Password: goodPassword})
	refusedAs(t, "a new telephone without a code", err, radio.ErrInvalid)
	old := h.secrets[lan.ID]
	fresh, err = h.BeginSecond(ctx, lan, radio.Proof{Password: goodPassword, Code: fourth[0]})
	must(t, err)
	must(t, h.CheckCode(ctx, lan, h.code(t, lan))) // the old one counts until then
	h.secrets[lan.ID] = fresh.Secret
	_, err = h.ConfirmSecond(ctx, lan, h.code(t, lan))
	must(t, err)
	h.now = h.now.Add(2 * totpStep)
	code, err := CodeAt(old, h.now)
	must(t, err)
	refusedAs(t, "the old telephone", h.CheckCode(ctx, lan, code), radio.ErrInvalid)
	must(t, h.CheckCode(ctx, lan, h.code(t, lan)))
}

// TestGuessedCodes: a stolen session keeps waiting, and its person, in another session,
// does not.
func TestGuessedCodes(t *testing.T) {
	ctx, h := t.Context(), newSecondHouse(t, openStore(t, storetest.File(t)))
	lan := h.person(t, "lan")
	h.setUp(t, lan)
	thief := lan
	thief.Session = "stolen"
	for range ownTries {
		refusedAs(t, "a guess", h.CheckCode(ctx, thief, "000000"), radio.ErrInvalid)
	}
	err := h.CheckCode(ctx, thief, h.code(t, lan))
	var later interface{ RetryAfter() time.Duration }
	if !errors.Is(err, radio.ErrUnavailable) || !errors.As(err, &later) || later.RetryAfter() <= 0 {
		t.Fatalf("after %d guesses: %v", ownTries, err)
	}
	must(t, h.CheckCode(ctx, lan, h.code(t, lan)))
	// For a whole day, as often as it may: never does the person wait long.
	guesses, longest := 0, time.Duration(0)
	for end := h.now.Add(24 * time.Hour); h.now.Before(end); h.now = h.now.Add(time.Minute) {
		if err := h.CheckCode(ctx, thief, "000000"); errors.Is(err, radio.ErrInvalid) {
			guesses++
		}
		longest = max(longest, h.second.waiting(codeInSession(lan), h.now))
	}
	if guesses > 120 || longest > time.Minute {
		t.Errorf("%d guesses in a day; the person waited up to %s", guesses, longest)
	}
	// All at once: none slips through before the others are counted.
	h.now = h.now.Add(48 * time.Hour)
	thief.Session = "another"
	var inside, most, looked atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			err := h.guarded(ctx, codeInSession(thief), func(time.Time) error {
				looked.Add(1)
				most.Store(max(most.Load(), inside.Add(1)))
				for range 100 {
					runtime.Gosched() // the others come meanwhile
				}
				inside.Add(-1)
				return errGuess
			})
			if !errors.Is(err, radio.ErrInvalid) && !errors.Is(err, radio.ErrUnavailable) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 || looked.Load() != ownTries {
		t.Errorf("%d guesses were looked at, want %d; %d of them at once", looked.Load(), ownTries, most.Load())
	}
}

// TestSignInWithACode: the password alone opens nothing.
func TestSignInWithACode(t *testing.T) {
	ctx, h := t.Context(), newSecondHouse(t, openStore(t, storetest.File(t)))
	lan := h.person(t, "lan")
	recovery := h.setUp(t, lan)
	try := radio.SignIn{Login: "lan", Password: goodPassword, Address: "home"}
	half := func() string {
		t.Helper()
		h.now = h.now.Add(time.Second)
		in, err := h.Login(ctx, try)
		if err != nil || in.Session != "" || in.Device != "" || in.Person.ID != "" || in.Ticket == "" {
			t.Fatalf("%+v %v", in, err)
		}
		return in.Ticket
	}
	ticket := half()
	_, err := h.SignInCode(ctx, ticket, "000000")
	refusedAs(t, "a wrong code", err, radio.ErrInvalid)
	in, err := h.SignInCode(ctx, ticket, h.code(t, lan))
	if err != nil || in.Session == "" || in.Device == "" || in.Person.ID != lan.ID {
		t.Fatalf("%+v %v", in, err)
	}
	_, err = h.SignInCode(ctx, ticket, recovery[0])
	refusedAs(t, "a ticket twice", err, ErrTicket)
	for _, bad := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 5000)} {
		_, err = h.SignInCode(ctx, bad, recovery[0])
		refusedAs(t, "no ticket", err, ErrTicket)
	}
	// In one step, as programs do.
	with := try
	with.Code = recovery[1]
	if in, err = h.Login(ctx, with); err != nil || in.Session == "" || in.Ticket != "" {
		t.Fatalf("%+v %v", in, err)
	}
	with.Password = "sai"
	with.Code = recovery[2]
	_, err = h.Login(ctx, with)
	refusedAs(t, "a code without the password", err, ErrLogin)
	must(t, h.CheckCode(ctx, lan, recovery[2])) // it was not used up

	ticket = half()
	h.now = h.now.Add(halfLife)
	_, err = h.SignInCode(ctx, ticket, recovery[3])
	refusedAs(t, "a ticket past its time", err, ErrTicket)
	ticket = half()
	must(t, h.SetPassword(ctx, "lan", "trời lại nắng rồi", "x"))
	_, err = h.SignInCode(ctx, ticket, recovery[3])
	refusedAs(t, "a ticket of the old password", err, ErrTicket)
	try.Password = "trời lại nắng rồi"
	ticket = half()
	must(t, h.s.DisablePerson(ctx, lan.ID, "x", radio.At(h.now)))
	_, err = h.SignInCode(ctx, ticket, recovery[3])
	refusedAs(t, "a disabled account", err, ErrTicket)

	// Who knows the password and fills the memory pushes out their own tickets only.
	must(t, h.s.EnablePerson(ctx, lan.ID, "x", radio.At(h.now)))
	first := half()
	for range mostHalvesEach {
		half()
	}
	if _, err := h.SignInCode(ctx, first, recovery[3]); !errors.Is(err, ErrTicket) || len(h.half.open) > mostHalvesEach {
		t.Errorf("%d tickets, %v", len(h.half.open), err)
	}
}

// TestSecondIsTakenAway: by two administrators with codes of their own, never by one.
func TestSecondIsTakenAway(t *testing.T) { onBoth(t, secondIsTakenAway) }

func secondIsTakenAway(t *testing.T, s *store.Store) {
	ctx, h := t.Context(), newSecondHouse(t, s)
	all := radio.Grant{Role: radio.RoleAdmin, Area: radio.Everywhere}
	lan := h.person(t, "lan", radio.Grant{Role: radio.RoleApprover, Area: radio.Everywhere})
	one, two, third := h.person(t, "mot", all), h.person(t, "hai", all), h.person(t, "ba", all)
	refusedAs(t, "an administrator without a second factor", h.AskSecondReset(ctx, one, lan.ID, "123456"), ErrNoSecond)
	for _, p := range []radio.Person{one, two} {
		h.setUp(t, p)
	}
	refusedAs(t, "who has none", h.AskSecondReset(ctx, one, lan.ID, h.code(t, one)), radio.ErrConflict)
	h.setUp(t, lan)
	code := func(p radio.Person) string { h.now = h.now.Add(2 * totpStep); return h.code(t, p) }
	refusedAs(t, "nobody asked", h.ConfirmSecondReset(ctx, two, lan.ID, code(two)), radio.ErrConflict)
	refusedAs(t, "oneself", h.AskSecondReset(ctx, one, one.ID, code(one)), radio.ErrForbidden)
	refusedAs(t, "no administrator", h.AskSecondReset(ctx, lan, one.ID, code(lan)), radio.ErrNotFound)
	refusedAs(t, "without a code", h.AskSecondReset(ctx, one, lan.ID, "000000"), radio.ErrInvalid)
	must(t, h.AskSecondReset(ctx, one, lan.ID, code(one)))
	refusedAs(t, "the same administrator", h.ConfirmSecondReset(ctx, one, lan.ID, code(one)), radio.ErrForbidden)
	refusedAs(t, "a wrong code", h.ConfirmSecondReset(ctx, two, lan.ID, "000000"), radio.ErrInvalid)
	h.setUp(t, third)
	refusedAs(t, "who set up a second factor only now", h.ConfirmSecondReset(ctx, third, lan.ID, code(third)), radio.ErrForbidden)
	if state, asked, err := h.SecondOf(ctx, two, lan.ID); err != nil || !state.Set || asked.AskedBy != one.ID {
		t.Fatalf("%+v %+v %v", state, asked, err)
	}
	h.now = h.now.Add(SecondResetLife)
	refusedAs(t, "a day later", h.ConfirmSecondReset(ctx, two, lan.ID, code(two)), radio.ErrConflict)
	must(t, h.AskSecondReset(ctx, one, lan.ID, code(one)))
	must(t, h.SetGrants(ctx, two, one.ID, nil))
	refusedAs(t, "who asked is no administrator any more", h.ConfirmSecondReset(ctx, two, lan.ID, code(two)), radio.ErrConflict)
	must(t, h.SetGrants(ctx, two, one.ID, []radio.Grant{all}))
	must(t, h.ConfirmSecondReset(ctx, two, lan.ID, code(two)))
	refusedAs(t, "the code of the lost telephone", h.CheckCode(ctx, lan, code(lan)), ErrNoSecond)
	in, err := h.Login(ctx, radio.SignIn{Login: "lan", Password: goodPassword, Address: "home"})
	if err != nil || in.Session == "" {
		t.Fatalf("%+v %v", in, err)
	}
	// Who finds the telephone again cannot go on with it; by root key it goes at once.
	delete(h.secrets, lan.ID)
	h.setUp(t, lan)
	must(t, h.ResetSecondByRoot(ctx, "lan", "command:root"))
	refusedAs(t, "nobody", h.ResetSecondByRoot(ctx, "nobody", "command:root"), radio.ErrNotFound)
	entries, err := s.Audit(ctx, string(lan.ID), 30)
	must(t, err)
	var by []string
	for _, e := range entries {
		if e.Action == "person.second_reset" {
			by = append(by, e.Actor)
		}
	}
	if len(by) != 2 || by[0] != "command:root" || by[1] != string(two.ID) {
		t.Errorf("reset by %v", by)
	}
}

// TestSealedSecrets: a copy of the database is no authenticator, nor is a row moved to
// another person; without the key file recovery codes still work.
func TestSealedSecrets(t *testing.T) {
	ctx, h := t.Context(), newSecondHouse(t, openStore(t, storetest.File(t)))
	lan := h.person(t, "lan")
	recovery := h.setUp(t, lan)
	f, err := h.s.SecondFactor(ctx, lan.ID)
	must(t, err)
	if secret, err := h.seal.show(f.Sealed, lan.ID); err != nil || secret != h.secrets[lan.ID] {
		t.Fatalf("%q %v", secret, err)
	}
	twice, err := h.seal.hide(h.secrets[lan.ID], lan.ID)
	if err != nil || twice == f.Sealed {
		t.Errorf("the same secret hidden twice looks the same: %v", err)
	}
	if _, err := h.seal.show(f.Sealed, radio.NewID[radio.UserID]()); err == nil {
		t.Error("the row opens for another person")
	}
	for i := range len(f.Sealed) {
		bad := []byte(f.Sealed)
		bad[i] ^= 1
		if secret, err := h.seal.show(string(bad), lan.ID); err == nil && secret != h.secrets[lan.ID] {
			t.Fatalf("character %d changed: %q", i, secret)
		}
	}
	file := filepath.Join(h.keys, secondKeyFile)
	if files := KeyFiles(h.keys); files[secondKeyFile] != file {
		t.Errorf("a backup holds %v", files)
	}
	must(t, os.Rename(file, file+".away"))
	refusedAs(t, "without the key file", h.CheckCode(ctx, lan, h.code(t, lan)), radio.ErrUnavailable)
	must(t, h.CheckCode(ctx, lan, recovery[0]))
	must(t, os.WriteFile(file, []byte("short\n"), 0o600))
	refusedAs(t, "a broken key file", h.CheckCode(ctx, lan, h.code(t, lan)), radio.ErrInvalid)
	must(t, os.Rename(file+".away", file))
	must(t, h.CheckCode(ctx, lan, h.code(t, lan)))

	// Two processes at once make one key.
	fresh := seal{filepath.Join(t.TempDir(), "new")}
	var wg sync.WaitGroup
	sealed := make([]string, 8)
	for i := range sealed {
		wg.Go(func() {
			var err error
			if sealed[i], err = fresh.hide("x", lan.ID); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, text := range sealed {
		if got, err := fresh.show(text, lan.ID); err != nil || got != "x" {
			t.Errorf("%q %v", got, err)
		}
	}
}

// TestCodesWaitForTheirTurn: a request that is gone does not wait.
func TestCodesWaitForTheirTurn(t *testing.T) {
	h := newSecondHouse(t, openStore(t, storetest.File(t)))
	lan := h.person(t, "lan")
	h.setUp(t, lan)
	h.trying <- struct{}{}
	defer func() { <-h.trying }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.guarded(ctx, codeInSession(lan), func(time.Time) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
