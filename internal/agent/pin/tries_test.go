package pin

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

const officer, stranger = "192.168.1.20", "192.168.1.66"

// A stranger in the same network used all tries, and the officer could not stop the siren.
func TestAStrangerKeepsNobodyOut(t *testing.T) {
	s := &store{}
	p := set(t, s)
	for range 12 {
		tryFrom(t, p, stranger, bad, time.Hour)
	}
	if got := tryFrom(t, p, stranger, good, time.Hour); got.Wait != firstWait {
		t.Errorf("the stranger: %+v", got)
	}
	if got := tryFrom(t, p, officer, bad, time.Hour); got != (Refused{Left: Tries - 1}) {
		t.Errorf("the officer errs: %+v", got)
	}
	if got := tryFrom(t, p, officer, good, time.Hour); got != right {
		t.Errorf("the officer: %+v", got)
	}
	if got := tryFrom(t, p, stranger, good, time.Hour); got.Wait != firstWait {
		t.Errorf("the stranger, behind the officer's right PIN: %+v", got)
	}
}

// A stranger with many addresses is slowed down by the count of all; addresses from which
// the right PIN has come before are not, and a restart changes none of it.
func TestManyAddresses(t *testing.T) {
	s := &store{}
	p := set(t, s)
	if got := tryFrom(t, p, officer, good, 0); got != right {
		t.Fatalf("%+v", got)
	}
	now := time.Hour
	addr := func(n int) string { return fmt.Sprintf("10.0.%d.%d", n/250, n%250) }
	free := 0
	for n := range 500 {
		if got := tryFrom(t, p, addr(n), bad, now); got.Wait == 0 {
			free++
		}
	}
	if free != AllTries-1 {
		t.Errorf("%d tries without a wait, want %d", free, AllTries-1)
	}
	for range 2 {
		if got := tryFrom(t, p, addr(501), good, now); got != (Refused{Wait: betweenAll}) {
			t.Errorf("a new address: %+v", got)
		}
		// A restart: the wait begins anew, and nobody has gained a try.
		p, now = cheap(s), time.Minute
	}
	tries := 0
	for range 24 * 60 {
		now += time.Minute
		for n := range 5 {
			before := len(s.audit)
			tryFrom(t, p, addr(600+n), bad, now)
			tries += len(s.audit) - before
		}
	}
	if most := int(24 * time.Hour / betweenAll); tries > most {
		t.Errorf("%d tries a day, want at most %d", tries, most)
	}
	if len(p.places) > maxPlaces {
		t.Errorf("%d addresses are remembered", len(p.places))
	}
	if got := tryFrom(t, p, officer, good, now); got != right {
		t.Errorf("the officer: %+v", got)
	}
}

// Whoever takes over a known address gets its own tries and no more, and so do all known
// ones together: at most one an hour each.
func TestKnownAddressesAreFew(t *testing.T) {
	s := &store{}
	p := set(t, s)
	for n := range 10 {
		if got := tryFrom(t, p, fmt.Sprint("10.0.0.", n), good, 0); got != right {
			t.Fatalf("%+v", got)
		}
	}
	for n := range AllTries {
		tryFrom(t, p, fmt.Sprint("10.1.0.", n), bad, 0)
	}
	var in []int
	for n := range 10 {
		if got := tryFrom(t, p, fmt.Sprint("10.0.0.", n), bad, 0); got.Left > 0 {
			in = append(in, n)
		}
	}
	if !slices.Equal(in, []int{6, 7, 8, 9}) {
		t.Errorf("known are %v, want the last %d", in, maxKnown)
	}
	tries, now := 0, time.Duration(0)
	for range 4 * 24 * 60 {
		now += time.Minute
		before := len(s.audit)
		tryFrom(t, p, "10.0.0.9", bad, now)
		tries += len(s.audit) - before
	}
	if most := 4*24 + 2*Tries; tries > most {
		t.Errorf("%d tries in four days by a known address, want at most %d", tries, most)
	}
}

// The first version kept only the sum; nobody gains by it.
func TestOldCount(t *testing.T) {
	s := &store{}
	set(t, s)
	s.kept[keptTries] = []byte(`{"failed":37}`)
	if got := try(t, cheap(s), good, 0); got != (Refused{Wait: betweenAll}) {
		t.Errorf("%+v", got)
	}
}
