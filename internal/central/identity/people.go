package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/time/rate"

	"loaxa/internal/radio"
)

// cost is what a new password's hash costs. A hash carries its own.
type cost struct {
	time, memory uint32 // memory in KiB
	lanes        uint8
}

// argonCost: RFC 9106's second recommendation, for memory-constrained places, is t=3,
// 64 MiB; the number of lanes is the centre's two cores.
func argonCost() cost { return cost{time: 3, memory: 64 << 10, lanes: 2} }

const (
	argonKeyLen  = 32
	argonSaltLen = 16
)

// SessionLife is how long a session lasts.
const SessionLife = 12 * time.Hour

func person(a radio.Account) radio.Person {
	return radio.Person{ID: a.ID, Login: a.Login, Name: a.Name, Grants: a.Grants}
}

// Keeper keeps the people, in all its parts.
type Keeper interface {
	Accounts
	Directory
	Rights
	Invitations
	Sessions
	Tokens
	SecondFactors
	SecondResets
}

// Accounts keeps passwords and sign-ins.
type Accounts interface {
	AddPerson(ctx context.Context, a radio.Account, actor string) error
	SetPassword(ctx context.Context, login, hash, actor string, at radio.Millis) error
	PersonByLogin(ctx context.Context, login string) (radio.Account, error)
	AddSession(ctx context.Context, tokenHash string, person radio.UserID, at, expires radio.Millis) error
	SessionPerson(ctx context.Context, tokenHash string, now radio.Millis) (radio.Account, error)
	EndSession(ctx context.Context, tokenHash string) error
}

// People logs persons in and out, and lets administrators manage them. Safe for
// concurrent use.
type People struct {
	accounts Keeper
	now      func() time.Time
	cost     cost
	// hashing bounds the memory of password checks, guard their number.
	hashing *gate
	guard   guard
	// second bounds tries of codes, seal hides their secrets; half are those who have shown
	// a password and owe a code.
	second guard
	trying chan struct{} // one code at a time
	seal   seal
	half   halves
	// founder has made the first account of this process.
	founder founder
	// emailOpens: a service's word about an e-mail address signs its person in.
	emailOpens atomic.Bool

	// codes bounds how often strangers may show codes.
	codes *rate.Limiter
}

// NewPeople stores what it is given; keys is the centre's key folder.
func NewPeople(accounts Keeper, keys string, now func() time.Time) *People {
	return newPeople(accounts, keys, now, argonCost())
}

func newPeople(accounts Keeper, keys string, now func() time.Time, c cost) *People {
	return &People{accounts: accounts, now: now, cost: c, hashing: newGate(gateSlots, gateMost, gateShare), guard: guard{fails: map[string]failure{}},
		second: guard{fails: map[string]failure{}}, trying: make(chan struct{}, 1), seal: seal{keys}, half: halves{open: map[string]half{}},
		// 128 bits of code need no limit; the store and argon2 do.
		codes: rate.NewLimiter(10, 40)}
}

// Add makes an account. There are no default accounts and no default passwords.
func (p *People) Add(ctx context.Context, login, name, password string, grants []radio.Grant, actor string) (radio.Person, error) {
	var e radio.Invalid
	checkLogin(&e, login)
	profile := checkProfile(&e, radio.Profile{Name: name})
	checkNewPassword(&e, password, login, name)
	grants, err := p.checkGrants(ctx, &e, grants)
	if err != nil {
		return radio.Person{}, err
	}
	if err := e.Err(); err != nil {
		return radio.Person{}, err
	}
	hash, err := p.cost.hash(password)
	if err != nil {
		return radio.Person{}, err
	}
	a := radio.Account{ID: radio.NewID[radio.UserID](), Login: login, Name: profile.Name, PasswordHash: hash, CreatedAt: radio.At(p.now()), Grants: grants}
	if err := p.accounts.AddPerson(ctx, a, actor); errors.Is(err, radio.ErrConflict) {
		return radio.Person{}, fmt.Errorf("%w: there is an account %s already", radio.ErrConflict, login)
	} else if err != nil {
		return radio.Person{}, err
	}
	return person(a), nil
}

// SetPassword replaces a forgotten password and ends every session, code and token of
// the person.
func (p *People) SetPassword(ctx context.Context, login, password, actor string) error {
	a, err := p.accounts.PersonByLogin(ctx, login)
	if err != nil {
		return err
	}
	hash, err := p.newHash(ctx, password, a, "command")
	if err != nil {
		return err
	}
	return p.accounts.SetPassword(ctx, login, hash, actor, radio.At(p.now()))
}

// ErrLogin says that login or password is wrong, without telling which.
var ErrLogin = fmt.Errorf("%w: wrong login or password", radio.ErrForbidden)

// ErrLocked says that a login waits after too many wrong passwords. The error that
// wraps it tells by RetryAfter how long.
var ErrLocked = fmt.Errorf("%w: too many wrong passwords", radio.ErrUnavailable)

type locked struct{ wait time.Duration }

func (l locked) Error() string {
	return fmt.Sprintf("%v, wait %s", ErrLocked, l.wait.Round(time.Second))
}
func (l locked) Unwrap() error             { return ErrLocked }
func (l locked) RetryAfter() time.Duration { return l.wait }

// Login checks a password and opens a session. Who gives wrong ones waits, twice as long
// each time (see guard): ErrLocked. *radio.Busy when too many sign in at once.
func (p *People) Login(ctx context.Context, try radio.SignIn) (radio.SignedIn, error) {
	none := radio.SignedIn{}
	a, err := p.accounts.PersonByLogin(ctx, try.Login)
	if err != nil && !errors.Is(err, radio.ErrNotFound) {
		return none, err
	}
	// Who was invited and has no password yet must not answer faster.
	known := err == nil && a.DisabledAt == 0 && a.PasswordHash != ""
	hash := a.PasswordHash
	if !known {
		hash = p.cost.decoy()
	}
	from := fromDevice(try.Login, knownDevice(try.Device, a), try.Address)
	if wait := p.guard.waiting(from, p.now()); wait > 0 {
		return none, locked{wait}
	}
	ok, err := p.check(ctx, hash, try.Password, try.Address)
	if err != nil {
		return none, err
	}
	if wait := p.guard.waiting(from, p.now()); wait > 0 {
		// Others guessed while this one waited for its turn: no guess counts now.
		return none, locked{wait}
	}
	if !ok || !known {
		p.guard.failed(from, p.now())
		return none, ErrLogin
	}
	p.guard.forgive(from)
	return p.proven(ctx, a, from, try.Code)
}

// proven is who has shown the password of an account, or another's word for it: with a
// second factor they owe a code of it, given at once or for the ticket. from counts the
// wrong ones.
func (p *People) proven(ctx context.Context, a radio.Account, from guess, code string) (radio.SignedIn, error) {
	f, err := p.secondOf(ctx, a.ID)
	if err != nil {
		return radio.SignedIn{}, err
	}
	switch {
	case f.Sealed == "":
		return p.open(ctx, a)
	case code == "":
		ticket, err := p.half.add(half{a.ID, a.PasswordHash, from, p.now().Add(halfLife)}, p.now())
		return radio.SignedIn{Ticket: ticket}, err
	}
	if err := p.checkCode(ctx, a.ID, from, code); err != nil {
		return radio.SignedIn{}, err
	}
	return p.open(ctx, a)
}

// open opens a session and makes the device known.
func (p *People) open(ctx context.Context, a radio.Account) (radio.SignedIn, error) {
	in := radio.SignedIn{Person: person(a)}
	var err error
	if in.Session, err = secret(); err != nil {
		return radio.SignedIn{}, err
	}
	if in.Device, err = newDevice(a); err != nil {
		return radio.SignedIn{}, err
	}
	now := p.now()
	if err := p.accounts.AddSession(ctx, tokenHash(in.Session), a.ID, radio.At(now), radio.At(now.Add(SessionLife))); err != nil {
		return radio.SignedIn{}, err
	}
	return in, nil
}

// Session finds the person of a cookie's token.
func (p *People) Session(ctx context.Context, token string) (radio.Person, error) {
	if len(token) != 43 {
		return radio.Person{}, fmt.Errorf("session: %w", radio.ErrNotFound)
	}
	hash := tokenHash(token)
	a, err := p.accounts.SessionPerson(ctx, hash, radio.At(p.now()))
	who := person(a)
	who.Session = hash
	return who, err
}

// secret gives 32 random bytes in base64url.
func secret() (string, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// check compares a password with a hash, when it is the address's turn.
func (p *People) check(ctx context.Context, hash, password, address string) (bool, error) {
	leave, err := p.hashing.enter(ctx, address)
	if err != nil {
		return false, err
	}
	defer leave()
	return len(password) <= maxPassword && checkPassword(hash, password), nil
}

// Logout ends a session.
func (p *People) Logout(ctx context.Context, token string) error {
	return p.accounts.EndSession(ctx, tokenHash(token))
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// decoy lets an unknown login take as long as a known one.
func (c cost) decoy() string { return c.encode(make([]byte, argonSaltLen), make([]byte, argonKeyLen)) }

func (c cost) hash(password string) (string, error) {
	salt := make([]byte, argonSaltLen)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make a salt: %w", err)
	}
	return c.encode(salt, argon2.IDKey(passwordBytes(password), salt, c.time, c.memory, c.lanes, argonKeyLen)), nil
}

func (c cost) encode(salt, sum []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.time, c.lanes,
		b64.EncodeToString(salt), b64.EncodeToString(sum))
}

// passwordBytes: keyboards differ in how they write Vietnamese letters (NFC or NFD);
// the same word must be the same password.
func passwordBytes(password string) []byte { return norm.NFC.Bytes([]byte(password)) }

func checkPassword(hash, password string) bool {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	var m, t uint32
	var lanes uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &m, &t, &lanes); err != nil || m > 1<<20 || t > 20 || lanes == 0 {
		return false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(want) == 0 {
		return false
	}
	got := argon2.IDKey(passwordBytes(password), salt, t, m, lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}
