package identity

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"loaxa/internal/radio"
)

// The rules of NIST SP 800-63B §5.1.1.2: a length, and a list of what everybody takes;
// no classes of characters, no expiry.
const (
	MinPassword = 10  // characters
	maxPassword = 200 // bytes
)

// common are the passwords of ten and more letters and digits that lists of leaked ones
// begin with, with those of this country and of this work. Compared as folded writes.
var common = strings.Fields(`
1234567890 0123456789 0987654321 9876543210 12345678910 123456789a a123456789 123456789q 1234567891 1234512345
1q2w3e4r5t 1qaz2wsx3edc qwertyuiop qwerty1234 qwerty12345 qwerty123456 asdfghjkl1 zxcvbnm123 1234qwerty qazwsxedc1
password12 password123 password1234 password12345 passw0rd123 p@ssw0rd123 passwordpassword mypassword iloveyou12 iloveyou123
letmein123 welcome123 welcome1234 admin12345 admin123456 administrator administrator1 changeme123 defaultpassword football123
matkhau123 matkhau1234 matkhau12345 matkhau123456 matkhaumoi matkhaucuatoi matkhaumacdinh motmotmotmot 123456789abc abc123456789
abcd123456 abc1234567 abcdefghij abcdef1234 anhyeuem123 emyeuanh123 yeuemnhieu anhyeuemnhieu khongbiet123 khongcopass
nguyenvana nguyenvana1 vietnam123 vietnam1234 vietnam2025 vietnam2026 hanoi12345 hatinh1234 hatinh2024 hatinh2025 hatinh2026
truyenthanh truyenthanh1 truyenthanh123 loaphuong123 daitruyenthanh dailoatruyenthanh loaxa12345 xinchao123 tinhhatinh congan1234
`)

// folded writes a word without accents, case, spaces and signs, so that "Hà Tĩnh 2025"
// is found in a list that says "hatinh2025".
func folded(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(s)) {
		switch {
		case r == 'đ':
			b.WriteByte('d')
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '@':
			b.WriteRune(r)
		}
	}
	return b.String()
}

// checkNewPassword notes what is wrong with a password that a person wants to take.
func checkNewPassword(e *radio.Invalid, password, login, name string) {
	word := folded(password)
	switch {
	case !utf8.ValidString(password), utf8.RuneCountInString(norm.NFC.String(password)) < MinPassword, len(password) > maxPassword:
		e.Add("password", fmt.Sprintf("mật khẩu dài từ %d ký tự, không quá %d byte", MinPassword, maxPassword),
			fmt.Sprintf("the password takes at least %d characters and at most %d bytes", MinPassword, maxPassword))
	case isCommon(word) || fewDistinct(password):
		e.Add("password", "mật khẩu này quá phổ biến, dễ đoán; hãy chọn một câu của riêng bạn", "too many people take this password; choose a sentence of your own")
	case holds(word, login), holds(word, name):
		e.Add("password", "mật khẩu không được chứa tên đăng nhập hay họ tên", "the password must not hold the login or the name")
	}
}

func isCommon(word string) bool {
	for _, c := range common {
		if word == c {
			return true
		}
	}
	return false
}

// fewDistinct: "aaaaaaaaaa", "1212121212".
func fewDistinct(password string) bool {
	seen := map[rune]bool{}
	for _, r := range password {
		seen[r] = true
	}
	return len(seen) < 4
}

// holds: a name of two letters stands in many a sentence, a longer one gives it away.
func holds(word, name string) bool {
	n := folded(name)
	return utf8.RuneCountInString(n) >= 4 && strings.Contains(word, n)
}

// newHash checks a new password of an account and hashes it, when it is the address's turn.
func (p *People) newHash(ctx context.Context, password string, a radio.Account, address string) (string, error) {
	var e radio.Invalid
	checkNewPassword(&e, password, a.Login, a.Name)
	if err := e.Err(); err != nil {
		return "", err
	}
	leave, err := p.hashing.enter(ctx, address)
	if err != nil {
		return "", err
	}
	defer leave()
	return p.cost.hash(password)
}

// ChangePassword is a person's own change: the old password is asked for, with the
// patience of a sign-in. Every other session and every token ends, and every other device
// is a stranger: the answer is what this one is known by from now on.
func (p *People) ChangePassword(ctx context.Context, by radio.Person, session, old, password string) (device string, err error) {
	from, turn := inSession(by.Login), "person "+string(by.ID)
	if wait := p.guard.waiting(from, p.now()); wait > 0 {
		return "", locked{wait}
	}
	a, err := p.accounts.Person(ctx, by.ID)
	if err != nil {
		return "", err
	}
	ok, err := p.check(ctx, a.PasswordHash, old, turn)
	if err != nil {
		return "", err
	}
	if !ok {
		p.guard.failed(from, p.now())
		var e radio.Invalid
		e.Add("old", "mật khẩu hiện tại không đúng", "the present password is wrong")
		return "", e.Err()
	}
	p.guard.forgive(from)
	if a.PasswordHash, err = p.newHash(ctx, password, a, turn); err != nil {
		return "", err
	}
	if err := p.accounts.ChangePassword(ctx, a.ID, a.PasswordHash, tokenHash(session), radio.At(p.now())); err != nil {
		return "", err
	}
	return newDevice(a)
}

// CheckKeyPassword judges the password that will open a person's signing key, by the
// rules of all passwords.
func CheckKeyPassword(password, login, name string) error {
	var e radio.Invalid
	checkNewPassword(&e, password, login, name)
	return e.Err()
}
