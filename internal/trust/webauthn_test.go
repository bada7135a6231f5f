package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"loaxa/internal/radio"
)

// authenticator is what a browser and its authenticator do with a request; each field
// can be made wrong.
type authenticator struct {
	key    *ecdsa.PrivateKey
	typ    string
	origin string
	party  string
	cross  bool
	flags  byte
}

func newAuthenticator(t testing.TB) authenticator {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return authenticator{key: k, typ: "webauthn.get", origin: "https://loa.example", party: "loa.example", flags: flagPresent | flagVerified}
}

func (a authenticator) public(t testing.TB) PublicKey {
	t.Helper()
	p, err := NewPasskey(a.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (a authenticator) answer(t testing.TB, r Request) Signature {
	t.Helper()
	client, err := json.Marshal(map[string]any{"type": a.typ, "challenge": base64.RawURLEncoding.EncodeToString(r.Challenge),
		"origin": a.origin, "crossOrigin": a.cross, "other_keys_can_be_added_here": "as browsers do"})
	if err != nil {
		t.Fatal(err)
	}
	party, sum := sha256.Sum256([]byte(a.party)), sha256.Sum256(client)
	auth := append(append(party[:], a.flags), 0, 0, 0, 7)
	digest := sha256.Sum256(append(append([]byte{}, auth...), sum[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return r.Answered(sig, auth, client)
}

func relyingParty() *RelyingParty {
	return &RelyingParty{ID: "loa.example", Origins: []string{"https://loa.example", "https://console.loa.example:8443"}}
}

// TestPasskeySigns: an assertion counts for exactly the payload, audience and key it was
// asked for, made on the console, by a person the authenticator has verified.
func TestPasskeySigns(t *testing.T) {
	type made struct {
		ring    Keyring
		auth    authenticator
		req     Request
		payload []byte
		change  func(*Signature)
	}
	for name, c := range map[string]struct {
		bend func(t *testing.T, m *made)
		ok   bool
	}{
		"as asked":              {func(*testing.T, *made) {}, true},
		"at the other origin":   {func(_ *testing.T, m *made) { m.auth.origin = "https://console.loa.example:8443" }, true},
		"on another site":       {func(_ *testing.T, m *made) { m.auth.origin = "https://loa.example.evil" }, false},
		"in another's frame":    {func(_ *testing.T, m *made) { m.auth.cross = true }, false},
		"for another party":     {func(_ *testing.T, m *made) { m.auth.party = "example" }, false},
		"without verification":  {func(_ *testing.T, m *made) { m.auth.flags = flagPresent }, false},
		"without a person":      {func(_ *testing.T, m *made) { m.auth.flags = flagVerified }, false},
		"at its making":         {func(_ *testing.T, m *made) { m.auth.typ = "webauthn.create" }, false},
		"another payload":       {func(_ *testing.T, m *made) { m.payload = []byte(`{"a":2}`) }, false},
		"another authenticator": {func(t *testing.T, m *made) { m.auth.key = newAuthenticator(t).key }, false},
		"another request": {func(t *testing.T, m *made) {
			r, err := AskPasskey("loaxa.alert.v1", "OTHER", m.payload, m.auth.public(t).KID)
			if err != nil {
				t.Fatal(err)
			}
			m.req.Challenge = r.Challenge
		}, false},
		"no relying party":   {func(_ *testing.T, m *made) { m.ring.RelyingParty = nil }, false},
		"no assertion":       {func(_ *testing.T, m *made) { m.change = func(s *Signature) { s.WebAuthn = nil } }, false},
		"an empty assertion": {func(_ *testing.T, m *made) { m.change = func(s *Signature) { *s.WebAuthn = radio.Assertion{} } }, false},
		"no signature":       {func(_ *testing.T, m *made) { m.change = func(s *Signature) { s.Signature = "" } }, false},
		"data a little shorter": {func(_ *testing.T, m *made) {
			m.change = func(s *Signature) { s.WebAuthn.AuthenticatorData = s.WebAuthn.AuthenticatorData[:40] }
		}, false},
		"data of a megabyte": {func(_ *testing.T, m *made) {
			m.change = func(s *Signature) { s.WebAuthn.ClientData += string(make([]byte, 4<<10)) }
		}, false},
		"a header that claims EdDSA": {func(_ *testing.T, m *made) {
			m.change = func(s *Signature) {
				s.Protected = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","typ":"loaxa.alert.v1","aud":"P","kid":"` + m.ring.Persons[0].JWK.KID + `"}`))
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuthenticator(t)
			m := made{ring: Keyring{Province: "P", RelyingParty: relyingParty(),
				Persons: []PersonKey{{ID: "AN", JWK: a.public(t), Scope: "P", May: []string{MayAlert}}}}, auth: a, payload: []byte(`{"a":1}`)}
			var err error
			if m.req, err = AskPasskey("loaxa.alert.v1", "P", m.payload, a.public(t).KID); err != nil {
				t.Fatal(err)
			}
			c.bend(t, &m)
			sig := m.auth.answer(t, m.req)
			if m.change != nil {
				m.change(&sig)
			}
			env, err := Wrap(m.payload, sig)
			if err != nil {
				t.Fatal(err)
			}
			got, kids, err := Open(env, "loaxa.alert.v1", "P", 4<<10, m.ring.PersonLookup(MayAlert, 0))
			if (err == nil) != c.ok || err != nil && !errors.Is(err, radio.ErrForbidden) && !errors.Is(err, radio.ErrInvalid) {
				t.Fatalf("%v, want ok %v", err, c.ok)
			}
			if c.ok && (string(got) != `{"a":1}` || len(kids) != 1 || kids[0] != a.public(t).KID) {
				t.Errorf("%s by %v", got, kids)
			}
		})
	}
}

// A passkey and a key at the centre sign one alert, and a passkey approves audio.
func TestPasskeyBesideAKey(t *testing.T) {
	a, k := newAuthenticator(t), key(t)
	ring := Keyring{Province: "P", RelyingParty: relyingParty(), Persons: []PersonKey{
		{ID: "AN", JWK: a.public(t), Scope: "P", May: []string{MayAlert, MayApprove}}, {ID: "BINH", JWK: k.Public(), Scope: "P", May: []string{MayAlert}}}}
	// Through JSON, as a device gets it.
	b, err := json.Marshal(ring)
	if err != nil {
		t.Fatal(err)
	}
	var held Keyring
	if err := json.Unmarshal(b, &held); err != nil {
		t.Fatal(err)
	}
	payload := []byte(`{"storm":true}`)
	req, err := AskPasskey("loaxa.alert.v1", "P", payload, a.public(t).KID)
	if err != nil {
		t.Fatal(err)
	}
	env, err := Wrap(payload, a.answer(t, req))
	if err != nil {
		t.Fatal(err)
	}
	own, err := SignDetached("loaxa.alert.v1", "P", payload, k)
	if err != nil {
		t.Fatal(err)
	}
	both, err := CoSign(env, 4<<10, own)
	if err != nil {
		t.Fatal(err)
	}
	_, kids, err := Open(both, "loaxa.alert.v1", "P", 4<<10, held.PersonLookup(MayAlert, 0))
	if err != nil || held.EnoughForAlert(kids, []radio.AreaID{"P"}) != nil {
		t.Errorf("%v by %v", err, kids)
	}
	audio := spoken("a")
	if req, err = AskApproval(ClaimOf(audio, "AN", 7), "P", a.public(t).KID); err != nil {
		t.Fatal(err)
	}
	if _, err := held.CheckApproval(audio, a.answer(t, req).Approval(7), place); err != nil {
		t.Error(err)
	}
	if _, err := held.CheckApproval(spoken("b"), a.answer(t, req).Approval(7), place); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("another sound: %v", err)
	}
}

// No passkey signs what online keys sign, whatever a keyring says of it.
func TestPasskeySignsNoDocument(t *testing.T) {
	a := newAuthenticator(t)
	ring := Keyring{Province: "P", RelyingParty: relyingParty(), Online: []OnlineKey{{JWK: a.public(t), Kinds: []string{"programme"}, Scope: "P", NotAfter: 1000}}}
	if _, err := ring.OnlineLookup("programme", 1, nil)(a.public(t).KID); !errors.Is(err, radio.ErrForbidden) {
		t.Error(err)
	}
}

func TestRelyingParty(t *testing.T) {
	for name, c := range map[string]struct {
		party RelyingParty
		ok    bool
	}{
		"a console":              {*relyingParty(), true},
		"a trial on loopback":    {RelyingParty{"localhost", []string{"http://localhost:8080"}}, true},
		"no https":               {RelyingParty{"loa.example", []string{"http://loa.example"}}, false},
		"another host":           {RelyingParty{"loa.example", []string{"https://evil.example"}}, false},
		"a host that ends alike": {RelyingParty{"loa.example", []string{"https://evilloa.example"}}, false},
		"a path":                 {RelyingParty{"loa.example", []string{"https://loa.example/x"}}, false},
		"no origin":              {RelyingParty{"loa.example", nil}, false},
		"no host":                {RelyingParty{"", []string{"https://loa.example"}}, false},
		"an address":             {RelyingParty{"https://loa.example", []string{"https://loa.example"}}, false},
	} {
		if err := c.party.Check(); (err == nil) != c.ok || err != nil && !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
