package inbox

import (
	"encoding/json"
	"errors"
	"testing"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// chainOfRoots makes the steps from the lab's root to so many others.
func (l *lab) chainOfRoots(n int) (keys []trust.Key, steps []json.RawMessage) {
	keys = []trust.Key{l.root}
	for i := range n {
		next := must(trust.Generate())
		steps = append(steps, must(trust.SignRootStep(province, trust.Root{Number: i + 1, Key: keys[i].Public()}, keys[i], next, radio.At(start))))
		keys = append(keys, next)
	}
	return keys, steps
}

func (l *lab) takeSteps(t testing.TB, steps ...json.RawMessage) error {
	t.Helper()
	return l.take(t, wire.Roots, must(wire.EncodeRoots(steps)))
}

// A device that slept through three roots walks to the last, takes its keyring in either
// order, refuses what the old ones sign from then on, and knows all that after a restart,
// also of a device whose keyring had not come yet.
func TestRootsAreWalked(t *testing.T) {
	for _, keyringFirst := range []bool{false, true} {
		l := newLab(t)
		keys, steps := l.chainOfRoots(3)
		if err := l.take(t, wire.Programme, l.seal(wire.Programme, programme(10))); err != nil {
			t.Fatal(err)
		}
		old := l.keyring(9, l.online) // by the first root, for later
		l.root = keys[3]
		if keyringFirst {
			if err := l.take(t, wire.Keys, l.keyring(2, l.online)); !errors.Is(err, radio.ErrForbidden) {
				t.Fatalf("a keyring of a root not known: %v", err)
			}
		}
		if err := l.takeSteps(t, steps...); err != nil {
			t.Fatal(err)
		}
		if r := l.Revisions(); r.Root != 4 || (r.Keys == 2) != keyringFirst {
			t.Errorf("root %d, keyring %d, keyring first %v", r.Root, r.Keys, keyringFirst)
		}
		// The keyring that the first root signed is still the one there is.
		l.restart(t)
		if err := l.take(t, wire.Policy, l.seal(wire.Policy, policy(5))); err != nil || l.Revisions().Root != 4 {
			t.Errorf("after a restart: root %d, %v", l.Revisions().Root, err)
		}
		if err := l.take(t, wire.Keys, l.keyring(3, l.online)); err != nil {
			t.Error(err)
		}
		if err := l.take(t, wire.Keys, old); !errors.Is(err, radio.ErrForbidden) || l.Revisions().Keys != 3 {
			t.Errorf("a keyring by the first root: %v", err)
		}
		l.restart(t)
		if r := l.Revisions(); r.Root != 4 || r.Keys != 3 || r.Programme != 10 {
			t.Errorf("after another restart: %+v", r)
		}
		if err := l.takeSteps(t, steps...); err != nil {
			t.Errorf("the same steps again: %v", err)
		}
	}
}

// A list that breaks off leads as far as it goes; the rest may come later.
func TestRootsInPieces(t *testing.T) {
	l := newLab(t)
	_, steps := l.chainOfRoots(4)
	if err := l.takeSteps(t, steps[0], steps[2]); !errors.Is(err, radio.ErrConflict) || l.Revisions().Root != 2 {
		t.Errorf("root %d: %v", l.Revisions().Root, err)
	}
	// Without the step that was taken already.
	if err := l.takeSteps(t, steps[1:]...); err != nil || l.Revisions().Root != 5 {
		t.Errorf("root %d: %v", l.Revisions().Root, err)
	}
	l.restart(t)
	if l.Revisions().Root != 5 {
		t.Errorf("root %d after a restart", l.Revisions().Root)
	}
}

// What leads elsewhere changes nothing and is noted.
func TestForgedRoots(t *testing.T) {
	l := newLab(t)
	thief := must(trust.Generate())
	keys, steps := l.chainOfRoots(1)
	forged := must(trust.SignRootStep(province, trust.Root{Number: 1, Key: thief.Public()}, thief, keys[1], 0))
	for name, data := range map[string][]byte{"another signer": must(wire.EncodeRoots([]json.RawMessage{forged})), "no list": []byte(`{}`), "nothing": nil} {
		before := len(l.journal.records)
		if err := l.take(t, wire.Roots, data); !final(err) || l.Revisions().Root != 1 {
			t.Errorf("%s: root %d, %v", name, l.Revisions().Root, err)
		}
		if len(l.journal.records) != before+1 {
			t.Errorf("%s: not noted", name)
		}
	}
	// Who has passed a root is not led to another successor of it.
	if err := l.takeSteps(t, steps...); err != nil {
		t.Fatal(err)
	}
	other := must(trust.SignRootStep(province, trust.Root{Number: 1, Key: keys[0].Public()}, keys[0], thief, 0))
	if err := l.takeSteps(t, other); err != nil || l.newest() != keys[1].KID() {
		t.Errorf("led to %s: %v", l.newest(), err)
	}
}

// newest is the root the device has walked to.
func (l *lab) newest() string { return l.Inbox.root().Key.KID }

// The steps count before the disk takes them, as the keyring does.
func TestRootsOnAFullDisk(t *testing.T) {
	l := newLab(t)
	faults := fakeFaults{}
	l.opts.Faults = faults
	keys, steps := l.chainOfRoots(1)
	l.journal.broken = errors.New("no space left on device")
	if err := l.takeSteps(t, steps...); err != nil {
		t.Fatal(err)
	}
	l.root = keys[1]
	if err := l.take(t, wire.Keys, l.keyring(2, l.online)); err != nil || l.Revisions().Keys != 2 || len(faults) != 1 {
		t.Errorf("keyring %d, faults %v: %v", l.Revisions().Keys, faults, err)
	}
	l.journal.broken = nil
	l.writeOwed(t.Context())
	if len(faults) != 0 || len(l.owed) != 0 {
		t.Errorf("faults %v, %d owed", faults, len(l.owed))
	}
	l.restart(t)
	if r := l.Revisions(); r.Root != 2 || r.Keys != 2 {
		t.Errorf("after a restart: %+v", r)
	}
}
