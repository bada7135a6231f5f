package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// rootChain is every root key the province has had, the first before all.
type rootChain struct {
	roots []trust.Root
	steps []byte // as wire gives them to devices; nil: there is only the first
}

// newest signs.
func (c rootChain) newest() trust.Root { return c.roots[len(c.roots)-1] }

// open opens a keyring by the newest root, or by one before it: a step to a new root is
// written before the keyring that it signs. It gives the root that has signed.
func (c rootChain) open(envelope []byte, province radio.AreaID, held int64) (ring trust.Keyring, by trust.Root, err error) {
	for i := len(c.roots) - 1; i >= 0; i-- {
		by = c.roots[i]
		if ring, err = trust.OpenKeyring(envelope, province, by.Key, held); err == nil || !errors.Is(err, radio.ErrForbidden) {
			return ring, by, err
		}
	}
	return ring, by, err
}

// readRoots walks from the first root, as a device does that was enrolled under it.
func readRoots(dir string, province radio.AreaID) (rootChain, error) {
	var c rootChain
	pub, err := os.ReadFile(filepath.Join(dir, rootFile))
	if errors.Is(err, fs.ErrNotExist) {
		return c, noKeyring(dir)
	}
	if err != nil {
		return c, fmt.Errorf("read the root's public key: %w", err)
	}
	first := trust.Root{Number: 1}
	if err := first.Key.UnmarshalJSON(pub); err != nil {
		return c, fmt.Errorf("read %s: %w", rootFile, err)
	}
	c.roots = []trust.Root{first}
	steps, err := os.ReadFile(filepath.Join(dir, rootsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read %s: %w", rootsFile, err)
	}
	list, err := wire.ParseRoots(steps)
	if err != nil {
		return c, fmt.Errorf("read %s: %w", rootsFile, err)
	}
	walked, err := trust.WalkRoots(province, first, list)
	if err != nil {
		return c, fmt.Errorf("read %s: %w", rootsFile, err)
	}
	for _, w := range walked {
		c.roots = append(c.roots, w.Root)
	}
	c.steps = steps
	return c, nil
}

// NextRoot makes another key the province's root: the old one signs the step to it, and
// the new one the keyring. Devices walk there by themselves, however many steps they were
// away for. It gives the number of the new root.
func NextRoot(dir string, oldKey, newKey trust.Key, province radio.AreaID, now time.Time) (number int, err error) {
	lock, err := lockFolder(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, noKeyring(dir)
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	chain, err := readRoots(dir, province)
	if err != nil {
		return 0, err
	}
	// Nothing is written that the new root could not follow up by signing the keyring.
	_, lost := keyringOf(dir)
	if err := errors.Join(chain.signs(oldKey), seen(dir), lost); err != nil {
		return 0, err
	}
	newest := chain.newest()
	step, err := trust.SignRootStep(province, newest, oldKey, newKey, radio.At(now))
	if err != nil {
		return 0, err
	}
	var steps []json.RawMessage
	if chain.steps != nil {
		if steps, err = wire.ParseRoots(chain.steps); err != nil {
			return 0, err
		}
	}
	b, err := wire.EncodeRoots(append(steps, step))
	if err != nil {
		return 0, err
	}
	if err := writeWhole(filepath.Join(dir, rootsFile), b); err != nil {
		return 0, err
	}
	// From here on only the new root can sign, also when what follows fails: `loaxa key
	// sign` with it goes on.
	return newest.Number + 1, signNext(dir, newKey, province, now, nil, func(*trust.Keyring) error { return nil })
}

// FirstRoot is the province's first root, from which all others are reached.
func (k *Keys) FirstRoot() trust.Root {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.chain.roots[0]
}
