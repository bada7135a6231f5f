package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// onlineDays is the life of an online key in the keyring.
const onlineDays = 398

// Keys is the centre's signing: the online key, and the keyring the root has signed
// for it. The root key itself is needed only by `loaxa key` and can be carried away.
// Safe for concurrent use.
type Keys struct {
	dir    string
	online trust.Key
	root   trust.PublicKey

	mu       sync.Mutex
	keyring  trust.Keyring
	envelope []byte
	read     fs.FileInfo // of the keyring when it was read
}

// Files of a key folder.
const (
	OnlineFile  = "online.jwk"
	keyringFile = "keyring.json"
	rootFile    = "root.pub.jwk"
	lockFile    = "keyring.lock"
)

// MakeKeys makes the first online key and lets the root sign a keyring for it. The
// folder gets the online key, the root's public half and the signed keyring.
func MakeKeys(dir string, root trust.Key, province radio.AreaID, ends trust.Endpoints, drill []radio.SHA256, now time.Time) error {
	if err := ends.Check(); err != nil {
		return fmt.Errorf("make keys: %w", err)
	}
	online, err := trust.Generate()
	if err != nil {
		return err
	}
	if err := trust.SaveKey(filepath.Join(dir, OnlineFile), online); err != nil {
		return err
	}
	pub, err := root.Public().MarshalJSON()
	if err != nil {
		return fmt.Errorf("write the root's public key: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, rootFile), pub, 0o644); err != nil {
		return fmt.Errorf("write the root's public key: %w", err)
	}
	return SignKeyring(dir, root, province, ends, drill, now)
}

// SignKeyring writes a new version of the keyring for the folder's online key: at
// the beginning, when endpoints change, and before the online key expires. drill are
// the hashes of the announcement of a drill. Persons and what was revoked stay.
func SignKeyring(dir string, root trust.Key, province radio.AreaID, ends trust.Endpoints, drill []radio.SHA256, now time.Time) error {
	if err := ends.Check(); err != nil {
		return fmt.Errorf("sign the keyring: %w", err)
	}
	online, err := trust.LoadKey(filepath.Join(dir, OnlineFile))
	if err != nil {
		return err
	}
	return changeKeyring(dir, root, province, now, func(k *trust.Keyring) error {
		k.Online = []trust.OnlineKey{{
			JWK: online.Public(), Kinds: wire.OnlineKinds(), Scope: province,
			NotAfter: radio.At(now.AddDate(0, 0, onlineDays)),
		}}
		k.Endpoints, k.Drill = ends, append([]radio.SHA256{}, drill...)
		return nil
	})
}

// changeKeyring lets the root sign the next version of the keyring in the folder. One at
// a time: of two that read the same version, the later would drop what the other wrote.
func changeKeyring(dir string, root trust.Key, province radio.AreaID, now time.Time, change func(*trust.Keyring) error) (err error) {
	lock, err := lockFolder(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return noKeyring(dir)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	k := trust.Keyring{Province: province, Persons: []trust.PersonKey{}, Drill: []radio.SHA256{}, Revoked: []string{}}
	old, err := os.ReadFile(filepath.Join(dir, keyringFile))
	switch {
	case err == nil:
		if k, err = trust.OpenKeyring(old, province, root.Public(), 0); err != nil {
			return fmt.Errorf("the keyring in %s: %w", dir, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read the keyring: %w", err)
	}
	if err := change(&k); err != nil {
		return err
	}
	k.Version = trust.NextRevision(k.Version, now)
	signed, err := trust.SignKeyring(k, root)
	if err != nil {
		return err
	}
	// What would not open on a device must not go there.
	if _, err := trust.OpenKeyring(signed, province, root.Public(), k.Version); err != nil {
		return fmt.Errorf("the new keyring: %w", err)
	}
	// A centre whose keyring was cut short by a power cut does not start.
	tmp := filepath.Join(dir, keyringFile+".new")
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("write the keyring: %w", err)
	}
	_, err = f.Write(signed)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the keyring: %w", err)
	}
	return os.Rename(tmp, filepath.Join(dir, keyringFile))
}

func noKeyring(dir string) error {
	return fmt.Errorf("%w: there is no keyring in %s yet: make it with `loaxa key sign`", radio.ErrNotFound, dir)
}

// AddPersonKey lets the root put a person's key into the keyring of the folder.
func AddPersonKey(dir string, root trust.Key, province radio.AreaID, p trust.PersonKey, now time.Time) error {
	return changeKeyring(dir, root, province, now, func(k *trust.Keyring) error {
		if len(k.Online) == 0 {
			return noKeyring(dir)
		}
		k.Persons = append(k.Persons, p)
		return nil
	})
}

// RevokePersonKey lets the root take a person's key out of the keyring and name it as
// revoked.
func RevokePersonKey(dir string, root trust.Key, province radio.AreaID, kid string, now time.Time) error {
	return changeKeyring(dir, root, province, now, func(k *trust.Keyring) error {
		k.Persons = slices.DeleteFunc(k.Persons, func(p trust.PersonKey) bool { return p.JWK.KID == kid })
		if !slices.Contains(k.Revoked, kid) {
			k.Revoked = append(k.Revoked, kid)
		}
		return nil
	})
}

// OpenKeys reads the folder and proves that the root signed its keyring for this
// province and for this online key.
func OpenKeys(dir string, province radio.AreaID) (*Keys, error) {
	online, err := trust.LoadKey(filepath.Join(dir, OnlineFile))
	if err != nil {
		return nil, err
	}
	k := &Keys{dir: dir, online: online}
	pub, err := os.ReadFile(filepath.Join(dir, rootFile))
	if err != nil {
		return nil, fmt.Errorf("read the root's public key: %w", err)
	}
	if err := k.root.UnmarshalJSON(pub); err != nil {
		return nil, fmt.Errorf("read %s: %w", rootFile, err)
	}
	if err := k.readKeyring(province); err != nil {
		return nil, err
	}
	return k, nil
}

func (k *Keys) readKeyring(province radio.AreaID) error {
	path := filepath.Join(k.dir, keyringFile)
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read the keyring: %w", err)
	}
	envelope, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the keyring: %w", err)
	}
	ring, err := trust.OpenKeyring(envelope, province, k.root, k.keyring.Version)
	if err != nil {
		return err
	}
	if _, err := ring.OnlineLookup(string(wire.Programme), 0)(k.online.KID()); err != nil {
		return fmt.Errorf("the online key does not stand in the keyring: %w", err)
	}
	k.envelope, k.keyring, k.read = envelope, ring, info
	return nil
}

// Refresh reads the keyring again when its file is another one than before, and says
// whether that brought a new version: `loaxa key` may have signed one meanwhile.
func (k *Keys) Refresh() (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	info, err := os.Stat(filepath.Join(k.dir, keyringFile))
	if err != nil {
		return false, fmt.Errorf("look at the keyring: %w", err)
	}
	if os.SameFile(info, k.read) && info.ModTime().Equal(k.read.ModTime()) && info.Size() == k.read.Size() {
		return false, nil
	}
	held := k.keyring.Version
	if err := k.readKeyring(k.keyring.Province); err != nil {
		k.read = info // said once
		return false, err
	}
	return k.keyring.Version != held, nil
}

// Online is the key the centre signs documents with.
func (k *Keys) Online() trust.Key { return k.online }

// Root is the public half of the root key, pinned by devices at enrolment.
func (k *Keys) Root() trust.PublicKey { return k.root }

// Keyring as signed, and its content.
func (k *Keys) Keyring() ([]byte, trust.Keyring) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.envelope, k.keyring
}

// Until is when the online key's time in the keyring ends.
func (k *Keys) Until() radio.Millis {
	_, ring := k.Keyring()
	for _, o := range ring.Online {
		if o.JWK.KID == k.online.KID() {
			return o.NotAfter
		}
	}
	return 0
}
