package identity

import (
	"errors"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// TestPersonKeysInTheKeyring: what the root writes of persons' keys, and what it refuses
// to.
func TestPersonKeysInTheKeyring(t *testing.T) {
	dir, root, now := t.TempDir(), generate(t), time.Now()
	ends := trust.Endpoints{Brokers: []string{"mqtts://a:8883"}, Media: []string{"https://a:8443"}}
	noError(t, MakeKeys(dir, root, province, ends, nil, now))
	ring := func() trust.Keyring {
		t.Helper()
		keys, err := OpenKeys(dir, province)
		noError(t, err)
		_, ring := keys.Keyring()
		return ring
	}
	phone, err := trust.NewPasskey(newAuthenticator(t).key.Public())
	noError(t, err)
	an := trust.PersonKey{ID: "an", JWK: phone, Scope: province, May: []string{trust.MayAlert}}
	if err := AddPersonKey(dir, root, province, an, now); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("a passkey for no console: %v", err)
	}
	noError(t, SetRelyingParty(dir, root, province, trust.RelyingParty{ID: "loa.example", Origins: []string{"https://loa.example"}}, now))
	noError(t, AddPersonKey(dir, root, province, an, now))
	version := ring().Version
	noError(t, AddPersonKey(dir, root, province, an, now))
	noError(t, SetRelyingParty(dir, root, province, trust.RelyingParty{ID: "loa.example", Origins: []string{"https://loa.example"}}, now))
	if got := ring(); got.Version != version || len(got.Persons) != 1 {
		t.Errorf("the same once more: version %d after %d, %d persons", got.Version, version, len(got.Persons))
	}
	wider := an
	wider.May = []string{trust.MayAlert, trust.MayApprove}
	other := an
	other.ID = "binh"
	for name, p := range map[string]trust.PersonKey{"for more": wider, "of another": other} {
		if err := AddPersonKey(dir, root, province, p, now); !errors.Is(err, radio.ErrConflict) {
			t.Errorf("the same key %s: %v", name, err)
		}
	}
	if err := SetRelyingParty(dir, root, province, trust.RelyingParty{ID: "loa.example", Origins: []string{"http://loa.example"}}, now); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("a console in clear: %v", err)
	}
	if err := RetirePersonKey(dir, root, province, "x", now); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("a key that is none ends: %v", err)
	}
	noError(t, RetirePersonKey(dir, root, province, phone.KID, now))
	noError(t, RetirePersonKey(dir, root, province, phone.KID, now.Add(time.Hour)))
	got := ring()
	if end := got.Persons[0].NotAfter; end != radio.At(now) {
		t.Errorf("it ended at %s", end.Time())
	}
	before, after := radio.At(now)-1, radio.At(now)
	if _, err := got.PersonLookup(trust.MayAlert, before)(phone.KID); err != nil {
		t.Errorf("what it signed before: %v", err)
	}
	if _, err := got.PersonLookup(trust.MayAlert, after)(phone.KID); err == nil {
		t.Error("it signs after its end")
	}
}
