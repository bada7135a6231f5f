package trust

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"loaxa/internal/radio"
)

// Keyring is the list of keys the province trusts, signed by its root key: the
// payload of down/keys (design §7).
type Keyring struct {
	Version  int64        `json:"version"` // never back
	Province radio.AreaID `json:"province"`
	Online   []OnlineKey  `json:"online"`
	Persons  []PersonKey  `json:"persons"`
	// Drill are the announcements that make an alert a drill.
	Drill []radio.SHA256 `json:"drill"`
	// Emergency are the sounds of the emergency set: what no person approves sounds in an
	// alert only if it stands here.
	Emergency []radio.SHA256 `json:"emergency,omitempty"`
	Endpoints Endpoints      `json:"endpoints"`
	// RelyingParty of the persons' passkeys; nil: there are none.
	RelyingParty *RelyingParty `json:"relying_party,omitempty"`
	Revoked      []string      `json:"revoked"` // kids
}

// OnlineKey is a key the centre signs documents with.
type OnlineKey struct {
	JWK      PublicKey    `json:"jwk"`
	Kinds    []string     `json:"kinds"` // programme, policy, settings, ack, welcome, …
	Scope    radio.AreaID `json:"scope"`
	NotAfter radio.Millis `json:"not_after"`
}

// PersonKey is a person's own key with what it may do.
type PersonKey struct {
	ID    radio.UserID `json:"id"`
	JWK   PublicKey    `json:"jwk"`
	Scope radio.AreaID `json:"scope"`
	May   []string     `json:"may"` // approve, alert
	// NotAfter ends a key without disowning what it has signed: its person's office ends.
	// 0 is no end (keyrings from before it).
	NotAfter radio.Millis `json:"not_after,omitempty"`
}

// Endpoints tells where the centre is found, so that it can move.
type Endpoints struct {
	Brokers []string `json:"brokers"` // mqtts://host:port, in order of preference
	Media   []string `json:"media"`   // https://host:port
}

// Check refuses addresses that would leave every device without a way to the centre:
// a device that has taken such a keyring can only be reached at the pole.
func (e Endpoints) Check() error {
	var errs []error
	for what, list := range map[string][]string{"mqtts": e.Brokers, "https": e.Media} {
		if len(list) == 0 || len(list) > 8 {
			errs = append(errs, fmt.Errorf("%w: %d %s addresses, want 1 to 8", radio.ErrInvalid, len(list), what))
		}
		for _, a := range list {
			u, err := url.Parse(a)
			if err != nil || u.Scheme != what || u.Hostname() == "" || !validPort(u.Port()) || u.Path != "" || u.RawQuery != "" || u.User != nil {
				errs = append(errs, fmt.Errorf("%w: address %q, want %s://host:port", radio.ErrInvalid, clip(a), what))
			}
		}
	}
	return errors.Join(errs...)
}

func validPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// KeyringType is the typ of a keyring's envelope.
const KeyringType = "loaxa.keyring.v1"

// MaxKeyring bounds a keyring's payload in bytes.
const MaxKeyring = 64 << 10

// SignKeyring wraps the keyring, signed by the root, for the province.
func SignKeyring(k Keyring, root Key) ([]byte, error) {
	payload, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("write keyring: %w", err)
	}
	return Sign(KeyringType, string(k.Province), payload, root)
}

// OpenKeyring verifies a keyring against the pinned root and refuses an older one
// than held: a version never goes back. The same version is accepted again.
func OpenKeyring(data []byte, province radio.AreaID, root PublicKey, held int64) (Keyring, error) {
	var k Keyring
	payload, _, err := Open(data, KeyringType, string(province), MaxKeyring, func(kid string) (PublicKey, error) {
		if kid != root.KID {
			return PublicKey{}, fmt.Errorf("%w: keyring signed by %s, not by the root", radio.ErrForbidden, clip(kid))
		}
		return root, nil
	})
	if err != nil {
		return k, fmt.Errorf("open keyring: %w", err)
	}
	if err := json.Unmarshal(payload, &k); err != nil {
		return k, fmt.Errorf("open keyring: %w: %v", radio.ErrInvalid, err)
	}
	if k.Province != province {
		return k, fmt.Errorf("open keyring: %w: it is for province %s", radio.ErrForbidden, clip(string(k.Province)))
	}
	if k.RelyingParty != nil {
		if err := k.RelyingParty.Check(); err != nil {
			return k, fmt.Errorf("open keyring: %w", err)
		}
	}
	if k.Version < 1 || k.Version < held {
		return k, fmt.Errorf("open keyring: %w: version %d, version %d is held", radio.ErrConflict, k.Version, held)
	}
	return k, nil
}

// OnlineLookup gives a Lookup for documents of one kind for the place whose chain this
// is (province, commune, hamlet, as far as it is known): only online keys that list the
// kind, are for an area of the chain and have not expired at now, nor been revoked.
// Validity is judged when a document is accepted (design §8).
func (k Keyring) OnlineLookup(kind string, now radio.Millis, chain []radio.AreaID) Lookup {
	return func(kid string) (PublicKey, error) {
		for _, o := range k.Online {
			if o.JWK.KID != kid {
				continue
			}
			switch {
			case slices.Contains(k.Revoked, kid):
				return PublicKey{}, fmt.Errorf("%w: key %s is revoked", radio.ErrForbidden, kid)
			case !slices.Contains(o.Kinds, kind):
				return PublicKey{}, fmt.Errorf("%w: key %s may not sign %s", radio.ErrForbidden, kid, kind)
			case o.Scope != k.Province && !slices.Contains(chain, o.Scope):
				return PublicKey{}, fmt.Errorf("%w: key %s is for area %s only", radio.ErrForbidden, kid, clip(string(o.Scope)))
			case o.JWK.IsPasskey():
				return PublicKey{}, fmt.Errorf("%w: key %s is a person's passkey", radio.ErrForbidden, kid)
			case now >= o.NotAfter:
				return PublicKey{}, fmt.Errorf("%w: key %s has expired", radio.ErrForbidden, kid)
			}
			return o.JWK, nil
		}
		return PublicKey{}, fmt.Errorf("%w: key %s is not in the keyring", radio.ErrForbidden, clip(kid))
	}
}

// Only gives a Lookup that knows one key: a device's own.
func Only(key PublicKey) Lookup {
	return func(kid string) (PublicKey, error) {
		if key.IsZero() || kid != key.KID {
			return PublicKey{}, fmt.Errorf("%w: signed by key %s, not by the device's", radio.ErrForbidden, clip(kid))
		}
		return key, nil
	}
}

// MayAlert is what a PersonKey must list to sign alerts, MayApprove to approve audio.
const (
	MayAlert   = "alert"
	MayApprove = "approve"
)

// PersonLookup gives a Lookup for what persons sign: only keys of the keyring that may
// do it, had not ended at that instant and are not revoked. Whether they are enough, and
// for which area, is for EnoughForAlert and CheckApproval to say.
func (k Keyring) PersonLookup(may string, at radio.Millis) Lookup {
	return func(kid string) (PublicKey, error) {
		p, ok := k.person(kid)
		switch {
		case slices.Contains(k.Revoked, kid):
			return PublicKey{}, fmt.Errorf("%w: key %s is revoked", radio.ErrForbidden, clip(kid))
		case !ok:
			return PublicKey{}, fmt.Errorf("%w: key %s is no person's in the keyring", radio.ErrForbidden, clip(kid))
		case !slices.Contains(p.May, may):
			return PublicKey{}, fmt.Errorf("%w: key %s may not sign an %s", radio.ErrForbidden, kid, may)
		case p.NotAfter != 0 && at >= p.NotAfter:
			return PublicKey{}, fmt.Errorf("%w: key %s ended at %s", radio.ErrForbidden, kid, p.NotAfter.Time())
		}
		p.JWK.party = k.RelyingParty
		return p.JWK, nil
	}
}

// person who has this key.
func (k Keyring) person(kid string) (PersonKey, bool) {
	i := slices.IndexFunc(k.Persons, func(p PersonKey) bool { return p.JWK.KID == kid })
	if i < 0 {
		return PersonKey{}, false
	}
	return k.Persons[i], true
}

// EnoughForAlert applies the rule of design §8 to the keys that have signed an alert to
// an area: a person whose key is for exactly one commune speaks alone to that commune
// and what lies in it; everything else needs two different persons. Every key that
// signed must reach the area. chain is the area's place in the tree: province, commune,
// hamlet, as far as it goes; on a device it comes from its settings. former names the
// communes of the chain that were merged into another since: what their keys could do in
// them before, they can, until they are revoked, for a merger must not leave a place without
// whoever may warn it at night.
func (k Keyring) EnoughForAlert(kids []string, chain []radio.AreaID, former ...radio.AreaID) error {
	if len(chain) == 0 || chain[0] != k.Province {
		return fmt.Errorf("%w: the area is not in this province", radio.ErrForbidden)
	}
	persons := map[radio.UserID]bool{}
	alone := false
	for _, kid := range kids {
		p, ok := k.person(kid)
		if !ok {
			return fmt.Errorf("%w: key %s is no person's in the keyring", radio.ErrForbidden, clip(kid))
		}
		if !slices.Contains(chain, p.Scope) {
			return fmt.Errorf("%w: key %s does not reach the area", radio.ErrForbidden, kid)
		}
		persons[p.ID] = true
		alone = alone || len(chain) > 1 && (p.Scope == chain[1] || slices.Contains(former, p.Scope))
	}
	if len(persons) >= 2 || alone && len(persons) == 1 {
		return nil
	}
	return fmt.Errorf("%w: %d persons signed, two are needed", radio.ErrForbidden, len(persons))
}
