package inbox

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// A centre restored from an old backup lets its root sign a keyring that knows less: what
// was revoked stays revoked on the device, with what it has signed, and the device says so.
func TestRevokedForGood(t *testing.T) {
	l, p := alertLab(t)
	n := 0
	alert := func(taken bool, signers ...string) {
		t.Helper()
		n++
		if err := l.take(t, wire.Alert, p.sign(storm(n, commune), signers...)); (err == nil) != taken {
			t.Errorf("alert %d by %q: %v", n, signers, err)
		}
	}
	told := func(kid string) bool {
		return slices.ContainsFunc(l.journal.records, func(r radio.Record) bool {
			return r.Security != nil && r.Security.What == string(wire.Keys) && strings.Contains(r.Security.Text, kid)
		})
	}
	alert(true, "chairman")
	l.gone = []string{p["chairman"].KID()}
	l.withPeople(t, 3, p)
	alert(false, "chairman")
	if told(p["chairman"].KID()) {
		t.Error("told of what is as it should be")
	}

	l.gone = nil // what the backup knows
	l.withPeople(t, 4, p)
	alert(false, "chairman")
	alert(true, "deputy")
	if l.Revisions().Keys != 4 || !told(p["chairman"].KID()) {
		t.Errorf("keyring %d is in use, told %v", l.Revisions().Keys, told(p["chairman"].KID()))
	}
	if text := l.faults[FaultSecurity]; strings.HasPrefix(text, string(wire.Keys)) {
		t.Error("an honest restore is a security fault:", text)
	}
	l.restart(t)
	alert(false, "chairman")
	l.withPeople(t, 5, p)
	alert(false, "chairman")

	// Whoever enrols the device under another root begins anew.
	l.pinned, l.root = must(trust.Generate()), trust.Key{}
	l.root = l.pinned
	delete(l.journal.docs, string(wire.Keys))
	l.restart(t)
	l.withPeople(t, 6, p)
	alert(true, "chairman")
}

// What cannot be written counts all the same and is written later; and a list that has
// grown beyond its bound lets those go that nobody names.
func TestRevokedIsKept(t *testing.T) {
	l := newLab(t)
	stolen := l.online
	l.journal.broken = errors.New("the disk is full")
	l.stolen(t, 2)
	l.journal.broken = nil
	if _, err := l.journal.Kept(keptRevoked); err == nil {
		t.Fatal("written to a full disk")
	}
	l.writeOwed(t.Context())
	l.writeRevoked(t.Context())
	l.revoked = nil
	if err := l.take(t, wire.Keys, l.keyring(3, l.online, stolen)); err != nil {
		t.Fatal(err)
	}
	l.restart(t)
	if err := l.take(t, wire.Policy, l.sealBy(stolen, wire.Policy, policy(9))); err == nil {
		t.Error("took what a stolen key has signed")
	}
	for i := range maxRevoked {
		l.everRevoked.KIDs = append(l.everRevoked.KIDs, string(sha(i)))
	}
	ring := l.ring
	ring.Revoked = nil
	l.stick(&ring)
	if len(l.everRevoked.KIDs) != maxRevoked || !slices.Contains(l.everRevoked.KIDs, stolen.KID()) {
		t.Errorf("%d are kept, the stolen one among them: %v", len(l.everRevoked.KIDs), slices.Contains(l.everRevoked.KIDs, stolen.KID()))
	}
}
