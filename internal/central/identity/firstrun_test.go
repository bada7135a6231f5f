package identity

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

func TestFirstRun(t *testing.T) { onBoth(t, firstRun) }

func firstRun(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), morning
	p := cheap(s, func() time.Time { return now })
	f, code, err := NewFirstRun(p, s)
	must(t, err)
	if !radio.ValidID(code) || strings.Contains(f.hash, code) {
		t.Fatalf("code %q, kept as %q", code, f.hash)
	}
	var said string
	for i, bad := range []string{"", "x", strings.Repeat("0", 26), strings.Repeat("-", 10_000), code[:25]} {
		err := f.FirstCode(ctx, bad)
		if !errors.Is(err, radio.ErrNotFound) || i > 0 && err.Error() != said {
			t.Fatalf("%q: %v", bad, err)
		}
		said = err.Error()
		_, err = f.MakeFirst(ctx, bad, "lan", "Lan", goodPassword, "home")
		refusedAs(t, "made with "+bad, err, radio.ErrNotFound)
	}
	must(t, f.FirstCode(ctx, strings.ToLower(code)))
	for what, c := range map[string][3]string{"a weak password": {"lan", "Lan", "matkhau123"}, "no login": {"", "Lan", goodPassword}, "no name": {"lan", "", goodPassword}, "the name": {"truongphong", "Lan", "truongphong 2026"}} {
		_, err := f.MakeFirst(ctx, code, c[0], c[1], c[2], "home")
		refusedAs(t, what, err, radio.ErrInvalid)
	}
	// Of many at once, one makes the account.
	now = now.Add(time.Minute)
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i, login := range []string{"a", "b", "c", "d"} {
		wg.Go(func() { _, errs[i] = f.MakeFirst(ctx, code, login, "Lan", goodPassword, "home") })
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if err.Error() != said {
			t.Errorf("too late: %v", err)
		}
	}
	all, err := s.People(ctx)
	if err != nil || made != 1 || len(all) != 1 || len(all[0].Grants) != 1 || all[0].Grants[0] != (radio.Grant{Role: radio.RoleAdmin, Area: radio.Everywhere}) {
		t.Fatalf("%d made, %+v %v", made, all, err)
	}
	_, _, err = signIn(ctx, p, all[0].Login, goodPassword)
	must(t, err)
	refusedAs(t, "the code once more", f.FirstCode(ctx, code), radio.ErrNotFound)
	// Another program that still waits finds somebody there.
	again, code, err := NewFirstRun(p, s)
	must(t, err)
	refusedAs(t, "somebody exists", again.FirstCode(ctx, code), radio.ErrNotFound)
	_, err = again.MakeFirst(ctx, code, "lan", "Lan", goodPassword, "home")
	refusedAs(t, "somebody exists", err, radio.ErrNotFound)
}

func TestFirstRunEnds(t *testing.T) {
	now := morning
	s := openStore(t, storetest.File(t))
	f, code, err := NewFirstRun(cheap(s, func() time.Time { return now }), s)
	must(t, err)
	now = now.Add(FirstCodeLife - time.Second)
	must(t, f.FirstCode(t.Context(), code))
	if f.Ended() {
		t.Error("ended too early")
	}
	now = now.Add(time.Second)
	refusedAs(t, "an hour later", f.FirstCode(t.Context(), code), radio.ErrNotFound)
	_, err = f.MakeFirst(t.Context(), code, "lan", "Lan", goodPassword, "home")
	refusedAs(t, "an hour later", err, radio.ErrNotFound)
	if !f.Ended() {
		t.Error("goes on for ever")
	}
	var busy error
	for range 20 {
		busy = f.FirstCode(t.Context(), "x")
	}
	refusedAs(t, "twenty at once", busy, radio.ErrUnavailable)
}

// FuzzFirstCode: no word opens but the code.
func FuzzFirstCode(f *testing.F) {
	f.Add("0000000000000000000000000A", "lan", "Lan")
	f.Add("", "", "")
	f.Add("../\x00", "<script>", "\u202e")
	f.Fuzz(func(t *testing.T, code, login, name string) {
		run, right, err := NewFirstRun(newPeople(&accounts{}, "", func() time.Time { return morning }, cost{time: 1, memory: 64, lanes: 1}), nil)
		must(t, err)
		if spoken(code) == right {
			t.Skip("guessed 128 bits")
		}
		if err := run.FirstCode(t.Context(), code); !errors.Is(err, radio.ErrNotFound) {
			t.Fatal(err)
		}
		if _, err := run.MakeFirst(t.Context(), code, login, name, goodPassword, ""); !errors.Is(err, radio.ErrNotFound) {
			t.Fatal(err)
		}
	})
}
