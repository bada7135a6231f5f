package trust

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func makeKey(t testing.TB) Key {
	t.Helper()
	k, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// RFC 8037 appendix A.3 gives the thumbprint of its example key.
func TestThumbprintOfRFC8037(t *testing.T) {
	var p PublicKey
	err := p.UnmarshalJSON([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"; p.KID != want {
		t.Fatalf("kid %s, want %s", p.KID, want)
	}
}

// The decided form: general serialization, four members in the protected header,
// and plain Ed25519 over protected.payload.
func TestEnvelopeForm(t *testing.T) {
	k := makeKey(t)
	env, err := Sign("loaxa.ack.v1", "AREA", []byte(`{"a":1}`), k)
	if err != nil {
		t.Fatal(err)
	}
	var form struct {
		Payload    string `json:"payload"`
		Signatures []struct{ Protected, Signature string }
	}
	if err := json.Unmarshal(env, &form); err != nil || len(form.Signatures) != 1 {
		t.Fatalf("not the general serialization: %s", env)
	}
	h, err := base64.RawURLEncoding.DecodeString(form.Signatures[0].Protected)
	if err != nil {
		t.Fatal(err)
	}
	var head map[string]string
	if err := json.Unmarshal(h, &head); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"alg": "EdDSA", "typ": "loaxa.ack.v1", "aud": "AREA", "kid": k.KID()}
	for name, v := range want {
		if head[name] != v {
			t.Errorf("%s is %q, want %q", name, head[name], v)
		}
	}
	if len(head) != len(want) {
		t.Errorf("header %s", h)
	}
	// The signature is plain Ed25519 over protected.payload (RFC 8037 §3.1).
	sig, err := base64.RawURLEncoding.DecodeString(form.Signatures[0].Signature)
	if err != nil {
		t.Fatal(err)
	}
	if !ed25519.Verify(k.Public().Ed25519(), []byte(form.Signatures[0].Protected+"."+form.Payload), sig) {
		t.Fatal("the signature is not Ed25519 over protected.payload")
	}
}

func TestOpenRefusals(t *testing.T) {
	k, k2 := makeKey(t), makeKey(t)
	b64 := base64.RawURLEncoding.EncodeToString
	good, err := Sign("typ", "aud", []byte("payload"), k)
	if err != nil {
		t.Fatal(err)
	}
	var env Envelope
	if err := json.Unmarshal(good, &env); err != nil {
		t.Fatal(err)
	}
	write := func(e any) []byte {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	withHeader := func(h string) []byte {
		protected := b64([]byte(h))
		sig := ed25519.Sign(k.priv, []byte(protected+"."+env.Payload))
		return write(Envelope{Payload: env.Payload, Signatures: []Signature{{protected, b64(sig), nil}}})
	}
	twice := write(Envelope{Payload: env.Payload, Signatures: []Signature{env.Signatures[0], env.Signatures[0]}})
	stranger, err := Sign("typ", "aud", []byte("payload"), k, k2)
	if err != nil {
		t.Fatal(err)
	}
	changed := write(Envelope{Payload: b64([]byte("Payload")), Signatures: env.Signatures})
	cases := map[string][]byte{
		"not JSON":               []byte("x"),
		"a bracket behind it":    append(slices.Clone(good), ']'),
		"a brace behind it":      append(slices.Clone(good), '}'),
		"flattened form":         write(map[string]string{"payload": env.Payload, "protected": env.Signatures[0].Protected, "signature": env.Signatures[0].Signature}),
		"unprotected header":     []byte(strings.Replace(string(good), `"signature"`, `"header":{"kid":"x"},"signature"`, 1)),
		"no signature":           write(Envelope{Payload: env.Payload}),
		"two values":             slices.Concat(good, good),
		"changed payload":        changed,
		"the same key twice":     twice,
		"a stranger signed too":  stranger,
		"unknown crit":           withHeader(`{"alg":"EdDSA","typ":"typ","aud":"aud","kid":"` + k.KID() + `","crit":["x"],"x":1}`),
		"alg none":               withHeader(`{"alg":"none","typ":"typ","aud":"aud","kid":"` + k.KID() + `"}`),
		"embedded key":           withHeader(`{"alg":"EdDSA","typ":"typ","aud":"aud","kid":"` + k.KID() + `","jwk":{}}`),
		"no audience":            withHeader(`{"alg":"EdDSA","typ":"typ","kid":"` + k.KID() + `"}`),
		"another audience":       withHeader(`{"alg":"EdDSA","typ":"typ","aud":"AUD","kid":"` + k.KID() + `"}`),
		"another type":           withHeader(`{"alg":"EdDSA","typ":"Typ","aud":"aud","kid":"` + k.KID() + `"}`),
		"too large":              write(Envelope{Payload: strings.Repeat("A", 20000), Signatures: env.Signatures}),
		"payload over the limit": func() []byte { b, _ := Sign("typ", "aud", make([]byte, 101), k); return b }(),
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			if _, _, err := Open(data, "typ", "aud", 100, Only(k.Public())); err == nil {
				t.Fatal("opened")
			} else if !errors.Is(err, radio.ErrInvalid) && !errors.Is(err, radio.ErrForbidden) {
				t.Fatalf("kind of %v", err)
			}
		})
	}
	if p, kids, err := Open(good, "typ", "aud", 100, Only(k.Public())); err != nil || string(p) != "payload" || kids[0] != k.KID() {
		t.Fatalf("%q %v %v", p, kids, err)
	}
}

func TestKeyring(t *testing.T) {
	root, online, thief := makeKey(t), makeKey(t), makeKey(t)
	province := radio.NewID[radio.AreaID]()
	ring := Keyring{Version: 5, Province: province, Online: []OnlineKey{
		{JWK: online.Public(), Kinds: []string{"programme"}, Scope: province, NotAfter: 1000},
	}}
	env, err := SignKeyring(ring, root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenKeyring(env, province, root.Public(), 5)
	if err != nil {
		t.Fatal(err)
	}
	look := map[string]struct {
		kid, kind string
		now       radio.Millis
		ok        bool
	}{
		"its kind":      {online.KID(), "programme", 999, true},
		"another kind":  {online.KID(), "policy", 1, false},
		"expired":       {online.KID(), "programme", 1000, false},
		"not a member":  {thief.KID(), "programme", 1, false},
		"the root":      {root.KID(), "programme", 1, false},
		"no key at all": {"", "programme", 1, false},
	}
	for name, c := range look {
		if _, err := got.OnlineLookup(c.kind, c.now, nil)(c.kid); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	narrow := got
	narrow.Online = []OnlineKey{{JWK: online.Public(), Kinds: []string{"programme"}, Scope: radio.NewID[radio.AreaID](), NotAfter: 1000}}
	if _, err := narrow.OnlineLookup("programme", 1, nil)(online.KID()); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("a key of one commune signs for the whole province: %v", err)
	}
	got.Revoked = []string{online.KID()}
	if _, err := got.OnlineLookup("programme", 1, nil)(online.KID()); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("revoked: %v", err)
	}
	if _, err := OpenKeyring(env, province, root.Public(), 6); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("an older version: %v", err)
	}
	if _, err := OpenKeyring(env, radio.NewID[radio.AreaID](), root.Public(), 0); err == nil {
		t.Error("another province's keyring opened")
	}
	forged, err := SignKeyring(ring, thief)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeyring(forged, province, root.Public(), 0); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("forged: %v", err)
	}
}

func TestChain(t *testing.T) {
	// SHA-256("abc"), FIPS 180-4's example, then one link over it.
	first := FirstHash("abc")
	if first.String() != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Fatalf("first %s", first)
	}
	a, b := NextHash(first, []byte("1")), NextHash(first, []byte("2"))
	if a == b || a == first {
		t.Fatal("different records give the same link")
	}
	var back Hash
	if err := back.UnmarshalText([]byte(a.String())); err != nil || back != a {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "zz", strings.Repeat("g", 64), hex.EncodeToString(make([]byte, 33))} {
		if err := back.UnmarshalText([]byte(bad)); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestRevisionsNeverGoBack(t *testing.T) {
	now := time.Unix(1000, 0)
	for last, want := range map[int64]int64{0: 1000, 999: 1000, 1000: 1001, 5000: 5001} {
		if got := NextRevision(last, now); got != want {
			t.Errorf("after %d: %d, want %d", last, got, want)
		}
	}
}

func TestKeyFiles(t *testing.T) {
	k := makeKey(t)
	path := filepath.Join(t.TempDir(), "keys", "root.jwk")
	if err := SaveKey(path, k); err != nil {
		t.Fatal(err)
	}
	if err := SaveKey(path, k); err == nil {
		t.Fatal("a key file was overwritten")
	}
	got, err := LoadKey(path)
	if err != nil || got.KID() != k.KID() || !got.priv.Equal(k.priv) {
		t.Fatalf("%v", err)
	}
	if strings.Contains(k.String(), base64.RawURLEncoding.EncodeToString(k.priv.Seed())) {
		t.Fatal("a key prints its secret")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKey(path); !errors.Is(err, radio.ErrForbidden) {
		t.Fatalf("a key that others may read: %v", err)
	}
	if _, err := LoadKey(path + "x"); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("no file: %v", err)
	}
	word := func(s string) func() (string, error) { return func() (string, error) { return s, nil } }
	sealed := filepath.Join(t.TempDir(), "root.jwe")
	if err := SaveSealedKey(sealed, k, "mật khẩu gốc"); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(sealed); err != nil || strings.Contains(string(b), base64.RawURLEncoding.EncodeToString(k.priv.Seed())) {
		t.Fatalf("sealed: %s %v", b, err)
	}
	if got, err := LoadSealedKey(sealed, word("mật khẩu gốc")); err != nil || got.KID() != k.KID() {
		t.Fatalf("sealed: %v", err)
	}
	if _, err := LoadSealedKey(sealed, word("mật khẩu khác")); !errors.Is(err, ErrPassword) {
		t.Fatalf("another passphrase: %v", err)
	}
	if _, err := LoadKey(sealed); !errors.Is(err, radio.ErrInvalid) {
		t.Fatalf("without a passphrase: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	k := makeKey(f)
	env, err := Sign("typ", "aud", []byte("payload"), k)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(env)
	f.Add([]byte(`{"payload":"e30","signatures":[{"protected":"e30","signature":""}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, _, err := Open(b, "typ", "aud", 1000, Only(k.Public())); err == nil && string(p) != "payload" {
			t.Fatalf("opened to %q", p)
		}
		if k, err := ParseKey(b); err == nil && k.KID() == "" {
			t.Fatal("a key without a name")
		}
	})
}

func TestEndpoints(t *testing.T) {
	good := Endpoints{Brokers: []string{"mqtts://loa.example:8883", "mqtts://[::1]:8883"}, Media: []string{"https://10.0.0.1:8443"}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]Endpoints{
		"nothing":         {},
		"no media":        {Brokers: good.Brokers},
		"a word":          {Brokers: []string{"foo"}, Media: good.Media},
		"not encrypted":   {Brokers: []string{"mqtt://loa.example:1883"}, Media: good.Media},
		"plain http":      {Brokers: good.Brokers, Media: []string{"http://loa.example:80"}},
		"no port":         {Brokers: []string{"mqtts://loa.example"}, Media: good.Media},
		"a path":          {Brokers: good.Brokers, Media: []string{"https://loa.example:8443/x"}},
		"a port too high": {Brokers: []string{"mqtts://loa.example:99999"}, Media: good.Media},
		"port 0":          {Brokers: good.Brokers, Media: []string{"https://loa.example:0"}},
		"a password":      {Brokers: []string{"mqtts://a:b@loa.example:8883"}, Media: good.Media},
		"space at an end": {Brokers: []string{"mqtts://loa.example:8883 "}, Media: good.Media},
	} {
		if err := bad.Check(); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
