package identity

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

var keysEnds = trust.Endpoints{Brokers: []string{"mqtts://a:8883"}, Media: []string{"https://a:8443"}}

// folderCopy is a copy of the files of a key folder, or of those named.
func folderCopy(t *testing.T, dir string, names ...string) string {
	t.Helper()
	out := t.TempDir()
	entries, err := os.ReadDir(dir)
	noError(t, err)
	for _, e := range entries {
		if len(names) > 0 && !slices.Contains(names, e.Name()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		noError(t, err)
		noError(t, os.WriteFile(filepath.Join(out, e.Name()), b, 0o600))
	}
	return out
}

// TestTakeBack: what a key folder that outlived the disk knows better counts, proven from
// the backup's root on; of a backup's keyring the root signs nothing before it was seen.
func TestTakeBack(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	madeAt := radio.At(now)
	live, root, second, an, binh := t.TempDir(), generate(t), generate(t), generate(t), generate(t)
	noError(t, MakeKeys(live, root, province, keysEnds, nil, now))
	for _, k := range []trust.Key{an, binh} {
		noError(t, AddPersonKey(live, root, province, trust.PersonKey{ID: "AN", JWK: k.Public(), Scope: province, May: []string{trust.MayAlert}}, now))
	}
	before := folderCopy(t, live)
	noError(t, RevokePersonKey(live, root, province, an.KID(), now))
	revoked := folderCopy(t, live)
	_, err := NextRoot(live, root, second, province, now)
	noError(t, err)
	_, err = NextOnline(live, second, province, true, now)
	noError(t, err)
	after := folderCopy(t, live)
	online, err := trust.LoadKey(filepath.Join(after, OnlineFile))
	noError(t, err)
	stranger, strange := t.TempDir(), generate(t)
	noError(t, MakeKeys(stranger, strange, province, keysEnds, nil, now))

	for name, c := range map[string]struct {
		other   string
		want    error
		newer   bool
		root    int
		offline bool
	}{
		"nothing else is left":               {other: "", root: 1},
		"what is left is older still":        {other: folderCopy(t, before, rootFile), root: 1},
		"the same keyring":                   {other: before, newer: true, root: 1},
		"a revocation since":                 {other: revoked, newer: true, root: 1},
		"another root and online key":        {other: after, newer: true, root: 2},
		"the keyring and steps alone":        {other: folderCopy(t, after, keyringFile, rootsFile), newer: true, root: 2, offline: true},
		"the keyring alone, of another root": {other: folderCopy(t, after, keyringFile), want: radio.ErrForbidden},
		"of another province":                {other: stranger, want: radio.ErrConflict},
		"signed by a stranger":               {other: folderCopy(t, stranger, keyringFile), want: radio.ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folderCopy(t, before)
			got, err := TakeBack(dir, c.other, madeAt)
			if c.want != nil {
				if !errors.Is(err, c.want) {
					t.Fatalf("taken: %+v %v", got, err)
				}
				return
			}
			noError(t, err)
			if got.Newer != c.newer || got.Root != c.root || got.NoOnline != c.offline {
				t.Fatalf("%+v", got)
			}
			signer := map[int]trust.Key{1: root, 2: second}[c.root]
			if !c.newer {
				unseen(t, dir, root, second, province, now)
				from, restored, err := RestoredFrom(dir)
				if err != nil || !restored || from.MadeAt != madeAt || KeyFiles(dir)[restoredFile] == "" {
					t.Errorf("%+v %v %v", from, restored, err)
				}
				if err := AcceptRestored(dir, strange, province); !errors.Is(err, radio.ErrForbidden) {
					t.Errorf("a stranger confirmed it: %v", err)
				}
				noError(t, AcceptRestored(dir, signer, province))
			}
			if !c.offline {
				noError(t, SignKeyring(dir, signer, province, keysEnds, nil, now))
				keys, err := OpenKeys(dir, province)
				noError(t, err)
				if c.root == 2 && keys.Online().KID() != online.KID() {
					t.Error("the online key is another one")
				}
			}
			ring, err := ReadKeyring(dir, province)
			noError(t, err)
			if gone := slices.Contains(ring.Revoked, an.KID()); gone != (c.newer && c.other != before) {
				t.Errorf("revoked %v", ring.Revoked)
			}
		})
	}

	// A backup of a centre that was restored, and not looked at, knows what the first knew.
	again := folderCopy(t, before)
	_, err = TakeBack(again, "", madeAt)
	noError(t, err)
	_, err = TakeBack(again, "", madeAt+1000)
	noError(t, err)
	if from, _, err := RestoredFrom(again); err != nil || from.MadeAt != madeAt {
		t.Errorf("%+v %v", from, err)
	}
}

// unseen tries everything that signs a keyring.
func unseen(t *testing.T, dir string, root, next trust.Key, province radio.AreaID, now time.Time) {
	t.Helper()
	_, err1 := NextOnline(dir, root, province, false, now)
	_, err2 := NextRoot(dir, root, next, province, now)
	for what, err := range map[string]error{
		"sign": SignKeyring(dir, root, province, keysEnds, nil, now), "revoke": RevokePersonKey(dir, root, province, "x", now), "online": err1, "root": err2,
	} {
		if !errors.Is(err, radio.ErrConflict) {
			t.Errorf("%s on a keyring that nobody has seen: %v", what, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, rootsFile)); err == nil {
		t.Error("a step was written")
	}
}

// TestTakeSteps: a centre from an older backup walks to the root that devices have reached,
// by steps that both roots have signed, and by nothing else.
func TestTakeSteps(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	live, first, second, third := t.TempDir(), generate(t), generate(t), generate(t)
	noError(t, MakeKeys(live, first, province, keysEnds, nil, now))
	before := folderCopy(t, live)
	_, err := NextRoot(live, first, second, province, now)
	noError(t, err)
	oneStep, err := Steps(live, province)
	noError(t, err)
	_, err = NextRoot(live, second, third, province, now)
	noError(t, err)
	both, err := Steps(live, province)
	noError(t, err)
	list, err := wire.ParseRoots(both)
	noError(t, err)
	encode := func(steps ...json.RawMessage) []byte {
		b, err := wire.EncodeRoots(steps)
		noError(t, err)
		return b
	}
	thief := generate(t)
	forge := func(number int) []byte {
		alone, err := json.Marshal(trust.RootStep{Province: province, Number: number, Root: thief.Public(), At: radio.At(now)})
		noError(t, err)
		forged, err := trust.Sign(trust.RootStepType, string(province), alone, thief)
		noError(t, err)
		return forged
	}
	elsewhere, err := trust.SignRootStep("Q", trust.Root{Number: 1, Key: first.Public()}, first, thief, radio.At(now))
	noError(t, err)
	for name, c := range map[string]struct {
		steps []byte
		want  error
		root  int
	}{
		"one step":                        {oneStep, nil, 2},
		"two":                             {append(both, '\n'), nil, 3},
		"the second alone":                {encode(list[1]), radio.ErrForbidden, 1},
		"signed by the new one alone":     {encode(forge(2)), radio.ErrForbidden, 1},
		"of another province":             {encode(elsewhere), radio.ErrForbidden, 1},
		"none":                            {[]byte("[]"), radio.ErrConflict, 1},
		"a key in place of steps":         {[]byte(`{"kty":"OKP"}`), radio.ErrInvalid, 1},
		"nothing":                         {nil, radio.ErrInvalid, 1},
		"a first step, then a forged one": {encode(list[0], forge(3)), radio.ErrForbidden, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folderCopy(t, before)
			was, root, err := TakeSteps(dir, province, c.steps)
			if c.want == nil && (err != nil || was.Number != 1 || root.Number != c.root) || c.want != nil && err == nil {
				t.Fatalf("from %d to %d: %v, want %v", was.Number, root.Number, err, c.want)
			}
			if c.want != nil {
				if _, err := os.Stat(filepath.Join(dir, rootsFile)); err == nil {
					t.Error("something was written")
				}
				return
			}
			if err := SignKeyring(dir, first, province, keysEnds, nil, now); !errors.Is(err, radio.ErrForbidden) {
				t.Errorf("the old root signs on: %v", err)
			}
			noError(t, SignKeyring(dir, map[int]trust.Key{2: second, 3: third}[c.root], province, keysEnds, nil, now))
			keys, err := OpenKeys(dir, province)
			noError(t, err)
			// As a device does that was enrolled under the first root.
			steps, err := wire.ParseRoots(keys.Roots())
			noError(t, err)
			walked, err := trust.WalkRoots(province, trust.Root{Number: 1, Key: first.Public()}, steps)
			if err != nil || keys.Root().Number != c.root || walked[len(walked)-1].Root.Key.KID != keys.Root().Key.KID {
				t.Errorf("root %d: %v", keys.Root().Number, err)
			}
			if _, _, err := TakeSteps(dir, province, c.steps); !errors.Is(err, radio.ErrConflict) {
				t.Errorf("twice: %v", err)
			}
		})
	}
}

// TestLostKeyring: it is made again from what was kept and from the keys of persons in the
// database, passkeys among them, and by nothing but a signature that was asked for.
func TestLostKeyring(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	dir, root := t.TempDir(), generate(t)
	noError(t, MakeKeys(dir, root, province, keysEnds, nil, now))
	noError(t, SetRelyingParty(dir, root, province, trust.RelyingParty{ID: "loa.example", Origins: []string{"https://loa.example"}}, now))
	phone, err := trust.NewPasskey(newAuthenticator(t).key.Public())
	noError(t, err)
	row := func(person radio.UserID, key trust.PublicKey, revoked, ends radio.Millis) radio.PersonKeyRow {
		jwk, err := key.MarshalJSON()
		noError(t, err)
		return radio.PersonKeyRow{KID: key.KID, Person: person, Scope: province, May: []string{trust.MayAlert}, JWK: jwk, RevokedAt: revoked, NotAfter: ends}
	}
	early, late, gone := generate(t).Public(), generate(t).Public(), generate(t).Public()
	for _, k := range []trust.PublicKey{early, gone} {
		noError(t, AddPersonKey(dir, root, province, trust.PersonKey{ID: "AN", JWK: k, Scope: province, May: []string{trust.MayAlert}}, now))
	}
	kept, err := os.ReadFile(filepath.Join(dir, keyringFile))
	noError(t, err)
	rows := []radio.PersonKeyRow{row("AN", early, 0, 9000), row("AN", gone, 5, 0), row("BINH", late, 0, 0), row("CUC", phone, 0, 7000)}
	noError(t, os.Remove(filepath.Join(dir, keyringFile)))

	_, err1 := OpenKeys(dir, province)
	_, err2 := NextOnline(dir, root, province, true, now)
	_, err3 := NextRoot(dir, root, generate(t), province, now)
	for what, err := range map[string]error{
		"open": err1, "online": err2, "root": err3, "sign": SignKeyring(dir, root, province, keysEnds, nil, now), "revoke": RevokePersonKey(dir, root, province, "x", now),
		"add": AddPersonKey(dir, root, province, trust.PersonKey{ID: "AN", JWK: late, Scope: province, May: []string{trust.MayAlert}}, now),
	} {
		if !errors.Is(err, radio.ErrNotFound) || HasKeyring(dir) {
			t.Errorf("%s without a keyring: %v", what, err)
		}
	}
	for name, c := range map[string]struct {
		kept    [][]byte
		offline bool
	}{"with one kept": {[][]byte{kept, []byte("{}")}, false}, "from the rows alone": {nil, false}, "and the online key is lost too": {nil, true}} {
		t.Run(name, func(t *testing.T) {
			at := folderCopy(t, dir)
			if c.offline {
				noError(t, os.Remove(filepath.Join(at, OnlineFile)))
			}
			base, err := LostKeyring(at, province, c.kept, rows)
			noError(t, err)
			if err := SignLost(at, generate(t), province, keysEnds, nil, base, now); !errors.Is(err, radio.ErrForbidden) || HasKeyring(at) {
				t.Errorf("another root signed: %v", err)
			}
			noError(t, SignLost(at, root, province, keysEnds, nil, base, now))
			keys, err := OpenKeys(at, province)
			noError(t, err)
			_, ring := keys.Keyring()
			ends := map[string]radio.Millis{}
			for _, p := range ring.Persons {
				ends[p.JWK.KID] = p.NotAfter
			}
			if len(ends) != 3 || ends[early.KID] != 9000 || ends[phone.KID] != 7000 || ends[late.KID] != 0 || !slices.Equal(ring.Revoked, []string{gone.KID}) {
				t.Errorf("%+v, revoked %v", ends, ring.Revoked)
			}
			if (ring.RelyingParty != nil) != (c.kept != nil) || len(ring.Online) != 1 || ring.Endpoints.Brokers[0] != keysEnds.Brokers[0] {
				t.Errorf("%+v", ring)
			}
		})
	}
	rows[2].JWK = []byte("{}")
	if _, err := LostKeyring(dir, province, nil, rows); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("a damaged row: %v", err)
	}
}
