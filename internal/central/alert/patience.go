package alert

import (
	"fmt"
	"maps"
	"time"

	"loaxa/internal/radio"
)

// Patience with wrong passwords of keys, as at the sign-in: each session of a person has
// its own count, so that who has stolen one keeps only that one waiting, and the person
// signs in anew and signs. All sessions of a person count together once more, against who
// can open many. That wait stays short, because the person waits too, and more wrong
// passwords lead to it than one session can try while it lasts.
const (
	freeTries   = 5
	longest     = 15 * time.Minute
	allTries    = 100
	allLongest  = time.Minute
	forgetAfter = 24 * time.Hour
)

// guesser is a person in one of their sessions, or in all of them.
type guesser struct {
	person  radio.UserID
	session string
	all     bool
}

type failure struct {
	count       int
	until, last time.Time
}

// locked says that a person waits after too many wrong passwords.
type locked struct{ wait time.Duration }

func (l locked) Error() string {
	return fmt.Sprintf("%v: too many wrong passwords, wait %s", radio.ErrUnavailable, l.wait.Round(time.Second))
}
func (l locked) Unwrap() error             { return radio.ErrUnavailable }
func (l locked) RetryAfter() time.Duration { return l.wait }

func own(by radio.Person) guesser { return guesser{person: by.ID, session: by.Session} }
func all(by radio.Person) guesser { return guesser{person: by.ID, all: true} }

func (d *Desk) waiting(by radio.Person) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	return max(d.fails[own(by)].until.Sub(now), d.fails[all(by)].until.Sub(now))
}

func (d *Desk) failed(by radio.Person) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	// Only who holds a key and a session comes here: the counts stay few.
	maps.DeleteFunc(d.fails, func(_ guesser, f failure) bool { return now.Sub(f.last) >= forgetAfter })
	d.count(own(by), now, freeTries, longest)
	d.count(all(by), now, allTries, allLongest)
}

// count notes one more; from the tries-th on it waits, twice as long each time.
func (d *Desk) count(g guesser, now time.Time, tries int, most time.Duration) {
	f := d.fails[g]
	f.last = now
	if f.count++; f.count >= tries {
		f.until = now.Add(min(time.Second<<min(f.count-tries, 10), most))
	}
	d.fails[g] = f
}

// forgive forgets the wrong passwords of a session that has now given the right one, and
// nobody else's.
func (d *Desk) forgive(by radio.Person) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.fails, own(by))
}
