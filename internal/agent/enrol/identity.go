package enrol

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
	"loaxa/internal/trust"
)

// Identity is who the device is and whom it trusts.
type Identity struct {
	Device      radio.DeviceID  `json:"device"`
	Name        string          `json:"name"`
	Key         json.RawMessage `json:"key"`         // private JWK
	Certificate string          `json:"certificate"` // PEM
	CA          string          `json:"ca"`          // PEM, pinned
	Root        trust.PublicKey `json:"root"`        // pinned
	RootNumber  int             `json:"root_number"` // 0, from before there were others, is the first
	Province    radio.AreaID    `json:"province"`
	Areas       []radio.AreaID  `json:"areas"` // chain, root first
	Zone        string          `json:"zone"`
	// Unshown: the certificate came by renewal, and the centre has not seen it in use yet.
	Unshown bool `json:"unshown,omitempty"`

	key  trust.Key
	leaf *x509.Certificate
	ca   *x509.Certificate
}

// maxAreas bounds the chain.
const maxAreas = 16

// Load reads the identity. ErrNotFound means that the device must be enrolled, for
// the first time or because its journal was damaged beyond rescue.
func Load(store Store) (Identity, error) {
	b, err := store.Identity()
	if errors.Is(err, radio.ErrNotFound) {
		return Identity{}, fmt.Errorf("%w: this device has no identity; enrol it: loaxa-agent enrol --server URL --code CODE", radio.ErrNotFound)
	}
	if err != nil {
		return Identity{}, err
	}
	var id Identity
	if err := json.Unmarshal(b, &id); err != nil {
		return Identity{}, fmt.Errorf("read the identity: %w: %v", radio.ErrInvalid, err)
	}
	// It was proven when it came; an expired certificate may still be renewed.
	if err := id.read(time.Time{}); err != nil {
		return Identity{}, fmt.Errorf("read the identity: %w", err)
	}
	return id, nil
}

// read parses keys and certificates and proves that they belong together. NotBefore
// does not count, and NotAfter is judged on now (design §5).
func (id *Identity) read(now time.Time) error {
	if err := radio.CheckID("device", id.Device); err != nil {
		return err
	}
	if err := radio.CheckID("province", id.Province); err != nil {
		return err
	}
	if len(id.Areas) == 0 || len(id.Areas) > maxAreas || id.Areas[0] != id.Province {
		return fmt.Errorf("%w: an area chain of %d that begins with the province is wanted", radio.ErrInvalid, len(id.Areas))
	}
	for _, a := range id.Areas {
		if err := radio.CheckID("area", a); err != nil {
			return err
		}
	}
	if _, err := timetable.LoadZone(id.Zone); err != nil {
		return err
	}
	if id.Root.IsZero() || id.RootNumber < 0 || len(id.Name) > 1000 {
		return fmt.Errorf("%w: no root key, or a name too long", radio.ErrInvalid)
	}
	var err error
	if id.key, err = trust.ParseKey(id.Key); err != nil {
		return err
	}
	if id.leaf, err = parseCertificate(id.Certificate); err != nil {
		return fmt.Errorf("the device's certificate: %w", err)
	}
	if id.ca, err = parseCertificate(id.CA); err != nil {
		return fmt.Errorf("the CA's certificate: %w", err)
	}
	return id.checkCertificates(now)
}

func (id *Identity) checkCertificates(now time.Time) error {
	own, err := trust.NewPublicKey(id.leaf.PublicKey)
	switch {
	case err != nil:
		return err
	case own.KID != id.key.KID():
		return fmt.Errorf("%w: the certificate is for another key", radio.ErrForbidden)
	case id.leaf.Subject.CommonName != string(id.Device):
		return fmt.Errorf("%w: the certificate is for %.40q, not for device %s", radio.ErrForbidden, id.leaf.Subject.CommonName, id.Device)
	case !id.ca.IsCA:
		return fmt.Errorf("%w: the CA's certificate is none of a CA", radio.ErrForbidden)
	}
	at := now
	for _, c := range []*x509.Certificate{id.leaf, id.ca} {
		if at.Before(c.NotBefore) {
			at = c.NotBefore
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(id.ca)
	if _, err := id.leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return fmt.Errorf("%w: the device's certificate: %v", radio.ErrForbidden, err)
	}
	return nil
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

// PinnedRoot is the root key of the enrolment; inbox walks from there.
func (id Identity) PinnedRoot() trust.Root {
	return trust.Root{Number: max(id.RootNumber, 1), Key: id.Root}
}

// SigningKey is the device's own key.
func (id Identity) SigningKey() trust.Key { return id.key }

// CertificateEnds is the end of the device's certificate.
func (id Identity) CertificateEnds() time.Time { return id.leaf.NotAfter }

// TLS is the configuration for connections to any of these hosts of the centre: own
// certificate, pinned CA, and certificate times judged on now, the latest of clock,
// build time and floor. The peer must be one of the hosts, which all come from the
// keyring; TLS itself cannot tell which when it is an address.
func (id Identity) TLS(now func() time.Time, hosts ...string) *tls.Config {
	own := id.certificate()
	cfg := trust.ClientTLS(id.ca, &own, "", now)
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		err := fmt.Errorf("%w: no host of the centre is known", radio.ErrForbidden)
		for _, h := range hosts {
			if h == "" {
				continue // it would mean any
			}
			if err = trust.ServerCheck(id.ca, h, now)(cs); err == nil {
				return nil
			}
		}
		return err
	}
	if len(hosts) == 1 {
		cfg.ServerName = hosts[0]
	}
	return cfg
}

func (id Identity) certificate() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{id.leaf.Raw}, PrivateKey: id.key.Signer(), Leaf: id.leaf}
}
