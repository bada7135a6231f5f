package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// A key folder that comes back from a backup knows nothing of what the root has signed
// since: a key revoked since would be certified again by the next signature, in good faith.
// So the folder remembers where it comes from until a person has seen whom its keyring
// trusts; a newer keyring that outlived the disk is taken in its place.

// restoredFile stands in such a folder; the root signs nothing while it does.
const restoredFile = "restored.json"

// Restored is where a keyring came from.
type Restored struct {
	// MadeAt is when the backup was made: revocations since are not in the keyring.
	MadeAt radio.Millis `json:"made_at"`
}

// RestoredFrom tells whether the folder's keyring came from a backup, and nobody has looked
// at it since.
func RestoredFrom(dir string) (r Restored, ok bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, restoredFile))
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return r, false, fmt.Errorf("read %s: %w", restoredFile, err)
	}
	return r, true, nil
}

// seen refuses to sign on a keyring that came from a backup before a person has seen it.
func seen(dir string) error {
	r, restored, err := RestoredFrom(dir)
	if err != nil || !restored {
		return err
	}
	return fmt.Errorf("%w: the keyring comes from the backup of %s, and keys revoked since would count again: look at whom it trusts, and confirm it, with `loaxa key sign`",
		radio.ErrConflict, r.MadeAt.Time().Format(time.RFC3339))
}

// AcceptRestored says that a person has seen whom the keyring of a backup trusts. It takes
// the root, which signs next.
func AcceptRestored(dir string, root trust.Key, province radio.AreaID) error {
	if err := IsRoot(dir, root, province); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, restoredFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("confirm the keyring of the backup: %w", err)
	}
	return nil
}

// signs refuses a key that is not the newest root.
func (c rootChain) signs(root trust.Key) error {
	newest := c.newest()
	if root.KID() == newest.Key.KID {
		return nil
	}
	for _, r := range c.roots[:len(c.roots)-1] {
		if r.Key.KID == root.KID() {
			return fmt.Errorf("%w: this was the province's root key %d; root %d, %s, signs now", radio.ErrForbidden, r.Number, newest.Number, newest.Key.KID)
		}
	}
	return fmt.Errorf("%w: this is not the province's root key: root %d, %s, signs; a root made after the backup this centre came from is made known with `loaxa key root --steps FILE`",
		radio.ErrForbidden, newest.Number, newest.Key.KID)
}

// TakenBack is what became of the keys of a backup.
type TakenBack struct {
	// Newer says that the keyring of the other folder counts: no revocation is lost.
	Newer   bool
	Version int64
	Root    int // its number
	// Revoked are the keys that the keyring disowns.
	Revoked []string
	// NoOnline says that no online key of either folder stands in the keyring.
	NoOnline bool
}

// TakeBack prepares the key folder of a backup, before it is put to use: what the folder
// other ("" for none) knows better counts, proven from the backup's first root on; of a
// keyring for which nothing newer is found the folder remembers that it is the backup's.
func TakeBack(dir, other string, madeAt radio.Millis) (t TakenBack, err error) {
	envelope, err := os.ReadFile(filepath.Join(dir, keyringFile))
	if errors.Is(err, fs.ErrNotExist) {
		if other != "" {
			return t, fmt.Errorf("%w: there is no keyring in the backup: move %s away, restore, and put it back", radio.ErrConflict, other)
		}
		return t, nil
	}
	if err != nil {
		return t, err
	}
	province, err := provinceOf(envelope)
	if err != nil {
		return t, fmt.Errorf("the keyring of the backup: %w", err)
	}
	chain, err := readRoots(dir, province)
	if err != nil {
		return t, err
	}
	ring, _, err := chain.open(envelope, province, 0)
	if err != nil {
		return t, fmt.Errorf("the keyring of the backup: %w", err)
	}
	if other != "" {
		if chain, err = mergeRoots(dir, other, province, chain); err != nil {
			return t, fmt.Errorf("the keys in %s: %w", other, err)
		}
		if ring, t.Newer, err = mergeKeyring(dir, other, province, chain, ring); err != nil {
			return t, fmt.Errorf("the keys in %s: %w", other, err)
		}
	}
	t.Version, t.Root, t.Revoked = ring.Version, chain.newest().Number, ring.Revoked
	if t.Newer {
		t.NoOnline, err = mergeOnline(dir, other, ring)
		return t, errors.Join(err, removeIfThere(filepath.Join(dir, restoredFile)))
	}
	// A backup of a restored centre that nobody had looked at knows less than its date says.
	if before, was, err := RestoredFrom(dir); err != nil {
		return t, err
	} else if was {
		madeAt = min(madeAt, before.MadeAt)
	}
	b, err := json.Marshal(Restored{MadeAt: madeAt})
	if err != nil {
		return t, err
	}
	return t, writeWhole(filepath.Join(dir, restoredFile), b)
}

// provinceOf reads for which province a keyring says it is; what it says is proven by who
// opens it.
func provinceOf(envelope []byte) (radio.AreaID, error) {
	payload, err := trust.Payload(envelope, trust.MaxKeyring)
	if err != nil {
		return "", err
	}
	var k trust.Keyring
	if err := json.Unmarshal(payload, &k); err != nil {
		return "", fmt.Errorf("%w: %v", radio.ErrInvalid, err)
	}
	return k.Province, nil
}

// mergeRoots takes steps that other has beyond those of dir.
func mergeRoots(dir, other string, province radio.AreaID, chain rootChain) (rootChain, error) {
	switch pub, err := os.ReadFile(filepath.Join(other, rootFile)); {
	case errors.Is(err, fs.ErrNotExist): // somebody saved the keyring alone
	case err != nil:
		return chain, err
	default:
		var first trust.PublicKey
		if err := first.UnmarshalJSON(pub); err != nil {
			return chain, fmt.Errorf("read %s: %w", rootFile, err)
		}
		if first.KID != chain.roots[0].Key.KID {
			return chain, fmt.Errorf("%w: they are of another province: its first root is %s, the backup's is %s", radio.ErrConflict, first.KID, chain.roots[0].Key.KID)
		}
	}
	steps, err := os.ReadFile(filepath.Join(other, rootsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return chain, nil
	}
	if err != nil {
		return chain, err
	}
	return addSteps(dir, province, chain, steps)
}

// addSteps proves the steps from the newest root on, and writes them behind those there
// are.
func addSteps(dir string, province radio.AreaID, chain rootChain, steps []byte) (rootChain, error) {
	list, err := wire.ParseRoots(steps)
	if err != nil {
		return chain, err
	}
	walked, err := trust.WalkRoots(province, chain.newest(), list)
	if err != nil || len(walked) == 0 {
		return chain, err
	}
	var all []json.RawMessage
	if chain.steps != nil {
		if all, err = wire.ParseRoots(chain.steps); err != nil {
			return chain, err
		}
	}
	for _, w := range walked {
		all = append(all, w.Step)
	}
	b, err := wire.EncodeRoots(all)
	if err != nil {
		return chain, err
	}
	if err := writeWhole(filepath.Join(dir, rootsFile), b); err != nil {
		return chain, err
	}
	return readRoots(dir, province)
}

// mergeKeyring takes the keyring of other when it is not older than that of dir.
func mergeKeyring(dir, other string, province radio.AreaID, chain rootChain, ring trust.Keyring) (trust.Keyring, bool, error) {
	envelope, err := os.ReadFile(filepath.Join(other, keyringFile))
	if errors.Is(err, fs.ErrNotExist) {
		return ring, false, nil
	}
	if err != nil {
		return ring, false, err
	}
	found, _, err := chain.open(envelope, province, 0)
	if err != nil {
		return ring, false, err
	}
	if found.Version < ring.Version {
		return ring, false, nil
	}
	return found, true, writeWhole(filepath.Join(dir, keyringFile), envelope)
}

// mergeOnline puts into dir the online key that stands in the keyring: that of other, or of
// the backup. With neither there is none; `loaxa key sign` makes another.
func mergeOnline(dir, other string, ring trust.Keyring) (none bool, err error) {
	mine := filepath.Join(dir, OnlineFile)
	for _, path := range []string{filepath.Join(other, nextFile), filepath.Join(other, OnlineFile), mine} {
		key, err := trust.LoadKey(path)
		switch {
		case errors.Is(err, radio.ErrNotFound):
			continue
		case err != nil:
			return false, err
		case slices.Contains(ring.Revoked, key.KID()) || !slices.ContainsFunc(ring.Online, func(o trust.OnlineKey) bool { return o.JWK.KID == key.KID() }):
			continue
		case path == mine:
			return false, nil
		}
		if err := removeIfThere(mine); err != nil {
			return false, err
		}
		return false, trust.SaveKey(mine, key)
	}
	return true, removeIfThere(mine)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// TakeSteps makes roots known that came after the newest one the folder knows: a backup
// was older than they are. Each step is proven by both its roots. It gives the root before
// and the newest now.
func TakeSteps(dir string, province radio.AreaID, steps []byte) (was, now trust.Root, err error) {
	lock, err := lockFolder(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return was, now, noKeyring(dir)
	}
	if err != nil {
		return was, now, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	chain, err := readRoots(dir, province)
	if err != nil {
		return was, now, err
	}
	was = chain.newest()
	if steps = bytes.TrimSpace(steps); len(steps) > 0 && steps[0] != '[' {
		return was, now, fmt.Errorf("%w: not a file of root steps (roots.json of a key folder, or what `loaxa key root --after` has written beside the new root)", radio.ErrInvalid)
	}
	if chain, err = addSteps(dir, province, chain, steps); err != nil {
		return was, now, err
	}
	if now = chain.newest(); now.Number == was.Number {
		return was, now, fmt.Errorf("%w: the steps lead no further than root %d, which is known", radio.ErrConflict, was.Number)
	}
	return was, now, nil
}

// Steps are those from the first root to the newest, nil while there is only the first.
func Steps(dir string, province radio.AreaID) ([]byte, error) {
	chain, err := readRoots(dir, province)
	return chain.steps, err
}
