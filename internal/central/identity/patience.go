package identity

import (
	"time"

	"loaxa/internal/radio"
)

// Patience with wrong passwords and codes of keys, as at the sign-in: each session of a
// person has its own count, so that who has stolen one keeps only that one waiting, and
// the person signs in anew and signs. All sessions of a person count together once more,
// against who can open many. That wait stays short, because the person waits too, and more
// wrong passwords lead to it than one session can try while it lasts.
const (
	signTries = 100
	signWait  = time.Second
	signMost  = time.Minute
)

// patience counts what did not open keys. Safe for concurrent use.
type patience struct{ guard guard }

// signing is a guess at a key's password in one session of a person.
func signing(by radio.Person) guess {
	return guess{own: string(by.ID) + "\x00session\x00" + by.Session, all: string(by.ID) + "\x00all"}
}

func (p *patience) waiting(by radio.Person, now time.Time) time.Duration {
	return p.guard.waiting(signing(by), now)
}

func (p *patience) failed(by radio.Person, now time.Time) {
	p.guard.mu.Lock()
	defer p.guard.mu.Unlock()
	x := signing(by)
	p.guard.count(x.own, now, ownTries, ownWait, ownMost)
	p.guard.count(x.all, now, signTries, signWait, signMost)
}

// forgive forgets the wrong passwords of a session that has now given the right one, and
// nobody else's.
func (p *patience) forgive(by radio.Person) { p.guard.forgive(signing(by)) }
