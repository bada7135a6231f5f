// Package identity answers who somebody is: people with their passwords and
// sessions, devices with their certificates from the province's own CA, and the
// keys the centre signs with. It receives log-ins from web and enrolments from
// devices, keeps them in store, and hands broker and media the names they admit.
package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

const (
	caYears       = 20
	serverDays    = 398
	deviceDays    = int(wire.CertificateLife / (24 * time.Hour))
	serverRenewal = serverDays * 24 * time.Hour / 3
)

// backDated is the NotBefore of every certificate of the province, so that a board
// whose clock is behind does not refuse a new one (design §5).
func backDated() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) }

// CA is the province's own certificate authority. Its key is ECDSA P-256, which
// standard brokers and TLS stacks all take; devices' own keys are Ed25519, because
// the same key signs their words.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
	now  func() time.Time

	mu     sync.Mutex
	server *tls.Certificate
}

// CAFile is the CA's certificate in its folder.
const CAFile = "ca.pem"

const caKeyFile = "ca-key.pem"

// OpenCA reads the CA of a folder, or makes it when the folder has none. Of several
// processes that find none at the same moment one makes it, for all of them.
func OpenCA(dir, province string, now func() time.Time) (*CA, error) {
	if _, err := os.Stat(filepath.Join(dir, CAFile)); errors.Is(err, fs.ErrNotExist) {
		if err := createCA(dir, province, now()); err != nil {
			return nil, err
		}
	}
	ca := &CA{dir: dir, now: now}
	certPEM, err := os.ReadFile(filepath.Join(dir, CAFile))
	if err != nil {
		return nil, fmt.Errorf("read the CA: %w", err)
	}
	if ca.cert, err = parseCert(certPEM); err != nil {
		return nil, fmt.Errorf("read the CA: %w", err)
	}
	if ca.key, err = readECKey(filepath.Join(dir, caKeyFile)); err != nil {
		return nil, fmt.Errorf("read the CA's key: %w", err)
	}
	return ca, nil
}

// createCA makes a CA in a folder beside dir and moves it there whole.
func createCA(dir, province string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the CA's key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return err
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Loa Xa CA " + province},
		NotBefore: backDated(), NotAfter: now.AddDate(caYears, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return fmt.Errorf("make the CA: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("make the CA's folder: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "ca-new-")
	if err != nil {
		return fmt.Errorf("make the CA's folder: %w", err)
	}
	err = errors.Join(writeECKey(filepath.Join(tmp, caKeyFile), key),
		os.WriteFile(filepath.Join(tmp, CAFile), certPEM(der), 0o644))
	if err == nil {
		// A folder that holds something is not replaced: then another process was first.
		err = os.Rename(tmp, dir)
	}
	if err == nil {
		return nil
	}
	if _, there := os.Stat(filepath.Join(dir, CAFile)); there == nil {
		err = nil
	}
	return errors.Join(err, os.RemoveAll(tmp))
}

// Certificate of the CA itself.
func (ca *CA) Certificate() *x509.Certificate { return ca.cert }

// PEM of the CA itself.
func (ca *CA) PEM() string { return string(certPEM(ca.cert.Raw)) }

// Pin is what stands in an enrolment code: the first 16 digits of the fingerprint.
func (ca *CA) Pin() string { return trust.Fingerprint(ca.cert)[:16] }

// Server gives the centre's TLS certificate for the hosts named, with the CA behind
// it in the chain (a new device pins it from there). It is kept on disk and renewed
// when a third of its life is left or the hosts have changed.
func (ca *CA) Server(hosts []string) (*tls.Certificate, error) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if ca.server == nil {
		if c, err := ca.loadServer(); err == nil {
			ca.server = c
		}
	}
	if ca.server != nil && ca.serverFits(ca.server.Leaf, hosts) {
		return ca.server, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the centre's key: %w", err)
	}
	tmpl := &x509.Certificate{
		Subject:     pkix.Name{CommonName: hosts[0]},
		NotAfter:    ca.now().AddDate(0, 0, serverDays),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, h)
		}
	}
	der, err := ca.issue(tmpl, key.Public())
	if err != nil {
		return nil, fmt.Errorf("make the centre's certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make the centre's certificate: %w", err)
	}
	err = errors.Join(writeECKey(filepath.Join(ca.dir, "server-key.pem"), key),
		os.WriteFile(filepath.Join(ca.dir, "server.pem"), append(certPEM(der), certPEM(ca.cert.Raw)...), 0o644))
	if err != nil && ca.server == nil {
		return nil, fmt.Errorf("keep the centre's certificate: %w", err)
	}
	// A renewal that a full disk does not keep serves from memory, or every connection
	// would be refused; the next start makes another.
	ca.server = &tls.Certificate{Certificate: [][]byte{der, ca.cert.Raw}, PrivateKey: key, Leaf: leaf}
	return ca.server, nil
}

func (ca *CA) loadServer() (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(filepath.Join(ca.dir, "server.pem"), filepath.Join(ca.dir, "server-key.pem"))
	if err != nil {
		return nil, fmt.Errorf("read the centre's certificate: %w", err)
	}
	return &c, nil
}

func (ca *CA) serverFits(leaf *x509.Certificate, hosts []string) bool {
	if leaf == nil || leaf.CheckSignatureFrom(ca.cert) != nil || leaf.NotAfter.Sub(ca.now()) < serverRenewal {
		return false
	}
	for _, h := range hosts {
		if leaf.VerifyHostname(h) != nil {
			return false
		}
	}
	return true
}

// Device signs a certificate for a device's own key; the common name is the device
// id, which is the MQTT client id too.
func (ca *CA) Device(id radio.DeviceID, pub crypto.PublicKey) (*x509.Certificate, error) {
	der, err := ca.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: string(id)},
		NotAfter:    ca.now().AddDate(0, 0, deviceDays),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, pub)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of device %s: %w", id, err)
	}
	return x509.ParseCertificate(der)
}

func (ca *CA) issue(tmpl *x509.Certificate, pub crypto.PublicKey) ([]byte, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	tmpl.SerialNumber, tmpl.NotBefore = serial, backDated()
	tmpl.KeyUsage, tmpl.BasicConstraintsValid = x509.KeyUsageDigitalSignature, true
	return x509.CreateCertificate(rand.Reader, tmpl, ca.cert, pub, ca.key)
}

// verify proves that a certificate is a client's of this CA, by the time given.
func (ca *CA) verify(leaf *x509.Certificate, at time.Time) error {
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return fmt.Errorf("%w: a device's certificate: %v", radio.ErrForbidden, err)
	}
	return nil
}

// verifyIssued proves the same of one that may have expired: renewal alone asks so.
func (ca *CA) verifyIssued(leaf *x509.Certificate) error {
	at := ca.now()
	if at.After(leaf.NotAfter) {
		at = leaf.NotAfter
	}
	return ca.verify(leaf, at)
}

// ServerTLS is for the devices' listeners: TLS 1.3, the centre's certificate, and
// devices' certificates of this CA. With needClient false a caller without one is let in
// (to enrol), and one whose certificate has expired (to renew it): TLS then proves only
// that the caller holds the key of a certificate of this CA, and every handler asks
// Devices who may speak.
func (ca *CA) ServerTLS(hosts []string, needClient bool) (*tls.Config, error) {
	if _, err := ca.Server(hosts); err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS13,
		ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs:  pool,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return ca.Server(hosts)
		},
	}
	if !needClient {
		cfg.ClientAuth = tls.RequestClientCert
		cfg.VerifyConnection = func(cs tls.ConnectionState) error {
			if len(cs.PeerCertificates) == 0 {
				return nil
			}
			return ca.verifyIssued(cs.PeerCertificates[0])
		}
	}
	return cfg, nil
}

func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	return n, nil
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func parseCert(b []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%w: no PEM certificate", radio.ErrInvalid)
	}
	return x509.ParseCertificate(block.Bytes)
}

func readECKey(path string) (*ecdsa.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%w: no PEM key in %s", radio.ErrInvalid, path)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: %s holds %T", radio.ErrInvalid, path, k)
	}
	return key, nil
}

func writeECKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}

// CentreName is the common name of the centre's own client certificate: its user
// name at an external broker.
const CentreName = "centre"

// Centre makes a client certificate for the centre itself, to log in at an external
// broker. It lives in memory only and is made anew at each start.
func (ca *CA) Centre() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the centre's client key: %w", err)
	}
	der, err := ca.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: CentreName},
		NotAfter:    ca.now().AddDate(0, 0, deviceDays),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, key.Public())
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the centre's client certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
