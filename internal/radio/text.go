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

// TidyLine gives what a person wrote in one line one form: composed letters (NFC), no
// space around, and a plain space for every line end and tab. All else stays as it was
// written; other control characters are left for CheckLine to refuse.
func TidyLine(s string) string {
	return strings.TrimSpace(norm.NFC.String(oneLine.Replace(s)))
}

// oneLine is no strings.Map, which would replace bytes that are no UTF-8 unseen.
var oneLine = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ")

// TidyText does the same for text of several lines, which keeps its lines (each ended
// by \n alone) and tabs.
func TidyText(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return strings.TrimSpace(norm.NFC.String(s))
}

// checkLine refuses text that is not one line of min to max characters.
func checkLine(e *Invalid, field, s string, min, max int) { checkWords(e, field, s, min, max, "") }

// checkText is checkLine for text that may have several lines.
func checkText(e *Invalid, field, s string, min, max int) { checkWords(e, field, s, min, max, "\n\t") }

// checkWords refuses control characters (but those in allowed): no person types them,
// databases and players of text trip over them, and dropping them unseen would change
// what was written.
func checkWords(e *Invalid, field, s string, min, max int, allowed string) {
	n := utf8.RuneCountInString(s)
	switch {
	case !utf8.ValidString(s):
		e.Add(field, "chữ không đúng mã UTF-8", "not valid UTF-8")
	case n < min:
		e.Add(field, "không được để trống", "must not be empty")
	case n > max:
		e.Add(field, fmt.Sprintf("dài quá %d ký tự", max), fmt.Sprintf("longer than %d characters", max))
	default:
		bad := strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune(allowed, r) })
		if bad >= 0 {
			r, _ := utf8.DecodeRuneInString(s[bad:])
			at := utf8.RuneCountInString(s[:bad]) + 1
			e.Add(field, fmt.Sprintf("ký tự điều khiển U+%04X ở vị trí %d không dùng được", r, at),
				fmt.Sprintf("control character U+%04X at position %d", r, at))
		}
	}
}

// Fold gives the form in which text is searched: lower case, without diacritics, đ as
// d, so that "nghi quyet" finds "Nghị quyết".
func Fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFD.String(strings.ToLower(s)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r == 'đ':
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
