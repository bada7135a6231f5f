package identity

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/webauthn"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// AddPasskey and DropPasskey make the signing house a passkeys' book.
func (h *signingHouse) AddPasskey(_ context.Context, p radio.Passkey, _ int) error {
	h.passkeys = append(h.passkeys, p)
	return nil
}

func (h *signingHouse) DropPasskey(_ context.Context, person radio.UserID, kid string, _ radio.Millis) error {
	h.passkeys = slices.DeleteFunc(h.passkeys, func(p radio.Passkey) bool { return p.Person == person && p.KID == kid })
	return nil
}

// Prove is the people's: it knows one password.
func (h *signingHouse) Prove(_ context.Context, _ radio.Person, shown radio.Proof) error {
	if shown != present() {
		var e radio.Invalid
		e.Add("password", "mật khẩu không đúng", "the password is wrong")
		return e.Err()
	}
	return nil
}

// present is what the person can show whose session it is.
func present() radio.Proof { return radio.Proof{Password: goodPassword, Code: keyCode} }

func (h *signingHouse) registrar() *Passkeys {
	return NewPasskeys(h, h, h, h.ring.RelyingParty, time.Now, slog.New(slog.DiscardHandler))
}

// maker is what a browser and its authenticator do to make a passkey; each field can be
// made wrong.
type maker struct {
	authenticator
	alg, crv  int
	typ       string
	challenge string // "": as offered
}

func newMaker(t testing.TB) maker {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return maker{authenticator: authenticator{key: k, origin: "https://loa.example", party: "loa.example", flags: verified | 1<<6}, alg: -7, crv: 1, typ: "webauthn.create"}
}

func (m maker) make(t testing.TB, offer radio.PasskeyOffer) radio.PasskeyMade {
	t.Helper()
	if m.challenge == "" {
		m.challenge = offer.Challenge
	}
	client, err := json.Marshal(map[string]any{"type": m.typ, "challenge": m.challenge, "origin": m.origin, "crossOrigin": false})
	if err != nil {
		t.Fatal(err)
	}
	point, err := m.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	half := (len(point) - 1) / 2
	cose, err := webauthncbor.Marshal(map[int]any{1: 2, 3: m.alg, -1: m.crv, -2: point[1 : 1+half], -3: point[1+half:]})
	if err != nil {
		t.Fatal(err)
	}
	party, id := sha256.Sum256([]byte(m.party)), []byte("a credential of 24 bytes")
	auth := slices.Concat(party[:], []byte{m.flags, 0, 0, 0, 0}, make([]byte, 16), binary.BigEndian.AppendUint16(nil, uint16(len(id))), id, cose)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": auth})
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return radio.PasskeyMade{Name: " điện thoại của tôi ", Credential: enc(id), ClientData: enc(client), Attestation: enc(object)}
}

// TestRegisterPasskey: what is kept is an ES256 key, made for this console, in this
// session, by an authenticator that has verified its user. It signs nothing yet.
func TestRegisterPasskey(t *testing.T) {
	other := func(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		must(t, err)
		return k
	}
	for name, c := range map[string]struct {
		before func(t *testing.T, m *maker)
		after  func(by *radio.Person, made *radio.PasskeyMade)
		err    error
	}{
		"as offered":            {nil, nil, nil},
		"on another site":       {func(_ *testing.T, m *maker) { m.origin = "https://evil.example" }, nil, radio.ErrInvalid},
		"for another party":     {func(_ *testing.T, m *maker) { m.party = "evil.example" }, nil, radio.ErrInvalid},
		"without a finger":      {func(_ *testing.T, m *maker) { m.flags = 1 | 1<<6 }, nil, radio.ErrInvalid},
		"another challenge":     {func(_ *testing.T, m *maker) { m.challenge = strings.Repeat("A", 43) }, nil, radio.ErrInvalid},
		"at a signature":        {func(_ *testing.T, m *maker) { m.typ = "webauthn.get" }, nil, radio.ErrInvalid},
		"ES384":                 {func(t *testing.T, m *maker) { m.key, m.alg, m.crv = other(t, elliptic.P384()), -35, 2 }, nil, radio.ErrInvalid},
		"a longer key":          {func(t *testing.T, m *maker) { m.key = other(t, elliptic.P384()) }, nil, radio.ErrInvalid},
		"in another session":    {nil, func(by *radio.Person, _ *radio.PasskeyMade) { by.Session = "stolen" }, radio.ErrConflict},
		"by another person":     {nil, func(by *radio.Person, _ *radio.PasskeyMade) { by.ID = "binh" }, radio.ErrConflict},
		"too late":              {nil, func(*radio.Person, *radio.PasskeyMade) { time.Sleep(passkeyLife) }, radio.ErrConflict},
		"without a name":        {nil, func(_ *radio.Person, m *radio.PasskeyMade) { m.Name = " " }, radio.ErrInvalid},
		"a name too long":       {nil, func(_ *radio.Person, m *radio.PasskeyMade) { m.Name = strings.Repeat("x", radio.MaxPasskeyName+1) }, radio.ErrInvalid},
		"another credential":    {nil, func(_ *radio.Person, m *radio.PasskeyMade) { m.Credential = "AAAA" }, radio.ErrInvalid},
		"a megabyte":            {nil, func(_ *radio.Person, m *radio.PasskeyMade) { m.Attestation += strings.Repeat("A", 1<<20) }, radio.ErrInvalid},
		"no attestation":        {nil, func(_ *radio.Person, m *radio.PasskeyMade) { m.Attestation = "" }, radio.ErrInvalid},
		"cut off in the middle": {nil, func(_ *radio.Person, m *radio.PasskeyMade) { m.Attestation = m.Attestation[:80] }, radio.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSigningHouse(t)
				h.passkeys = nil
				p := h.registrar()
				by := own("an")
				offer, err := p.Begin(t.Context(), by, present())
				must(t, err)
				m := newMaker(t)
				if c.before != nil {
					c.before(t, &m)
				}
				made := m.make(t, offer)
				if c.after != nil {
					c.after(&by, &made)
				}
				kept, err := p.Register(t.Context(), by, made)
				if !errors.Is(err, c.err) || (c.err == nil) != (err == nil) || len(h.passkeys) > 0 != (err == nil) {
					t.Fatalf("%v, want %v; kept %d", err, c.err, len(h.passkeys))
				}
				if c.err != nil {
					return
				}
				want, err := trust.NewPasskey(m.key.Public())
				must(t, err)
				var key trust.PublicKey
				must(t, key.UnmarshalJSON(kept.JWK))
				if key.KID != want.KID || kept.KID != want.KID || kept.Name != "điện thoại của tôi" || kept.Credential != made.Credential || kept.Person != "an" {
					t.Errorf("kept %+v", kept)
				}
				if _, err := p.Register(t.Context(), by, made); !errors.Is(err, radio.ErrConflict) {
					t.Errorf("registered twice: %v", err)
				}
				if again, err := p.Begin(t.Context(), by, present()); err != nil || !slices.Equal(again.Known, []string{made.Credential}) {
					t.Errorf("%v %v", again.Known, err)
				}
				if _, err := h.signers().Ask(t.Context(), by, storm()); !errors.Is(err, radio.ErrForbidden) {
					t.Errorf("it signs before the root has said so: %v", err)
				}
			})
		})
	}
}

// TestSessionAloneMakesNoPasskey: a stolen session registers none. The root's keeper is
// asked to certify only what the person has begun, who knows the password and has the
// second factor.
func TestSessionAloneMakesNoPasskey(t *testing.T) {
	h := newSigningHouse(t)
	h.passkeys = nil
	p := h.registrar()
	for name, shown := range map[string]radio.Proof{"nothing": {}, "a guess": {Password: "đoán mò", Code: keyCode}, "no code": {Password: goodPassword}} {
		offer, err := p.Begin(t.Context(), own("an"), shown)
		refusedAs(t, name, err, radio.ErrInvalid)
		if _, err := p.Register(t.Context(), own("an"), newMaker(t).make(t, offer)); !errors.Is(err, radio.ErrConflict) || len(h.passkeys) != 0 {
			t.Errorf("%s: %v, kept %d", name, err, len(h.passkeys))
		}
	}
}

// TestNoConsoleNoPasskeys: a centre without a name of its own offers none.
func TestNoConsoleNoPasskeys(t *testing.T) {
	h := newSigningHouse(t)
	h.ring.RelyingParty = nil
	p := h.registrar()
	if _, err := p.Begin(t.Context(), own("an"), present()); !errors.Is(err, radio.ErrUnavailable) || p.Offered() {
		t.Errorf("%v, offered %v", err, p.Offered())
	}
}

// TestHeldKeys: what becomes of a key is what the root says, not what lies in the database.
func TestHeldKeys(t *testing.T) {
	h := newSigningHouse(t)
	now := radio.At(time.Now())
	h.ring.Revoked = []string{h.kidOf("an P")}
	h.inRing("an C", func(p *trust.PersonKey) { p.NotAfter = now - 1 })
	h.passkeys = append(h.passkeys, radio.Passkey{KID: "new", Person: "an", Name: "máy tính"})
	h.rows = append(h.rows, radio.PersonKeyRow{KID: "lost", Person: "an", Scope: province, Sealed: []byte("x")})
	held, err := h.registrar().Held(t.Context(), "an")
	must(t, err)
	got := map[string]radio.KeyState{}
	for _, k := range held {
		got[k.KID] = k.State
	}
	for kid, want := range map[string]radio.KeyState{h.kidOf("an phone"): radio.KeyWorks, "new": radio.KeyWaits, "lost": radio.KeyWaits,
		h.kidOf("an C"): radio.KeyEnded, h.kidOf("an P"): radio.KeyRevoked} {
		if got[kid] != want {
			t.Errorf("%s is %s, want %s", kid, got[kid], want)
		}
	}
	if len(held) != 5 || held[0].KID != h.kidOf("an phone") || held[0].Name != "điện thoại" || !held[0].Passkey || held[4].State != radio.KeyRevoked {
		t.Errorf("%+v", held)
	}
}

// FuzzPasskeyMade: what a browser sends is read by a library; it refuses, and does not
// fall over.
func FuzzPasskeyMade(f *testing.F) {
	site, err := webauthn.New(&webauthn.Config{RPID: "loa.example", RPDisplayName: "x", RPOrigins: []string{"https://loa.example"}})
	if err != nil {
		f.Fatal(err)
	}
	by := own("an")
	_, session, err := site.BeginRegistration(holder{by})
	if err != nil {
		f.Fatal(err)
	}
	good := newMaker(f).make(f, radio.PasskeyOffer{Challenge: session.Challenge})
	raw := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	f.Add(raw(good.ClientData), raw(good.Attestation))
	f.Add([]byte("{}"), []byte{0xa0})
	f.Fuzz(func(t *testing.T, client, object []byte) {
		enc := base64.RawURLEncoding.EncodeToString
		made := radio.PasskeyMade{Name: "x", Credential: good.Credential, ClientData: enc(client), Attestation: enc(object)}
		key, _, err := proveMade(site, by, *session, made)
		if err == nil && (!key.IsPasskey() || !bytes.Contains(client, []byte(session.Challenge))) {
			t.Errorf("took %x", object)
		}
	})
}
