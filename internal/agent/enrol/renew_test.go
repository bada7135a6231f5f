package enrol

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

const day = 24 * time.Hour

// registry is the centre's side of renewals.
type registry struct {
	authority
	url string

	mu     sync.Mutex
	asked  []string // method and the serial of the certificate shown
	answer func(csr *x509.CertificateRequest, shown *x509.Certificate) (status int, body any)
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	c := &registry{authority: newAuthority()}
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	srv := httptest.NewUnstartedServer(c)
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert, Certificates: []tls.Certificate{{PrivateKey: key,
		Certificate: [][]byte{c.issue("127.0.0.1", key.Public(), x509.ExtKeyUsageServerAuth, time.Now().AddDate(9, 0, 0)), c.cert.Raw}}}}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c.url = srv.URL
	c.answer = func(csr *x509.CertificateRequest, shown *x509.Certificate) (int, any) {
		return 200, c.renewed(shown.Subject.CommonName, csr.PublicKey, time.Now().Add(wire.CertificateLife))
	}
	return c
}

func (c *registry) renewed(name string, key any, until time.Time) wire.RenewAnswer {
	return wire.RenewAnswer{Certificate: toPEM("CERTIFICATE", c.issue(name, key, x509.ExtKeyUsageClientAuth, until)), Time: radio.At(time.Now())}
}

func (c *registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	shown := r.TLS.PeerCertificates[0]
	c.asked = append(c.asked, r.Method+" "+shown.SerialNumber.String())
	if r.URL.Path != wire.RenewPath {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodGet {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var req wire.RenewRequest
	if json.NewDecoder(r.Body).Decode(&req) != nil {
		http.Error(w, "form", http.StatusBadRequest)
		return
	}
	block, _ := pem.Decode([]byte(req.CSR))
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || csr.CheckSignature() != nil {
		http.Error(w, "csr", http.StatusBadRequest)
		return
	}
	status, body := c.answer(csr, shown)
	w.WriteHeader(status)
	if text, ok := body.(string); ok {
		_, _ = io.WriteString(w, text) // what a test server cannot write the client notices
		return
	}
	_ = json.NewEncoder(w).Encode(body)
}

func (c *registry) heard() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.asked)
}

// holder is a device with a certificate until then.
type holder struct {
	*Renewal
	kept    [][]byte
	broken  error
	renewed int
	raised  string
	online  bool
}

// RenewIdentity is RenewStore.
func (h *holder) RenewIdentity(_ context.Context, identity []byte) error {
	if h.broken == nil {
		h.kept = append(h.kept, identity)
	}
	return h.broken
}

// Raise and Clear are Faults.
func (h *holder) Raise(_ context.Context, code, text string) { h.raised = code + ": " + text }

// Clear is Faults.
func (h *holder) Clear(context.Context, string) { h.raised = "" }

func newHolder(t *testing.T, c *registry, until time.Time, media ...string) *holder {
	t.Helper()
	key := must(trust.Generate())
	id := Identity{Device: id[radio.DeviceID](1), Name: "Cụm loa 1", Key: must(key.Marshal()), CA: toPEM("CERTIFICATE", c.cert.Raw), Root: must(trust.Generate()).Public(),
		Province: id[radio.AreaID](2), Areas: []radio.AreaID{id[radio.AreaID](2)}, Zone: "Asia/Ho_Chi_Minh"}
	id.Certificate = toPEM("CERTIFICATE", c.issue(string(id.Device), key.Public().Ed25519(), x509.ExtKeyUsageClientAuth, until))
	if err := id.read(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if media == nil {
		media = []string{c.url}
	}
	h := &holder{online: true}
	h.Renewal = NewRenewal(RenewOptions{Card: NewCard(id), Store: h, Version: "1", Now: time.Now, Media: func() []string { return media },
		Connected: func() bool { return h.online }, Jitter: func() time.Duration { return 0 }, Renewed: func() { h.renewed++ }, Faults: h, Log: slog.New(slog.DiscardHandler)})
	h.met = time.Now()
	return h
}

// serial is that of the certificate in use.
func (h *holder) serial() string { return h.opts.Card.Identity().leaf.SerialNumber.String() }

// stored is the identity as a start of the agent would read it.
func (h *holder) stored(t *testing.T) Identity {
	t.Helper()
	got, err := Load(&memory{identity: h.kept[len(h.kept)-1]})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRenew(t *testing.T) {
	for name, left := range map[string]time.Duration{"at two thirds": 100 * day, "on its last day": time.Hour, "a year too late": -365 * day} {
		t.Run(name, func(t *testing.T) {
			c := newRegistry(t)
			h := newHolder(t, c, time.Now().Add(left), "https://127.0.0.1:1", c.url)
			old := h.serial()
			h.look(t.Context())
			if h.serial() == old || h.renewed != 1 || h.raised != "" {
				t.Fatalf("serial %s, told %d times, fault %q", h.serial(), h.renewed, h.raised)
			}
			// First the new certificate alone is on disk, then it is shown, then that is noted.
			if got := h.stored(t); got.Unshown || got.leaf.SerialNumber.String() != h.serial() || got.key.KID() != h.opts.Card.Identity().key.KID() || len(h.kept) != 2 {
				t.Errorf("stored %d times, at last %+v", len(h.kept), got)
			}
			if want := []string{"POST " + old, "GET " + h.serial()}; !slices.Equal(c.heard(), want) {
				t.Errorf("the centre heard %v, want %v", c.heard(), want)
			}
			h.look(t.Context())
			if len(c.heard()) != 2 {
				t.Error("and asks again")
			}
		})
	}
}

// Every cut between two steps leaves a device that goes on.
func TestRenewalCutShort(t *testing.T) {
	t.Run("before it is on disk", func(t *testing.T) {
		c := newRegistry(t)
		h := newHolder(t, c, time.Now().Add(-day))
		h.broken = errors.New("disk full")
		old := h.serial()
		h.look(t.Context())
		if h.serial() != old || h.renewed != 0 || slices.ContainsFunc(c.heard(), func(s string) bool { return strings.HasPrefix(s, "GET") }) {
			t.Errorf("a certificate that is not on disk is in use: %v", c.heard())
		}
		h.broken, h.next = nil, time.Time{}
		h.look(t.Context())
		if h.serial() == old || h.raised != "" {
			t.Error("not renewed when the disk has room: ", h.raised)
		}
	})
	t.Run("before it was shown", func(t *testing.T) {
		c := newRegistry(t)
		h := newHolder(t, c, time.Now().Add(300*day))
		id := h.opts.Card.Identity()
		id.Unshown = true
		h.opts.Card.set(id)
		h.look(t.Context())
		if want := []string{"GET " + h.serial()}; !slices.Equal(c.heard(), want) || h.stored(t).Unshown {
			t.Errorf("after the start the centre heard %v", c.heard())
		}
	})
}

// The own clock does not say that it is time: it stands years behind, or the centre was
// set up anew. Whoever is alone for long asks all the same, and not again and again.
func TestLonelyDeviceAsks(t *testing.T) {
	now := time.Now()
	h := newHolder(t, &registry{authority: newAuthority()}, now.Add(398*day), "https://127.0.0.1:1")
	h.opts.Now = func() time.Time { return now }
	synctest.Test(t, func(t *testing.T) {
		h.met = time.Now()
		asked := 0
		h.opts.Media = func() []string { asked++; return nil }
		look := func(d time.Duration) int {
			time.Sleep(d) // the bubble's clock
			h.look(t.Context())
			return asked
		}
		if got := look(time.Hour); got != 0 {
			t.Fatal("a connected device asks on its first day")
		}
		h.online = false
		if got := look(lonelyAfter - time.Second); got != 0 {
			t.Fatal("asks at once")
		}
		if got := look(2 * time.Second); got != 1 {
			t.Fatal("does not ask")
		}
		if got := look(time.Second); got != 1 {
			t.Fatal("asks without a pause")
		}
		for range 30 {
			look(time.Minute)
		}
		if asked < 4 || asked > 8 {
			t.Errorf("asked %d times in half an hour", asked)
		}
		h.note(t.Context(), errNoneYet)
		before := asked
		if look(askedFor - time.Minute); asked != before {
			t.Error("asks again though the centre has no other certificate")
		}
		if look(2 * time.Minute); asked == before {
			t.Error("never asks again")
		}
	})
}

func TestRenewalRefused(t *testing.T) {
	c := newRegistry(t)
	c.answer = func(*x509.CertificateRequest, *x509.Certificate) (int, any) {
		return 403, wire.EnrolRefusal{Code: wire.RefusedRevoked, ReasonVI: "đã bị thu hồi", ReasonEN: "revoked"}
	}
	h := newHolder(t, c, time.Now().Add(100*day))
	h.look(t.Context())
	if h.raised != "certificate: "+endedText || len(h.kept) != 0 || time.Until(h.next) < askedFor-time.Minute {
		t.Errorf("fault %q, stored %d, again in %s", h.raised, len(h.kept), time.Until(h.next))
	}
}

// A broker that turns the device away is a reason to ask the centre at once, whose word alone
// counts.
func TestRefusedByTheBroker(t *testing.T) {
	c := newRegistry(t)
	c.answer = func(*x509.CertificateRequest, *x509.Certificate) (int, any) {
		return 403, wire.EnrolRefusal{Code: wire.RefusedRevoked}
	}
	h := newHolder(t, c, time.Now().Add(300*day))
	h.met = time.Now()
	refused := false
	h.opts.Refused = func() bool { return refused }
	h.look(t.Context())
	if h.raised != "" || len(c.heard()) != 0 {
		t.Fatalf("asks without a reason: %q %q", h.raised, c.heard())
	}
	refused = true
	h.look(t.Context())
	h.look(t.Context())
	if h.raised != "certificate: "+endedText || len(c.heard()) != 1 {
		t.Errorf("fault %q after asking %q", h.raised, c.heard())
	}
}

// What comes in the name of the centre is proven before it replaces what works.
func TestRenewalAnswerProven(t *testing.T) {
	other := newAuthority()
	stranger := must(trust.Generate())
	cases := map[string]func(c *registry, csr *x509.CertificateRequest, shown *x509.Certificate) (int, any){
		"another key": func(c *registry, _ *x509.CertificateRequest, shown *x509.Certificate) (int, any) {
			return 200, c.renewed(shown.Subject.CommonName, stranger.Public().Ed25519(), time.Now().AddDate(1, 0, 0))
		},
		"another device": func(c *registry, csr *x509.CertificateRequest, _ *x509.Certificate) (int, any) {
			return 200, c.renewed("00000000000000000000000000", csr.PublicKey, time.Now().AddDate(1, 0, 0))
		},
		"of another CA": func(_ *registry, csr *x509.CertificateRequest, shown *x509.Certificate) (int, any) {
			return 200, wire.RenewAnswer{Certificate: toPEM("CERTIFICATE", other.issue(shown.Subject.CommonName, csr.PublicKey, x509.ExtKeyUsageClientAuth, time.Now().AddDate(1, 0, 0)))}
		},
		"ends sooner": func(c *registry, csr *x509.CertificateRequest, shown *x509.Certificate) (int, any) {
			return 200, c.renewed(shown.Subject.CommonName, csr.PublicKey, time.Now().Add(50*day))
		},
		"none": func(*registry, *x509.CertificateRequest, *x509.Certificate) (int, any) {
			return 200, wire.RenewAnswer{}
		},
		"no JSON": func(*registry, *x509.CertificateRequest, *x509.Certificate) (int, any) { return 200, "<html>" },
		"too large": func(*registry, *x509.CertificateRequest, *x509.Certificate) (int, any) {
			return 200, strings.Repeat("x", wire.MaxEnrol+5)
		},
		"stumbles": func(*registry, *x509.CertificateRequest, *x509.Certificate) (int, any) { return 500, "" },
		"too many": func(*registry, *x509.CertificateRequest, *x509.Certificate) (int, any) {
			return 429, wire.EnrolRefusal{Code: "too_many"}
		},
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			c := newRegistry(t)
			c.answer = func(csr *x509.CertificateRequest, shown *x509.Certificate) (int, any) { return answer(c, csr, shown) }
			h := newHolder(t, c, time.Now().Add(100*day))
			old := h.serial()
			h.look(t.Context())
			if h.serial() != old || len(h.kept) != 0 || h.failures != 1 || h.raised != "" {
				t.Errorf("it took it: stored %d, failures %d, fault %q", len(h.kept), h.failures, h.raised)
			}
		})
	}
}

// Nor is one taken that lasts longer than the one in use, and has ended all the same.
func TestRenewalAnswerEndedAlready(t *testing.T) {
	c := newRegistry(t)
	c.answer = func(csr *x509.CertificateRequest, shown *x509.Certificate) (int, any) {
		return 200, c.renewed(shown.Subject.CommonName, csr.PublicKey, time.Now().Add(-day))
	}
	h := newHolder(t, c, time.Now().Add(-10*day))
	old := h.serial()
	h.look(t.Context())
	if h.serial() != old || len(h.kept) != 0 || !strings.HasPrefix(h.raised, FaultCertificate) {
		t.Errorf("it took it: stored %d, fault %q", len(h.kept), h.raised)
	}
}

// A certificate is renewed at two thirds of its life or a little later, not all on one day.
func TestRenewAt(t *testing.T) {
	a := newAuthority()
	made := time.Now()
	days := map[int]bool{}
	for i := range 40 {
		key := must(trust.Generate())
		leaf := must(x509.ParseCertificate(a.issue(fmt.Sprint(i), key.Public().Ed25519(), x509.ExtKeyUsageClientAuth, made.Add(wire.CertificateLife))))
		at := renewAt(Identity{leaf: leaf}).Sub(made)
		if at < wire.CertificateLife*2/3-2*time.Second || at > wire.CertificateLife*2/3+17*day {
			t.Fatalf("after %s", at)
		}
		days[int(at/day)] = true
	}
	if len(days) < 8 {
		t.Errorf("40 devices on %d days", len(days))
	}
}

// Connections made after a renewal show the new certificate.
func TestCardShowsTheNewest(t *testing.T) {
	c := newRegistry(t)
	h := newHolder(t, c, time.Now().Add(-day))
	cfg := h.opts.Card.TLS(time.Now, "127.0.0.1")
	shown := func() string {
		own, err := cfg.GetClientCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return own.Leaf.SerialNumber.String()
	}
	old := shown()
	h.look(t.Context())
	if shown() == old || shown() != h.serial() {
		t.Error("the settings of before the renewal show the old one")
	}
}

func FuzzRenewedAnswer(f *testing.F) {
	a := newAuthority()
	key := must(trust.Generate())
	held := Identity{Device: id[radio.DeviceID](1), Key: must(key.Marshal()), CA: toPEM("CERTIFICATE", a.cert.Raw), Root: must(trust.Generate()).Public(),
		Province: id[radio.AreaID](2), Areas: []radio.AreaID{id[radio.AreaID](2)}, Zone: "Asia/Ho_Chi_Minh"}
	held.Certificate = toPEM("CERTIFICATE", a.issue(string(held.Device), key.Public().Ed25519(), x509.ExtKeyUsageClientAuth, time.Now().Add(day)))
	if err := held.read(time.Time{}); err != nil {
		f.Fatal(err)
	}
	f.Add(must(json.Marshal(wire.RenewAnswer{Certificate: toPEM("CERTIFICATE", a.issue(string(held.Device), key.Public().Ed25519(), x509.ExtKeyUsageClientAuth, time.Now().AddDate(1, 0, 0)))})))
	f.Add([]byte(`{"certificate":"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		next, err := held.renewed(body, time.Now())
		if err == nil && (next.leaf.Equal(held.leaf) || !next.leaf.NotAfter.After(held.leaf.NotAfter) || next.leaf.CheckSignatureFrom(a.cert) != nil) {
			t.Errorf("took %+v", next)
		}
	})
}
