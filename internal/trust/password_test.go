package trust

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

func TestSealKey(t *testing.T) {
	k := key(t)
	sealed, err := SealKey(k, "mật khẩu của tôi")
	if err != nil {
		t.Fatal(err)
	}
	head, err := base64.RawURLEncoding.DecodeString(strings.Split(string(sealed), ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	var h struct {
		Alg, Enc, Kid string
		P2C           int
		P2S           string
	}
	if err := json.Unmarshal(head, &h); err != nil || h.Alg != "PBES2-HS256+A128KW" || h.Enc != "A256GCM" || h.P2C != pbes2Count || len(h.P2S) < 22 || h.Kid != k.KID() {
		t.Errorf("header %s %v", head, err)
	}
	if strings.Contains(string(sealed), "mật") {
		t.Error("the password stands in it")
	}
	// The same letters as another keyboard writes them (NFD).
	for _, password := range []string{"mật khẩu của tôi", "mật khẩu của tôi"} {
		got, err := OpenKey(sealed, password)
		if err != nil || got.KID() != k.KID() {
			t.Errorf("opened: %v %v", got, err)
		}
	}
	if _, err := OpenKey(sealed, "mật khẩu khác"); !errors.Is(err, ErrPassword) || !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("another password: %v", err)
	}
}

// TestOpenKeyIsBounded: what would cost too little or too much is refused before it is
// computed, and so is any other algorithm.
func TestOpenKeyIsBounded(t *testing.T) {
	sealed, err := sealKey(key(t), "x", 1000)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(string(sealed), ".", 2)
	head, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	with := func(old, now string) []byte {
		text := strings.Replace(string(head), old, now, 1)
		if text == string(head) {
			t.Fatalf("%s does not stand in %s", old, head)
		}
		return []byte(base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + parts[1])
	}
	for name, b := range map[string][]byte{
		"cheap":             sealed,
		"expensive":         with(`"p2c":1000`, `"p2c":2000000000`),
		"no count":          with(`"p2c":1000`, `"p2x":1000`),
		"a word":            with(`"p2c":1000`, `"p2c":"1000000"`),
		"another algorithm": with(`PBES2-HS256+A128KW`, `dir`),
		"no JWE":            []byte("x"),
		"empty":             nil,
		"long":              []byte(strings.Repeat("A", maxSealedKey+1)),
	} {
		if _, err := OpenKey(b, "x"); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzOpenKey(f *testing.F) {
	sealed, err := sealKey(must(Generate()), "x", 1000) // cheap: the counts between the bounds are slow
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte("a.b.c.d.e"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := OpenKey(b, "y"); err == nil {
			t.Error("opened with another password")
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
