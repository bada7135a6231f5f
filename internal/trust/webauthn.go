package trust

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"loaxa/internal/radio"
)

// RelyingParty is the console for which persons' passkeys were made (WebAuthn §4). It
// stands in the keyring, so that a device can tell a signature made for the console from
// one that another site tricked out of a person.
type RelyingParty struct {
	ID      string   `json:"id"`      // the console's host name
	Origins []string `json:"origins"` // https://host[:port]
}

// Check refuses a relying party that no browser would accept. http is for the loopback
// only, as in browsers.
func (r RelyingParty) Check() error {
	if r.ID == "" || len(r.ID) > 253 || strings.ContainsAny(r.ID, ":/ ") {
		return fmt.Errorf("%w: relying party %q, want a host name", radio.ErrInvalid, clip(r.ID))
	}
	if len(r.Origins) == 0 || len(r.Origins) > 8 {
		return fmt.Errorf("%w: relying party with %d origins, want 1 to 8", radio.ErrInvalid, len(r.Origins))
	}
	for _, o := range r.Origins {
		u, err := url.Parse(o)
		switch {
		case err != nil || u.Host == "" || o != u.Scheme+"://"+u.Host:
			return fmt.Errorf("%w: origin %q, want https://host[:port]", radio.ErrInvalid, clip(o))
		case u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost"):
			return fmt.Errorf("%w: origin %q, want https", radio.ErrInvalid, clip(o))
		case u.Hostname() != r.ID && !strings.HasSuffix(u.Hostname(), "."+r.ID):
			return fmt.Errorf("%w: origin %q is not of %q", radio.ErrInvalid, clip(o), r.ID)
		}
	}
	return nil
}

// Request is what an authenticator is asked to sign: the header that will stand in the
// envelope, and the challenge made of header and payload.
type Request struct {
	Protected string `json:"protected"`
	Challenge []byte `json:"challenge"`
}

// AskPasskey prepares the signature of a passkey over a payload: the challenge is the
// SHA-256 of the JWS signing input (RFC 7515 §5.1), so that the assertion is for this
// payload, this audience and this key alone.
func AskPasskey(typ, aud string, payload []byte, kid string) (Request, error) {
	h, err := json.Marshal(header{Alg: string(jose.ES256), Typ: typ, Aud: aud, Kid: kid})
	if err != nil {
		return Request{}, fmt.Errorf("write a header: %w", err)
	}
	protected := base64.RawURLEncoding.EncodeToString(h)
	sum := sha256.Sum256([]byte(protected + "." + base64.RawURLEncoding.EncodeToString(payload)))
	return Request{Protected: protected, Challenge: sum[:]}, nil
}

// Answered is the signature that an authenticator gave to a request: DER as it comes
// (WebAuthn §6.5.6), not the form of RFC 7518, since the assertion is verified as such.
func (r Request) Answered(signature, authenticatorData, clientData []byte) Signature {
	enc := base64.RawURLEncoding.EncodeToString
	return Signature{Protected: r.Protected, Signature: enc(signature),
		WebAuthn: &radio.Assertion{AuthenticatorData: enc(authenticatorData), ClientData: enc(clientData)}}
}

// Wrap makes an envelope of a payload and signatures that were made apart. Nothing is
// proven by it.
func Wrap(payload []byte, signatures ...Signature) ([]byte, error) {
	if len(signatures) == 0 || len(signatures) > MaxSignatures {
		return nil, fmt.Errorf("%w: envelope with %d signatures", radio.ErrInvalid, len(signatures))
	}
	return Envelope{Payload: base64.RawURLEncoding.EncodeToString(payload), Signatures: signatures}.write()
}

// Bits of the flags in authenticator data (WebAuthn §6.1).
const (
	flagPresent  = 1 << 0
	flagVerified = 1 << 2
)

// clientData is what a browser says it was asked (WebAuthn §5.8.1); members it may add
// are passed over.
type clientData struct {
	Type        string `json:"type"`
	Challenge   string `json:"challenge"`
	Origin      string `json:"origin"`
	CrossOrigin bool   `json:"crossOrigin"`
}

// verifyAssertion is WebAuthn §7.2 for one known credential, steps 11 to 20: type,
// challenge, origin, relying party, presence and verification of the user, signature.
// Counters are not kept: a device could not compare them (§6.1.1 leaves that open).
func verifyAssertion(input string, s Signature, key PublicKey) error {
	if key.party == nil {
		return errors.New("the keyring names no relying party for passkeys")
	}
	if err := s.WebAuthn.Check(); err != nil {
		return err
	}
	raw := func(what, text string) ([]byte, error) {
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("%s is not base64url", what)
		}
		return b, nil
	}
	shown, err := raw("client data", s.WebAuthn.ClientData)
	if err != nil {
		return err
	}
	auth, err := raw("authenticator data", s.WebAuthn.AuthenticatorData)
	if err != nil {
		return err
	}
	signature, err := raw("signature", s.Signature)
	if err != nil {
		return err
	}
	var c clientData
	if err := json.Unmarshal(shown, &c); err != nil {
		return fmt.Errorf("client data: %w", err)
	}
	challenge := sha256.Sum256([]byte(input))
	party := sha256.Sum256([]byte(key.party.ID))
	switch {
	case c.Type != "webauthn.get":
		return fmt.Errorf("client data of type %q", clip(c.Type))
	case c.Challenge != base64.RawURLEncoding.EncodeToString(challenge[:]):
		return errors.New("the authenticator was asked about something else")
	case c.CrossOrigin || !slices.Contains(key.party.Origins, c.Origin):
		return fmt.Errorf("made on another site: %q", clip(c.Origin))
	case len(auth) < 37 || subtle.ConstantTimeCompare(auth[:32], party[:]) != 1:
		return errors.New("made for another relying party")
	case auth[32]&flagPresent == 0 || auth[32]&flagVerified == 0:
		return errors.New("the authenticator did not verify its user")
	}
	sum := sha256.Sum256(shown)
	digest := sha256.Sum256(append(slices.Clone(auth), sum[:]...))
	if !ecdsa.VerifyASN1(key.passkey, digest[:], signature) {
		return errors.New("the signature is not of this key")
	}
	return nil
}
