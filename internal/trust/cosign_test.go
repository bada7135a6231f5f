package trust

import (
	"errors"
	"testing"

	"loaxa/internal/radio"
)

// coSign has one more key sign what an envelope carries.
func coSign(t *testing.T, env []byte, aud string, k Key) ([]byte, error) {
	t.Helper()
	payload, err := Payload(env, 100)
	if err != nil {
		t.Fatal(err)
	}
	s, err := SignDetached("typ", aud, payload, k)
	if err != nil {
		t.Fatal(err)
	}
	return CoSign(env, 100, s)
}

func TestCoSign(t *testing.T) {
	a, b, stranger := key(t), key(t), key(t)
	one, err := Sign("typ", "area", []byte(`{"x":1}`), a)
	if err != nil {
		t.Fatal(err)
	}
	two, err := coSign(t, one, "area", b)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]PublicKey{a.KID(): a.Public(), b.KID(): b.Public()}
	lookup := func(kid string) (PublicKey, error) {
		if k, ok := keys[kid]; ok {
			return k, nil
		}
		return PublicKey{}, radio.ErrForbidden
	}
	payload, kids, err := Open(two, "typ", "area", 100, lookup)
	if err != nil || string(payload) != `{"x":1}` || len(kids) != 2 {
		t.Fatalf("%s %v %v", payload, kids, err)
	}
	if _, err := coSign(t, two, "area", b); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("twice: %v", err)
	}
	other, err := coSign(t, two, "elsewhere", stranger)
	if err != nil {
		t.Fatal(err)
	}
	keys[stranger.KID()] = stranger.Public()
	if _, _, err := Open(other, "typ", "area", 100, lookup); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("a signature for another audience: %v", err)
	}
	if _, err := CoSign([]byte("x"), 100, Signature{}); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("no envelope: %v", err)
	}
	full := two
	for range MaxSignatures - 2 {
		if full, err = coSign(t, full, "area", key(t)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := coSign(t, full, "area", key(t)); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("one too many: %v", err)
	}
}
