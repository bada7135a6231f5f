package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// authority is a certificate authority for one test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "province"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) certificate(name string) tls.Certificate {
	cert, key := a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{"broker.test"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// serverTLS demands client certificates of a, or none without it.
func serverTLS(t *testing.T, a *authority) *tls.Config {
	if a == nil {
		return &tls.Config{Certificates: []tls.Certificate{newAuthority(t).certificate("broker.test")}}
	}
	return &tls.Config{
		Certificates: []tls.Certificate{a.certificate("broker.test")},
		ClientCAs:    a.pool(), ClientAuth: tls.RequireAndVerifyClientCert,
	}
}

func TestMutualTLS(t *testing.T) {
	for _, tc := range []struct {
		name      string
		device    string // in CONNECT
		in        string // the certificate
		foreign   bool   // signed by another authority
		noTLS, ok bool
	}{
		{name: "own certificate", device: "one", in: "one", ok: true},
		{name: "another's certificate", device: "one", in: "two"},
		{name: "another authority", device: "one", in: "one", foreign: true},
		{name: "no certificate", device: "one"},
		{name: "name without a device", device: "", in: ""},
		{name: "no TLS", device: "one", noTLS: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				province := newAuthority(t)
				// InsecureLoopback as well: with TLS it opens nothing.
				b := newBench(t, func(o *Options) { o.TLS, o.InsecureLoopback = serverTLS(t, province), true })
				conf := &tls.Config{RootCAs: province.pool(), ServerName: "broker.test"}
				switch {
				case tc.foreign:
					conf.Certificates = []tls.Certificate{newAuthority(t).certificate(tc.in)}
				case tc.name != "no certificate":
					conf.Certificates = []tls.Certificate{province.certificate(tc.in)}
				}
				conn := b.dial()
				if !tc.noTLS {
					conn = tls.Client(conn, conf)
				}
				if tc.ok {
					d := login(t, conn, connect(tc.device))
					d.publish(1, journal, "x")
					d.expect(packets.Puback)
					b.ingest.expect(t, ingested{"one", journal, "x"})
					return
				}
				d := newDevice(t, conn)
				// An error means that the broker has hung up in the handshake.
				_ = d.trySend(connect(tc.device))
				for pk := range d.in {
					if pk.FixedHeader.Type != packets.Connack || pk.ReasonCode == 0 {
						t.Errorf("got packet %d, code %d", pk.FixedHeader.Type, pk.ReasonCode)
					}
				}
				if b.Stats().Connections != 0 {
					t.Error("let in")
				}
			})
		})
	}
}
