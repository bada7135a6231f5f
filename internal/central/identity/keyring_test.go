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
	siren := radio.VoiceHash([]byte("còi"))
	set := []radio.EmergencyAudio{{Role: radio.RoleSiren, Rendition: radio.Rendition{SHA256: siren}}, {Role: radio.RoleDrill, Rendition: radio.Rendition{SHA256: drill[0]}}}
	noError(t, MakeKeys(dir, root, province, ends, set, now))
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
	if !slices.Equal(first.Drill, drill) || !slices.Equal(first.Emergency, []radio.SHA256{siren, drill[0]}) {
		t.Errorf("drill %v, emergency set %v", first.Drill, first.Emergency)
	}

	noError(t, AddPersonKey(dir, root, province, trust.PersonKey{ID: "AN", JWK: person.Public(), Scope: province, May: []string{trust.MayAlert}}, now))
	second := changed(true)
	if second.Version <= first.Version || len(second.Persons) != 1 || !slices.Equal(second.Drill, drill) || len(second.Emergency) != 2 || len(second.Online) != 1 {
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
	if _, err := fourth.PersonLookup(trust.MayAlert, 0)(person.KID()); err == nil || !slices.Contains(fourth.Revoked, person.KID()) {
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

// TestNextOnline: another online key signs from the next look on; the one before counts
// until its end, or not at all when it was stolen.
func TestNextOnline(t *testing.T) {
	dir, province := t.TempDir(), radio.NewID[radio.AreaID]()
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	root := generate(t)
	ends := trust.Endpoints{Brokers: []string{"mqtts://a:8883"}, Media: []string{"https://a:8443"}}
	noError(t, MakeKeys(dir, root, province, ends, nil, now))
	keys, err := OpenKeys(dir, province)
	noError(t, err)
	may := func(kid string, at time.Time) bool {
		_, ring := keys.Keyring()
		_, err := ring.OnlineLookup("programme", radio.At(at), nil)(kid)
		return err == nil
	}
	kids := []string{keys.Online().KID()}
	for i, revoke := range []bool{false, true} {
		kid, err := NextOnline(dir, root, province, revoke, now.AddDate(0, i, 0))
		noError(t, err)
		if fresh, err := keys.Refresh(); !fresh || err != nil || keys.Online().KID() != kid {
			t.Fatalf("signs with %s, want %s: %v", keys.Online().KID(), kid, err)
		}
		kids = append(kids, kid)
		if old := may(kids[0], now); old == revoke || may(kids[0], now.AddDate(0, 0, onlineDays)) {
			t.Errorf("the first counts %v, revoked %v", old, revoke)
		}
	}
	if may(kids[1], now) || !may(kids[2], now) {
		_, ring := keys.Keyring()
		t.Errorf("keys %v in %+v", kids, ring)
	}
	if keys.Until() != radio.At(now.AddDate(0, 1, onlineDays)) {
		t.Errorf("ends %s", keys.Until().Time())
	}
	// The old ones go with their time, the new one is certified anew.
	noError(t, SignKeyring(dir, root, province, ends, nil, now.AddDate(2, 0, 0)))
	reopened, err := OpenKeys(dir, province)
	noError(t, err)
	if _, ring := reopened.Keyring(); len(ring.Online) != 1 || ring.Online[0].JWK.KID != kids[2] {
		t.Errorf("two years later: %+v", ring.Online)
	}
}

// TestLostOnlineKey: signing anew makes another one; persons and the root stay.
func TestLostOnlineKey(t *testing.T) {
	dir, province := t.TempDir(), radio.NewID[radio.AreaID]()
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	root, next := generate(t), generate(t)
	ends := trust.Endpoints{Brokers: []string{"mqtts://a:8883"}, Media: []string{"https://a:8443"}}
	noError(t, MakeKeys(dir, root, province, ends, nil, now))
	_, err := NextRoot(dir, root, next, province, now)
	noError(t, err)
	noError(t, AddPersonKey(dir, next, province, trust.PersonKey{ID: "AN", JWK: generate(t).Public(), Scope: province, May: []string{trust.MayAlert}}, now))
	old, err := trust.LoadKey(filepath.Join(dir, OnlineFile))
	noError(t, err)
	noError(t, os.Remove(filepath.Join(dir, OnlineFile)))
	if _, err := OpenKeys(dir, province); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("without an online key: %v", err)
	}
	noError(t, MakeKeys(dir, next, province, ends, nil, now))
	keys, err := OpenKeys(dir, province)
	noError(t, err)
	_, ring := keys.Keyring()
	if keys.Online().KID() == old.KID() || len(ring.Persons) != 1 || keys.Root().Number != 2 || !slices.Equal(ring.Revoked, []string{old.KID()}) {
		t.Errorf("root %d, %+v", keys.Root().Number, ring)
	}
}

// TestNextOnlineCutShort: wherever the power goes, the centre starts with a key that its
// keyring knows, and making another one goes on from there.
func TestNextOnlineCutShort(t *testing.T) {
	for name, cut := range map[string]func(t *testing.T, dir string, keyring []byte){
		"before the keyring": func(t *testing.T, dir string, old []byte) {
			noError(t, os.WriteFile(filepath.Join(dir, keyringFile), old, 0o644))
		},
		"behind the keyring": func(*testing.T, string, []byte) {},
	} {
		t.Run(name, func(t *testing.T) {
			dir, province := t.TempDir(), radio.NewID[radio.AreaID]()
			now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
			root := generate(t)
			ends := trust.Endpoints{Brokers: []string{"mqtts://a:8883"}, Media: []string{"https://a:8443"}}
			noError(t, MakeKeys(dir, root, province, ends, nil, now))
			keyring, err := os.ReadFile(filepath.Join(dir, keyringFile))
			noError(t, err)
			old, err := trust.LoadKey(filepath.Join(dir, OnlineFile))
			noError(t, err)
			_, err = NextOnline(dir, root, province, true, now)
			noError(t, err)
			// As it was before the last step: the new key has no final name yet.
			noError(t, os.Rename(filepath.Join(dir, OnlineFile), filepath.Join(dir, nextFile)))
			noError(t, trust.SaveKey(filepath.Join(dir, OnlineFile), old))
			cut(t, dir, keyring)
			_, err = OpenKeys(dir, province)
			noError(t, err)
			kid, err := NextOnline(dir, root, province, true, now)
			noError(t, err)
			keys, err := OpenKeys(dir, province)
			noError(t, err)
			if keys.Online().KID() != kid {
				t.Errorf("signs with %s, want %s", keys.Online().KID(), kid)
			}
		})
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
