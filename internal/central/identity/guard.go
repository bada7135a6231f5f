package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// How long a login waits after wrong passwords (NIST SP 800-63B §5.2.2; OWASP "Slow down
// online guessing attacks with device cookies").
//
// Each device or address has its own count for a login: who guesses makes only themselves
// wait. A device on which the person has signed in before is known by its cookie. All
// others count together once more, so that many addresses do not add up to many guesses;
// that wait does not touch a known device, and so a stranger cannot keep the owner out. An
// owner with a new device while somebody guesses asks an administrator for a new link:
// setting a password makes the device known.
//
// NIST's hard end after 100 wrong passwords is not taken over: any stranger could bring it
// about. From the 27th on the strangers of a login have one guess an hour.
const (
	ownTries       = 5
	ownWait        = time.Second
	ownMost        = 15 * time.Minute
	strangersTries = 20
	strangersWait  = 30 * time.Second
	strangersMost  = time.Hour
	// forgetAfter so long without a wrong password a count begins anew.
	forgetAfter = 24 * time.Hour
	// mostCounts bounds the memory: about 2 MB.
	mostCounts = 10_000
)

// failure is one count of wrong passwords.
type failure struct {
	count       int
	until, last time.Time
}

// limit is the patience with those who count together.
type limit struct {
	tries       int
	first, most time.Duration
}

// strangersLimit is told above. With codes of a second factor each session has its own
// count; all sessions of a person together wait only shortly, because the person waits too,
// and only after more tries than one session can make while that lasts.
var (
	strangersLimit = limit{strangersTries, strangersWait, strangersMost}
	sessionsLimit  = limit{100, time.Second, time.Minute}
)

// guard counts wrong passwords, or codes. Safe for concurrent use.
type guard struct {
	mu    sync.Mutex
	fails map[string]failure
}

// guess is one try of a password, as the guard sees it.
type guess struct {
	own string // count of the device, or of the address
	all string // count of everybody unknown; "" for a known device
	// together is the patience with all.
	together limit
}

// fromDevice is a guess at a login by a known device or, without one, from an address.
func fromDevice(login, device, address string) guess {
	if device != "" {
		return guess{own: login + "\x00device\x00" + device}
	}
	return guess{own: login + "\x00address\x00" + address, all: login + "\x00all", together: strangersLimit}
}

// inSession is a guess at the own password by somebody who is signed in.
func inSession(login string) guess { return guess{own: login + "\x00session"} }

// codeInSession is a try of a code by somebody who is signed in.
func codeInSession(by radio.Person) guess {
	return guess{own: string(by.ID) + "\x00session\x00" + by.Session, all: string(by.ID) + "\x00sessions", together: sessionsLimit}
}

// waiting is how long this guess must wait, 0 or less when it may be made.
func (g *guard) waiting(x guess, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	wait := g.fails[x.own].until.Sub(now)
	if x.all != "" {
		wait = max(wait, g.fails[x.all].until.Sub(now))
	}
	return wait
}

// forgive forgets the wrong passwords of who has now given the right one, and nobody
// else's.
func (g *guard) forgive(x guess) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.fails, x.own)
}

func (g *guard) failed(x guess, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count(x.own, now, ownTries, ownWait, ownMost)
	if x.all != "" {
		g.count(x.all, now, x.together.tries, x.together.first, x.together.most)
	}
}

// count notes one more; from the tries-th on it waits, twice as long each time.
func (g *guard) count(key string, now time.Time, tries int, first, most time.Duration) {
	f, known := g.fails[key]
	if now.Sub(f.last) >= forgetAfter {
		f = failure{}
	}
	if !known && len(g.fails) >= mostCounts {
		g.makeRoom(now)
	}
	f.last = now
	if f.count++; f.count >= tries {
		f.until = now.Add(min(first<<min(f.count-tries, 10), most))
	}
	g.fails[key] = f
}

// makeRoom drops what is to be forgotten, or else the smallest count: whoever floods the
// memory with invented logins pushes out their own.
func (g *guard) makeRoom(now time.Time) {
	least, at := "", failure{}
	for key, f := range g.fails {
		if now.Sub(f.last) >= forgetAfter {
			delete(g.fails, key)
			continue
		}
		if least == "" || f.count < at.count || f.count == at.count && f.last.Before(at.last) {
			least, at = key, f
		}
	}
	if len(g.fails) >= mostCounts {
		delete(g.fails, least)
	}
}

// A device's cookie is a number and a seal of it for the account. The seal's key is the
// password's hash, whose salt nobody outside knows: nothing more has to be kept, and a new
// password makes every device a stranger again.
const deviceNumberLen = 16

func sealDevice(number []byte, a radio.Account) []byte {
	m := hmac.New(sha256.New, []byte(a.PasswordHash))
	m.Write([]byte("loaxa device " + a.Login + "\x00"))
	m.Write(number)
	return m.Sum(nil)
}

// newDevice makes the cookie of a device on which the account's person has just proved
// who they are.
func newDevice(a radio.Account) (string, error) {
	number := make([]byte, deviceNumberLen)
	if _, err := rand.Read(number); err != nil {
		return "", fmt.Errorf("make a device's number: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(append(number, sealDevice(number, a)...)), nil
}

// knownDevice gives the number in a cookie of this account, "" when it is none.
func knownDevice(cookie string, a radio.Account) string {
	if a.PasswordHash == "" || len(cookie) > 100 {
		return ""
	}
	b, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil || len(b) != deviceNumberLen+sha256.Size || !hmac.Equal(b[deviceNumberLen:], sealDevice(b[:deviceNumberLen], a)) {
		return ""
	}
	return string(b[:deviceNumberLen])
}
