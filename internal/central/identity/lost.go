package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// HasKeyring says whether the folder holds one.
func HasKeyring(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, keyringFile))
	return err == nil
}

// lostKeyring: the root is known, its keyring is gone.
func lostKeyring(dir string) error {
	return fmt.Errorf("%w: %s is missing from %s: `loaxa key sign` makes it again from the keys of persons in the database; or take keys/%[2]s out of the newest backup and put it there",
		radio.ErrNotFound, keyringFile, dir)
}

// LostKeyring gives the keyring that stands where the folder's is lost: the newest of those
// kept that one of its roots has signed, brought up to date by the keys of persons that the
// database knows. With neither it is empty.
func LostKeyring(dir string, province radio.AreaID, kept [][]byte, rows []radio.PersonKeyRow) (trust.Keyring, error) {
	base := trust.Keyring{Province: province, Persons: []trust.PersonKey{}, Drill: []radio.SHA256{}, Revoked: []string{}}
	if HasRoot(dir) {
		chain, err := readRoots(dir, province)
		if err != nil {
			return base, err
		}
		for _, envelope := range kept {
			if ring, _, err := chain.open(envelope, province, 0); err == nil && ring.Version > base.Version {
				base = ring
			}
		}
	}
	for _, r := range rows {
		i := slices.IndexFunc(base.Persons, func(p trust.PersonKey) bool { return p.JWK.KID == r.KID })
		switch {
		case r.RevokedAt != 0:
			if i >= 0 {
				base.Persons = slices.Delete(base.Persons, i, i+1)
			}
			if !slices.Contains(base.Revoked, r.KID) {
				base.Revoked = append(base.Revoked, r.KID)
			}
		case slices.Contains(base.Revoked, r.KID):
		case i >= 0:
			if end := &base.Persons[i].NotAfter; r.NotAfter != 0 && (*end == 0 || r.NotAfter < *end) {
				*end = r.NotAfter
			}
		default:
			p := trust.PersonKey{ID: r.Person, Scope: r.Scope, May: r.May, NotAfter: r.NotAfter}
			if err := p.JWK.UnmarshalJSON(r.JWK); err != nil || p.JWK.KID != r.KID {
				return base, fmt.Errorf("%w: key %s of a person cannot be read from the database: %v", radio.ErrInvalid, r.KID, err)
			}
			base.Persons = append(base.Persons, p)
		}
	}
	return base, nil
}

// SignLost is SignKeyring where the keyring is lost: base stands for it. An online key
// that is lost with it, or that base disowns, is made anew.
func SignLost(dir string, root trust.Key, province radio.AreaID, ends trust.Endpoints, set []radio.EmergencyAudio, base trust.Keyring, now time.Time) error {
	if err := ends.Check(); err != nil {
		return fmt.Errorf("sign the keyring: %w", err)
	}
	if HasKeyring(dir) {
		return fmt.Errorf("%w: there is a keyring in %s", radio.ErrConflict, dir)
	}
	if HasRoot(dir) {
		if err := IsRoot(dir, root, province); err != nil {
			return err
		}
	} else if err := pinRoot(dir, root); err != nil {
		return err
	}
	online, err := trust.LoadKey(filepath.Join(dir, OnlineFile))
	if err != nil && !errors.Is(err, radio.ErrNotFound) {
		return err
	}
	if err != nil || slices.Contains(base.Revoked, online.KID()) {
		if online, err = trust.Generate(); err != nil {
			return err
		}
		if err := errors.Join(removeIfThere(filepath.Join(dir, OnlineFile)), trust.SaveKey(filepath.Join(dir, OnlineFile), online)); err != nil {
			return err
		}
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return signNext(dir, root, province, now, &base, certifying(dir, ends, set, now))
}

// pinRoot writes the public half of the province's first root.
func pinRoot(dir string, root trust.Key) error {
	pub, err := root.Public().MarshalJSON()
	if err != nil {
		return fmt.Errorf("write the root's public key: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of keys: %w", err)
	}
	return writeWhole(filepath.Join(dir, rootFile), pub)
}

// keyringOf reads the keyring's file; ErrNotFound says what to do.
func keyringOf(dir string) ([]byte, error) {
	envelope, err := os.ReadFile(filepath.Join(dir, keyringFile))
	if errors.Is(err, fs.ErrNotExist) {
		if HasRoot(dir) {
			return nil, lostKeyring(dir)
		}
		return nil, noKeyring(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("read the keyring: %w", err)
	}
	return envelope, nil
}

// ReadKeyring reads the folder's keyring, also where its online key is lost.
func ReadKeyring(dir string, province radio.AreaID) (trust.Keyring, error) {
	envelope, err := keyringOf(dir)
	if err != nil {
		return trust.Keyring{}, err
	}
	chain, err := readRoots(dir, province)
	if err != nil {
		return trust.Keyring{}, err
	}
	ring, _, err := chain.open(envelope, province, 0)
	return ring, err
}
