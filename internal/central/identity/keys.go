package identity

import (
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

// onlineDays is the life of an online key in the keyring.
const onlineDays = 398

// Keys is the centre's signing: the online key, and the keyring the root has signed
// for it. The root key itself is needed only by `loaxa key` and can be carried away.
type Keys struct {
	online   trust.Key
	root     trust.PublicKey
	keyring  trust.Keyring
	envelope []byte
}

// Files of a key folder.
const (
	OnlineFile  = "online.jwk"
	keyringFile = "keyring.json"
	rootFile    = "root.pub.jwk"
)

// MakeKeys makes the first online key and lets the root sign a keyring for it. The
// folder gets the online key, the root's public half and the signed keyring.
func MakeKeys(dir string, root trust.Key, province radio.AreaID, ends trust.Endpoints, now time.Time) error {
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
	return SignKeyring(dir, root, province, ends, now)
}

// SignKeyring writes a new version of the keyring for the folder's online key: at
// the beginning, when endpoints change, and before the online key expires.
func SignKeyring(dir string, root trust.Key, province radio.AreaID, ends trust.Endpoints, now time.Time) error {
	if err := ends.Check(); err != nil {
		return fmt.Errorf("sign the keyring: %w", err)
	}
	online, err := trust.LoadKey(filepath.Join(dir, OnlineFile))
	if err != nil {
		return err
	}
	var held int64
	if old, err := os.ReadFile(filepath.Join(dir, keyringFile)); err == nil {
		k, err := trust.OpenKeyring(old, province, root.Public(), 0)
		if err != nil {
			return fmt.Errorf("the keyring in %s: %w", dir, err)
		}
		held = k.Version
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the keyring: %w", err)
	}
	signed, err := trust.SignKeyring(trust.Keyring{
		Version:  trust.NextRevision(held, now),
		Province: province,
		Online: []trust.OnlineKey{{
			JWK: online.Public(), Kinds: wire.OnlineKinds(), Scope: province,
			NotAfter: radio.At(now.AddDate(0, 0, onlineDays)),
		}},
		Persons: []trust.PersonKey{}, Drill: []radio.SHA256{}, Endpoints: ends, Revoked: []string{},
	}, root)
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, keyringFile+".new")
	if err := os.WriteFile(tmp, signed, 0o644); err != nil {
		return fmt.Errorf("write the keyring: %w", err)
	}
	return os.Rename(tmp, filepath.Join(dir, keyringFile))
}

// OpenKeys reads the folder and proves that the root signed its keyring for this
// province and for this online key.
func OpenKeys(dir string, province radio.AreaID) (*Keys, error) {
	online, err := trust.LoadKey(filepath.Join(dir, OnlineFile))
	if err != nil {
		return nil, err
	}
	k := &Keys{online: online}
	pub, err := os.ReadFile(filepath.Join(dir, rootFile))
	if err != nil {
		return nil, fmt.Errorf("read the root's public key: %w", err)
	}
	if err := k.root.UnmarshalJSON(pub); err != nil {
		return nil, fmt.Errorf("read %s: %w", rootFile, err)
	}
	if k.envelope, err = os.ReadFile(filepath.Join(dir, keyringFile)); err != nil {
		return nil, fmt.Errorf("read the keyring: %w", err)
	}
	if k.keyring, err = trust.OpenKeyring(k.envelope, province, k.root, 0); err != nil {
		return nil, err
	}
	if _, err := k.keyring.OnlineLookup(string(wire.Programme), 0)(online.KID()); err != nil {
		return nil, fmt.Errorf("the online key does not stand in the keyring: %w", err)
	}
	return k, nil
}

// Online is the key the centre signs documents with.
func (k *Keys) Online() trust.Key { return k.online }

// Root is the public half of the root key, pinned by devices at enrolment.
func (k *Keys) Root() trust.PublicKey { return k.root }

// Keyring as signed, and its content.
func (k *Keys) Keyring() ([]byte, trust.Keyring) { return k.envelope, k.keyring }

// Until is when the online key's time in the keyring ends.
func (k *Keys) Until() radio.Millis {
	for _, o := range k.keyring.Online {
		if o.JWK.KID == k.online.KID() {
			return o.NotAfter
		}
	}
	return 0
}
