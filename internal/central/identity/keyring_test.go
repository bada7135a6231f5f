package identity

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// TestPersonsInTheKeyring: a key comes and goes with a version of its own, stays when
// the root signs for other reasons, and a running centre notices.
func TestPersonsInTheKeyring(t *testing.T) {
	dir, province := t.TempDir(), radio.NewID[radio.AreaID]()
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	root, person := generate(t), generate(t)
	ends := trust.Endpoints{Brokers: []string{"mqtts://a:8883"}, Media: []string{"https://a:8443"}}
	if err := AddPersonKey(dir, root, province, trust.PersonKey{}, now); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("without a keyring: %v", err)
	}
	if err := AddPersonKey(filepath.Join(dir, "none"), root, province, trust.PersonKey{}, now); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("without a folder: %v", err)
	}
	drill := []radio.SHA256{radio.VoiceHash([]byte("diễn tập"))}
	noError(t, MakeKeys(dir, root, province, ends, drill, now))
	keys, err := OpenKeys(dir, province)
	noError(t, err)
	changed := func(want bool) trust.Keyring {
		t.Helper()
		if got, err := keys.Refresh(); err != nil || got != want {
			t.Errorf("refreshed %v %v, want %v", got, err, want)
		}
		_, ring := keys.Keyring()
		return ring
	}
	first := changed(false)
	if !slices.Equal(first.Drill, drill) {
		t.Errorf("drill %v", first.Drill)
	}

	noError(t, AddPersonKey(dir, root, province, trust.PersonKey{ID: "AN", JWK: person.Public(), Scope: province, May: []string{trust.MayAlert}}, now))
	second := changed(true)
	if second.Version <= first.Version || len(second.Persons) != 1 || !slices.Equal(second.Drill, drill) || len(second.Online) != 1 {
		t.Errorf("with a person: %+v", second)
	}
	ends.Brokers[0] = "mqtts://b:8883"
	noError(t, SignKeyring(dir, root, province, ends, nil, now))
	third := changed(true)
	if len(third.Persons) != 1 || third.Endpoints.Brokers[0] != "mqtts://b:8883" || len(third.Drill) != 0 {
		t.Errorf("signed for other endpoints: %+v", third)
	}
	noError(t, RevokePersonKey(dir, root, province, person.KID(), now))
	fourth := changed(true)
	if _, err := fourth.PersonLookup(trust.MayAlert)(person.KID()); err == nil || !slices.Contains(fourth.Revoked, person.KID()) {
		t.Errorf("after revoking: %+v", fourth)
	}
	changed(false)

	// What the root has not signed, or an older keyring, is refused and said once.
	if err := os.WriteFile(filepath.Join(dir, keyringFile), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Refresh(); err == nil {
		t.Error("took what nobody signed")
	}
	if got, err := keys.Refresh(); got || err != nil {
		t.Errorf("again: %v %v", got, err)
	}
	if _, ring := keys.Keyring(); ring.Version != fourth.Version {
		t.Error("the keyring held is another one")
	}
	if err := RevokePersonKey(dir, generate(t), province, "x", now); err == nil {
		t.Error("another root signed")
	}
}

// TestTwoSignAtOnce: two administrators who add a person at the same time both do.
func TestTwoSignAtOnce(t *testing.T) {
	dir, province := t.TempDir(), radio.NewID[radio.AreaID]()
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	root := generate(t)
	ends := trust.Endpoints{Brokers: []string{"mqtts://a:8883"}, Media: []string{"https://a:8443"}}
	noError(t, MakeKeys(dir, root, province, ends, nil, now))
	const many = 8
	begin := make(chan struct{})
	var each errgroup.Group
	for range many {
		p := trust.PersonKey{ID: radio.NewID[radio.UserID](), JWK: generate(t).Public(), Scope: province, May: []string{trust.MayAlert}}
		each.Go(func() error {
			<-begin
			return AddPersonKey(dir, root, province, p, now)
		})
	}
	close(begin)
	noError(t, each.Wait())
	keys, err := OpenKeys(dir, province)
	noError(t, err)
	if _, ring := keys.Keyring(); len(ring.Persons) != many {
		t.Errorf("%d of %d persons stand in the keyring", len(ring.Persons), many)
	}
}

func generate(t *testing.T) trust.Key {
	t.Helper()
	k, err := trust.Generate()
	noError(t, err)
	return k
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
