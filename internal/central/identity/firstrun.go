package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"loaxa/internal/radio"
)

// FirstCodeLife is how long the code of the first run works.
const FirstCodeLife = time.Hour

// FirstKeeper keeps the first account (store).
type FirstKeeper interface {
	// Nobody says whether there is no account at all.
	Nobody(ctx context.Context) (bool, error)
	// AddFirstPerson is AddPerson while there is nobody; ErrConflict otherwise.
	AddFirstPerson(ctx context.Context, a radio.Account, actor string) error
}

// FirstRun lets who holds one code, told once by the program that serves, make the first
// account of an empty centre. Only the code's hash is kept, in memory. Safe for concurrent
// use.
type FirstRun struct {
	people *People
	keeper FirstKeeper
	tries  *rate.Limiter

	mu    sync.Mutex
	hash  string // "" when it was used
	until time.Time
}

// NewFirstRun makes the code. The caller tells it to whoever started the centre, and to
// no log.
func NewFirstRun(people *People, keeper FirstKeeper) (*FirstRun, string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, "", fmt.Errorf("make the code of the first run: %w", err)
	}
	code := radio.IDFromBytes[string](b)
	return &FirstRun{people: people, keeper: keeper, hash: firstHash(code), until: people.now().Add(FirstCodeLife),
		// 128 bits of code need no limit; the store and argon2 do.
		tries: rate.NewLimiter(1, 10)}, code, nil
}

func firstHash(code string) string { return tokenHash("loaxa first run " + code) }

func noFirst() error { return fmt.Errorf("code of the first run: %w", radio.ErrNotFound) }

// FirstCode gives the same ErrNotFound for a code that is wrong, used or ended, and when
// somebody exists.
func (f *FirstRun) FirstCode(ctx context.Context, code string) error {
	if !f.tries.AllowN(f.people.now(), 1) {
		return crowded{}
	}
	if !f.holds(code) {
		return noFirst()
	}
	nobody, err := f.keeper.Nobody(ctx)
	if err == nil && !nobody {
		err = noFirst()
	}
	return err
}

func (f *FirstRun) holds(code string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := firstHash(spoken(code))
	return f.hash != "" && f.people.now().Before(f.until) && subtle.ConstantTimeCompare([]byte(got), []byte(f.hash)) == 1
}

// MakeFirst makes the first administrator of the whole province, and uses the code up.
func (f *FirstRun) MakeFirst(ctx context.Context, code, login, name, password, address string) (radio.Person, error) {
	if !f.holds(code) {
		return radio.Person{}, noFirst()
	}
	var e radio.Invalid
	checkLogin(&e, login)
	profile := checkProfile(&e, radio.Profile{Name: name})
	checkNewPassword(&e, password, login, name)
	if err := e.Err(); err != nil {
		return radio.Person{}, err
	}
	a := radio.Account{ID: radio.NewID[radio.UserID](), Login: login, Name: profile.Name, CreatedAt: radio.At(f.people.now()),
		Grants: []radio.Grant{{Role: radio.RoleAdmin, Area: radio.Everywhere}}}
	var err error
	if a.PasswordHash, err = f.people.newHash(ctx, password, a, address); err != nil {
		return radio.Person{}, err
	}
	if err := f.keeper.AddFirstPerson(ctx, a, string(a.ID)); errors.Is(err, radio.ErrConflict) {
		return radio.Person{}, noFirst() // somebody was faster
	} else if err != nil {
		return radio.Person{}, err
	}
	f.mu.Lock()
	f.hash = ""
	f.mu.Unlock()
	f.people.founder.is(a.ID, f.people.now().Add(FirstCodeLife))
	return person(a), nil
}

// Ended says whether the code works no more, though nobody has used it.
func (f *FirstRun) Ended() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.people.now().Before(f.until)
}
