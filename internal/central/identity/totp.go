package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp/hotp"

	"loaxa/internal/radio"
)

// SecondFactors keeps the second factors of people.
type SecondFactors interface {
	SecondFactor(ctx context.Context, id radio.UserID) (radio.SecondFactor, error)
	ProposeSecond(ctx context.Context, id radio.UserID, sealed string, at radio.Millis) error
	ConfirmSecond(ctx context.Context, id radio.UserID, pending string, step int64, recovery []string, counts, at radio.Millis) error
	// CountSecond makes the first one, set up at since (0: any), count at once.
	CountSecond(ctx context.Context, id radio.UserID, since radio.Millis, actor string, at radio.Millis) error
	// UseSecondStep counts the code of a step of time once: ErrConflict the second time.
	UseSecondStep(ctx context.Context, id radio.UserID, sealed string, step int64) error
	UseRecovery(ctx context.Context, id radio.UserID, hash string, at radio.Millis) error
	ReplaceRecovery(ctx context.Context, id radio.UserID, hashes []string, at radio.Millis) error
}

// SecondStep is how long an authenticator shows one code.
const SecondStep = 30 * time.Second

// The parameters every authenticator knows (RFC 6238 with SHA-1, 6 digits, 30 s).
const (
	totpStep   = SecondStep
	totpDigits = 6
	// totpSkew: a code counts one step early or late, for the clocks of telephones.
	totpSkew = 1
	// totpSecret is its length in bytes (RFC 4226 §4 R6).
	totpSecret = 20
	// pendingLife is how long a new secret waits for its first code.
	pendingLife = 30 * time.Minute

	recoveryCodes = 10
	recoveryLen   = 16 // characters of Crockford's base32: 80 bits
)

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// ErrNoSecond says that a person has no second factor, where one is asked for.
var ErrNoSecond = radio.Refuse(radio.ErrForbidden, "Việc này cần xác thực hai lớp. Hãy cài ứng dụng tạo mã ở trang “Tài khoản của tôi” trước.",
	"this takes a second factor: set it up on the account page first")

// errGuess marks a wrong code until it has been counted.
var errGuess = errors.New("wrong code")

func wrongCode() error {
	var e radio.Invalid
	e.Add("code", "mã không đúng", "the code is wrong")
	return e.Err()
}

func noCode() error {
	var e radio.Invalid
	e.Add("code", "nhập mã 6 số trong ứng dụng xác thực, hoặc một mã khôi phục", "give the 6 digits of the authenticator, or a recovery code")
	return e.Err()
}

func usedCode() error {
	var e radio.Invalid
	e.Add("code", "mã này đã được dùng; hãy chờ ứng dụng hiện mã tiếp theo", "this code was used already: wait for the next one")
	return e.Err()
}

// CheckCode lets through who shows a code of the person's second factor: of the
// authenticator, one step early or late, or a recovery code. Every code counts once. Who
// shows wrong ones waits, twice as long each time; each session has its own count, so that
// a stolen one cannot keep its person out. ErrForbidden when the person
// has no second factor, or one that does not count yet, or a program asks.
func (p *People) CheckCode(ctx context.Context, by radio.Person, code string) error {
	if by.Token != "" {
		return noProgram()
	}
	f, err := p.secondOf(ctx, by.ID)
	if err != nil {
		return err
	}
	if left := f.CountsAt.Sub(radio.At(p.now())); f.Sealed != "" && left > 0 {
		return notYet(by.Login, left)
	}
	return p.checkCode(ctx, by.ID, codeInSession(by), code)
}

func noProgram() error {
	return radio.Refuse(radio.ErrForbidden, "Việc này do chính người có quyền làm sau khi đăng nhập; mã API không làm thay được.", "this takes a person who has signed in: an API token has no second factor")
}

// ownCode is CheckCode for what concerns the own account only: a first second factor counts
// there at once.
func (p *People) ownCode(ctx context.Context, by radio.Person, code string) error {
	if by.Token != "" {
		return noProgram()
	}
	return p.checkCode(ctx, by.ID, codeInSession(by), code)
}

// checkCode is CheckCode for anybody whose tries from counts.
func (p *People) checkCode(ctx context.Context, id radio.UserID, from guess, code string) error {
	f, err := p.secondOf(ctx, id)
	if err != nil {
		return err
	}
	if f.Sealed == "" {
		return ErrNoSecond
	}
	digits, recovery := readCode(code)
	if digits == "" && recovery == "" {
		return noCode() // no guess at all
	}
	return p.guarded(ctx, from, func(now time.Time) error {
		if recovery == "" {
			return p.useDigits(ctx, f, digits, now)
		}
		err := p.accounts.UseRecovery(ctx, id, recoveryHash(id, recovery), radio.At(now))
		if errors.Is(err, radio.ErrNotFound) {
			err = errGuess
		}
		return err
	})
}

// guarded runs one try of a code, and counts it when try gives errGuess. One after the
// other: of many sent at once, none slips through before the others are counted.
func (p *People) guarded(ctx context.Context, from guess, try func(now time.Time) error) error {
	select {
	case p.trying <- struct{}{}:
		defer func() { <-p.trying }()
	case <-ctx.Done():
		return ctx.Err()
	}
	now := p.now()
	if wait := p.second.waiting(from, now); wait > 0 {
		return lockedCode{locked{wait}}
	}
	err := try(now)
	switch {
	case err == nil:
		p.second.forgive(from)
	case errors.Is(err, errGuess):
		p.second.failed(from, now)
		err = wrongCode()
	}
	return err
}

// lockedCode says that somebody waits after too many wrong codes.
type lockedCode struct{ locked }

func (l lockedCode) Error() string {
	return fmt.Sprintf("%v: too many wrong codes, wait %s", radio.ErrUnavailable, l.wait.Round(time.Second))
}
func (l lockedCode) Unwrap() error { return radio.ErrUnavailable }

// secondOf is what is kept of a person's second factor: nothing for who never began one.
func (p *People) secondOf(ctx context.Context, id radio.UserID) (radio.SecondFactor, error) {
	f, err := p.accounts.SecondFactor(ctx, id)
	if errors.Is(err, radio.ErrNotFound) {
		return radio.SecondFactor{Person: id}, nil
	}
	return f, err
}

func (p *People) useDigits(ctx context.Context, f radio.SecondFactor, digits string, now time.Time) error {
	secret, err := p.seal.show(f.Sealed, f.Person)
	if err != nil {
		return err
	}
	step, err := stepOf(secret, digits, now)
	if err != nil {
		return err
	}
	err = p.accounts.UseSecondStep(ctx, f.Person, f.Sealed, step)
	if errors.Is(err, radio.ErrConflict) {
		return usedCode()
	}
	return err
}

// stepOf finds the step of time whose code it is; a wrong code takes as long as a right one.
func stepOf(secret, digits string, now time.Time) (int64, error) {
	present, found := now.Unix()/int64(totpStep/time.Second), int64(0)
	for step := present - totpSkew; step <= present+totpSkew; step++ {
		want, err := hotp.GenerateCode(secret, uint64(step))
		if err != nil {
			return 0, fmt.Errorf("make a code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(digits)) == 1 {
			found = step
		}
	}
	if found == 0 {
		return 0, errGuess
	}
	return found, nil
}

// CodeAt is the code an authenticator shows for a secret: for demonstrations and tests.
func CodeAt(secret string, at time.Time) (string, error) {
	return hotp.GenerateCode(secret, uint64(at.Unix()/int64(totpStep/time.Second)))
}

// readCode reads a code as people type it: six digits of the authenticator, or a recovery
// code; both are "" for what is neither.
func readCode(text string) (digits, recovery string) {
	if len(text) > 100 {
		return "", ""
	}
	// Crockford's alphabet leaves out what is read wrongly.
	word := strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(spoken(strings.TrimSpace(text)))
	switch len(word) {
	case totpDigits:
		if strings.Trim(word, "0123456789") == "" {
			return word, ""
		}
	case recoveryLen:
		if _, err := crockford.DecodeString(word); err == nil {
			return "", word
		}
	}
	return "", ""
}

func recoveryHash(id radio.UserID, code string) string {
	return tokenHash("loaxa recovery " + string(id) + " " + code)
}

// newRecovery makes recovery codes, as they are shown, and their hashes.
func newRecovery(id radio.UserID) (codes, hashes []string, err error) {
	for range recoveryCodes {
		b := make([]byte, recoveryLen*5/8)
		if _, err := rand.Read(b); err != nil {
			return nil, nil, fmt.Errorf("make a recovery code: %w", err)
		}
		code := crockford.EncodeToString(b)
		hashes = append(hashes, recoveryHash(id, code))
		codes = append(codes, code[:4]+"-"+code[4:8]+"-"+code[8:12]+"-"+code[12:])
	}
	return codes, hashes, nil
}

// newTOTP makes a secret for an authenticator.
func newTOTP(login string) (radio.NewSecond, error) {
	b := make([]byte, totpSecret)
	if _, err := rand.Read(b); err != nil {
		return radio.NewSecond{}, fmt.Errorf("make a secret: %w", err)
	}
	text := base32.StdEncoding.EncodeToString(b) // 20 bytes need no padding
	// The form that authenticators read (otpauth, of Google's wiki): label, secret, issuer.
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/Loa Xã:" + login}
	q := url.Values{"secret": {text}, "issuer": {"Loa Xã"}}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // some read a plus as a plus
	return radio.NewSecond{Secret: text, URL: u.String()}, nil
}
