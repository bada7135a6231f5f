package radio

import "fmt"

// Assertion is what an authenticator showed beside its signature (WebAuthn §5.2.2),
// base64url without padding.
type Assertion struct {
	AuthenticatorData string `json:"authenticator_data"`
	ClientData        string `json:"client_data"` // JSON, its exact bytes
}

// Bounds of an Assertion's members in characters. Extensions may lengthen the first;
// browsers may add members to the second.
const (
	maxAuthenticatorData = 512
	maxClientData        = 1536
)

// Check bounds it; nil is right.
func (a *Assertion) Check() error {
	if a != nil && (len(a.AuthenticatorData) > maxAuthenticatorData || len(a.ClientData) > maxClientData) {
		return fmt.Errorf("%w: assertion of %d and %d characters", ErrInvalid, len(a.AuthenticatorData), len(a.ClientData))
	}
	return nil
}

// Approval is an approver's signature over one bulletin version: a JWS with a detached
// payload (RFC 7515 Appendix F), which trust makes again from what the programme says of
// the audio. The approver's header is the same for all they approved; it stands once in
// Programme.Signers.
type Approval struct {
	Signer    int        `json:"signer"` // in Programme.Signers
	At        Millis     `json:"at"`
	Signature string     `json:"signature"`
	WebAuthn  *Assertion `json:"webauthn,omitempty"`
}

// SignedApproval is an Approval by itself, with its header: as the centre keeps it.
type SignedApproval struct {
	Protected string     `json:"protected"`
	At        Millis     `json:"at"`
	Signature string     `json:"signature"`
	WebAuthn  *Assertion `json:"webauthn,omitempty"`
}

// Bounds of a programme's approvals.
const (
	maxSigners   = 64
	maxProtected = 768
	maxSigned    = 128
)

// Approve puts an approval to the audio with this index.
func (p *Programme) Approve(audio int, s SignedApproval) {
	signer := -1
	for i, h := range p.Signers {
		if h == s.Protected {
			signer = i
		}
	}
	if signer < 0 {
		signer = len(p.Signers)
		p.Signers = append(p.Signers, s.Protected)
	}
	p.Audio[audio].Approval = &Approval{Signer: signer, At: s.At, Signature: s.Signature, WebAuthn: s.WebAuthn}
}

// Approval of an audio, unproven; false when there is none.
func (p *Programme) Approval(a ProgrammeAudio) (SignedApproval, bool) {
	if a.Approval == nil || a.Approval.Signer < 0 || a.Approval.Signer >= len(p.Signers) {
		return SignedApproval{}, false
	}
	return SignedApproval{Protected: p.Signers[a.Approval.Signer], At: a.Approval.At, Signature: a.Approval.Signature, WebAuthn: a.Approval.WebAuthn}, true
}

// checkApprovals bounds them; whether they hold is proven with the keyring. An audio
// without one is no fault of the programme: it alone is refused.
func (p *Programme) checkApprovals() error {
	if len(p.Signers) > maxSigners {
		return fmt.Errorf("%w: %d signers of approvals, at most %d", ErrInvalid, len(p.Signers), maxSigners)
	}
	for i, h := range p.Signers {
		if h == "" || len(h) > maxProtected {
			return fmt.Errorf("%w: signer %d: header of %d bytes", ErrInvalid, i, len(h))
		}
	}
	for i, a := range p.Audio {
		if a.Approval == nil {
			continue
		}
		if a.Approval.Signer < 0 || a.Approval.Signer >= len(p.Signers) {
			return fmt.Errorf("%w: audio %d is approved by signer %d of %d", ErrInvalid, i, a.Approval.Signer, len(p.Signers))
		}
		if n := len(a.Approval.Signature); n == 0 || n > maxSigned {
			return fmt.Errorf("%w: audio %d: approval's signature of %d characters", ErrInvalid, i, n)
		}
		if err := a.Approval.WebAuthn.Check(); err != nil {
			return fmt.Errorf("audio %d: %w", i, err)
		}
	}
	return nil
}
