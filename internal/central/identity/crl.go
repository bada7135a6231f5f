package identity

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// revokedBefore is how far the list's instant lies back, so that a broker whose clock is
// behind does not take the list for one of tomorrow, and refuse everybody.
const revokedBefore = 24 * time.Hour

// RevocationList signs the list of certificates that are no longer good (RFC 5280 §5), in
// PEM, for a broker that learns of them no other way. before is the list in use: what says
// the same is given back as it is. The list holds as long as the CA: it is made on the
// broker's own side, and one that nobody renews must not silence a province.
//
// OpenSSL chooses the newest of the lists it holds, to the second, so a list is always
// newer than the one before.
func (ca *CA) RevocationList(ended []radio.Certificate, before []byte) ([]byte, error) {
	entries := make([]x509.RevocationListEntry, 0, len(ended))
	for _, c := range ended {
		serial, ok := new(big.Int).SetString(c.Serial, 16)
		if !ok || serial.Sign() <= 0 {
			return nil, fmt.Errorf("%w: serial number %q of device %s", radio.ErrInvalid, c.Serial, c.Device)
		}
		entries = append(entries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: c.RevokedAt.Time().UTC().Truncate(time.Second)})
	}
	slices.SortFunc(entries, func(a, b x509.RevocationListEntry) int { return a.SerialNumber.Cmp(b.SerialNumber) })

	at := ca.now().UTC().Add(-revokedBefore).Truncate(time.Second)
	if old := ca.ownList(before); old != nil {
		if slices.EqualFunc(entries, old.RevokedCertificateEntries, func(a, b x509.RevocationListEntry) bool {
			return a.SerialNumber.Cmp(b.SerialNumber) == 0
		}) {
			return before, nil
		}
		if next := old.ThisUpdate.Add(time.Second); next.After(at) {
			at = next
		}
	}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		RevokedCertificateEntries: entries, Number: big.NewInt(at.Unix()), ThisUpdate: at, NextUpdate: ca.cert.NotAfter,
	}, ca.cert, ca.key)
	if err != nil {
		return nil, fmt.Errorf("sign the list of revoked certificates: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: crlType, Bytes: der}), nil
}

const crlType = "X509 CRL"

// ownList reads a list this CA has signed; nil when it is none.
func (ca *CA) ownList(b []byte) *x509.RevocationList {
	block, rest := pem.Decode(b)
	if block == nil || block.Type != crlType || strings.TrimSpace(string(rest)) != "" ||
		!bytes.Equal(b, pem.EncodeToMemory(block)) {
		return nil
	}
	list, err := x509.ParseRevocationList(block.Bytes)
	if err != nil || list.CheckSignatureFrom(ca.cert) != nil || !list.NextUpdate.Equal(ca.cert.NotAfter) {
		return nil
	}
	return list
}

// ServerFiles keeps a server certificate with a key of its own in another folder, for a
// broker beside the centre; what Server says of renewal holds.
func (ca *CA) ServerFiles(dir string, hosts []string) error {
	other := &CA{cert: ca.cert, key: ca.key, dir: dir, now: ca.now}
	_, err := other.Server(hosts)
	return err
}
