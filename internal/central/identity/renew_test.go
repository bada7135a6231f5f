package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// gatehouse is the devices' HTTPS listener over a real store and real TLS, with one
// enrolled device. Time stands still until it is moved.
type gatehouse struct {
	t       *testing.T
	store   *store.Store
	ca      *CA
	devices *Devices
	device  radio.DeviceID
	key     trust.Key
	url     string

	mu  sync.Mutex
	now time.Time
}

func (g *gatehouse) clock() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

func (g *gatehouse) pass(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = g.now.Add(d)
}

func newGatehouse(t *testing.T) (*gatehouse, *x509.Certificate) {
	t.Helper()
	g := &gatehouse{t: t, now: morning, store: openStore(t, storetest.File(t))}
	plan := storetest.SamplePlan()
	must(t, g.store.ApplyPlan(t.Context(), plan))
	g.device = plan.Devices[0].ID
	var err error
	g.ca, err = OpenCA(filepath.Join(t.TempDir(), "ca"), "Ha Tinh", g.clock)
	must(t, err)
	g.key, err = trust.Generate()
	must(t, err)
	g.devices = NewDevices(g.ca, nil, g.store, g.clock, slog.New(slog.DiscardHandler), nil)
	cfg, err := g.ca.ServerTLS([]string{"127.0.0.1"}, false)
	must(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc(wire.RenewPath, g.devices.ServeRenewal)
	mux.HandleFunc(wire.MediaPath, func(w http.ResponseWriter, r *http.Request) {
		if _, err := g.devices.Admit(r.Context(), r.TLS.PeerCertificates[0]); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
		}
	})
	srv := httptest.NewUnstartedServer(mux)
	srv.Listener, srv.Config.ErrorLog = tls.NewListener(srv.Listener, cfg), log.New(io.Discard, "", 0)
	srv.Start() // its own TLS would show a certificate of its own
	t.Cleanup(srv.Close)
	g.url = strings.Replace(srv.URL, "http:", "https:", 1)
	return g, g.enrol(g.key)
}

// enrol gives the device a certificate for a key, as a code would.
func (g *gatehouse) enrol(key trust.Key) *x509.Certificate {
	g.t.Helper()
	code, _, err := g.devices.NewCode(g.t.Context(), g.device, "installer")
	must(g.t, err)
	c, err := g.devices.certify(g.t.Context(), secretHash(code.Secret), g.device, key.Public(), radio.At(g.clock()))
	must(g.t, err)
	return g.read(c.PEM)
}

func (g *gatehouse) read(text string) *x509.Certificate {
	g.t.Helper()
	leaf, err := parseCert([]byte(text))
	must(g.t, err)
	return leaf
}

// ask makes one request with a certificate; status 0 means that TLS refused it.
func (g *gatehouse) ask(method, path string, leaf *x509.Certificate, key any, body string) (int, []byte) {
	g.t.Helper()
	cfg := trust.ClientTLS(g.ca.Certificate(), nil, "127.0.0.1", g.clock)
	if leaf != nil {
		// Shown whatever the server asks for: an attacker would.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}, nil
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: cfg}}
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.url+path, strings.NewReader(body))
	must(g.t, err)
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(g.t, err)
	return resp.StatusCode, b
}

func (g *gatehouse) request(key trust.Key) string {
	g.t.Helper()
	b, err := json.Marshal(wire.RenewRequest{CSR: csr(g.t, key.Signer()), Version: "1"})
	must(g.t, err)
	return string(b)
}

// renew asks for another certificate and gives it.
func (g *gatehouse) renew(leaf *x509.Certificate) (next *x509.Certificate, status int, code string) {
	g.t.Helper()
	status, b := g.ask("POST", wire.RenewPath, leaf, g.key.Signer(), g.request(g.key))
	if status != 200 {
		var r wire.EnrolRefusal
		if status != 0 {
			must(g.t, json.Unmarshal(b, &r))
		}
		return nil, status, r.Code
	}
	var a wire.RenewAnswer
	must(g.t, json.Unmarshal(b, &a))
	if a.Time != radio.At(g.clock()) {
		g.t.Errorf("time %d", a.Time)
	}
	return g.read(a.Certificate), status, ""
}

func (g *gatehouse) refused(what string, leaf *x509.Certificate, code string) {
	g.t.Helper()
	if _, status, got := g.renew(leaf); status != 403 || got != code {
		g.t.Errorf("%s: %d %s, want 403 %s", what, status, got, code)
	}
	if status, _ := g.ask("GET", wire.MediaPath+"x", leaf, g.key.Signer(), ""); status != 403 {
		g.t.Errorf("%s: media answers %d", what, status)
	}
}

const day = 24 * time.Hour

func TestRenewal(t *testing.T) {
	g, first := newGatehouse(t)
	if again, status, code := g.renew(first); status != 200 || !again.Equal(first) {
		t.Fatalf("another certificate on the first day: %d %s", status, code)
	}
	g.pass(300 * day)
	second, _, _ := g.renew(first)
	if second.Equal(first) || second.NotAfter.Sub(g.clock()) < 397*day || second.Subject.CommonName != string(g.device) {
		t.Fatalf("renewed until %s", second.NotAfter)
	}
	// The answer was lost: the same again, and the first one still counts.
	if again, _, _ := g.renew(first); !again.Equal(second) {
		t.Error("another one each time")
	}
	if _, err := g.devices.Admit(t.Context(), first); err != nil {
		t.Errorf("the first one before the second was shown: %v", err)
	}
	// Shown, by whatever request, it replaces the first one.
	if status, _ := g.ask("GET", wire.RenewPath, second, g.key.Signer(), ""); status != 204 {
		t.Fatalf("showing it: %d", status)
	}
	g.refused("the first one", first, wire.RefusedRevoked)
	if status, _ := g.ask("GET", wire.RenewPath, first, g.key.Signer(), ""); status != 403 {
		t.Errorf("showing the first one: %d", status)
	}
	if key, err := g.devices.Key(t.Context(), g.device); err != nil || key.KID != g.key.KID() {
		t.Errorf("its key is %s now: %v", key.KID, err)
	}
}

// A device that lay in a store-room for two years comes back, and its expired certificate
// opens nothing but the renewal.
func TestRenewalLongAfterTheEnd(t *testing.T) {
	g, first := newGatehouse(t)
	g.pass(2 * 365 * day)
	if status, _ := g.ask("GET", wire.MediaPath+"x", first, g.key.Signer(), ""); status != 403 {
		t.Errorf("media for an expired certificate: %d", status)
	}
	if status, _ := g.ask("GET", wire.RenewPath, first, g.key.Signer(), ""); status != 403 {
		t.Errorf("an expired certificate taken into use: %d", status)
	}
	cfg, err := g.ca.ServerTLS([]string{"127.0.0.1"}, true)
	must(t, err)
	if cfg.ClientAuth != tls.RequireAndVerifyClientCert || cfg.VerifyConnection != nil {
		t.Error("the broker's listener leaves the check to others")
	}
	second, status, code := g.renew(first)
	if status != 200 {
		t.Fatalf("%d %s", status, code)
	}
	if _, err := g.devices.Admit(t.Context(), second); err != nil {
		t.Error(err)
	}
	g.refused("the expired one then", first, wire.RefusedRevoked)
}

func TestRenewalRefused(t *testing.T) {
	t.Run("revoked", func(t *testing.T) {
		g, first := newGatehouse(t)
		g.pass(300 * day)
		second, _, _ := g.renew(first)
		must(t, g.store.EndDevice(t.Context(), radio.DeviceEnd{Device: g.device, Actor: "An", At: radio.At(g.clock())}))
		g.devices.Forget(g.device)
		g.refused("the one in use", first, wire.RefusedRevoked)
		g.refused("one that was never shown", second, wire.RefusedRevoked)
	})
	t.Run("enrolled anew with another key", func(t *testing.T) {
		g, first := newGatehouse(t)
		other, err := trust.Generate()
		must(t, err)
		g.enrol(other)
		g.refused("the one before", first, wire.RefusedRevoked)
		// Not even one that this CA made for the key before.
		old, err := g.ca.Device(g.device, g.key.Public().Ed25519())
		must(t, err)
		g.refused("another one for the key before", old, wire.RefusedRevoked)
	})
	t.Run("for another key", func(t *testing.T) {
		g, first := newGatehouse(t)
		g.pass(300 * day)
		other, err := trust.Generate()
		must(t, err)
		if status, b := g.ask("POST", wire.RenewPath, first, g.key.Signer(), g.request(other)); status != 403 || !strings.Contains(string(b), `"key"`) {
			t.Errorf("%d %s", status, b)
		}
	})
	t.Run("too often", func(t *testing.T) {
		g, first := newGatehouse(t)
		status := 0
		for range 7 {
			_, status, _ = g.renew(first)
		}
		if status != 429 {
			t.Errorf("the seventh within a minute: %d", status)
		}
		g.pass(time.Minute)
		if _, status, _ := g.renew(first); status != 200 {
			t.Errorf("a minute later: %d", status)
		}
	})
	t.Run("the database is away", func(t *testing.T) {
		g, first := newGatehouse(t)
		must(t, g.store.Close())
		if _, status, code := g.renew(first); status != 503 || code != "centre" {
			t.Errorf("%d %s", status, code)
		}
	})
	t.Run("who has no certificate of ours", func(t *testing.T) {
		g, first := newGatehouse(t)
		if status, _ := g.ask("POST", wire.RenewPath, nil, nil, g.request(g.key)); status != 401 {
			t.Errorf("without one: %d", status)
		}
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		self := &x509.Certificate{SerialNumber: first.SerialNumber, Subject: pkix.Name{CommonName: string(g.device)}, NotBefore: backDated(), NotAfter: first.NotAfter,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		der, err := x509.CreateCertificate(rand.Reader, self, self, key.Public(), key)
		must(t, err)
		forged, err := x509.ParseCertificate(der)
		must(t, err)
		server, err := g.ca.Server([]string{"127.0.0.1"})
		must(t, err)
		for name, c := range map[string]struct {
			leaf *x509.Certificate
			key  any
		}{"self-made": {forged, key}, "the centre's own, for servers": {server.Leaf, server.PrivateKey}, "another's certificate, own key": {first, key}} {
			for _, path := range []string{wire.RenewPath, wire.MediaPath + "x"} {
				if status, _ := g.ask("POST", path, c.leaf, c.key, g.request(g.key)); status != 0 {
					t.Errorf("%s: %s answers %d", name, path, status)
				}
			}
		}
	})
	t.Run("nonsense", func(t *testing.T) {
		g, first := newGatehouse(t)
		for body, want := range map[string]int{"": 400, "{}": 400, `{"csr":"x"}`: 400, "[" + strings.Repeat(" ", wire.MaxEnrol): 400} {
			g.pass(10 * time.Minute)
			if status, _ := g.ask("POST", wire.RenewPath, first, g.key.Signer(), body); status != want {
				t.Errorf("%.20q: %d, want %d", body, status, want)
			}
		}
		if status, _ := g.ask("DELETE", wire.RenewPath, first, g.key.Signer(), ""); status != 405 {
			t.Errorf("DELETE: %d", status)
		}
	})
}

// The centre was restored from a copy older than the renewal: the device, which has
// dropped the certificate that the copy knows, is not lost.
func TestRenewedAfterTheBackup(t *testing.T) {
	g, first := newGatehouse(t)
	g.pass(300 * day)
	later, err := g.ca.Device(g.device, g.key.Public().Ed25519())
	must(t, err)
	if _, err := g.devices.Admit(t.Context(), later); err != nil {
		t.Fatalf("not admitted: %v", err)
	}
	if _, err := g.devices.Admit(t.Context(), first); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("the one before: %v", err)
	}
	// The same when it expired before the device came back.
	expired, err := g.ca.Device(g.device, g.key.Public().Ed25519())
	must(t, err)
	g.pass(500 * day)
	if next, status, code := g.renew(expired); status != 200 || next.NotAfter.Before(g.clock()) {
		t.Errorf("renewing it: %d %s", status, code)
	}
}

// A dismissed device may still hear for a moment, and do nothing else.
func TestDismiss(t *testing.T) {
	g, leaf := newGatehouse(t)
	if _, err := g.devices.Admit(t.Context(), leaf); err != nil {
		t.Fatal(err)
	}
	must(t, g.store.EndDevice(t.Context(), radio.DeviceEnd{Device: g.device, Actor: "An", At: radio.At(g.clock())}))
	g.devices.Dismiss(t.Context(), g.device, 10*time.Second)
	_, noKey := g.devices.Key(t.Context(), g.device)
	_, noWay := g.devices.Admit(t.Context(), leaf)
	if !errors.Is(noKey, radio.ErrNotFound) || !errors.Is(noWay, radio.ErrForbidden) {
		t.Errorf("its word counts: %v; it is admitted: %v", noKey, noWay)
	}
	if areas, err := g.devices.Areas(t.Context(), g.device); err != nil || len(areas) != 3 {
		t.Errorf("it cannot hear its last word: %v %v", areas, err)
	}
	g.pass(11 * time.Second)
	if _, err := g.devices.Areas(t.Context(), g.device); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("it hears on: %v", err)
	}
}

// A retired device is heard out, and then is as dismissed as any; not so one whose identity
// had been revoked before.
func TestRetire(t *testing.T) {
	for name, revoked := range map[string]bool{"retired": false, "revoked before": true} {
		t.Run(name, func(t *testing.T) {
			g, leaf := newGatehouse(t)
			if revoked {
				must(t, g.store.EndDevice(t.Context(), radio.DeviceEnd{Device: g.device, Actor: "An", At: radio.At(g.clock())}))
				g.pass(time.Second)
			}
			at := radio.At(g.clock())
			must(t, g.store.EndDevice(t.Context(), radio.DeviceEnd{Device: g.device, Retire: true, Actor: "An", At: at}))
			g.devices.Forget(g.device)
			must(t, g.devices.Retire(t.Context(), g.device, at, 10*time.Second))
			_, key := g.devices.Key(t.Context(), g.device)
			_, way := g.devices.Admit(t.Context(), leaf)
			if heard := key == nil && way == nil; heard == revoked {
				t.Errorf("its word: %v; its way: %v", key, way)
			}
			if _, status, _ := g.renew(leaf); status == 200 {
				t.Error("it renews what was taken from it")
			}
			g.pass(11 * time.Second)
			if _, err := g.devices.Key(t.Context(), g.device); !errors.Is(err, radio.ErrNotFound) {
				t.Errorf("it is heard on: %v", err)
			}
		})
	}
}

func TestTriesAreCountedByNetwork(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:400": "192.0.2.7", "[2001:db8:1:2:3::4]:5": "2001:db8:1:2::/64", "[2001:db8:1:2:ffff::9]:6": "2001:db8:1:2::/64",
		"[::ffff:192.0.2.7]:1": "::ffff:192.0.2.7", "[fe80::1%eth0]:7": "fe80::/64", "odd": "odd",
	} {
		if got := whence(remote); got != want {
			t.Errorf("%s counts as %s, want %s", remote, got, want)
		}
	}
}

func FuzzReadRenewal(f *testing.F) {
	key, err := trust.Generate()
	if err != nil {
		f.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}}, key.Signer())
	if err != nil {
		f.Fatal(err)
	}
	good, err := json.Marshal(wire.RenewRequest{CSR: string(bytes.Replace(certPEM(der), []byte("CERTIFICATE"), []byte("CERTIFICATE REQUEST"), 2))})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"csr":"-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----"}`))
	f.Add([]byte(`{"csr":null,"version":` + big.NewInt(7).String() + `}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		csr, err := readRenewal(bytes.NewReader(body))
		if err != nil {
			if !errors.Is(err, radio.ErrInvalid) {
				t.Errorf("kind of %v", err)
			}
			return
		}
		if _, err := trust.NewPublicKey(csr.PublicKey); err != nil {
			t.Errorf("a request with a key that cannot be kept: %v", err)
		}
	})
}
