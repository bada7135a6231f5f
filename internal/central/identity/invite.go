package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// How long the code of a new account, and that of a reset, can be used.
const (
	InviteLife = 7 * 24 * time.Hour
	ResetLife  = 24 * time.Hour
)

// Invitations keeps the codes with which people set their passwords.
type Invitations interface {
	InvitePerson(ctx context.Context, a radio.Account, i radio.Invitation) error
	// ResetPerson takes the password away and ends sessions, tokens and earlier codes.
	ResetPerson(ctx context.Context, i radio.Invitation) error
	InvitedPerson(ctx context.Context, secretHash string, now radio.Millis) (radio.Account, error)
	// AcceptInvitation uses up the code and sets the password, in one transaction.
	AcceptInvitation(ctx context.Context, secretHash, passwordHash string, now radio.Millis) error
}

// Invite makes an account without a password. The code, with which its person sets one,
// is told once; only its hash is kept.
func (p *People) Invite(ctx context.Context, by radio.Person, login string, profile radio.Profile, grants []radio.Grant) (radio.Account, radio.Pass, error) {
	var none radio.Account
	tree, err := p.tree(ctx)
	if err != nil {
		return none, radio.Pass{}, err
	}
	var e radio.Invalid
	checkLogin(&e, login)
	profile = checkProfile(&e, profile)
	grants = checkGrants(&e, grants, tree)
	if err := e.Err(); err != nil {
		return none, radio.Pass{}, err
	}
	if !by.Covers(radio.WritePeople, grants, tree) {
		return none, radio.Pass{}, beyondArea()
	}
	a := radio.Account{ID: radio.NewID[radio.UserID](), Login: login, Name: profile.Name, Email: profile.Email, Phone: profile.Phone,
		CreatedAt: radio.At(p.now()), Grants: grants}
	pass, kept, err := p.newCode(by, a.ID, InviteLife)
	if err != nil {
		return none, pass, err
	}
	if err := p.accounts.InvitePerson(ctx, a, kept); errors.Is(err, radio.ErrConflict) {
		return none, radio.Pass{}, radio.Refuse(radio.ErrConflict, "Tên đăng nhập "+login+" đã có người dùng.", "there is an account "+login+" already")
	} else if err != nil {
		return none, radio.Pass{}, err
	}
	return a, pass, nil
}

// Reset takes a person's password away and gives the code for a new one. Sessions and
// tokens end: whoever else knew the password is out. An account that never had a
// password gets as long as a new one.
func (p *People) Reset(ctx context.Context, by radio.Person, id radio.UserID) (radio.Account, radio.Pass, error) {
	a, _, err := p.another(ctx, by, id)
	if err != nil {
		return a, radio.Pass{}, err
	}
	life := ResetLife
	if a.PasswordHash == "" {
		life = InviteLife
	}
	pass, kept, err := p.newCode(by, id, life)
	if err != nil {
		return a, pass, err
	}
	if err := p.accounts.ResetPerson(ctx, kept); err != nil {
		return a, radio.Pass{}, err
	}
	return a, pass, nil
}

func (p *People) newCode(by radio.Person, id radio.UserID, life time.Duration) (radio.Pass, radio.Invitation, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return radio.Pass{}, radio.Invitation{}, fmt.Errorf("make a code: %w", err)
	}
	// The form of an id: it can be read over the telephone.
	code, now := radio.IDFromBytes[string](b), p.now()
	pass := radio.Pass{Code: code, ExpiresAt: radio.At(now.Add(life))}
	return pass, radio.Invitation{SecretHash: codeHash(code), Person: id, CreatedBy: actor(by), CreatedAt: radio.At(now), ExpiresAt: pass.ExpiresAt}, nil
}

func codeHash(code string) string { return tokenHash("loaxa invite " + code) }

// crowded says that strangers show too many codes at once.
type crowded struct{}

func (crowded) Error() string             { return "too many codes are tried" }
func (crowded) Unwrap() error             { return radio.ErrUnavailable }
func (crowded) RetryAfter() time.Duration { return 5 * time.Second }

// Invited tells whose code it is. A code that is unknown, used, ended or no code at all
// gives the same ErrNotFound.
func (p *People) Invited(ctx context.Context, code string) (radio.Person, error) {
	a, err := p.invited(ctx, code)
	return radio.Person{Login: a.Login, Name: a.Name}, err
}

func (p *People) invited(ctx context.Context, code string) (radio.Account, error) {
	if !p.codes.AllowN(p.now(), 1) {
		return radio.Account{}, crowded{}
	}
	code = spoken(code)
	if !radio.ValidID(code) {
		return radio.Account{}, fmt.Errorf("invitation: %w", radio.ErrNotFound)
	}
	a, err := p.accounts.InvitedPerson(ctx, codeHash(code), radio.At(p.now()))
	if errors.Is(err, radio.ErrNotFound) {
		err = fmt.Errorf("invitation: %w", radio.ErrNotFound)
	}
	return a, err
}

// spoken reads a code as people copy it: small letters, spaces and hyphens between.
func spoken(code string) string {
	if len(code) > 100 {
		return ""
	}
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(code))
}

// Accept sets the password that the invited person chose, and uses up the code. It opens
// no session; the device is known from now on.
func (p *People) Accept(ctx context.Context, code, password, address string) (radio.SignedIn, error) {
	none := radio.SignedIn{}
	a, err := p.invited(ctx, code)
	if err != nil {
		return none, err
	}
	if a.PasswordHash, err = p.newHash(ctx, password, a, address); err != nil {
		return none, err
	}
	if err := p.accounts.AcceptInvitation(ctx, codeHash(spoken(code)), a.PasswordHash, radio.At(p.now())); err != nil {
		return none, err
	}
	device, err := newDevice(a)
	return radio.SignedIn{Person: person(a), Device: device}, err
}
