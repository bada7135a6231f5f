package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// centre is as much of one as an enrolment needs; its keyring names brokers and
// media hosts where nobody listens.
type centre struct {
	t      *testing.T
	url    string
	code   string
	device radio.DeviceID

	ca    *x509.Certificate
	caKey ed25519.PrivateKey
	root  trust.Key
}

func newCentre(t *testing.T) *centre {
	t.Helper()
	c := &centre{t: t, device: radio.NewID[radio.DeviceID]()}
	var err error
	if c.root, err = trust.Generate(); err != nil {
		t.Fatal(err)
	}
	_, c.caKey, err = ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.ca = c.certificate(&x509.Certificate{Subject: pkix.Name{CommonName: "province"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}, nil, c.caKey.Public())
	_, serverKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := c.certificate(&x509.Certificate{Subject: pkix.Name{CommonName: "centre"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, c.ca, serverKey.Public())
	server := httptest.NewUnstartedServer(http.HandlerFunc(c.enrol))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw, c.ca.Raw}, PrivateKey: serverKey}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	c.url = server.URL
	c.code = wire.EnrolCode{Secret: "0123456789", Pin: trust.Fingerprint(c.ca)[:wire.PinLen]}.String()
	return c
}

func (c *centre) certificate(template, parent *x509.Certificate, public any) *x509.Certificate {
	c.t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().AddDate(-1, 0, 0), time.Now().AddDate(2, 0, 0)
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, c.caKey)
	if err != nil {
		c.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		c.t.Fatal(err)
	}
	return cert
}

func (c *centre) enrol(w http.ResponseWriter, r *http.Request) {
	var req wire.EnrolRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		c.t.Error(err)
		return
	}
	block, _ := pem.Decode([]byte(req.CSR))
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		c.t.Error(err)
		return
	}
	device := c.certificate(&x509.Certificate{Subject: pkix.Name{CommonName: string(c.device)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, c.ca, csr.PublicKey)
	province := radio.NewID[radio.AreaID]()
	ring, err := trust.SignKeyring(trust.Keyring{Version: 1, Province: province,
		Endpoints: trust.Endpoints{Brokers: []string{"mqtts://127.0.0.1:1"}, Media: []string{"https://127.0.0.1:1"}}}, c.root)
	if err != nil {
		c.t.Error(err)
		return
	}
	text := func(cert *x509.Certificate) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	}
	err = json.NewEncoder(w).Encode(wire.EnrolAnswer{Device: c.device, Name: "Cụm loa thử", Certificate: text(device), CA: text(c.ca),
		Root: c.root.Public(), Province: province, Areas: []radio.AreaID{province}, Zone: "Asia/Ho_Chi_Minh",
		Keyring: string(ring), Time: radio.At(time.Now())})
	if err != nil {
		c.t.Error(err)
	}
}
