package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// SigningKeys keeps what persons sign with (store).
type SigningKeys interface {
	PersonKeys(ctx context.Context, person radio.UserID) ([]radio.PersonKeyRow, error)
	Passkeys(ctx context.Context, person radio.UserID) ([]radio.Passkey, error)
}

// KeyringSource gives the keyring as the root has signed it.
type KeyringSource interface {
	Keyring() (envelope []byte, content trust.Keyring)
}

// SecondFactor checks a code of a person's second factor.
type SecondFactor interface {
	CheckCode(ctx context.Context, by radio.Person, code string) error
}

// PasskeyAnswerLife is how long a passkey's answer counts from the instant it names.
const PasskeyAnswerLife = 5 * time.Minute

// Signers has persons sign, each with a key of the keyring: one that rests here sealed,
// which takes its password and a code of the second factor, or a passkey, whose
// authenticator has asked for a finger or a PIN itself. Nothing of either is kept. Safe
// for concurrent use.
type Signers struct {
	keys SigningKeys
	ring KeyringSource
	code SecondFactor // nil: not asked
	now  func() time.Time
	// unseal is trust.OpenKey, which takes its time.
	unseal func(sealed []byte, password string) (trust.Key, error)
	// opening bounds the processor time of password checks: two at a time.
	opening  chan struct{}
	patience patience
}

// NewSigners stores what it is given; without a second factor no code is asked for.
func NewSigners(keys SigningKeys, ring KeyringSource, code SecondFactor, now func() time.Time) *Signers {
	return &Signers{keys: keys, ring: ring, code: code, now: now, unseal: trust.OpenKey, opening: make(chan struct{}, 2),
		patience: patience{guard{fails: map[string]failure{}}}}
}

// OpeningOnce remembers the keys it has opened: for a command that signs for a hundred
// bulletins and ends, never for a centre that runs.
func (s *Signers) OpeningOnce() *Signers {
	var mu sync.Mutex
	opened, open := map[[2]string]trust.Key{}, s.unseal
	s.unseal = func(sealed []byte, password string) (trust.Key, error) {
		mu.Lock()
		defer mu.Unlock()
		id := [2]string{string(sealed), password}
		if k, ok := opened[id]; ok {
			return k, nil
		}
		k, err := open(sealed, password)
		if err == nil {
			opened[id] = k
		}
		return k, err
	}
	return s
}

// holding is what a person can sign a thing with now: of several, first what speaks alone.
type holding struct {
	sealed   []radio.PersonKeyRow
	passkeys []radio.Passkey
}

func (s *Signers) holding(ctx context.Context, by radio.UserID, may string, chain []radio.AreaID) (holding, error) {
	var h holding
	rows, err := s.keys.PersonKeys(ctx, by)
	if err != nil {
		return h, err
	}
	passkeys, err := s.keys.Passkeys(ctx, by)
	if err != nil {
		return h, err
	}
	_, ring := s.ring.Keyring()
	lookup := ring.PersonLookup(may, radio.At(s.now()))
	fits := func(kid string) bool {
		i := slices.IndexFunc(ring.Persons, func(p trust.PersonKey) bool { return p.JWK.KID == kid })
		if i < 0 || ring.Persons[i].ID != by || !slices.Contains(chain, ring.Persons[i].Scope) {
			return false
		}
		_, err := lookup(kid)
		return err == nil
	}
	behind := func(kid string) int {
		if ring.EnoughForAlert([]string{kid}, chain) == nil {
			return 0
		}
		return 1
	}
	for _, row := range rows {
		if len(row.Sealed) > 0 && row.RevokedAt == 0 && fits(row.KID) {
			h.sealed = append(h.sealed, row)
		}
	}
	for _, p := range passkeys {
		if ring.RelyingParty != nil && fits(p.KID) {
			h.passkeys = append(h.passkeys, p)
		}
	}
	slices.SortStableFunc(h.sealed, func(a, b radio.PersonKeyRow) int { return behind(a.KID) - behind(b.KID) })
	slices.SortStableFunc(h.passkeys, func(a, b radio.Passkey) int { return behind(a.KID) - behind(b.KID) })
	return h, nil
}

// Ways says how a person can sign what a key for may signs in the place of chain.
func (s *Signers) Ways(ctx context.Context, by radio.UserID, may string, chain []radio.AreaID) (radio.SignWays, error) {
	h, err := s.holding(ctx, by, may, chain)
	if err != nil {
		return radio.SignWays{}, err
	}
	w := radio.SignWays{Password: len(h.sealed) > 0, Code: len(h.sealed) > 0 && s.code != nil}
	for _, p := range h.passkeys {
		w.Passkeys = append(w.Passkeys, radio.PasskeyName{KID: p.KID, Name: p.Name})
	}
	return w, nil
}

// noKey refuses who holds no key for what they want to sign.
func noKey() error {
	return radio.Refuse(radio.ErrForbidden, "Bạn chưa có khóa ký cho việc này ở địa bàn này. Hãy nhờ quản trị viên cấp khóa (loaxa key person add).",
		"you hold no key of the keyring for this and for this area: an administrator makes one with `loaxa key person add`")
}

// Ask prepares what a browser hands to the passkeys of a person, one for each that fits.
func (s *Signers) Ask(ctx context.Context, by radio.Person, what radio.Signing) ([]radio.PasskeyAsk, error) {
	h, err := s.holding(ctx, by.ID, what.May, what.Chain)
	if err != nil {
		return nil, err
	}
	if len(h.passkeys) == 0 {
		return nil, noKey()
	}
	at := radio.At(s.now())
	payload, err := what.Payload(by.ID, at)
	if err != nil {
		return nil, err
	}
	_, ring := s.ring.Keyring()
	var asks []radio.PasskeyAsk
	for _, p := range h.passkeys {
		req, err := trust.AskPasskey(what.Type, what.Audience, payload, p.KID)
		if err != nil {
			return nil, err
		}
		asks = append(asks, radio.PasskeyAsk{KID: p.KID, Credential: p.Credential, RelyingParty: ring.RelyingParty.ID,
			Challenge: base64.RawURLEncoding.EncodeToString(req.Challenge), At: at})
	}
	return asks, nil
}

// Sign gives a person's signature over the payload made for the instant at.
func (s *Signers) Sign(ctx context.Context, by radio.Person, what radio.Signing, with radio.SignWith) (sig trust.Signature, at radio.Millis, err error) {
	h, err := s.holding(ctx, by.ID, what.May, what.Chain)
	if err != nil {
		return sig, 0, err
	}
	if with.Passkey != nil {
		sig, err = s.answered(by, what, *with.Passkey, h.passkeys)
		return sig, with.Passkey.At, err
	}
	fit := slices.DeleteFunc(h.sealed, func(k radio.PersonKeyRow) bool { return with.KID != "" && with.KID != k.KID })
	switch {
	case len(fit) == 0 && len(h.passkeys) > 0:
		return sig, 0, radio.Refuse(radio.ErrForbidden, "Khóa ký của bạn là passkey; hãy bấm nút ký bằng passkey.", "your key is a passkey: sign with it")
	case len(fit) == 0:
		return sig, 0, noKey()
	}
	key, err := s.open(ctx, by, fit, with)
	if err != nil {
		return sig, 0, err
	}
	at = radio.At(s.now())
	payload, err := what.Payload(by.ID, at)
	if err != nil {
		return sig, 0, err
	}
	sig, err = trust.SignDetached(what.Type, what.Audience, payload, key)
	return sig, at, err
}

// open decrypts the first of a person's keys that opens with what they gave just now.
func (s *Signers) open(ctx context.Context, by radio.Person, rows []radio.PersonKeyRow, with radio.SignWith) (trust.Key, error) {
	select {
	case s.opening <- struct{}{}:
		defer func() { <-s.opening }()
	case <-ctx.Done():
		return trust.Key{}, ctx.Err()
	}
	if wait := s.patience.waiting(by, s.now()); wait > 0 {
		return trust.Key{}, locked{wait}
	}
	key, err := s.unsealOne(rows, with.Password)
	if errors.Is(err, trust.ErrPassword) {
		s.patience.failed(by, s.now())
		var e radio.Invalid
		e.Add("key_password", "mật khẩu của khóa ký không đúng", "the password does not open the key")
		return trust.Key{}, e.Err()
	}
	if err != nil {
		return trust.Key{}, err
	}
	// The code last: it counts once, and a mistyped password must not use it up.
	if s.code != nil {
		if err := s.code.CheckCode(ctx, by, with.Code); err != nil {
			if errors.Is(err, radio.ErrInvalid) {
				s.patience.failed(by, s.now())
			}
			return trust.Key{}, err
		}
	}
	s.patience.forgive(by)
	return key, nil
}

// unsealOne tries the keys in turn: each may have a password of its own.
func (s *Signers) unsealOne(rows []radio.PersonKeyRow, password string) (key trust.Key, err error) {
	for _, row := range rows {
		key, err = s.unseal(row.Sealed, password)
		if err == nil && key.KID() != row.KID {
			err = fmt.Errorf("%w: the key kept under %s is another one", radio.ErrInvalid, row.KID)
		}
		if !errors.Is(err, trust.ErrPassword) {
			return key, err
		}
	}
	return key, err
}

// answered proves a passkey's answer as a device will: the payload is made again for the
// instant of the ask, so that an answer to anything else does not hold.
func (s *Signers) answered(by radio.Person, what radio.Signing, a radio.PasskeyAnswer, passkeys []radio.Passkey) (trust.Signature, error) {
	var none trust.Signature
	if err := a.Check(); err != nil {
		return none, err
	}
	now := radio.At(s.now())
	switch {
	case a.At > now, now.Sub(a.At) > PasskeyAnswerLife:
		return none, radio.Refuse(radio.ErrConflict, "Lần ký này đã quá lâu. Hãy ký lại.", "this was asked too long ago: sign again")
	case !slices.ContainsFunc(passkeys, func(p radio.Passkey) bool { return p.KID == a.KID }):
		return none, noKey()
	}
	payload, err := what.Payload(by.ID, a.At)
	if err != nil {
		return none, err
	}
	req, err := trust.AskPasskey(what.Type, what.Audience, payload, a.KID)
	if err != nil {
		return none, err
	}
	sig := trust.Signature{Protected: req.Protected, Signature: a.Signature, WebAuthn: &a.Assertion}
	env, err := trust.Wrap(payload, sig)
	if err != nil {
		return none, err
	}
	_, ring := s.ring.Keyring()
	if _, _, err := trust.Open(env, what.Type, what.Audience, len(payload), ring.PersonLookup(what.May, a.At)); err != nil {
		return none, radio.Refuse(radio.ErrConflict, "Chữ ký của passkey không khớp với nội dung bây giờ: nội dung vừa thay đổi, hoặc trang này mở ở địa chỉ khác. Hãy tải lại trang, đọc kỹ rồi ký lại.",
			"the passkey did not sign what is here now (it has changed, or this page stands under another address): read it again and sign ("+err.Error()+")")
	}
	return sig, nil
}
