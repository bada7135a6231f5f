package identity

import (
	"encoding/json"
	"fmt"
	"slices"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// sealType is the typ of a signed head of the audit. No device takes one, so that keyrings
// name no kind for it: any online key that stands in the keyring may seal.
const sealType = "loaxa.audithead.v1"

// fileType is the typ of the word about a file of the audit.
const fileType = "loaxa.auditfile.v1"

// maxSeal bounds a seal's payload.
const maxSeal = 1 << 10

// sealWord is what a seal says.
type sealWord struct {
	radio.AuditHead
	Number int64  `json:"number,omitempty"`
	Before string `json:"before,omitempty"`
}

// SealAudit signs the newest entry of the audit with the online key. before is the newest
// seal, the zero value when there is none.
func (k *Keys) SealAudit(h radio.AuditHead, before radio.AuditSeal) (radio.AuditSeal, error) {
	seal := radio.AuditSeal{Number: before.Number + 1, Before: before.Digest(), Head: h}
	var err error
	seal.Envelope, err = k.signAudit(sealType, sealWord{h, seal.Number, seal.Before})
	return seal, err
}

// SealAuditFile signs a file of the audit.
func (k *Keys) SealAuditFile(w radio.AuditFileWord) ([]byte, error) { return k.signAudit(fileType, w) }

func (k *Keys) signAudit(typ string, word any) ([]byte, error) {
	payload, err := json.Marshal(word)
	if err != nil {
		return nil, fmt.Errorf("seal the audit: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	envelope, err := trust.Sign(typ, string(k.keyring.Province), payload, k.online)
	if err != nil {
		return nil, fmt.Errorf("seal the audit: %w", err)
	}
	return envelope, nil
}

// Notary is what proves seals: all of it public, and none of it believed before the first
// root's key is.
type Notary struct {
	Province radio.AreaID    `json:"province"`
	Root     json.RawMessage `json:"root"`            // public half of the first root
	Roots    json.RawMessage `json:"roots,omitempty"` // steps to the newest
	Keyring  json.RawMessage `json:"keyring"`
}

// Notary gives what proves this centre's seals to others.
func (k *Keys) Notary() (Notary, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	root, err := k.chain.roots[0].Key.MarshalJSON()
	if err != nil {
		return Notary{}, fmt.Errorf("write the root's public key: %w", err)
	}
	return Notary{Province: k.keyring.Province, Root: root, Roots: k.chain.steps, Keyring: k.envelope}, nil
}

// Seals is a notary whose keyring is proven.
type Seals struct {
	// Root names the first root, from which all the rest is proven.
	Root string
	ring trust.Keyring
}

// Open walks from the first root to the keyring.
func (n Notary) Open() (Seals, error) {
	first := trust.Root{Number: 1}
	if err := first.Key.UnmarshalJSON(n.Root); err != nil {
		return Seals{}, fmt.Errorf("read the root's public key: %w", err)
	}
	chain := rootChain{roots: []trust.Root{first}}
	if len(n.Roots) > 0 {
		list, err := wire.ParseRoots(n.Roots)
		if err != nil {
			return Seals{}, fmt.Errorf("read the steps of roots: %w", err)
		}
		walked, err := trust.WalkRoots(n.Province, first, list)
		if err != nil {
			return Seals{}, fmt.Errorf("walk the roots: %w", err)
		}
		for _, w := range walked {
			chain.roots = append(chain.roots, w.Root)
		}
	}
	ring, _, err := chain.open(n.Keyring, n.Province, 0)
	if err != nil {
		return Seals{}, fmt.Errorf("open the keyring: %w", err)
	}
	return Seals{Root: first.Key.KID, ring: ring}, nil
}

// Check proves that a key of the keyring has signed the seal, and gives what it says.
// ErrNotFound when that key does not stand in this keyring: it was replaced since.
func (s Seals) Check(envelope []byte) (seal radio.AuditSeal, kid string, err error) {
	var w sealWord
	if kid, err = s.open(envelope, sealType, &w); err != nil {
		return seal, "", fmt.Errorf("seal of the audit: %w", err)
	}
	if w.Seq < 1 || w.Number < 0 {
		return seal, "", fmt.Errorf("seal of the audit: %w: it names no entry", radio.ErrInvalid)
	}
	return radio.AuditSeal{Number: w.Number, Before: w.Before, Head: w.AuditHead, Envelope: envelope}, kid, nil
}

// CheckFile proves the word about a file of the audit, as Check does a seal.
func (s Seals) CheckFile(envelope []byte) (w radio.AuditFileWord, err error) {
	if _, err = s.open(envelope, fileType, &w); err != nil {
		return w, fmt.Errorf("signature of the file: %w", err)
	}
	return w, nil
}

func (s Seals) open(envelope []byte, typ string, word any) (kid string, err error) {
	payload, kids, err := trust.Open(envelope, typ, string(s.ring.Province), maxSeal, func(kid string) (trust.PublicKey, error) {
		i := slices.IndexFunc(s.ring.Online, func(o trust.OnlineKey) bool { return o.JWK.KID == kid })
		if i < 0 {
			return trust.PublicKey{}, fmt.Errorf("%w: the key %s does not stand in the keyring", radio.ErrNotFound, kid)
		}
		return s.ring.Online[i].JWK, nil
	})
	if err != nil {
		return "", err
	}
	if err := json.Unmarshal(payload, word); err != nil {
		return "", fmt.Errorf("%w: %v", radio.ErrInvalid, err)
	}
	return kids[0], nil
}
