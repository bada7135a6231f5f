package central

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// writeCertificate puts a new self-signed pair into two files.
func writeCertificate(t *testing.T, certFile, keyFile, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCertificateIsReadAnew: a renewed certificate needs no restart; one that is half
// written, or gone, leaves the one before.
func TestCertificateIsReadAnew(t *testing.T) {
	dir := t.TempDir()
	p := PeopleConfig{Certificate: filepath.Join(dir, "a.pem"), Key: filepath.Join(dir, "a.key")}
	now := time.Now()
	if _, err := openCertificates(p, slog.New(slog.DiscardHandler), time.Now); err == nil {
		t.Fatal("opened without files")
	}
	writeCertificate(t, p.Certificate, p.Key, "first.example")
	x, err := openCertificates(p, slog.New(slog.DiscardHandler), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{GetCertificate: x.get, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.StartTLS()
	t.Cleanup(server.Close)
	shown := func() string {
		t.Helper()
		// What it is called is asked for, not whether to believe it.
		c, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: "x.example"})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	step := func(what, want string) {
		t.Helper()
		now = now.Add(certificateCheck)
		if got := shown(); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	step("at first", "first.example")
	writeCertificate(t, p.Certificate, p.Key, "second-one.example")
	if got := shown(); got != "first.example" {
		t.Errorf("looked at before its time: %s", got)
	}
	step("renewed", "second-one.example")
	if err := os.WriteFile(p.Certificate, []byte("-----BEGIN CERT"), 0o600); err != nil {
		t.Fatal(err)
	}
	step("half written", "second-one.example")
	if err := os.Remove(p.Certificate); err != nil {
		t.Fatal(err)
	}
	step("gone", "second-one.example")
	writeCertificate(t, p.Certificate, p.Key, "third.example")
	step("back", "third.example")
}

// TestACMEWiring proves what can be proven without a CA: the console offers ACME's own
// protocol, asks for no certificate under a strange name, and answers challenges and the
// redirect on plain HTTP. That a CA gives a certificate is not tested here.
func TestACMEWiring(t *testing.T) {
	c := opened(t)
	c.cfg.People.ACME = ACMEConfig{Hosts: []string{"loa.hatinh.example"}, AcceptTerms: true, Directory: "https://127.0.0.1:1/directory"}
	cfg, plain, err := c.peopleTLS()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.MinVersion != tls.VersionTLS12 || !slices.Contains(cfg.NextProtos, "acme-tls/1") || !slices.Contains(cfg.NextProtos, "h2") {
		t.Errorf("%v", cfg.NextProtos)
	}
	if _, err := cfg.GetCertificate(&tls.ClientHelloInfo{ServerName: "evil.example"}); err == nil || !strings.Contains(err.Error(), "not configured") {
		t.Errorf("a strange name: %v", err)
	}
	for _, q := range []struct {
		host, path, want string
		status           int
	}{
		{"loa.hatinh.example", "/log?from=2026-01-01", "https://loa.hatinh.example/log?from=2026-01-01", http.StatusPermanentRedirect},
		{"evil.example", "/", "", http.StatusMisdirectedRequest},
		{"loa.hatinh.example", "/.well-known/acme-challenge/none", "", http.StatusNotFound},
	} {
		r := httptest.NewRequest(http.MethodGet, q.path, http.NoBody)
		r.Host = q.host
		w := httptest.NewRecorder()
		plain.ServeHTTP(w, r)
		if w.Code != q.status || w.Header().Get("Location") != q.want {
			t.Errorf("%s%s: %d %q", q.host, q.path, w.Code, w.Header().Get("Location"))
		}
	}
}

// TestRedirect: people are sent to the console's own name, never to what a stranger wrote.
func TestRedirect(t *testing.T) {
	h := toHTTPS(PeopleConfig{Public: "https://loa.hatinh.example:8443"})
	ask := func(method, host, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, http.NoBody)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	if w := ask(http.MethodGet, "evil.example", "//evil.example/x"); w.Header().Get("Location") != "https://loa.hatinh.example:8443//evil.example/x" {
		t.Errorf("%d %q", w.Code, w.Header().Get("Location"))
	}
	if w := ask(http.MethodPost, "loa.hatinh.example", "/login"); w.Code != http.StatusMisdirectedRequest {
		t.Errorf("a password in clear is sent on: %d", w.Code)
	}
}

// TestOnlyProxies: behind_proxy lets nobody in by plain HTTP but the proxy, and this machine.
func TestOnlyProxies(t *testing.T) {
	h := onlyProxies(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), []netip.Prefix{netip.MustParsePrefix("10.1.0.0/24")})
	for from, want := range map[string]int{"10.1.0.9:55": 204, "127.0.0.1:55": 204, "[::1]:55": 204, "[::ffff:10.1.0.9]:55": 204, "10.2.0.9:55": 403, "[2001:db8::1]:55": 403, "": 403} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", from, w.Code, want)
		}
	}
}
