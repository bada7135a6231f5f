package trust

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// Fingerprint of a certificate: SHA-256 of its DER, hexadecimal. Its first 16
// digits travel in the enrolment code and pin the CA.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// ServerCheck verifies the centre's certificate on a device whose clock may be
// wrong (design §5): the chain must end at the pinned CA and name the host;
// NotBefore is ignored, and NotAfter is judged on now, which the caller makes the
// latest of clock, build time and floor.
func ServerCheck(ca *x509.Certificate, host string, now func() time.Time) func(tls.ConnectionState) error {
	return func(cs tls.ConnectionState) error {
		return checkChain(cs.PeerCertificates, ca, host, x509.ExtKeyUsageServerAuth, now())
	}
}

// ClientTLS is the device's configuration for MQTT and media: its own certificate,
// the pinned CA, TLS 1.3, and ServerCheck in place of Go's clock-bound check.
func ClientTLS(ca *x509.Certificate, own *tls.Certificate, host string, now func() time.Time) *tls.Config {
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: host,
		// The standard check refuses every certificate at 1970; VerifyConnection
		// below does the whole verification and is called on resumption too.
		InsecureSkipVerify: true,
		VerifyConnection:   ServerCheck(ca, host, now),
	}
	if own != nil {
		cfg.Certificates = []tls.Certificate{*own}
	}
	return cfg
}

// ErrPeer: whoever answered is not whom the province has certified for this address.
var ErrPeer = fmt.Errorf("%w: the peer's certificate", radio.ErrForbidden)

func checkChain(chain []*x509.Certificate, ca *x509.Certificate, host string, usage x509.ExtKeyUsage, now time.Time) error {
	if len(chain) == 0 {
		return fmt.Errorf("%w: none was shown", ErrPeer)
	}
	leaf := chain[0]
	at := now
	for _, c := range []*x509.Certificate{leaf, ca} {
		if at.Before(c.NotBefore) {
			at = c.NotBefore
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	mid := x509.NewCertPool()
	for _, c := range chain[1:] {
		mid.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		DNSName: host, Roots: roots, Intermediates: mid, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{usage},
	})
	if err != nil {
		return fmt.Errorf("%w: %v", ErrPeer, err)
	}
	return nil
}
