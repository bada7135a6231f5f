package radio

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Span is a stretch of a sound that was played, in milliseconds from its beginning.
type Span struct {
	From int64 `json:"from_ms"`
	To   int64 `json:"to_ms"`
}

const (
	// MaxSpans bounds the stretches of one report, and those kept of one listener.
	MaxSpans = 200
	// heardPercent of a sound count as having listened to the end: players report the
	// last moments of a stretch a little late.
	heardPercent = 98
	// joinMS: two stretches this near to each other are one.
	joinMS = 250
)

// Listening is what one person has heard of one bulletin version's audio.
//
// It counts as heard to the end when at least 98 % of the length was played and at
// least as much time has passed since the first report as the sound is long, by the
// centre's clock. Played faster it may be; the time must have passed all the same, so
// that no program can claim in a second to have listened.
type Listening struct {
	Person   UserID     `json:"person"`
	Bulletin BulletinID `json:"bulletin"`
	Version  int        `json:"version"`
	SHA256   SHA256     `json:"sha256"` // of the main rendition
	FirstAt  Millis     `json:"first_at,omitempty"`
	LastAt   Millis     `json:"last_at,omitempty"`
	Spans    []Span     `json:"spans"` // in order, apart from each other
}

// Heard adds a report to what is known. Stretches that cannot be are refused, not cut:
// they tell of a broken player.
func (l Listening) Heard(spans []Span, length time.Duration, now Millis) (Listening, error) {
	if len(spans) > MaxSpans {
		return l, fmt.Errorf("%w: %d stretches, at most %d", ErrInvalid, len(spans), MaxSpans)
	}
	end := length.Milliseconds() + 1000 // a decoder may count its own delay
	for _, s := range spans {
		if s.From < 0 || s.To < s.From || s.To > end {
			return l, fmt.Errorf("%w: a stretch from %d to %d ms of %d ms", ErrInvalid, s.From, s.To, length.Milliseconds())
		}
	}
	if l.FirstAt == 0 {
		l.FirstAt = now
	}
	l.LastAt = max(l.LastAt, now)
	all := slices.Concat(l.Spans, spans)
	slices.SortFunc(all, func(a, b Span) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	l.Spans = []Span{}
	for _, s := range all {
		if n := len(l.Spans); n > 0 && s.From <= l.Spans[n-1].To+joinMS {
			l.Spans[n-1].To = max(l.Spans[n-1].To, s.To)
			continue
		}
		l.Spans = append(l.Spans, s)
	}
	if len(l.Spans) > MaxSpans {
		// Who skips about this much has not listened; the longest stretches are kept.
		slices.SortFunc(l.Spans, func(a, b Span) int { return cmp.Compare(b.To-b.From, a.To-a.From) })
		l.Spans = l.Spans[:MaxSpans]
		slices.SortFunc(l.Spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	}
	return l, nil
}

// Complete says whether a sound of this length has been listened to. wait is how long
// the clock still has to run when only that is missing.
func (l Listening) Complete(length time.Duration, now Millis) (done bool, wait time.Duration) {
	if l.FirstAt == 0 {
		return false, 0
	}
	var heard int64
	for _, s := range l.Spans {
		heard += min(s.To, length.Milliseconds()) - min(s.From, length.Milliseconds())
	}
	if heard*100 < length.Milliseconds()*heardPercent {
		return false, 0
	}
	wait = max(length-now.Sub(l.FirstAt), 0)
	return wait == 0, wait
}

// Percent of the sound that was played, rounded down.
func (l Listening) Percent(length time.Duration) int {
	var heard int64
	for _, s := range l.Spans {
		heard += s.To - s.From
	}
	return int(min(100*heard/max(length.Milliseconds(), 1), 100))
}

// Hearing is what a listener is told.
type Hearing struct {
	Percent int  `json:"percent"` // of the sound that was played
	Done    bool `json:"done"`    // it counts as heard to the end
	// WaitMS is how long the clock still has to run when only that is missing.
	WaitMS int64 `json:"wait_ms,omitempty"`
}

// Hearing sums up what was heard of a sound of this length.
func (l Listening) Hearing(length time.Duration, now Millis) Hearing {
	done, wait := l.Complete(length, now)
	return Hearing{Percent: l.Percent(length), Done: done, WaitMS: wait.Milliseconds()}
}

// NotHeard refuses an approval by somebody who has not listened to the end; it is an
// ErrConflict.
type NotHeard struct {
	Percent int           // of the sound that was played
	Wait    time.Duration // only this much time is missing
}

// Error says what to do next.
func (e *NotHeard) Error() string {
	if e.Wait > 0 {
		return fmt.Sprintf("conflict: listening takes as long as the sound: %s to go", e.Wait.Round(time.Second))
	}
	return fmt.Sprintf("conflict: listen to the end first: %d %% heard so far", e.Percent)
}

// Is makes errors.Is(err, ErrConflict) true.
func (e *NotHeard) Is(target error) bool { return target == ErrConflict }
