package wire

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// EnrolPath is the one path of the devices' HTTPS listener that needs no client
// certificate.
const EnrolPath = "/enrol"

// MediaPath begins the path of an audio file; its SHA-256 follows.
const MediaPath = "/media/"

// MaxEnrol bounds an enrolment request or answer in bytes.
const MaxEnrol = 128 << 10

// Code lengths: ten characters of secret and the first 16 hexadecimal digits of the
// CA's fingerprint, so that the device knows the centre before it trusts anything.
const (
	SecretLen = 10
	PinLen    = 16
)

// EnrolCode is the one-time code an installer types, shown in groups:
// XXXXX-XXXXX-pppp-pppp-pppp-pppp.
type EnrolCode struct {
	Secret string // 10 characters of Crockford base32
	Pin    string // 16 hexadecimal digits
}

// String gives the form people copy.
func (c EnrolCode) String() string {
	if len(c.Secret) != SecretLen || len(c.Pin) != PinLen {
		return ""
	}
	return strings.Join([]string{c.Secret[:5], c.Secret[5:], c.Pin[:4], c.Pin[4:8], c.Pin[8:12], c.Pin[12:]}, "-")
}

// ParseEnrolCode reads a code as people type it: any case, hyphens and spaces
// ignored, and Crockford's look-alikes (I, L → 1; O → 0) put right in the secret.
func ParseEnrolCode(s string) (EnrolCode, error) {
	clean := strings.NewReplacer("-", "", " ", "", "\t", "", "\n", "", "\r", "").Replace(s)
	if len(clean) != SecretLen+PinLen {
		return EnrolCode{}, fmt.Errorf("%w: enrolment code has %d characters, want %d", radio.ErrInvalid, len(clean), SecretLen+PinLen)
	}
	secret := strings.NewReplacer("I", "1", "L", "1", "O", "0").Replace(strings.ToUpper(clean[:SecretLen]))
	pin := strings.ToLower(clean[SecretLen:])
	for _, r := range secret {
		if !strings.ContainsRune("0123456789ABCDEFGHJKMNPQRSTVWXYZ", r) {
			return EnrolCode{}, fmt.Errorf("%w: enrolment code: %q does not belong there", radio.ErrInvalid, r)
		}
	}
	for _, r := range pin {
		if !strings.ContainsRune("0123456789abcdef", r) {
			return EnrolCode{}, fmt.Errorf("%w: enrolment code: %q does not belong in its last 16 characters", radio.ErrInvalid, r)
		}
	}
	return EnrolCode{Secret: secret, Pin: pin}, nil
}

// EnrolRequest is POSTed once by a new device.
type EnrolRequest struct {
	Secret  string `json:"secret"`
	CSR     string `json:"csr"` // PEM, PKCS #10, signed by the device's own key
	Version string `json:"version"`
}

// EnrolAnswer makes the device a member: who it is, its certificate, and what it
// pins. The device checks the CA against the pin before it believes anything else.
type EnrolAnswer struct {
	Device      radio.DeviceID  `json:"device"`
	Name        string          `json:"name"`
	Certificate string          `json:"certificate"` // PEM
	CA          string          `json:"ca"`          // PEM
	Root        trust.PublicKey `json:"root"`        // the root key, pinned
	RootNumber  int             `json:"root_number"` // 0 means 1
	Province    radio.AreaID    `json:"province"`
	Areas       []radio.AreaID  `json:"areas"` // chain, root first
	Zone        string          `json:"zone"`
	Keyring     string          `json:"keyring"` // the signed envelope
	Time        radio.Millis    `json:"time"`    // a lower bound for the clock only
}

// CertificateLife is how long a device's certificate holds. Its NotBefore tells nothing of
// when it was made: it is back-dated for boards whose clock is behind (design §5).
const CertificateLife = 398 * 24 * time.Hour

// RenewPath takes a RenewRequest from a device with its client certificate, which may
// have expired but not been revoked (design §8). A GET with the new certificate tells the
// centre that it is in use; only from then on the one before is refused.
const RenewPath = "/renew"

// RenewRequest asks for a new certificate for the device's own key. Another key is
// another enrolment: who copied a key must not be able to put his own in its place.
type RenewRequest struct {
	CSR     string `json:"csr"` // PEM, PKCS #10, of the key whose certificate the client shows
	Version string `json:"version"`
}

// RenewAnswer is the new certificate by the CA that the device pins; the one shown when
// there is no need of another yet.
type RenewAnswer struct {
	Certificate string       `json:"certificate"` // PEM
	Time        radio.Millis `json:"time"`        // a lower bound for the clock only
}

// RefusedRevoked is the code of the refusal of a device that must be enrolled anew.
const RefusedRevoked = "revoked"

// EnrolRefusal answers a refused request, with a 4xx status.
type EnrolRefusal struct {
	Code     string `json:"code"`
	ReasonVI string `json:"reason_vi"`
	ReasonEN string `json:"reason_en"`
}

// EnrolTicket is all that a new device needs to find its centre and to join it: the text
// of a QR code. No phone opens it: it is no address of a page.
type EnrolTicket struct {
	Server string // https://host:port
	Code   EnrolCode
}

// ticketPrefix begins a ticket; case does not count in any part of it.
const ticketPrefix = "loaxa-enrol:"

// maxTicket bounds its length.
const maxTicket = 400

// String gives the text, in letters for which a QR code needs the fewest squares.
func (t EnrolTicket) String() string {
	return strings.ToUpper(ticketPrefix + strings.TrimPrefix(t.Server, "https://") + "/" + t.Code.String())
}

// IsEnrolTicket says whether a text wants to be one.
func IsEnrolTicket(s string) bool {
	return len(s) >= len(ticketPrefix) && strings.EqualFold(s[:len(ticketPrefix)], ticketPrefix)
}

// ParseEnrolTicket reads what a scanner gives.
func ParseEnrolTicket(s string) (EnrolTicket, error) {
	bad := func(why string) (EnrolTicket, error) {
		return EnrolTicket{}, fmt.Errorf("%w: enrolment ticket: %s", radio.ErrInvalid, why)
	}
	s = strings.TrimSpace(s)
	switch {
	case len(s) > maxTicket:
		return bad("too long")
	case !IsEnrolTicket(s):
		return bad("want " + ticketPrefix + "host:port/code")
	}
	host, code, ok := strings.Cut(strings.ToLower(s[len(ticketPrefix):]), "/")
	if u, err := url.Parse("https://" + host); !ok || err != nil || u.Host != host || u.Hostname() == "" || u.Port() == "" || u.User != nil {
		return bad("want " + ticketPrefix + "host:port/code")
	}
	c, err := ParseEnrolCode(code)
	if err != nil {
		return EnrolTicket{}, err
	}
	return EnrolTicket{Server: "https://" + host, Code: c}, nil
}
