package radio

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"Nghị quyết 57-NQ/TW":  "nghi quyet 57-nq/tw",
		"ĐƯỜNG LỐI":            "duong loi",
		"So\u031b\u0309 KH&CN": "so kh&cn",           // decomposed
		"Thuỷ lợi, Hoà Bình":   "thuy loi, hoa binh", // both schools of tone marks
		"Thủy lợi, Hòa Bình":   "thuy loi, hoa binh",
		"Ðức Thọ":              "duc tho", // Icelandic
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

// TestWords: signs without a shape go, what lies about the text is refused by its place.
func TestWords(t *testing.T) {
	for name, c := range map[string]struct {
		in, tidy, problem string
	}{
		"pasted from a page":     {"Nghị\u200b quyết\ufeff 5\u00ad7\u200e", "Nghị quyết 57", ""},
		"composed after removal": {"e\u200b\u0301", "é", ""},
		"joiners stay":           {"👩\u200d🌾 một", "👩\u200d🌾 một", ""},
		"line separator":         {"một\u2028hai", "một hai", ""},
		"override":               {"tin\u202egpj.exe", "tin\u202egpj.exe", "U+202E"},
		"isolate":                {"a\u2066b\u2069", "a\u2066b\u2069", "U+2066"},
		"tag":                    {"a\U000e0041", "a\U000e0041", "U+E0041"},
		"control":                {"a\x1b[2J", "a\x1b[2J", "U+001B"},
		"no character":           {"a\uffff", "a\uffff", "U+FFFF"},
		"nothing to see":         {"\u200b\u2060\ufeff", "", "empty"},
		"blank letters":          {"\u3164\u2800\u200d", "\u3164\u2800\u200d", "empty"},
		"only marks":             {"\u0301", "\u0301", "empty"},
		"no UTF-8":               {"a\xe2\u200b\x80\x8b", "a\xe2\u200b\x80\x8b", "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			got := TidyLine(c.in)
			if got != c.tidy {
				t.Errorf("%q, want %q", got, c.tidy)
			}
			var e Invalid
			CheckLine(&e, "title", got, 1, 50)
			if c.problem == "" && len(e.Problems) > 0 || c.problem != "" && (len(e.Problems) != 1 || !strings.Contains(e.Problems[0].EN, c.problem)) {
				t.Errorf("%+v, want %q", e.Problems, c.problem)
			}
		})
	}
}

func FuzzTidy(f *testing.F) {
	f.Add(" a\r\n\tb\x00\xff")
	f.Add("\u200be\u200b\u0301\u202e\u2028\u00ad ")
	f.Add("\xe2\u200b\x80\x8b")
	f.Fuzz(func(t *testing.T, s string) {
		for name, rule := range map[string]struct {
			tidy  func(string) string
			check func(e *Invalid, field, s string, min, max int)
			ends  string
		}{"line": {TidyLine, CheckLine, ""}, "text": {TidyText, CheckText, "\n\t"}} {
			once := rule.tidy(s)
			if rule.tidy(once) != once {
				t.Errorf("%s: %q, then %q", name, once, rule.tidy(once))
			}
			var e Invalid
			rule.check(&e, "x", once, 1, len(once))
			if e.Err() != nil {
				continue
			}
			if !utf8.ValidString(once) || !norm.NFC.IsNormalString(once) {
				t.Errorf("%s: passed, but not composed UTF-8: %q", name, once)
			}
			for _, r := range once {
				hidden := unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != 0x200c && r != 0x200d
				if hidden && !strings.ContainsRune(rule.ends, r) {
					t.Errorf("%s: %U passed in %q", name, r, once)
				}
			}
		}
		Fold(s)
	})
}
