package trust

import (
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// Payload is what is signed for the claim.
func (c ApprovalClaim) Payload() ([]byte, error) { return c.payload() }

// CheckBulletin proves that a bulletin version was approved, for its desk, by a person of
// the keyring: by every device of the desk's area the same signature is taken.
func (k Keyring) CheckBulletin(b radio.Bulletin) error {
	if b.Signed == nil {
		return fmt.Errorf("%w: bulletin %s version %d carries no approver's signature", radio.ErrForbidden, b.Code, b.Version)
	}
	area, err := k.CheckApproval(b.Audio(), b.Signed.SignedApproval, k.deskChain(b.Area))
	if err == nil && area != b.Area {
		err = fmt.Errorf("%w: it was approved for area %s", radio.ErrForbidden, clip(string(area)))
	}
	if err != nil {
		return fmt.Errorf("bulletin %s version %d: %w", b.Code, b.Version, err)
	}
	return nil
}

// MayApprove says whether a person holds a key with which to approve for a desk at that
// instant.
func (k Keyring) MayApprove(person radio.UserID, desk radio.AreaID, at radio.Millis) bool {
	lookup, chain := k.PersonLookup(MayApprove, at), k.deskChain(desk)
	return slices.ContainsFunc(k.Persons, func(p PersonKey) bool {
		if p.ID != person || !slices.Contains(chain, p.Scope) {
			return false
		}
		_, err := lookup(p.JWK.KID)
		return err == nil
	})
}

// deskChain is where a bulletin's desk stands: it is the province's or a commune's.
func (k Keyring) deskChain(desk radio.AreaID) []radio.AreaID {
	if desk == k.Province {
		return []radio.AreaID{desk}
	}
	return []radio.AreaID{k.Province, desk}
}

// KID names the key that a signature claims to be of; nothing is proven by it.
func (s Signature) KID() (string, error) {
	h, err := parseHeader(s.Protected)
	return h.Kid, err
}
