package radio

import "fmt"

// Signing is what a person is to sign: a message's type and audience, what a key must be
// for (approve, alert) and the place it must reach, province first. Payload makes the
// bytes; a passkey signs them made for the instant at which it was asked.
type Signing struct {
	Type, Audience, May string
	Chain               []AreaID
	Payload             func(by UserID, at Millis) ([]byte, error)
}

// SignWays are the ways in which a person can sign something now.
type SignWays struct {
	// Password: with a key that rests sealed at the centre; Code: that takes a code too.
	Password bool          `json:"password"`
	Code     bool          `json:"code"`
	Passkeys []PasskeyName `json:"passkeys,omitempty"`
}

// Any says whether there is one.
func (w SignWays) Any() bool { return w.Password || len(w.Passkeys) > 0 }

// PasskeyName is how a person knows one of their passkeys.
type PasskeyName struct {
	KID  string `json:"kid"`
	Name string `json:"name"`
}

// SignWith is how a person signs one thing at the centre: with what their passkey answered,
// or with a key that rests sealed at the centre, which takes its password and a code of the
// second factor. It is used once and kept nowhere.
type SignWith struct {
	KID      string         `json:"kid,omitempty"` // "": any key of theirs that fits
	Password string         `json:"password,omitempty"`
	Code     string         `json:"code,omitempty"`
	Passkey  *PasskeyAnswer `json:"passkey,omitempty"`
}

// PasskeyAsk is what a browser hands to one passkey of the person (WebAuthn §5.5): it
// signs the challenge, which is made of the very thing that is signed.
type PasskeyAsk struct {
	KID          string `json:"kid"`
	Credential   string `json:"credential"`    // base64url
	RelyingParty string `json:"relying_party"` // host name
	Challenge    string `json:"challenge"`     // base64url
	At           Millis `json:"at"`            // the instant the signature will name
}

// PasskeyAnswer is what the passkey gave back, binary members in base64url without padding.
type PasskeyAnswer struct {
	KID       string `json:"kid"`
	At        Millis `json:"at"` // of the PasskeyAsk
	Signature string `json:"signature"`
	Assertion
}

// Check bounds what a browser has sent; nothing is proven by it.
func (a *PasskeyAnswer) Check() error {
	if len(a.KID) == 0 || len(a.KID) > 64 || a.At <= 0 || len(a.Signature) == 0 || len(a.Signature) > maxSigned {
		return fmt.Errorf("%w: a passkey's answer without key, instant or signature", ErrInvalid)
	}
	return a.Assertion.Check()
}

// Passkey is one that a person has registered. It signs nothing before the root has put
// its key into the keyring.
type Passkey struct {
	KID        string `json:"kid"`
	Person     UserID `json:"person"`
	Credential string `json:"-"` // base64url
	JWK        []byte `json:"-"` // public
	Name       string `json:"name"`
	CreatedAt  Millis `json:"created_at"`
}

// MaxPasskeyName bounds the name of a passkey in characters; MaxPasskeys is how many one person
// may have.
const (
	MaxPasskeyName = 60
	MaxPasskeys    = 10
)

// PasskeyOffer is what a browser needs to make a passkey (WebAuthn §5.4), binary members
// in base64url.
type PasskeyOffer struct {
	Challenge    string   `json:"challenge"`
	RelyingParty string   `json:"relying_party"` // host name
	Console      string   `json:"console"`       // its name for people
	User         string   `json:"user"`
	Login        string   `json:"login"`
	Name         string   `json:"name"`
	Known        []string `json:"known"` // credentials the person has: not on the same authenticator again
}

// PasskeyMade is what the browser gave back, binary members in base64url.
type PasskeyMade struct {
	Name        string `json:"name"` // as the person calls it
	Credential  string `json:"credential"`
	ClientData  string `json:"client_data"`
	Attestation string `json:"attestation"`
}

// KeyState is how far a person's key counts.
type KeyState string

// States of a person's key.
const (
	KeyWaits   KeyState = "waits" // for the root to certify it
	KeyWorks   KeyState = "works"
	KeyEnded   KeyState = "ended"   // signs no more; what it signed counts on
	KeyRevoked KeyState = "revoked" // disowned with what it signed
)

// HeldKey is a person's key, or what is to become one, as people see it.
type HeldKey struct {
	KID       string   `json:"kid"`
	Person    UserID   `json:"-"`
	Name      string   `json:"name,omitempty"` // of a passkey
	Passkey   bool     `json:"passkey"`
	State     KeyState `json:"state"`
	Scope     AreaID   `json:"scope,omitempty"`
	May       []string `json:"may,omitempty"`
	CreatedAt Millis   `json:"created_at"`
	NotAfter  Millis   `json:"not_after,omitempty"`
}
