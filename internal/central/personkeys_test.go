package central

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/identity"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

const keyWord = "một câu của riêng tôi"

// withLan is a centre with a keyring, where lan approves everywhere.
func withLan(t *testing.T) (c *Central, root trust.Key, ring func() trust.Keyring) {
	t.Helper()
	c = opened(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.store.ApplyPlan(t.Context(), storetest.SamplePlan()))
	_, err := c.AddPerson(t.Context(), "lan", "Lan", keyWord, []radio.Grant{{Role: radio.RoleApprover, Area: radio.Everywhere}}, "test")
	must(err)
	root = mustKey(t)
	must(c.MakeKeys(t.Context(), root, trust.Endpoints{Brokers: []string{"mqtts://a:1"}, Media: []string{"https://a:2"}}))
	return c, root, func() trust.Keyring {
		t.Helper()
		province, err := c.province(t.Context())
		must(err)
		keys, err := identity.OpenKeys(filepath.Join(c.cfg.Data, "keys"), province.ID)
		must(err)
		_, ring := keys.Keyring()
		return ring
	}
}

// registered is a passkey that lan has registered.
func registered(t *testing.T, c *Central) radio.Passkey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := trust.NewPasskey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := pub.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	lan, err := c.store.PersonByLogin(t.Context(), "lan")
	if err != nil {
		t.Fatal(err)
	}
	p := radio.Passkey{KID: pub.KID, Person: lan.ID, Credential: pub.KID, JWK: jwk, Name: "điện thoại", CreatedAt: radio.At(c.now())}
	if err := c.store.AddPasskey(t.Context(), p, radio.MaxPasskeys); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestCertifyPasskey: a passkey that a person has registered becomes their key by the
// root's word alone, beside the one with a password; it ends, and is disowned, like that.
func TestCertifyPasskey(t *testing.T) {
	c, root, ring := withLan(t)
	phone := registered(t, c)
	order := KeyOrder{Login: "lan", Area: "cam-xuyen", May: []string{"alert"}, Passkey: phone.KID, Until: "2099-06-30"}
	for name, err := range map[string]error{
		"another root":   second(c.AddKey(t.Context(), mustKey(t), order, "test")),
		"not registered": second(c.AddKey(t.Context(), root, KeyOrder{Login: "lan", Area: "cam-xuyen", May: []string{"alert"}, Passkey: "x"}, "test")),
		"until last year": second(c.AddKey(t.Context(), root, KeyOrder{Login: "lan", Area: "cam-xuyen", May: []string{"alert"}, Passkey: phone.KID,
			Until: "2020-01-01"}, "test")),
		"until no day": second(c.AddKey(t.Context(), root, KeyOrder{Login: "lan", Area: "cam-xuyen", May: []string{"alert"}, Passkey: phone.KID,
			Until: "mai"}, "test")),
	} {
		if err == nil {
			t.Errorf("%s: certified", name)
		}
	}
	if held, err := c.PersonKeys(t.Context()); err != nil || len(held) != 1 || held[0].State != radio.KeyWaits {
		t.Fatalf("%+v %v", held, err)
	}
	if _, err := c.AddPersonKey(t.Context(), root, "lan", "cam-xuyen", keyWord, []string{"alert"}, "test"); err != nil {
		t.Fatal(err)
	}
	row, err := c.AddKey(t.Context(), root, order, "test")
	if err != nil || row.KID != phone.KID || len(row.Sealed) != 0 {
		t.Fatalf("%+v %v", row, err)
	}
	got := ring()
	i := slices.IndexFunc(got.Persons, func(p trust.PersonKey) bool { return p.JWK.KID == phone.KID })
	// The end of that day in the province, seven hours before it is over in Greenwich.
	end := radio.At(time.Date(2099, 6, 30, 17, 0, 0, 0, time.UTC))
	if i < 0 || len(got.Persons) != 2 || got.Persons[0].NotAfter != 0 || !got.Persons[i].JWK.IsPasskey() || got.Persons[i].NotAfter != end {
		t.Fatalf("%+v", got.Persons)
	}
	if got.RelyingParty == nil || got.RelyingParty.ID != "localhost" || got.RelyingParty.Origins[0] != "http://localhost:8080" {
		t.Errorf("relying party %+v", got.RelyingParty)
	}
	if _, err := c.AddKey(t.Context(), root, order, "test"); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("certified twice: %v", err)
	}
	if n, err := c.RetirePersonKeys(t.Context(), root, "lan", phone.KID, "test"); err != nil || n != 1 {
		t.Fatalf("retired %d: %v", n, err)
	}
	got = ring()
	if ended := got.Persons[i].NotAfter; ended == end || ended > radio.At(time.Now()) || len(got.Revoked) != 0 {
		t.Errorf("after its end: %+v", got.Persons[i])
	}
	if _, err := c.RetirePersonKeys(t.Context(), root, "lan", phone.KID, "test"); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("ended twice: %v", err)
	}
	if n, err := c.RevokePersonKeys(t.Context(), root, "lan", phone.KID, "test"); err != nil || n != 1 || !slices.Contains(ring().Revoked, phone.KID) {
		t.Errorf("revoked %d: %v", n, err)
	}
	if _, err := c.AddKey(t.Context(), root, order, "test"); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("certified when it was disowned: %v", err)
	}
}

// TestForgottenPassword: a new key for what the old one was for ends it and keeps what it
// has signed; a key for something else, or for less, leaves it alone.
func TestForgottenPassword(t *testing.T) {
	c, root, ring := withLan(t)
	ended := func() string {
		var out []string
		for _, p := range ring().Persons {
			out = append(out, strings.Join(p.May, "+")+map[bool]string{true: " ended"}[p.NotAfter != 0])
		}
		return strings.Join(out, ", ")
	}
	for _, step := range []struct{ area, may, want string }{
		{"cam-xuyen", "alert", "alert"},
		{"cam-xuyen", "approve", "alert, approve"},
		{"ha-tinh", "alert", "alert, approve, alert"},
		{"cam-xuyen", "alert", "alert ended, approve, alert, alert"},
		{"cam-xuyen", "alert,approve", "alert ended, approve ended, alert, alert ended, alert+approve"},
	} {
		if _, err := c.AddPersonKey(t.Context(), root, "lan", step.area, keyWord, strings.Split(step.may, ","), "test"); err != nil {
			t.Fatalf("%s: %v", step.area, err)
		}
		if got := ended(); got != step.want {
			t.Errorf("after a key for %s in %s: %s, want %s", step.may, step.area, got, step.want)
		}
	}
}

// TestConsoleMoves: another name of the console would make every passkey worthless, so it
// is refused while there are any; another port keeps the old one.
func TestConsoleMoves(t *testing.T) {
	c, root, ring := withLan(t)
	moved := func(public string) error {
		c.cfg.People.Public = public
		return c.MakeKeys(t.Context(), root, trust.Endpoints{Brokers: []string{"mqtts://a:1"}, Media: []string{"https://a:2"}})
	}
	if err := moved("https://loa.example"); err != nil || ring().RelyingParty.ID != "loa.example" {
		t.Fatalf("before there are passkeys: %v", err)
	}
	phone := registered(t, c)
	if _, err := c.AddKey(t.Context(), root, KeyOrder{Login: "lan", Area: "cam-xuyen", May: []string{"alert"}, Passkey: phone.KID}, "test"); err != nil {
		t.Fatal(err)
	}
	if err := moved("https://other.example"); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("moved away from the passkeys: %v", err)
	}
	if err := moved("https://loa.example:8443"); err != nil || !slices.Equal(ring().RelyingParty.Origins, []string{"https://loa.example:8443", "https://loa.example"}) {
		t.Errorf("another port: %v %+v", err, ring().RelyingParty)
	}
	version := ring().Version
	if err := moved(""); !errors.Is(err, radio.ErrConflict) || ring().Version != version { // the name of a trial on this machine
		t.Errorf("no name said: %v", err)
	}
	c.cfg.People.Public = "https://loa.example"
	province, err := c.province(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.nameConsole(root, province.ID); err != nil || ring().Version != version {
		t.Errorf("signed anew for nothing new: %v", err)
	}
}
