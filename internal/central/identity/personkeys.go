package identity

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// errSame says that a keyring is as it should be, so that the root signs no other.
var errSame = errors.New("nothing changes")

// AddPersonKey lets the root put a person's key into the keyring of the folder. The same
// once more changes nothing: the first time a power cut may have come before the row of it
// was kept.
func AddPersonKey(dir string, root trust.Key, province radio.AreaID, p trust.PersonKey, now time.Time) error {
	err := changeKeyring(dir, root, province, now, func(k *trust.Keyring) error {
		i := slices.IndexFunc(k.Persons, func(x trust.PersonKey) bool { return x.JWK.KID == p.JWK.KID })
		switch {
		case len(k.Online) == 0:
			return noKeyring(dir)
		case slices.Contains(k.Revoked, p.JWK.KID):
			return fmt.Errorf("%w: key %s is revoked for good", radio.ErrConflict, p.JWK.KID)
		case i >= 0 && k.Persons[i].ID == p.ID && k.Persons[i].Scope == p.Scope && slices.Equal(k.Persons[i].May, p.May) && k.Persons[i].NotAfter == p.NotAfter:
			return errSame
		case i >= 0:
			return fmt.Errorf("%w: key %s stands in the keyring already", radio.ErrConflict, p.JWK.KID)
		case p.JWK.IsPasskey() && k.RelyingParty == nil:
			return fmt.Errorf("%w: the keyring names no console for passkeys: set people.public in the configuration", radio.ErrConflict)
		}
		k.Persons = append(k.Persons, p)
		return nil
	})
	if errors.Is(err, errSame) {
		return nil
	}
	return err
}

// RetirePersonKey lets the root end a person's key without disowning it: it signs nothing
// more, and what it has signed counts on.
func RetirePersonKey(dir string, root trust.Key, province radio.AreaID, kid string, now time.Time) error {
	return changeKeyring(dir, root, province, now, func(k *trust.Keyring) error {
		i := slices.IndexFunc(k.Persons, func(p trust.PersonKey) bool { return p.JWK.KID == kid })
		if i < 0 {
			return fmt.Errorf("%w: key %s is no person's in the keyring", radio.ErrNotFound, kid)
		}
		if end := k.Persons[i].NotAfter; end == 0 || end > radio.At(now) {
			k.Persons[i].NotAfter = radio.At(now)
		}
		return nil
	})
}

// RevokePersonKey lets the root take a person's key out of the keyring and name it as
// revoked: it is disowned, with all that it has signed.
func RevokePersonKey(dir string, root trust.Key, province radio.AreaID, kid string, now time.Time) error {
	return changeKeyring(dir, root, province, now, func(k *trust.Keyring) error {
		k.Persons = slices.DeleteFunc(k.Persons, func(p trust.PersonKey) bool { return p.JWK.KID == kid })
		if !slices.Contains(k.Revoked, kid) {
			k.Revoked = append(k.Revoked, kid)
		}
		return nil
	})
}

// mostOrigins is how many addresses of the console count (trust.RelyingParty.Check).
const mostOrigins = 8

// SetRelyingParty lets the root name the console for which persons' passkeys count; the
// keyring is signed anew only when that is news. What passkeys have signed under its
// earlier addresses counts on. A console of another name is refused while there are
// passkeys, for none of them would count, nor what they have approved.
func SetRelyingParty(dir string, root trust.Key, province radio.AreaID, party trust.RelyingParty, now time.Time) error {
	if err := party.Check(); err != nil {
		return fmt.Errorf("name the console: %w", err)
	}
	err := changeKeyring(dir, root, province, now, func(k *trust.Keyring) error {
		if k.RelyingParty == nil {
			k.RelyingParty = &party
			return nil
		}
		was := *k.RelyingParty
		fresh := slices.ContainsFunc(party.Origins, func(o string) bool { return !slices.Contains(was.Origins, o) })
		switch {
		case was.ID == party.ID && !fresh:
			return errSame
		case was.ID == party.ID:
			for _, o := range was.Origins {
				if !slices.Contains(party.Origins, o) && len(party.Origins) < mostOrigins {
					party.Origins = append(slices.Clone(party.Origins), o)
				}
			}
		case slices.ContainsFunc(k.Persons, func(p trust.PersonKey) bool { return p.JWK.IsPasskey() }):
			return fmt.Errorf("%w: persons' passkeys were made for the console %s, and would count no more for %s: set people.public back, or revoke them first (loaxa key person list)",
				radio.ErrConflict, was.ID, party.ID)
		}
		k.RelyingParty = &party
		return nil
	})
	if errors.Is(err, errSame) {
		return nil
	}
	return err
}
