package radio

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// One rule for all that people write, in whatever field, form, file or body:
//
//   - letters are composed (NFC), so that the same word is the same bytes;
//   - signs without a shape (zero-width space, soft hyphen, byte order mark, direction
//     marks, word joiner) are taken out: they come along when text is pasted, and nobody
//     could find them to take them out; U+200C and U+200D stay, which scripts and emoji need;
//   - control characters are refused, and so are those that make text look other than it
//     is (bidirectional overrides, embeddings and isolates, tags, annotations), with
//     their number and place: dropping these unseen would change what was written.
//
// TidyLine and TidyText do the first two, CheckLine and CheckText the third.

// TidyLine gives what a person wrote in one line one form, with no space around, and a
// plain space for every line end and tab. All else stays as it was written.
func TidyLine(s string) string { return tidy(s, oneLine) }

// TidyText does the same for text of several lines, which keeps its lines (each ended
// by \n alone) and tabs.
func TidyText(s string) string { return tidy(s, someLines) }

// tidy leaves what is no UTF-8 alone, for CheckLine to refuse: taking bytes out of it
// could make other letters of its rest.
func tidy(s string, ends *strings.Replacer) string {
	if utf8.ValidString(s) {
		s = norm.NFC.String(ends.Replace(shapeless.Replace(s)))
	}
	return strings.TrimSpace(s)
}

// U+2028 and U+2029 end lines, too.
var (
	oneLine   = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ", "\u2028", " ", "\u2029", " ")
	someLines = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n")
	shapeless = strings.NewReplacer("\u00ad", "", "\u061c", "", "\u180e", "", "\u200b", "", "\u200e", "", "\u200f", "",
		"\u2060", "", "\u2061", "", "\u2062", "", "\u2063", "", "\u2064", "", "\ufeff", "")
)

// NoText says whether no text of a person holds c: controls, what turns the order of
// letters or hides among them, and what XML, and so a sheet, cannot carry.
func NoText(c rune) bool {
	switch {
	case c == 0x200C, c == 0x200D: // joiners
		return false
	case c == 0x2028, c == 0x2029, c&0xFFFE == 0xFFFE:
		return true
	}
	return unicode.IsControl(c) || unicode.Is(unicode.Cf, c)
}

// CheckLine refuses text that is not one line of min to max characters.
func CheckLine(e *Invalid, field, s string, min, max int) { checkWords(e, field, s, min, max, "") }

// CheckText is CheckLine for text that may have several lines.
func CheckText(e *Invalid, field, s string, min, max int) { checkWords(e, field, s, min, max, "\n\t") }

// checkWords refuses what no text holds, but for the controls in allowed.
func checkWords(e *Invalid, field, s string, min, max int, allowed string) {
	n := utf8.RuneCountInString(s)
	switch {
	case !utf8.ValidString(s):
		e.Add(field, "chữ không đúng mã UTF-8", "not valid UTF-8")
	case n < min, min > 0 && strings.IndexFunc(s, shows) < 0:
		e.Add(field, "không được để trống", "must not be empty")
	case n > max:
		e.Add(field, fmt.Sprintf("dài quá %d ký tự", max), fmt.Sprintf("longer than %d characters", max))
	default:
		bad := strings.IndexFunc(s, func(r rune) bool { return NoText(r) && !strings.ContainsRune(allowed, r) })
		if bad >= 0 {
			r, _ := utf8.DecodeRuneInString(s[bad:])
			at := utf8.RuneCountInString(s[:bad]) + 1
			e.Add(field, fmt.Sprintf("ký tự ẩn U+%04X ở vị trí %d không dùng được; hãy gõ lại chỗ đó", r, at),
				fmt.Sprintf("hidden character U+%04X at position %d cannot be used; type that place again", r, at))
		}
	}
}

// shows says whether a reader sees anything of r by itself. The last are letters
// that are blank by design (Hangul fillers, the empty Braille cell).
func shows(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.M, r) && !strings.ContainsRune("\u115f\u1160\u3164\uffa0\u2800", r)
}

// Fold gives the form in which text is searched: lower case, without diacritics, đ as
// d, so that "nghi quyet" finds "Nghị quyết", and whichever vowel carries the tone mark.
// The Icelandic ð, whose capital looks the same, is taken for đ.
func Fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFD.String(strings.ToLower(s)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r == 'đ', r == 'ð':
			b.WriteByte('d')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// TranscriptHash stands for a transcript where lists do not carry it; "" for none.
func TranscriptHash(transcript string) SHA256 {
	if transcript == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(transcript))
	return SHA256(hex.EncodeToString(sum[:]))
}
