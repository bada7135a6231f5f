package identity

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// register is the store as identity sees it, in memory.
type register struct {
	place radio.Place
	codes map[string]radio.Millis // hash → expiry
	used  map[string]bool
	certs []radio.Certificate
	fail  error
}

func (r *register) AddEnrolmentCode(_ context.Context, c radio.EnrolmentCode) error {
	r.codes, r.used = map[string]radio.Millis{c.SecretHash: c.ExpiresAt}, map[string]bool{}
	return r.fail
}

func (r *register) EnrolmentDevice(_ context.Context, hash string, now radio.Millis) (radio.DeviceID, bool, error) {
	if until, ok := r.codes[hash]; !ok || now >= until {
		return "", false, fmt.Errorf("code: %w", radio.ErrNotFound)
	}
	return r.place.Device.ID, r.used[hash], r.fail
}

func (r *register) Enrol(_ context.Context, hash string, c radio.Certificate) error {
	if _, ok := r.codes[hash]; !ok || r.used[hash] {
		return fmt.Errorf("code: %w", radio.ErrNotFound)
	}
	r.used[hash] = true
	c.UsedAt = c.IssuedAt
	r.certs = append(r.certs, c)
	return nil
}

func (r *register) Place(context.Context, radio.DeviceID) (radio.Place, error) { return r.place, nil }

func (r *register) Certificates(context.Context, radio.DeviceID) ([]radio.Certificate, error) {
	if len(r.certs) == 0 {
		return nil, r.fail
	}
	return r.certs[len(r.certs)-1:], r.fail
}

func (r *register) DeviceCertificates(context.Context, radio.DeviceID) ([]radio.Certificate, error) {
	return r.certs, r.fail
}

func (r *register) Renew(context.Context, string, radio.Certificate) error { return r.fail }

func (r *register) UseCertificate(context.Context, radio.DeviceID, string, radio.Millis) error {
	return r.fail
}

func (r *register) KnowsCertificate(context.Context, string) (bool, error) { return true, r.fail }

func (r *register) AdoptCertificate(context.Context, radio.Certificate) error { return r.fail }

type fixture struct {
	ca       *CA
	devices  *Devices
	register *register
	now      time.Time
	enrolled []radio.DeviceID
}

func setUp(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	now := func() time.Time { return f.now }
	province := radio.Area{ID: radio.NewID[radio.AreaID](), Kind: radio.Province, Zone: "Asia/Ho_Chi_Minh"}
	f.register = &register{place: radio.Place{
		Device: radio.Device{ID: radio.NewID[radio.DeviceID](), Name: "Loa thôn 1"},
		Chain:  []radio.Area{province},
	}}
	var err error
	if f.ca, err = OpenCA(filepath.Join(t.TempDir(), "ca"), "Ha Tinh", now); err != nil {
		t.Fatal(err)
	}
	root, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "keys")
	if err := MakeKeys(dir, root, province.ID, trust.Endpoints{Brokers: []string{"mqtts://127.0.0.1:8883"}, Media: []string{"https://127.0.0.1:8443"}}, nil, f.now); err != nil {
		t.Fatal(err)
	}
	keys, err := OpenKeys(dir, province.ID)
	if err != nil {
		t.Fatal(err)
	}
	f.devices = NewDevices(f.ca, keys, f.register, now, slog.New(slog.DiscardHandler), func(_ context.Context, d radio.DeviceID) {
		f.enrolled = append(f.enrolled, d)
	})
	return f
}

func csr(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func (f *fixture) post(t testing.TB, body []byte) (*httptest.ResponseRecorder, wire.EnrolAnswer, wire.EnrolRefusal) {
	t.Helper()
	w := httptest.NewRecorder()
	f.devices.ServeHTTP(w, httptest.NewRequest("POST", wire.EnrolPath, bytes.NewReader(body)))
	var a wire.EnrolAnswer
	var r wire.EnrolRefusal
	if err := errors.Join(json.Unmarshal(w.Body.Bytes(), &a), json.Unmarshal(w.Body.Bytes(), &r)); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	return w, a, r
}

func TestEnrolment(t *testing.T) {
	f := setUp(t)
	code, _, err := f.devices.NewCode(t.Context(), f.register.place.Device.ID, "installer")
	if err != nil {
		t.Fatal(err)
	}
	if code.Pin != trust.Fingerprint(f.ca.Certificate())[:16] {
		t.Fatal("the code does not pin the CA")
	}
	key, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(wire.EnrolRequest{Secret: code.Secret, CSR: csr(t, key.Signer())})
	if err != nil {
		t.Fatal(err)
	}
	w, a, _ := f.post(t, body)
	if w.Code != 200 || a.Device != f.register.place.Device.ID || len(f.enrolled) != 1 {
		t.Fatalf("status %d, answer %s", w.Code, w.Body)
	}
	leaf, err := parseCert([]byte(a.Certificate))
	if err != nil {
		t.Fatal(err)
	}
	if leaf.Subject.CommonName != string(a.Device) || leaf.CheckSignatureFrom(f.ca.Certificate()) != nil {
		t.Fatal("the certificate does not name the device or is not the CA's")
	}
	if !leaf.NotBefore.Equal(backDated()) || leaf.NotAfter.Sub(f.now) > 399*24*time.Hour {
		t.Fatalf("valid from %s to %s", leaf.NotBefore, leaf.NotAfter)
	}
	if _, err := trust.OpenKeyring([]byte(a.Keyring), a.Province, a.Root, 0); err != nil {
		t.Fatal(err)
	}
	if id, err := f.devices.Admit(t.Context(), leaf); err != nil || id != a.Device {
		t.Fatalf("admit: %s, %v", id, err)
	}
	got, err := f.devices.Key(t.Context(), a.Device)
	if err != nil || got.KID != key.KID() {
		t.Fatalf("key %s, %v", got.KID, err)
	}
	// The answer was lost on the way: the same key gets the same certificate again.
	if w, again, _ := f.post(t, body); w.Code != 200 || again.Certificate != a.Certificate || len(f.register.certs) != 1 {
		t.Fatalf("the same request again: %d %s", w.Code, w.Body)
	}
	// For any other key the code is used up.
	thief, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := json.Marshal(wire.EnrolRequest{Secret: code.Secret, CSR: csr(t, thief.Signer())})
	if err != nil {
		t.Fatal(err)
	}
	if w, _, r := f.post(t, stolen); w.Code != 403 || r.Code != "code" || r.ReasonVI == "" {
		t.Fatalf("second use: %d %s", w.Code, w.Body)
	}
	// A new enrolment replaces the certificate; the old one is not admitted any more.
	code, _, err = f.devices.NewCode(t.Context(), a.Device, "installer")
	if err != nil {
		t.Fatal(err)
	}
	key2, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	body, err = json.Marshal(wire.EnrolRequest{Secret: code.Secret, CSR: csr(t, key2.Signer())})
	if err != nil {
		t.Fatal(err)
	}
	if w, _, _ := f.post(t, body); w.Code != 200 {
		t.Fatalf("second enrolment: %d %s", w.Code, w.Body)
	}
	if _, err := f.devices.Admit(t.Context(), leaf); !errors.Is(err, radio.ErrForbidden) {
		t.Fatalf("the replaced certificate is admitted: %v", err)
	}
}

func TestEnrolmentRefusals(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	good := csr(t, key.Signer())
	cases := map[string]struct {
		req  any
		late bool
		code string
	}{
		"wrong secret":      {wire.EnrolRequest{Secret: "0000000000", CSR: good}, false, "code"},
		"expired code":      {nil, true, "code"},
		"no request":        {wire.EnrolRequest{Secret: "x"}, false, "csr"},
		"not Ed25519":       {wire.EnrolRequest{CSR: csr(t, ec)}, false, "csr"},
		"two PEM blocks":    {wire.EnrolRequest{CSR: good + good}, false, "csr"},
		"not a JSON object": {"text", false, "form"},
		"too large":         {wire.EnrolRequest{CSR: strings.Repeat("A", wire.MaxEnrol)}, false, "form"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := setUp(t)
			code, _, err := f.devices.NewCode(t.Context(), f.register.place.Device.ID, "installer")
			if err != nil {
				t.Fatal(err)
			}
			req := c.req
			if c.late {
				f.now = f.now.Add(CodeLife)
				req = wire.EnrolRequest{Secret: code.Secret, CSR: good}
			}
			body, err := json.Marshal(req)
			if err != nil {
				t.Fatal(err)
			}
			w, _, r := f.post(t, body)
			if w.Code < 400 || w.Code > 499 || r.Code != c.code || r.ReasonEN == "" || len(f.register.certs) != 0 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestEnrolmentTriesAreBounded(t *testing.T) {
	f := setUp(t)
	for range 10 {
		if w, _, _ := f.post(t, []byte(`{}`)); w.Code == 429 {
			t.Fatal("refused too early")
		}
	}
	w, _, r := f.post(t, []byte(`{}`))
	if w.Code != 429 || r.Code != "too_many" || w.Header().Get("Retry-After") == "" {
		t.Fatalf("eleventh try: %d %s", w.Code, w.Body)
	}
	f.now = f.now.Add(time.Minute)
	if w, _, _ := f.post(t, []byte(`{}`)); w.Code == 429 {
		t.Fatal("still refused after a minute")
	}
}

// accounts is the store's people in memory.
type accounts struct {
	Keeper   // what a test does not need
	byLogin  map[string]radio.Account
	sessions map[string]radio.UserID
	ends     map[string]radio.Millis
}

func (a *accounts) AddPerson(_ context.Context, x radio.Account, _ string) error {
	if _, ok := a.byLogin[x.Login]; ok {
		return radio.ErrConflict
	}
	a.byLogin[x.Login] = x
	return nil
}

func (a *accounts) SetPassword(_ context.Context, login, hash, _ string, _ radio.Millis) error {
	x, ok := a.byLogin[login]
	if !ok {
		return fmt.Errorf("account: %w", radio.ErrNotFound)
	}
	x.PasswordHash = hash
	a.byLogin[login] = x
	clear(a.sessions)
	return nil
}

func (a *accounts) PersonByLogin(_ context.Context, login string) (radio.Account, error) {
	x, ok := a.byLogin[login]
	if !ok {
		return x, fmt.Errorf("account: %w", radio.ErrNotFound)
	}
	return x, nil
}

func (a *accounts) AddSession(_ context.Context, h string, p radio.UserID, _, end radio.Millis) error {
	a.sessions[h], a.ends[h] = p, end
	return nil
}

func (a *accounts) SessionPerson(_ context.Context, h string, now radio.Millis) (radio.Account, error) {
	for _, x := range a.byLogin {
		if x.ID == a.sessions[h] && now < a.ends[h] {
			return x, nil
		}
	}
	return radio.Account{}, fmt.Errorf("session: %w", radio.ErrNotFound)
}

func (a *accounts) EndSession(_ context.Context, h string) error {
	delete(a.sessions, h)
	return nil
}

func (a *accounts) SecondFactor(context.Context, radio.UserID) (radio.SecondFactor, error) {
	return radio.SecondFactor{}, fmt.Errorf("second factor: %w", radio.ErrNotFound)
}

func (a *accounts) Areas(context.Context) ([]radio.Area, error) { return nil, nil }

func TestPeople(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	acc := &accounts{byLogin: map[string]radio.Account{}, sessions: map[string]radio.UserID{}, ends: map[string]radio.Millis{}}
	clock := func() time.Time { return now }
	if got, want := NewPeople(acc, "", clock).cost.decoy(), "$argon2id$v=19$m=65536,t=3,p=2$"; !strings.HasPrefix(got, want) {
		t.Fatalf("passwords are kept as %s, want %s", got, want)
	}
	p := newPeople(acc, t.TempDir(), clock, cost{time: 1, memory: 64, lanes: 1})
	ctx := t.Context()
	if _, err := p.Add(ctx, "lan", "Lan", "ngắn", nil, "x"); !errors.Is(err, radio.ErrInvalid) {
		t.Fatalf("short password: %v", err)
	}
	if _, err := p.Add(ctx, "lan", "Nguyễn Thị Lan", "mật-khẩu-dài", nil, "x"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(acc.byLogin["lan"].PasswordHash, "mật") {
		t.Fatal("the password is kept in clear")
	}
	who, token, err := signIn(ctx, p, "lan", "mật-khẩu-dài")
	if err != nil || who.Login != "lan" {
		t.Fatalf("%+v %v", who, err)
	}
	if _, kept := acc.sessions[token]; kept {
		t.Fatal("the token itself is kept")
	}
	got, err := p.Session(ctx, token)
	if got.Session == "" || strings.Contains(got.Session, token) {
		t.Errorf("session named %q", got.Session)
	}
	got.Session = ""
	if err != nil || !reflect.DeepEqual(got, who) {
		t.Fatalf("%+v %v", got, err)
	}
	for _, bad := range []string{"", "short", token[:42] + "A" + "B"} {
		if _, err := p.Session(ctx, bad); !errors.Is(err, radio.ErrNotFound) {
			t.Fatalf("session %q: %v", bad, err)
		}
	}
	// A new password ends the old one and every session.
	if err := p.SetPassword(ctx, "lan", "mới-và-dài-hơn", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Session(ctx, token); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("a session outlived its password: %v", err)
	}
	if _, _, err := signIn(ctx, p, "lan", "mật-khẩu-dài"); !errors.Is(err, ErrLogin) {
		t.Fatalf("the old password: %v", err)
	}
	if err := p.SetPassword(ctx, "lan", "ngắn", "x"); !errors.Is(err, radio.ErrInvalid) {
		t.Fatalf("a short new password: %v", err)
	}
	if err := p.SetPassword(ctx, "lan", "mật-khẩu-dài", "x"); err != nil {
		t.Fatal(err)
	}
	if _, token, err = signIn(ctx, p, "lan", "mật-khẩu-dài"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(SessionLife)
	if _, err := p.Session(ctx, token); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("ended session: %v", err)
	}
	for i := range 5 {
		if _, _, err := signIn(ctx, p, "lan", "sai"); !errors.Is(err, ErrLogin) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	_, _, err = signIn(ctx, p, "lan", "mật-khẩu-dài")
	var later interface{ RetryAfter() time.Duration }
	if !errors.Is(err, ErrLocked) || !errors.Is(err, radio.ErrUnavailable) || !errors.As(err, &later) || later.RetryAfter() != time.Second {
		t.Fatalf("after five failures: %v", err)
	}
	now = now.Add(time.Minute)
	if _, _, err := signIn(ctx, p, "lan", "mật-khẩu-dài"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := signIn(ctx, p, "nobody", "mật-khẩu-dài"); !errors.Is(err, ErrLogin) {
		t.Fatalf("unknown login: %v", err)
	}
}

func FuzzEnrol(f *testing.F) {
	f.Add([]byte(`{"secret":"0123456789","csr":"-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n"}`))
	f.Add([]byte(`{`))
	fx := setUp(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		clear(fx.devices.limits) // every input is a stranger's first
		if w, _, r := fx.post(t, body); w.Code == 200 || r.ReasonEN == "" {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
