package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"testing"
	"time"
)

// FuzzRequest: of what a stranger sends as a certificate request only one signed by its
// own Ed25519 key passes.
func FuzzRequest(f *testing.F) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}}, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add(der[:len(der)/2])
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, der []byte) {
		csr, err := parseCSR(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})))
		if err != nil {
			return
		}
		if _, ok := csr.PublicKey.(ed25519.PublicKey); !ok || csr.CheckSignature() != nil {
			t.Fatalf("passed: %T", csr.PublicKey)
		}
	})
}

// FuzzRevocationList: whatever lies where the list is kept, what comes out is a list of
// this CA with what has ended.
func FuzzRevocationList(f *testing.F) {
	ca, err := OpenCA(f.TempDir()+"/ca", "Hà Tĩnh", time.Now)
	if err != nil {
		f.Fatal(err)
	}
	good, err := ca.RevocationList(nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("-----BEGIN X509 CRL-----\n\n-----END X509 CRL-----\n"))
	f.Fuzz(func(t *testing.T, before []byte) {
		b, err := ca.RevocationList(nil, before)
		if err != nil || ca.ownList(b) == nil {
			t.Fatalf("%v\n%s", err, b)
		}
	})
}
