package trust

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"

	"loaxa/internal/radio"
)

// Fuzzing runs in several processes: their keys must be the same, or what the first one
// signs proves nothing to the others.

func fixedKey(t testing.TB, n byte) Key {
	t.Helper()
	k, err := KeyFrom(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func fixedAuthenticator(t testing.TB) authenticator {
	t.Helper()
	a := newAuthenticator(t)
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{5}, 32))
	if err != nil {
		t.Fatal(err)
	}
	a.key = k
	return a
}

// FuzzKeyring: what the root has not signed does not open, and whatever it has signed,
// nobody gets a right that the keyring does not name.
func FuzzKeyring(f *testing.F) {
	root := fixedKey(f, 1)
	person, online := fixedKey(f, 2), fixedKey(f, 3)
	good := Keyring{Version: 3, Province: "P",
		Online:  []OnlineKey{{JWK: online.Public(), Kinds: []string{"programme"}, Scope: "P", NotAfter: 1000}},
		Persons: []PersonKey{{ID: "AN", JWK: person.Public(), Scope: "C", May: []string{MayAlert}}, {ID: "BINH", JWK: fixedAuthenticator(f).public(f), Scope: "P", May: []string{MayApprove}}},
	}
	payload, err := json.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	envelope, err := SignKeyring(good, root)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add(envelope)
	f.Add([]byte(`{"version":1,"province":"P","online":[{"jwk":{"kty":"OKP"}}],"persons":[{}],"revoked":[""]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if ring, err := OpenKeyring(data, "P", root.Public(), 0); err == nil && ring.Version != good.Version {
			t.Fatalf("a keyring the root has not signed: %+v", ring)
		}
		signed, err := Sign(KeyringType, "P", data, root)
		if err != nil {
			return
		}
		ring, err := OpenKeyring(signed, "P", root.Public(), 2)
		if err != nil {
			return
		}
		if ring.Version < 2 || ring.Province != "P" {
			t.Fatalf("opened %+v", ring)
		}
		chain := []radio.AreaID{"P", "C", "H"}
		var kids []string
		for _, o := range ring.Online {
			kids = append(kids, o.JWK.KID)
		}
		for _, p := range ring.Persons {
			kids = append(kids, p.JWK.KID)
		}
		for _, kid := range kids {
			if key, err := ring.OnlineLookup("programme", 5, chain)(kid); err == nil && (key.KID != kid || key.IsPasskey() || slices.Contains(ring.Revoked, kid)) {
				t.Fatalf("%q signs documents", kid)
			}
			for _, may := range []string{MayAlert, MayApprove} {
				if key, err := ring.PersonLookup(may, 5)(kid); err == nil && (key.KID != kid || slices.Contains(ring.Revoked, kid)) {
					t.Fatalf("%q may %s", kid, may)
				}
			}
		}
		if ring.EnoughForAlert(kids, chain) == nil && len(ring.Persons) == 0 {
			t.Fatal("an alert by nobody")
		}
	})
}

// FuzzApproval: an approval holds for what was approved, and for nothing a stranger makes
// of it.
func FuzzApproval(f *testing.F) {
	person, passkey := fixedKey(f, 2), fixedAuthenticator(f)
	ring := Keyring{Province: "P", RelyingParty: &RelyingParty{ID: "loa.example", Origins: []string{"https://loa.example"}}, Persons: []PersonKey{
		{ID: "AN", JWK: person.Public(), Scope: "P", May: []string{MayApprove}},
		{ID: "BINH", JWK: passkey.public(f), Scope: "C", May: []string{MayApprove}},
	}}
	const at = 700
	good, err := SignApproval(ClaimOf(spoken("a"), "AN", at), "C", person)
	if err != nil {
		f.Fatal(err)
	}
	ask, err := AskApproval(ClaimOf(spoken("a"), "BINH", at), "C", passkey.public(f).KID)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []radio.SignedApproval{good, passkey.answer(f, ask).Approval(at)} {
		if _, err := ring.CheckApproval(spoken("a"), s, place); err != nil {
			f.Fatal(err)
		}
		client, auth := "", ""
		if s.WebAuthn != nil {
			client, auth = s.WebAuthn.ClientData, s.WebAuthn.AuthenticatorData
		}
		f.Add(s.Protected, s.Signature, client, auth, int64(s.At))
	}
	f.Add("e30", "", "", "", int64(0))
	f.Fuzz(func(t *testing.T, protected, signature, client, auth string, when int64) {
		s := radio.SignedApproval{Protected: protected, Signature: signature, At: radio.Millis(when)}
		if client != "" || auth != "" {
			s.WebAuthn = &radio.Assertion{ClientData: client, AuthenticatorData: auth}
		}
		area, err := ring.CheckApproval(spoken("a"), s, place)
		if err == nil && (area != "C" || when != at) {
			t.Fatalf("approved for %s at %d", area, when)
		}
		if _, err := ring.CheckApproval(spoken("b"), s, place); err == nil {
			t.Fatal("a sound nobody has approved")
		}
	})
}

// FuzzAssertion: nothing but what the authenticator gave opens the envelope.
func FuzzAssertion(f *testing.F) {
	a := fixedAuthenticator(f)
	key := a.public(f)
	key.party = &RelyingParty{ID: "loa.example", Origins: []string{"https://loa.example"}}
	ask, err := AskPasskey("typ", "aud", []byte("payload"), key.KID)
	if err != nil {
		f.Fatal(err)
	}
	raw := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	good := a.answer(f, ask)
	client, auth := raw(good.WebAuthn.ClientData), raw(good.WebAuthn.AuthenticatorData)
	f.Add(client, auth, raw(good.Signature), []byte("payload"))
	f.Add(client, auth[:36], raw(good.Signature), []byte("payload"))
	f.Add([]byte(`{"type":"webauthn.get","challenge":"","origin":"https://loa.example"}`), auth, []byte{0x30, 0}, []byte("payload"))
	f.Fuzz(func(t *testing.T, shown, data, signature, payload []byte) {
		b, err := Wrap(payload, ask.Answered(signature, data, shown))
		if err != nil {
			return
		}
		if _, _, err := Open(b, "typ", "aud", 1000, Only(key)); err == nil &&
			!(bytes.Equal(shown, client) && bytes.Equal(data, auth) && string(payload) == "payload") {
			t.Fatalf("opened with %q %x", shown, data)
		}
	})
}
