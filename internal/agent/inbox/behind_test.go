package inbox

import (
	"math"
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// A proven welcome names a keyring that does not come: that is a fault, and after an hour
// nobody speaks alone, until it comes.
func TestAKeyringThatDoesNotCome(t *testing.T) {
	l, p := alertLab(t)
	welcome := func(version int64) {
		t.Helper()
		w := wire.WelcomePayload{Device: id[radio.DeviceID](deviceN), Time: radio.At(start), Revisions: radio.RevisionStatus{Keys: version}}
		if err := l.take(t, wire.Welcome, l.seal(wire.Welcome, w)); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	alert := func(taken bool, signers ...string) {
		t.Helper()
		n++
		if err := l.take(t, wire.Alert, p.sign(storm(n, commune), signers...)); (err == nil) != taken {
			t.Errorf("alert %d by %q: %v", n, signers, err)
		}
	}
	look := func(fault bool) {
		t.Helper()
		l.lookAtKeyring(t.Context())
		if got := l.faults[FaultKeyring] != ""; got != fault {
			t.Errorf("faults %v, want one: %v", l.faults, fault)
		}
	}
	welcome(2) // the one that is held, and one before
	welcome(1)
	l.clock.Advance(2 * time.Hour)
	look(false)
	alert(true, "chairman")
	welcome(3)
	look(false) // it mostly comes right behind
	l.clock.Advance(time.Minute)
	look(true)
	alert(true, "chairman")
	l.clock.Advance(30 * time.Minute)
	welcome(4) // the hour goes on
	welcome(2) // as a broker repeats it
	l.clock.Advance(29 * time.Minute)
	alert(false, "chairman")
	alert(true, "chairman", "deputy")
	look(true)
	l.restart(t) // the hour stays over
	alert(false, "chairman")
	l.withPeople(t, 3, p) // not the one yet
	look(true)
	alert(false, "chairman")
	waiting := len(l.late)
	if waiting == 0 {
		t.Error("nothing waits for the keyring")
	}
	before := len(l.alerts.taken)
	l.withPeople(t, 4, p)
	look(false)
	if got := len(l.alerts.taken) - before; got != waiting || len(l.late) != 0 {
		t.Errorf("%d of %d that waited were taken", got, waiting)
	}
	alert(true, "chairman")
	l.restart(t)
	alert(true, "chairman")
}

// A keyring that only a stolen key has named there may never be: its revocation ends it.
func TestAKeyringThatAThiefHasNamed(t *testing.T) {
	l := newLab(t)
	w := wire.WelcomePayload{Device: id[radio.DeviceID](deviceN), Time: radio.At(start), Revisions: radio.RevisionStatus{Keys: math.MaxInt64}}
	if err := l.take(t, wire.Welcome, l.seal(wire.Welcome, w)); err != nil {
		t.Fatal(err)
	}
	l.clock.Advance(2 * time.Hour)
	l.lookAtKeyring(t.Context())
	if l.faults[FaultKeyring] == "" || l.aloneIsEnough(trust.Keyring{}, nil) == nil {
		t.Error("nothing is wrong")
	}
	l.stolen(t, 2)
	if _, open := l.faults[FaultKeyring]; open || l.aloneIsEnough(trust.Keyring{}, nil) != nil {
		t.Errorf("faults %v after the revocation", l.faults)
	}
	l.restart(t)
	if l.aloneIsEnough(trust.Keyring{}, nil) != nil || slices.Contains(l.revoked, l.online.KID()) {
		t.Error("it came back")
	}
}
