package radio

import (
	"fmt"
	"sync"
	"time"
)

// Quota bounds how often one person does a thing within a span of time: a stolen session,
// or a slip of a program, does not keep loudspeakers sounding. It rests in memory. Safe for
// concurrent use; its zero value lets nothing through.
type Quota struct {
	Most int
	Per  time.Duration
	// VI and EN name the thing, in the middle of a sentence.
	VI, EN string

	mu   sync.Mutex
	done map[UserID][]time.Time
}

// mostCounted bounds the people remembered; only who has done it lately is.
const mostCounted = 10_000

// Take counts one more of a person, or refuses with *TooOften and counts nothing.
func (q *Quota) Take(by UserID, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.done == nil {
		q.done = map[UserID][]time.Time{}
	}
	recent := q.recent(by, now)
	if len(recent) >= q.Most {
		wait := q.Per
		if len(recent) > 0 {
			wait = recent[0].Add(q.Per).Sub(now)
		}
		return &TooOften{Most: q.Most, Per: q.Per, VI: q.VI, EN: q.EN, Wait: wait}
	}
	if len(q.done) >= mostCounted {
		for id := range q.done {
			if len(q.recent(id, now)) == 0 {
				delete(q.done, id)
			}
		}
	}
	q.done[by] = append(recent, now)
	return nil
}

// GiveBack takes the newest one back: it came to nothing after all.
func (q *Quota) GiveBack(by UserID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.done[by]); n > 0 {
		q.done[by] = q.done[by][:n-1]
	}
}

// recent are those that still count. A clock that was set back makes none count longer
// than the span.
func (q *Quota) recent(by UserID, now time.Time) []time.Time {
	var out []time.Time
	for _, at := range q.done[by] {
		if age := now.Sub(at); age < q.Per && age > -q.Per {
			out = append(out, at)
		}
	}
	return out
}

// TooOften refuses what a person did as often as they may for now; it is an
// ErrUnavailable.
type TooOften struct {
	Most   int
	Per    time.Duration
	VI, EN string
	Wait   time.Duration
}

func (t *TooOften) Error() string {
	return fmt.Sprintf("%v: one person does this (%s) at most %d times in %s; wait %s", ErrUnavailable, t.EN, t.Most, t.Per, t.Wait.Round(time.Second))
}

// Is makes errors.Is(err, ErrUnavailable) true.
func (t *TooOften) Is(target error) bool { return target == ErrUnavailable }

// RetryAfter is when the next one is let through.
func (t *TooOften) RetryAfter() time.Duration { return t.Wait }

// Crowded: it is the person's own doing.
func (t *TooOften) Crowded() bool { return false }

// Vietnamese is what a Vietnamese reader is told.
func (t *TooOften) Vietnamese() string {
	return fmt.Sprintf("Mỗi người chỉ được %s tối đa %d lần trong %d phút. Hãy chờ %d phút nữa.", t.VI, t.Most, int(t.Per.Minutes()), int(t.Wait.Minutes())+1)
}
