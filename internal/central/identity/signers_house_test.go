package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// desk of the tests: an and binh each hold a sealed key of the province and of the first
// commune, and a passkey of the province; what each test needs is bent first.
type signingHouse struct {
	t        *testing.T
	rows     []radio.PersonKeyRow
	passkeys []radio.Passkey
	ring     trust.Keyring
	keys     map[string]trust.Key // by kid
	phones   map[string]authenticator
	codes    []string // what was asked of the second factor
	codeErr  error    // of a wrong code
}

const (
	keyWord  = "mật khẩu để thử"
	keyCode  = "123456"
	province = radio.AreaID("P")
	commune  = radio.AreaID("C")
)

func own(login string) radio.Person {
	return radio.Person{ID: radio.UserID(login), Login: login, Session: "own"}
}

// kidOf names a key of a person: "an P", "an C", "an phone".
func (h *signingHouse) kidOf(name string) string {
	for i, r := range h.rows {
		if fmt.Sprintf("%s %s", r.Person, r.Scope) == name {
			return h.rows[i].KID
		}
	}
	for _, p := range h.passkeys {
		if string(p.Person)+" phone" == name {
			return p.KID
		}
	}
	h.t.Fatalf("there is no key %s", name)
	return ""
}

func newSigningHouse(t *testing.T) *signingHouse {
	t.Helper()
	h := &signingHouse{t: t, keys: map[string]trust.Key{}, phones: map[string]authenticator{},
		ring: trust.Keyring{Version: 1, Province: province, RelyingParty: &trust.RelyingParty{ID: "loa.example", Origins: []string{"https://loa.example"}}}}
	for _, who := range []radio.UserID{"an", "binh"} {
		for _, scope := range []radio.AreaID{province, commune} {
			k, err := trust.Generate()
			must(t, err)
			h.keys[k.KID()] = k
			h.rows = append(h.rows, radio.PersonKeyRow{KID: k.KID(), Person: who, Scope: scope, Sealed: []byte(k.KID())})
			h.ring.Persons = append(h.ring.Persons, trust.PersonKey{ID: who, JWK: k.Public(), Scope: scope, May: []string{trust.MayAlert}})
		}
		phone := newAuthenticator(t)
		pub, err := trust.NewPasskey(phone.key.Public())
		must(t, err)
		h.phones[pub.KID] = phone
		h.passkeys = append(h.passkeys, radio.Passkey{KID: pub.KID, Person: who, Credential: "Y3JlZA", Name: "điện thoại"})
		h.ring.Persons = append(h.ring.Persons, trust.PersonKey{ID: who, JWK: pub, Scope: province, May: []string{trust.MayAlert}})
	}
	return h
}

// signers opens keys without what makes that slow; sealed is the key's name.
func (h *signingHouse) signers() *Signers {
	s := NewSigners(h, h, h, time.Now)
	s.unseal = func(sealed []byte, word string) (trust.Key, error) {
		if word != keyWord {
			return trust.Key{}, trust.ErrPassword
		}
		return h.keys[string(sealed)], nil
	}
	return s
}

func (h *signingHouse) PersonKeys(_ context.Context, who radio.UserID) ([]radio.PersonKeyRow, error) {
	return slices.DeleteFunc(slices.Clone(h.rows), func(r radio.PersonKeyRow) bool { return r.Person != who }), nil
}

func (h *signingHouse) Passkeys(_ context.Context, who radio.UserID) ([]radio.Passkey, error) {
	return slices.DeleteFunc(slices.Clone(h.passkeys), func(p radio.Passkey) bool { return p.Person != who }), nil
}

func (h *signingHouse) Keyring() ([]byte, trust.Keyring) { return nil, h.ring }

func (h *signingHouse) CheckCode(_ context.Context, by radio.Person, code string) error {
	h.codes = append(h.codes, string(by.ID)+" "+code)
	if code != keyCode {
		if h.codeErr != nil {
			return h.codeErr
		}
		var e radio.Invalid
		e.Add("code", "mã không đúng", "wrong code")
		return e.Err()
	}
	return nil
}

// inRing bends the entry of a key in the keyring.
func (h *signingHouse) inRing(name string, bend func(*trust.PersonKey)) {
	kid := h.kidOf(name)
	for i := range h.ring.Persons {
		if h.ring.Persons[i].JWK.KID == kid {
			bend(&h.ring.Persons[i])
		}
	}
}

// storm is what the tests sign, for the commune.
func storm() radio.Signing {
	return radio.Signing{Type: "loaxa.alert.v1", Audience: string(commune), May: trust.MayAlert, Chain: []radio.AreaID{province, commune},
		Payload: func(by radio.UserID, at radio.Millis) ([]byte, error) {
			return []byte(fmt.Sprintf(`{"storm":true,"by":%q,"at":%d}`, by, at)), nil
		}}
}

// proves opens a signature as a device does, and gives the key's name.
func (h *signingHouse) proves(what radio.Signing, by radio.UserID, sig trust.Signature, at radio.Millis) string {
	h.t.Helper()
	payload, err := what.Payload(by, at)
	must(h.t, err)
	env, err := trust.Wrap(payload, sig)
	must(h.t, err)
	_, kids, err := trust.Open(env, what.Type, what.Audience, 4<<10, h.ring.PersonLookup(what.May, at))
	must(h.t, err)
	return kids[0]
}

// authenticator is what a browser and its authenticator do with a request; each field can
// be made wrong.
type authenticator struct {
	key    *ecdsa.PrivateKey
	origin string
	party  string
	flags  byte
}

const verified = 1<<0 | 1<<2 // present and verified, WebAuthn §6.1

func newAuthenticator(t *testing.T) authenticator {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return authenticator{key: k, origin: "https://loa.example", party: "loa.example", flags: verified}
}

func (a authenticator) answer(t *testing.T, ask radio.PasskeyAsk) *radio.PasskeyAnswer {
	t.Helper()
	client, err := json.Marshal(map[string]any{"type": "webauthn.get", "challenge": ask.Challenge, "origin": a.origin})
	must(t, err)
	party, sum := sha256.Sum256([]byte(a.party)), sha256.Sum256(client)
	auth := append(append(party[:], a.flags), 0, 0, 0, 1)
	digest := sha256.Sum256(append(slices.Clone(auth), sum[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	must(t, err)
	enc := base64.RawURLEncoding.EncodeToString
	return &radio.PasskeyAnswer{KID: ask.KID, At: ask.At, Signature: enc(sig), Assertion: radio.Assertion{AuthenticatorData: enc(auth), ClientData: enc(client)}}
}
