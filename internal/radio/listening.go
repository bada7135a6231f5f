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
	// catchUp, in percent: so much sound is believed of the time since the last report.
	// What is above 100 is for reports that a weak link delays, not for playing faster.
	catchUp = 125
	// mostBetween is the longest time between two reports that counts. The page reports
	// every 10 s; who is silent for longer tells nothing of what was heard meanwhile.
	mostBetween = time.Minute
	// firstMS is believed of the first report, which the page sends as it begins to play.
	firstMS = 1000
)

// Listening is what one person has heard of one bulletin version's audio.
//
// It counts as heard to the end when at least 98 % of the length was played and at
// least as much time has passed since the first report as the sound is long, by the
// centre's clock. Each report is believed for as much new sound as could be heard since
// the one before it: to wait and then to claim all does not help. What is not believed
// yet may be claimed again, so that a listener whose link failed need only stay on the
// page. Played faster it may be; it still takes its time.
//
// What this cannot tell: a program with the person's session that reports in real time,
// for as long as the sound lasts, from a person with a browser.
type Listening struct {
	Person   UserID     `json:"person"`
	Bulletin BulletinID `json:"bulletin"`
	Version  int        `json:"version"`
	SHA256   SHA256     `json:"sha256"` // of the main rendition
	FirstAt  Millis     `json:"first_at,omitempty"`
	LastAt   Millis     `json:"last_at,omitempty"`
	Spans    []Span     `json:"spans"` // in order, apart from each other
	// late is what the last report claimed and time does not bear out yet, in milliseconds.
	late int64
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
	most := int64(firstMS)
	if l.FirstAt == 0 {
		l.FirstAt = now
	} else {
		most = min(max(now.Sub(l.LastAt), 0), mostBetween).Milliseconds() * catchUp / 100
	}
	l.LastAt = max(l.LastAt, now)
	var fresh []Span
	fresh, l.late = firstOf(without(joined(slices.Concat(l.Spans, spans), joinMS), l.Spans), most)
	// Joined without a gap: a gap that nobody paid for is not closed for nothing.
	l.Spans = joined(slices.Concat(l.Spans, fresh), 0)
	if len(l.Spans) > MaxSpans {
		// Who skips about this much has not listened; the longest stretches are kept.
		slices.SortFunc(l.Spans, func(a, b Span) int { return cmp.Compare(b.To-b.From, a.To-a.From) })
		l.Spans = l.Spans[:MaxSpans]
		slices.SortFunc(l.Spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	}
	return l, nil
}

// joined puts stretches in order and makes one of those with at most gap between them.
func joined(all []Span, gap int64) []Span {
	slices.SortFunc(all, func(a, b Span) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	out := []Span{}
	for _, s := range all {
		if n := len(out); n > 0 && s.From <= out[n-1].To+gap {
			out[n-1].To = max(out[n-1].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}

// without is what of all lies outside known; both are in order.
func without(all, known []Span) (out []Span) {
	for _, s := range all {
		for _, k := range known {
			if k.To <= s.From || k.From >= s.To {
				continue
			}
			if k.From > s.From {
				out = append(out, Span{s.From, k.From})
			}
			s.From = k.To
		}
		if s.From < s.To {
			out = append(out, s)
		}
	}
	return out
}

// firstOf is the first of stretches, so many milliseconds together, and how many are left.
func firstOf(all []Span, most int64) (out []Span, left int64) {
	for _, s := range all {
		take := min(s.To-s.From, most)
		if take > 0 {
			out = append(out, Span{s.From, s.From + take})
		}
		most -= take
		left += s.To - s.From - take
	}
	return out, left
}

// heardMS is how much of a sound of this length was heard.
func (l Listening) heardMS(length time.Duration) (heard int64) {
	for _, s := range l.Spans {
		heard += min(s.To, length.Milliseconds()) - min(s.From, length.Milliseconds())
	}
	return heard
}

// Complete says whether a sound of this length has been listened to. wait is how long
// the clock still has to run when only that is missing.
func (l Listening) Complete(length time.Duration, now Millis) (done bool, wait time.Duration) {
	if l.FirstAt == 0 {
		return false, 0
	}
	need, heard := length.Milliseconds()*heardPercent, l.heardMS(length)*100
	if heard+l.late*100 < need {
		return false, 0
	}
	wait = max(length-now.Sub(l.FirstAt), 0)
	if heard < need {
		// Claimed, and to be claimed again when it can be believed.
		wait = max(wait, time.Duration(l.late*100/catchUp+1)*time.Millisecond)
	}
	return wait == 0, wait
}

// Percent of the sound that was played, rounded down.
func (l Listening) Percent(length time.Duration) int {
	return int(min(100*l.heardMS(length)/max(length.Milliseconds(), 1), 100))
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
