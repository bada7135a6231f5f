package verify

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// authority is who may have signed what: from the root that is believed, the keyrings it
// and its successors have signed; from the province's CA, the devices' keys.
type authority struct {
	province radio.AreaID
	roots    []trust.Root // from the one that is believed on
	rings    []trust.Keyring
	ca       *x509.Certificate
	// vouched says that somebody stands for the CA: who asks, or a checkpoint.
	vouched bool
}

// open begins with a head: the root that is believed must be among its roots.
func (a *authority) open(h *Head, root string) error {
	if h.Root.IsZero() || h.Root.IsPasskey() {
		return fmt.Errorf("%w: no root key", radio.ErrInvalid)
	}
	all := []trust.Root{{Number: 1, Key: h.Root}}
	walked, err := trust.WalkRoots(h.Province, all[0], h.Steps)
	for _, w := range walked {
		all = append(all, w.Root)
	}
	if err != nil {
		return err
	}
	a.province = h.Province
	i := slices.IndexFunc(all, func(r trust.Root) bool { return r.Key.KID == root })
	if i < 0 {
		return fmt.Errorf("%w: the root that is believed (%s) is none of its %d", radio.ErrForbidden, clip(root), len(all))
	}
	a.roots = all[i:]
	if a.ca, err = parseCertificate(h.CA); err != nil {
		return fmt.Errorf("the authority of the devices: %w", err)
	}
	return nil
}

// maxRings bounds the keyrings of a bundle: one a day for a hundred years is more than any
// province signs, and each may have 64 KiB.
const maxRings = 1000

// keyring takes one; known is false for one signed by a root from before the one that is
// believed.
func (a *authority) keyring(envelope []byte) (known bool, err error) {
	if len(a.rings) >= maxRings {
		return false, fmt.Errorf("%w: more than %d keyrings", radio.ErrInvalid, maxRings)
	}
	kids, err := trust.KIDs(envelope, trust.MaxKeyring)
	if err != nil {
		return false, err
	}
	for _, r := range a.roots {
		if !slices.Contains(kids, r.Key.KID) {
			continue
		}
		ring, err := trust.OpenKeyring(envelope, a.province, r.Key, 0)
		if err != nil {
			return true, err
		}
		a.rings = append(a.rings, ring)
		return true, nil
	}
	return false, nil
}

// newest is the keyring with the highest version.
func (a *authority) newest() trust.Keyring {
	var out trust.Keyring
	for _, r := range a.rings {
		if r.Version > out.Version {
			out = r
		}
	}
	return out
}

// revoked says whether the newest keyring disowns a key.
func (a *authority) revoked(kid string) bool { return slices.Contains(a.newest().Revoked, kid) }

// online proves what an online key has signed, if any keyring lets it sign this kind, and
// gives which key. Its end is for ends to say, when the payload has told its instant.
func (a *authority) online(kind wire.Kind, envelope []byte) (payload []byte, kid string, err error) {
	payload, kids, err := trust.Open(envelope, kind.Type(), string(a.province), kind.MaxPayload(), func(kid string) (trust.PublicKey, error) {
		for _, r := range a.rings {
			for _, o := range r.Online {
				if o.JWK.KID == kid && slices.Contains(o.Kinds, string(kind)) && !o.JWK.IsPasskey() && o.Scope == a.province {
					return o.JWK, nil
				}
			}
		}
		return trust.PublicKey{}, fmt.Errorf("%w: no keyring lets key %s sign a %s", radio.ErrForbidden, clip(kid), kind)
	})
	if err != nil {
		return nil, "", err
	}
	return payload, kids[0], nil
}

// ends says whether a key's time had ended at an instant by every keyring.
func (a *authority) ended(kid string, at radio.Millis) bool {
	for _, r := range a.rings {
		for _, o := range r.Online {
			if o.JWK.KID == kid && at < o.NotAfter {
				return false
			}
		}
	}
	return true
}

// maxCertificates bounds what one device may have had: a renewal a week for ten years.
const maxCertificates = 512

// device gives the keys that the CA has certified for a device. How long a certificate is
// good says when its holder may connect, not when what it signed stops to be true.
func (a *authority) device(d *Device) ([]trust.PublicKey, error) {
	if !radio.ValidID(d.ID) || len(d.Certificates) > maxCertificates {
		return nil, fmt.Errorf("%w: device %s with %d certificates", radio.ErrInvalid, clip(string(d.ID)), len(d.Certificates))
	}
	var keys []trust.PublicKey
	for _, text := range d.Certificates {
		cert, err := parseCertificate(text)
		if err != nil {
			return keys, err
		}
		if err := cert.CheckSignatureFrom(a.ca); err != nil {
			return keys, fmt.Errorf("%w: certificate %s is not from the province's authority: %v", radio.ErrForbidden, cert.SerialNumber.Text(16), err)
		}
		if cert.Subject.CommonName != string(d.ID) {
			return keys, fmt.Errorf("%w: certificate %s is of %s", radio.ErrForbidden, cert.SerialNumber.Text(16), clip(cert.Subject.CommonName))
		}
		key, err := trust.NewPublicKey(cert.PublicKey)
		if err != nil {
			return keys, err
		}
		if !slices.ContainsFunc(keys, func(k trust.PublicKey) bool { return k.KID == key.KID }) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func parseCertificate(text string) (*x509.Certificate, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
		return nil, fmt.Errorf("%w: not one PEM certificate", radio.ErrInvalid)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", radio.ErrInvalid, err)
	}
	return c, nil
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

// Fingerprint of a certificate in PEM.
func Fingerprint(text string) (string, error) {
	c, err := parseCertificate(text)
	if err != nil {
		return "", err
	}
	return trust.Fingerprint(c), nil
}
