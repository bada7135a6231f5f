package identity

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// TestNextRoot: each new root signs the keyring that was, a running centre notices, a
// device that pinned the first walks to the last, and the roots before sign nothing more.
func TestNextRoot(t *testing.T) {
	dir, province := t.TempDir(), radio.NewID[radio.AreaID]()
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	first, second, third := generate(t), generate(t), generate(t)
	ends := trust.Endpoints{Brokers: []string{"mqtts://a:8883"}, Media: []string{"https://a:8443"}}
	if _, err := NextRoot(dir, first, second, province, now); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("without a keyring: %v", err)
	}
	noError(t, MakeKeys(dir, first, province, ends, nil, now))
	person := generate(t)
	noError(t, AddPersonKey(dir, first, province, trust.PersonKey{ID: "AN", JWK: person.Public(), Scope: province, May: []string{trust.MayAlert}}, now))
	keys, err := OpenKeys(dir, province)
	noError(t, err)
	_, before := keys.Keyring()
	if keys.Roots() != nil || keys.Root().Number != 1 {
		t.Errorf("steps before there is another root: %s", keys.Roots())
	}
	if _, err := NextRoot(dir, second, third, province, now); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("a step from another root: %v", err)
	}
	for i, step := range [][2]trust.Key{{first, second}, {second, third}} {
		n, err := NextRoot(dir, step[0], step[1], province, now)
		noError(t, err)
		if fresh, err := keys.Refresh(); !fresh || err != nil || n != i+2 || keys.Root().Number != n || keys.Root().Key.KID != step[1].KID() {
			t.Fatalf("root %d, %+v: %v %v", n, keys.Root(), fresh, err)
		}
	}
	envelope, ring := keys.Keyring()
	if ring.Version <= before.Version || len(ring.Persons) != 1 || len(ring.Online) != 1 || ring.Endpoints.Brokers[0] != ends.Brokers[0] {
		t.Errorf("the new roots sign %+v", ring)
	}
	steps, err := wire.ParseRoots(keys.Roots())
	noError(t, err)
	walked, err := trust.WalkRoots(province, trust.Root{Number: 1, Key: first.Public()}, steps)
	noError(t, err)
	if _, err := trust.OpenKeyring(envelope, province, walked[len(walked)-1].Root.Key, before.Version); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"the first signs":  RevokePersonKey(dir, first, province, "x", now),
		"the second signs": SignKeyring(dir, second, province, ends, nil, now),
	} {
		if !errors.Is(err, radio.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	noError(t, RevokePersonKey(dir, third, province, person.KID(), now))
	reopened, err := OpenKeys(dir, province)
	noError(t, err)
	if reopened.Root().Number != 3 {
		t.Errorf("root %d after a restart", reopened.Root().Number)
	}
}

// TestRootCutShort: the power went between the step and the keyring. The centre starts on
// the keyring there is, enrolment pins the root that signed it, and the new root goes on.
func TestRootCutShort(t *testing.T) {
	dir, province := t.TempDir(), radio.NewID[radio.AreaID]()
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	first, second := generate(t), generate(t)
	ends := trust.Endpoints{Brokers: []string{"mqtts://a:8883"}, Media: []string{"https://a:8443"}}
	noError(t, MakeKeys(dir, first, province, ends, nil, now))
	old, err := os.ReadFile(filepath.Join(dir, keyringFile))
	noError(t, err)
	_, err = NextRoot(dir, first, second, province, now)
	noError(t, err)
	noError(t, os.WriteFile(filepath.Join(dir, keyringFile), old, 0o644))
	keys, err := OpenKeys(dir, province)
	noError(t, err)
	if keys.Root().Number != 1 || keys.Roots() == nil {
		t.Errorf("root %d, steps %s", keys.Root().Number, keys.Roots())
	}
	noError(t, SignKeyring(dir, second, province, ends, nil, now))
	if fresh, err := keys.Refresh(); !fresh || err != nil || keys.Root().Number != 2 {
		t.Errorf("root %d: %v %v", keys.Root().Number, fresh, err)
	}
}
