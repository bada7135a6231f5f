package enrol

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

func id[T ~string](n byte) T { return radio.IDFromBytes[T]([16]byte{n}) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// memory is a store in memory.
type memory struct {
	identity []byte
	keys     radio.Issued
	how      radio.Rejoin
	kept     map[string][]byte
	broken   error
}

func (m *memory) Identity() ([]byte, error) {
	if m.identity == nil {
		return nil, fmt.Errorf("identity: %w", radio.ErrNotFound)
	}
	return m.identity, nil
}

func (m *memory) SetIdentity(_ context.Context, identity []byte, keys radio.Issued, how radio.Rejoin, forget ...string) error {
	if m.broken != nil {
		return m.broken
	}
	m.identity, m.keys, m.how = identity, keys, how
	for _, name := range forget {
		delete(m.kept, name)
	}
	return nil
}

func (m *memory) Keep(_ context.Context, name string, value []byte) error {
	m.kept[name] = value
	return nil
}

func (m *memory) Kept(name string) ([]byte, error) {
	if b, ok := m.kept[name]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("%s: %w", name, radio.ErrNotFound)
}

// backDated is the beginning of every certificate, as the centre makes them.
var backDated = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// authority is a province's CA.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority() authority {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: backDated, NotAfter: time.Now().AddDate(10, 0, 0)}
	der := must(x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key))
	return authority{must(x509.ParseCertificate(der)), key}
}

func (a authority) issue(name string, pub crypto.PublicKey, usage x509.ExtKeyUsage, until time.Time) []byte {
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: backDated, NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{usage}, KeyUsage: x509.KeyUsageDigitalSignature}
	return must(x509.CreateCertificate(rand.Reader, tmpl, a.cert, pub, a.key))
}

func toPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// centre answers enrolments over TLS; spoil changes its answer.
type centre struct {
	authority
	root   trust.Key
	device radio.DeviceID
	spoil  func(a *wire.EnrolAnswer, csr *x509.CertificateRequest)
	odd    func(w http.ResponseWriter) bool
	asked  []wire.EnrolRequest
	url    string
	code   string
}

func newCentre(t *testing.T) *centre {
	t.Helper()
	c := &centre{authority: newAuthority(), root: must(trust.Generate()), device: id[radio.DeviceID](1)}
	srv := httptest.NewUnstartedServer(c)
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{PrivateKey: key,
		Certificate: [][]byte{c.issue("127.0.0.1", key.Public(), x509.ExtKeyUsageServerAuth, time.Now().AddDate(1, 0, 0)), c.cert.Raw}}}}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c.url = srv.URL
	c.code = wire.EnrolCode{Secret: "0123456789", Pin: trust.Fingerprint(c.cert)[:wire.PinLen]}.String()
	return c
}

func (c *centre) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var req wire.EnrolRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || r.URL.Path != wire.EnrolPath || r.Method != http.MethodPost {
		http.Error(w, "bad", http.StatusBadRequest)
		return
	}
	c.asked = append(c.asked, req)
	if c.odd != nil && c.odd(w) {
		return
	}
	block, _ := pem.Decode([]byte(req.CSR))
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || csr.CheckSignature() != nil {
		http.Error(w, "csr", http.StatusBadRequest)
		return
	}
	if req.Secret != "0123456789" {
		w.WriteHeader(http.StatusForbidden)
		// What a test server cannot write the client notices.
		_ = json.NewEncoder(w).Encode(wire.EnrolRefusal{Code: "code", ReasonVI: "mã sai", ReasonEN: "wrong code"})
		return
	}
	_ = json.NewEncoder(w).Encode(c.answer(csr))
}

func (c *centre) answer(csr *x509.CertificateRequest) wire.EnrolAnswer {
	a := wire.EnrolAnswer{Device: c.device, Name: "Cụm loa 1", CA: toPEM("CERTIFICATE", c.cert.Raw), Root: c.root.Public(),
		Certificate: toPEM("CERTIFICATE", c.issue(string(c.device), csr.PublicKey, x509.ExtKeyUsageClientAuth, time.Now().AddDate(1, 0, 0))),
		Province:    id[radio.AreaID](2), Areas: []radio.AreaID{id[radio.AreaID](2), id[radio.AreaID](3)}, Zone: "Asia/Ho_Chi_Minh",
		Keyring: string(must(trust.SignKeyring(trust.Keyring{Version: 4, Province: id[radio.AreaID](2)}, c.root))), Time: radio.At(time.Now())}
	if c.spoil != nil {
		c.spoil(&a, csr)
	}
	return a
}

func options(c *centre, m *memory) Options {
	return Options{Server: c.url, Code: c.code, Version: "1", Store: m, Now: time.Now}
}

func newMemory() *memory { return &memory{kept: map[string][]byte{}} }

func TestEnrol(t *testing.T) {
	for name, now := range map[string]func() time.Time{"clock right": time.Now, "board at 1970": func() time.Time { return time.Unix(100, 0) }} {
		t.Run(name, func(t *testing.T) {
			c, m := newCentre(t), newMemory()
			opts := options(c, m)
			opts.Now = now
			opts.Code = strings.ToLower(c.code)
			a, err := Enrol(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			if a.Device != c.device || m.keys.Revision != 4 || m.keys.Document != "keys" || m.how != radio.RejoinSame || len(m.kept) != 0 {
				t.Errorf("%+v %+v %v", a, m.keys, m.kept)
			}
			id, err := Load(m)
			if err != nil || id.Device != c.device || id.Name != "Cụm loa 1" || id.SigningKey().KID() == "" || len(id.Areas) != 2 {
				t.Fatalf("%+v %v", id, err)
			}
			if strings.Contains(c.asked[0].CSR, "PRIVATE") || len(c.asked) != 1 {
				t.Errorf("asked %d times", len(c.asked))
			}
			if id.CertificateEnds().Before(time.Now()) {
				t.Error("certificate ends", id.CertificateEnds())
			}
		})
	}
}

func TestEnrolRefuses(t *testing.T) {
	other := newAuthority()
	cert := func(f func(c *centre, a *wire.EnrolAnswer, csr *x509.CertificateRequest)) func(*centre) {
		return func(c *centre) {
			c.spoil = func(a *wire.EnrolAnswer, csr *x509.CertificateRequest) { f(c, a, csr) }
		}
	}
	cases := map[string]struct {
		spoil func(c *centre)
		opts  func(o *Options)
		kind  error
	}{
		"code too short": {nil, func(o *Options) { o.Code = "ABC" }, radio.ErrInvalid},
		"plain http":     {nil, func(o *Options) { o.Server = "http://127.0.0.1:1" }, radio.ErrInvalid},
		"no server":      {nil, func(o *Options) { o.Server = "" }, radio.ErrInvalid},
		"nobody listens": {nil, func(o *Options) { o.Server = "https://127.0.0.1:1" }, radio.ErrUnavailable},
		"another centre": {func(c *centre) { c.code = c.code[:12] + "0000-0000-0000-0000" }, nil, radio.ErrForbidden},
		"wrong code":     {nil, func(o *Options) { o.Code = "ZZZZZ-ZZZZZ" + o.Code[11:] }, radio.ErrForbidden},
		"server ended":   {nil, func(o *Options) { o.Now = func() time.Time { return time.Now().AddDate(2, 0, 0) } }, radio.ErrForbidden},
		"another CA inside": {cert(func(_ *centre, a *wire.EnrolAnswer, _ *x509.CertificateRequest) {
			a.CA = toPEM("CERTIFICATE", other.cert.Raw)
		}), nil, radio.ErrForbidden},
		"CA that is none": {cert(func(_ *centre, a *wire.EnrolAnswer, _ *x509.CertificateRequest) { a.CA = a.Certificate }), nil, radio.ErrForbidden},
		"no root":         {cert(func(_ *centre, a *wire.EnrolAnswer, _ *x509.CertificateRequest) { a.Root = trust.PublicKey{} }), nil, radio.ErrInvalid},
		"another root": {cert(func(_ *centre, a *wire.EnrolAnswer, _ *x509.CertificateRequest) {
			a.Root = must(trust.Generate()).Public()
		}), nil, radio.ErrForbidden},
		"device without id":  {cert(func(_ *centre, a *wire.EnrolAnswer, _ *x509.CertificateRequest) { a.Device = "x" }), nil, radio.ErrInvalid},
		"no areas":           {cert(func(_ *centre, a *wire.EnrolAnswer, _ *x509.CertificateRequest) { a.Areas = nil }), nil, radio.ErrInvalid},
		"zone of nowhere":    {cert(func(_ *centre, a *wire.EnrolAnswer, _ *x509.CertificateRequest) { a.Zone = "../etc/passwd" }), nil, radio.ErrInvalid},
		"keyring is noise":   {cert(func(_ *centre, a *wire.EnrolAnswer, _ *x509.CertificateRequest) { a.Keyring = "{}" }), nil, radio.ErrInvalid},
		"time before 1970":   {cert(func(_ *centre, a *wire.EnrolAnswer, _ *x509.CertificateRequest) { a.Time = -1 }), nil, radio.ErrInvalid},
		"not a certificate":  {cert(func(_ *centre, a *wire.EnrolAnswer, _ *x509.CertificateRequest) { a.Certificate = "x" }), nil, radio.ErrInvalid},
		"two certificates":   {cert(func(_ *centre, a *wire.EnrolAnswer, _ *x509.CertificateRequest) { a.Certificate += a.CA }), nil, radio.ErrInvalid},
		"for another device": {cert(func(c *centre, a *wire.EnrolAnswer, _ *x509.CertificateRequest) { a.Device = id[radio.DeviceID](9) }), nil, radio.ErrForbidden},
		"for another key": {cert(func(c *centre, a *wire.EnrolAnswer, _ *x509.CertificateRequest) {
			a.Certificate = toPEM("CERTIFICATE", c.issue(string(c.device), must(trust.Generate()).Public().Ed25519(), x509.ExtKeyUsageClientAuth, time.Now().AddDate(1, 0, 0)))
		}), nil, radio.ErrForbidden},
		"by another CA": {cert(func(c *centre, a *wire.EnrolAnswer, csr *x509.CertificateRequest) {
			a.Certificate = toPEM("CERTIFICATE", other.issue(string(c.device), csr.PublicKey, x509.ExtKeyUsageClientAuth, time.Now().AddDate(1, 0, 0)))
		}), nil, radio.ErrForbidden},
		"for a server": {cert(func(c *centre, a *wire.EnrolAnswer, csr *x509.CertificateRequest) {
			a.Certificate = toPEM("CERTIFICATE", c.issue(string(c.device), csr.PublicKey, x509.ExtKeyUsageServerAuth, time.Now().AddDate(1, 0, 0)))
		}), nil, radio.ErrForbidden},
		"ended already": {cert(func(c *centre, a *wire.EnrolAnswer, csr *x509.CertificateRequest) {
			a.Certificate = toPEM("CERTIFICATE", c.issue(string(c.device), csr.PublicKey, x509.ExtKeyUsageClientAuth, time.Now().Add(-time.Minute)))
		}), nil, radio.ErrForbidden},
		"server error": {func(c *centre) { c.odd = func(w http.ResponseWriter) bool { w.WriteHeader(503); return true } }, nil, radio.ErrUnavailable},
		"odd refusal":  {func(c *centre) { c.odd = func(w http.ResponseWriter) bool { w.WriteHeader(404); return true } }, nil, radio.ErrForbidden},
		"answer is html": {func(c *centre) {
			c.odd = func(w http.ResponseWriter) bool { _, err := w.Write([]byte("<html>")); return err == nil }
		}, nil, radio.ErrInvalid},
		"answer too large": {func(c *centre) {
			c.odd = func(w http.ResponseWriter) bool { _, err := w.Write(make([]byte, wire.MaxEnrol+5)); return err == nil }
		}, nil, radio.ErrInvalid},
		"redirect": {func(c *centre) {
			c.odd = func(w http.ResponseWriter) bool {
				w.Header().Set("Location", "https://evil/")
				w.WriteHeader(307)
				return true
			}
		}, nil, radio.ErrUnavailable},
	}
	for name, cs := range cases {
		t.Run(name, func(t *testing.T) {
			c, m := newCentre(t), newMemory()
			if cs.spoil != nil {
				cs.spoil(c)
			}
			opts := options(c, m)
			if cs.opts != nil {
				cs.opts(&opts)
			}
			if _, err := Enrol(t.Context(), opts); !errors.Is(err, cs.kind) {
				t.Errorf("%v, want %v", err, cs.kind)
			}
			if m.identity != nil {
				t.Error("it became a member all the same")
			}
		})
	}
}

func TestRefusalSpeaksToTheInstaller(t *testing.T) {
	c, m := newCentre(t), newMemory()
	opts := options(c, m)
	opts.Code = "ZZZZZ-ZZZZZ" + opts.Code[11:]
	_, err := Enrol(t.Context(), opts)
	var r *Refused
	if !errors.As(err, &r) || r.Status != 403 || !strings.Contains(err.Error(), "mã sai / wrong code") {
		t.Errorf("%v", err)
	}
}

// The key outlives an attempt that fails, and a second enrolment asks to be forced.
func TestKeyAndSecondEnrolment(t *testing.T) {
	c, m := newCentre(t), newMemory()
	m.broken = errors.New("disk full")
	if _, err := Enrol(t.Context(), options(c, m)); err == nil || m.identity != nil {
		t.Fatal(err)
	}
	m.broken = nil
	if _, err := Enrol(t.Context(), options(c, m)); err != nil {
		t.Fatal(err)
	}
	key := func(i int) string {
		block, _ := pem.Decode([]byte(c.asked[i].CSR))
		return must(trust.NewPublicKey(must(x509.ParseCertificateRequest(block.Bytes)).PublicKey)).KID
	}
	if key(0) != key(1) {
		t.Error("another key at the second attempt")
	}
	if _, err := Enrol(t.Context(), options(c, m)); !errors.Is(err, radio.ErrConflict) || len(c.asked) != 2 {
		t.Error("enrolled twice:", err)
	}
	again := options(c, m)
	again.Force = true
	if _, err := Enrol(t.Context(), again); err != nil || m.how != radio.RejoinSame || key(2) == key(1) {
		t.Error("the same device anew:", err, m.how)
	}
	c.root = must(trust.Generate())
	if _, err := Enrol(t.Context(), again); err != nil || m.how != radio.RejoinRoot {
		t.Error("under another root:", err, m.how)
	}
	c.device = id[radio.DeviceID](7)
	if _, err := Enrol(t.Context(), again); err != nil || m.how != radio.RejoinOther {
		t.Error("as another device:", err, m.how)
	}
	m.identity = []byte("{")
	if _, err := Load(m); !errors.Is(err, radio.ErrInvalid) {
		t.Error(err)
	}
	if _, err := Enrol(t.Context(), options(c, m)); !errors.Is(err, radio.ErrInvalid) {
		t.Error("an unreadable identity needs force:", err)
	}
	if _, err := Enrol(t.Context(), again); err != nil {
		t.Error(err)
	}
}

func TestLoadWithoutIdentity(t *testing.T) {
	if _, err := Load(newMemory()); !errors.Is(err, radio.ErrNotFound) || !strings.Contains(err.Error(), "loaxa-agent enrol") {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	c, m := newCentre(t), newMemory()
	if _, err := Enrol(t.Context(), options(c, m)); err != nil {
		t.Fatal(err)
	}
	id, err := Load(m)
	if err != nil {
		t.Fatal(err)
	}
	addr := strings.TrimPrefix(c.url, "https://")
	for name, cs := range map[string]struct {
		hosts []string
		ok    bool
	}{
		"its host":       {[]string{"127.0.0.1"}, true},
		"one of several": {[]string{"broker.example", "127.0.0.1"}, true},
		"another host":   {[]string{"broker.example"}, false},
		"no host":        {nil, false},
		"empty host":     {[]string{""}, false},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := tls.Dial("tcp", addr, id.TLS(func() time.Time { return time.Unix(0, 0) }, cs.hosts...))
			if (err == nil) != cs.ok {
				t.Error(err)
			}
			if err == nil {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func FuzzReadAnswer(f *testing.F) {
	c := &centre{authority: newAuthority(), root: must(trust.Generate()), device: id[radio.DeviceID](1)}
	key := must(trust.Generate())
	block, _ := pem.Decode([]byte(must(request(key))))
	good := must(json.Marshal(c.answer(must(x509.ParseCertificateRequest(block.Bytes)))))
	f.Add(good)
	f.Add([]byte(`{"device":"x","areas":[""],"root":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, id, ring, err := readAnswer(body, key, c.cert, time.Now())
		if err == nil && (a.Device != c.device || !id.ca.Equal(c.cert) || id.key.KID() != key.KID() || ring.Province != id.Province) {
			t.Errorf("accepted %+v", a)
		}
	})
}
