package trust

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// ApprovalType is the typ of an approval's signature.
const ApprovalType = "loaxa.approval.v1"

// ApprovalClaim is what an approver signs: the bytes that will sound, by their hashes.
// The audience of the signature is the area for which they may sound.
type ApprovalClaim struct {
	Bulletin   radio.BulletinID `json:"bulletin"`
	Version    int              `json:"version"`
	Renditions []radio.SHA256   `json:"renditions"` // in the order of the programme
	Approver   radio.UserID     `json:"approver"`
	At         radio.Millis     `json:"at"`
}

// ClaimOf says what an approver of this audio has signed.
func ClaimOf(a radio.ProgrammeAudio, approver radio.UserID, at radio.Millis) ApprovalClaim {
	c := ApprovalClaim{Bulletin: a.Bulletin, Version: a.Version, Approver: approver, At: at}
	for _, r := range a.Renditions {
		c.Renditions = append(c.Renditions, r.SHA256)
	}
	return c
}

// payload is the JSON that is signed; the programme carries none of it a second time.
func (c ApprovalClaim) payload() ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write approval: %w", err)
	}
	return b, nil
}

// SignApproval signs a claim for an area with a key that rests at the centre.
func SignApproval(c ApprovalClaim, area radio.AreaID, k Key) (radio.SignedApproval, error) {
	payload, err := c.payload()
	if err != nil {
		return radio.SignedApproval{}, err
	}
	s, err := k.sign(ApprovalType, string(area), payload)
	if err != nil {
		return radio.SignedApproval{}, err
	}
	return s.approval(c.At), nil
}

// AskApproval asks a passkey to sign a claim.
func AskApproval(c ApprovalClaim, area radio.AreaID, kid string) (Request, error) {
	payload, err := c.payload()
	if err != nil {
		return Request{}, err
	}
	return AskPasskey(ApprovalType, string(area), payload, kid)
}

// Approval makes an approval of a passkey's answer.
func (s Signature) Approval(at radio.Millis) radio.SignedApproval { return s.approval(at) }

func (s Signature) approval(at radio.Millis) radio.SignedApproval {
	return radio.SignedApproval{Protected: s.Protected, At: at, Signature: s.Signature, WebAuthn: s.WebAuthn}
}

// CheckApproval proves that a person of the keyring has approved this audio for the place
// whose chain this is: province, commune, hamlet, as far as it goes. The key must be for
// the approval's area or one above it, and that area must lie in the chain. A key's end is
// held against the instant the approval names: what was approved before goes on sounding
// after its approver has left. A key that was stolen is revoked, and with it all it has
// signed. It gives the area the approval is for.
func (k Keyring) CheckApproval(a radio.ProgrammeAudio, s radio.SignedApproval, chain []radio.AreaID) (radio.AreaID, error) {
	h, err := parseHeader(s.Protected)
	if err != nil {
		return "", err
	}
	key, err := k.PersonLookup(MayApprove, s.At)(h.Kid)
	if err != nil {
		return "", err
	}
	person, _ := k.person(h.Kid)
	area, scope := slices.Index(chain, radio.AreaID(h.Aud)), slices.Index(chain, person.Scope)
	if area < 0 || scope < 0 || scope > area {
		return "", fmt.Errorf("%w: approved for area %s by a key for %s, which does not reach here", radio.ErrForbidden, clip(h.Aud), clip(string(person.Scope)))
	}
	payload, err := ClaimOf(a, person.ID, s.At).payload()
	if err != nil {
		return "", err
	}
	sig := Signature{Protected: s.Protected, Signature: s.Signature, WebAuthn: s.WebAuthn}
	if _, err := sig.prove(ApprovalType, h.Aud, base64.RawURLEncoding.EncodeToString(payload), Only(key)); err != nil {
		return "", fmt.Errorf("approval: %w", err)
	}
	return chain[area], nil
}
