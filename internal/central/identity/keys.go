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
	dir string

	mu       sync.Mutex
	online   trust.Key
	chain    rootChain
	signer   trust.Root // of the keyring
	keyring  trust.Keyring
	envelope []byte
	read     fs.FileInfo // of the keyring when it was read
}

// Files of a key folder.
const (
	OnlineFile  = "online.jwk"
	nextFile    = "online.next.jwk" // the online key that follows, until its keyring is written
	keyringFile = "keyring.json"
	rootFile    = "root.pub.jwk" // the first root's public half
	rootsFile   = "roots.json"   // the steps from there to the newest
	lockFile    = "keyring.lock"
)

// MakeKeys makes the first online key and lets the root sign a keyring for it. The
// folder gets the online key, the root's public half and the signed keyring.
func MakeKeys(dir string, root trust.Key, province radio.AreaID, ends trust.Endpoints, set []radio.EmergencyAudio, now time.Time) error {
	if err := ends.Check(); err != nil {
		return fmt.Errorf("make keys: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, rootFile)); err == nil {
		// The online key was lost, the province's root and its persons were not.
		if _, err := NextOnline(dir, root, province, true, now); err != nil {
			return err
		}
		return SignKeyring(dir, root, province, ends, set, now)
	}
	return SignLost(dir, root, province, ends, set, trust.Keyring{Province: province, Persons: []trust.PersonKey{}, Drill: []radio.SHA256{}, Revoked: []string{}}, now)
}

// HasRoot says whether the folder knows the province's root.
func HasRoot(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, rootFile))
	return err == nil
}

// SignKeyring writes a new version of the keyring for the folder's online key: at
// the beginning, when endpoints change, and before the online key expires. set is every
// rendition of the emergency set. Persons and what was revoked stay.
func SignKeyring(dir string, root trust.Key, province radio.AreaID, ends trust.Endpoints, set []radio.EmergencyAudio, now time.Time) error {
	if err := ends.Check(); err != nil {
		return fmt.Errorf("sign the keyring: %w", err)
	}
	return changeKeyring(dir, root, province, now, certifying(dir, ends, set, now))
}

// certifying gives the change by which the folder's online key, the addresses and the
// emergency set come into a keyring.
func certifying(dir string, ends trust.Endpoints, set []radio.EmergencyAudio, now time.Time) func(*trust.Keyring) error {
	return func(k *trust.Keyring) error {
		online, err := loadOnline(dir, *k)
		if err != nil {
			return err
		}
		certifyOnline(k, online.Public(), now)
		k.Endpoints, k.Drill, k.Emergency = ends, []radio.SHA256{}, nil
		for _, e := range set {
			k.Emergency = append(k.Emergency, e.Rendition.SHA256)
			if e.Role == radio.RoleDrill {
				k.Drill = append(k.Drill, e.Rendition.SHA256)
			}
		}
		return nil
	}
}

// certifyOnline puts an online key into the keyring for its full time, beside others whose
// time has not ended.
func certifyOnline(k *trust.Keyring, key trust.PublicKey, now time.Time) {
	k.Online = slices.DeleteFunc(k.Online, func(o trust.OnlineKey) bool { return o.JWK.KID == key.KID || o.NotAfter <= radio.At(now) })
	k.Online = append(k.Online, trust.OnlineKey{JWK: key, Kinds: wire.OnlineKinds(), Scope: k.Province, NotAfter: radio.At(now.AddDate(0, 0, onlineDays))})
}

// NextOnline makes another online key and lets the root sign a keyring with it. The one
// before still counts for what devices get late, until its time ends; or it is revoked at
// once, when somebody may have copied it. A running centre signs everything anew with the
// new key.
func NextOnline(dir string, root trust.Key, province radio.AreaID, revoke bool, now time.Time) (kid string, err error) {
	if err := settleOnline(dir, province); err != nil {
		return "", err
	}
	next := filepath.Join(dir, nextFile)
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) { // from an attempt that came to nothing
		return "", fmt.Errorf("make another online key: %w", err)
	}
	key, err := trust.Generate()
	if err != nil {
		return "", err
	}
	if err := trust.SaveKey(next, key); err != nil {
		return "", err
	}
	err = changeKeyring(dir, root, province, now, func(k *trust.Keyring) error {
		certifyOnline(k, key.Public(), now)
		if revoke {
			// All others, for who loses a key may have lost the ones before it too.
			k.Online = slices.DeleteFunc(k.Online, func(o trust.OnlineKey) bool {
				gone := o.JWK.KID != key.KID()
				if gone && !slices.Contains(k.Revoked, o.JWK.KID) {
					k.Revoked = append(k.Revoked, o.JWK.KID)
				}
				return gone
			})
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return key.KID(), settleOnline(dir, province)
}

// loadOnline reads the online key: the one that follows as soon as its keyring is
// written, also before its file has its final name.
func loadOnline(dir string, ring trust.Keyring) (trust.Key, error) {
	next, err := trust.LoadKey(filepath.Join(dir, nextFile))
	switch {
	case errors.Is(err, radio.ErrNotFound):
	case err != nil:
		return next, err
	case slices.ContainsFunc(ring.Online, func(o trust.OnlineKey) bool { return o.JWK.KID == next.KID() }):
		return next, nil
	}
	return trust.LoadKey(filepath.Join(dir, OnlineFile))
}

// settleOnline gives the online key its final name after a power cut that came between
// its keyring and that.
func settleOnline(dir string, province radio.AreaID) error {
	next := filepath.Join(dir, nextFile)
	if _, err := os.Stat(next); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	envelope, err := keyringOf(dir)
	if err != nil {
		return err
	}
	chain, err := readRoots(dir, province)
	if err != nil {
		return err
	}
	ring, _, err := chain.open(envelope, province, 0)
	if err != nil {
		return err
	}
	key, err := loadOnline(dir, ring)
	if err != nil {
		return err
	}
	old, err := trust.LoadKey(filepath.Join(dir, OnlineFile))
	switch {
	case err != nil && !errors.Is(err, radio.ErrNotFound):
		return err
	case err == nil && old.KID() == key.KID():
		return nil // its keyring was never written
	}
	return os.Rename(next, filepath.Join(dir, OnlineFile))
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
	return signNext(dir, root, province, now, nil, change)
}

// signNext is changeKeyring while the folder is locked. base, when not nil, stands where
// there is no keyring; without it that is an error, for persons stood in the one lost.
func signNext(dir string, root trust.Key, province radio.AreaID, now time.Time, base *trust.Keyring, change func(*trust.Keyring) error) error {
	chain, err := readRoots(dir, province)
	if err != nil {
		return err
	}
	if err := errors.Join(chain.signs(root), seen(dir)); err != nil {
		return err
	}
	old, err := keyringOf(dir)
	var k trust.Keyring
	switch {
	case err == nil:
		if k, _, err = chain.open(old, province, 0); err != nil {
			return fmt.Errorf("the keyring in %s: %w", dir, err)
		}
	case base != nil && errors.Is(err, radio.ErrNotFound):
		k = *base
	default:
		return err
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
	return writeWhole(filepath.Join(dir, keyringFile), signed)
}

// writeWhole writes a file or leaves the old one: a centre whose keyring was cut short by
// a power cut does not start.
func writeWhole(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return os.Rename(tmp, path)
}

func noKeyring(dir string) error {
	return fmt.Errorf("%w: there is no keyring in %s yet: make it with `loaxa key sign`", radio.ErrNotFound, dir)
}

// OpenKeys reads the folder and proves that the root signed its keyring for this
// province and for this online key.
func OpenKeys(dir string, province radio.AreaID) (*Keys, error) {
	if err := settleOnline(dir, province); err != nil {
		return nil, err
	}
	k := &Keys{dir: dir}
	if err := k.readKeyring(province); err != nil {
		return nil, err
	}
	return k, nil
}

func (k *Keys) readKeyring(province radio.AreaID) error {
	path := filepath.Join(k.dir, keyringFile)
	envelope, err := keyringOf(k.dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read the keyring: %w", err)
	}
	chain, err := readRoots(k.dir, province)
	if err != nil {
		return err
	}
	ring, by, err := chain.open(envelope, province, k.keyring.Version)
	if err != nil {
		return err
	}
	online, err := loadOnline(k.dir, ring)
	if err != nil {
		return err
	}
	if _, err := ring.OnlineLookup(string(wire.Programme), 0, nil)(online.KID()); err != nil {
		return fmt.Errorf("the online key does not stand in the keyring: %w", err)
	}
	k.online, k.chain, k.signer, k.envelope, k.keyring, k.read = online, chain, by, envelope, ring, info
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
func (k *Keys) Online() trust.Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.online
}

// Root is the root key that devices pin at enrolment: the one that signed the keyring.
func (k *Keys) Root() trust.Root {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.signer
}

// Roots are the steps from the first root to the newest, as devices get them; nil while
// there is only the first.
func (k *Keys) Roots() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.chain.steps
}

// Keyring as signed, and its content.
func (k *Keys) Keyring() ([]byte, trust.Keyring) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.envelope, k.keyring
}

// Until is when the online key's time in the keyring ends.
func (k *Keys) Until() radio.Millis {
	_, ring := k.Keyring()
	online := k.Online().KID()
	for _, o := range ring.Online {
		if o.JWK.KID == online {
			return o.NotAfter
		}
	}
	return 0
}
