package radio

import (
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"Nghị quyết 57-NQ/TW":  "nghi quyet 57-nq/tw",
		"ĐƯỜNG LỐI":            "duong loi",
		"So\u031b\u0309 KH&CN": "so kh&cn", // decomposed
		"":                     "",
		"日本 🎙":                 "日本 🎙",
	} {
		if got := Fold(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestTidy(t *testing.T) {
	if got := TidyLine(" So\u031b\u0309\tmột\r\nhai  "); got != "Sở một hai" {
		t.Errorf("line %q", got)
	}
	if got := TidyText(" a\r\nb\rc\n\td \n"); got != "a\nb\nc\n\td" {
		t.Errorf("text %q", got)
	}
}

func FuzzTidy(f *testing.F) {
	f.Add(" a\r\n\tb\x00\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for name, tidy := range map[string]func(string) string{"line": TidyLine, "text": TidyText} {
			once := tidy(s)
			if tidy(once) != once {
				t.Errorf("%s: %q, then %q", name, once, tidy(once))
			}
			if utf8.ValidString(s) && !norm.NFC.IsNormalString(once) {
				t.Errorf("%s: not composed: %q", name, once)
			}
		}
		Fold(s)
	})
}
