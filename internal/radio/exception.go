package radio

import (
	"fmt"
	"time"
)

// PolicyException replaces the windows on the local dates From to Until. A window
// belongs to the date on which it begins: on a date of an exception only windows of
// that exception count, so that one which began the evening before, by the ordinary
// rule or by another exception, ends at midnight; one that begins under an exception
// runs on into an ordinary day.
type PolicyException struct {
	From  Date `json:"from"`
	Until Date `json:"until"` // the last date, From for a single day
	// Windows of these dates, on all of them; none means silence.
	Windows []Window `json:"windows"`
	// Label names the reason for people: "Tết Đinh Mùi".
	Label string `json:"label"`
}

// Bounds of a policy's rules beside its windows.
const (
	// MaxExceptions of one policy, and MaxExceptionWindows of one of them.
	MaxExceptions       = 64
	MaxExceptionWindows = 16
	// MaxExceptionDays bounds one exception: what lasts longer is a rule of its own.
	MaxExceptionDays = 62
	// MaxDaySessions and MaxDayMinutes bound the caps themselves.
	MaxDaySessions = 200
	MaxDayMinutes  = 24 * 60
)

// Check refuses what cannot be read one way only.
func (e PolicyException) Check() error {
	from, err := time.Parse(time.DateOnly, string(e.From))
	if err != nil {
		return fmt.Errorf("%w: from %q, want YYYY-MM-DD", ErrInvalid, clip(string(e.From)))
	}
	until, err := time.Parse(time.DateOnly, string(e.Until))
	if err != nil {
		return fmt.Errorf("%w: until %q, want YYYY-MM-DD", ErrInvalid, clip(string(e.Until)))
	}
	if until.Before(from) || !until.Before(from.AddDate(0, 0, MaxExceptionDays)) {
		return fmt.Errorf("%w: from %s until %s, want 1 to %d days", ErrInvalid, e.From, e.Until, MaxExceptionDays)
	}
	if e.Label == "" || len(e.Label) > 200 || len(e.Windows) > MaxExceptionWindows {
		return fmt.Errorf("%w: label of %d bytes, %d windows (at most 200 and %d, and not without a label)",
			ErrInvalid, len(e.Label), len(e.Windows), MaxExceptionWindows)
	}
	for i, w := range e.Windows {
		if !validSpan(w.From, w.To) || len(w.Days) > 0 {
			return fmt.Errorf("%w: window %d: from %s to %s, weekdays %v (the dates say the days)", ErrInvalid, i+1, w.From, w.To, w.Days)
		}
	}
	return nil
}

// Covers says whether d is one of its dates.
func (e PolicyException) Covers(d Date) bool { return e.From <= d && d <= e.Until }

func (p Policy) checkExceptions() error {
	if len(p.Exceptions) > MaxExceptions {
		return fmt.Errorf("%w: %d exceptions, at most %d", ErrInvalid, len(p.Exceptions), MaxExceptions)
	}
	for i, e := range p.Exceptions {
		if err := e.Check(); err != nil {
			return fmt.Errorf("exception %d: %w", i+1, err)
		}
		for j, o := range p.Exceptions[:i] {
			if o.Covers(e.From) || e.Covers(o.From) {
				return fmt.Errorf("%w: exceptions %d and %d share a date", ErrInvalid, j+1, i+1)
			}
		}
	}
	return nil
}

// ExceptionOn gives the exception that counts on a local date.
func (p Policy) ExceptionOn(d Date) (PolicyException, bool) {
	p = p.On(d)
	if i := p.exceptionAt(d); i >= 0 {
		return p.Exceptions[i], true
	}
	return PolicyException{}, false
}

func (p Policy) exceptionAt(d Date) int {
	for i, e := range p.Exceptions {
		if e.Covers(d) {
			return i
		}
	}
	return -1
}

// windowsOn gives the windows that can begin on a day.
func (p Policy) windowsOn(day time.Time) []Window {
	if len(p.Exceptions) == 0 {
		return p.Windows
	}
	if e, ok := p.ExceptionOn(DateOf(day)); ok {
		return e.Windows
	}
	return p.Windows
}

// pastMidnight is the end of a window that runs over midnight from its day: at
// midnight when the next date has an exception the window is not of.
func (p Policy) pastMidnight(first time.Time, w Window) time.Time {
	next := first.AddDate(0, 0, 1)
	if len(p.Coming) > 0 && p.stageAt(DateOf(first)) != p.stageAt(DateOf(next)) {
		return next // the rules of the next day are others
	}
	if p = p.of(first); len(p.Exceptions) > 0 {
		if i := p.exceptionAt(DateOf(next)); i >= 0 && i != p.exceptionAt(DateOf(first)) {
			return next
		}
	}
	return civil(next, w.To)
}

// Veto names the part of a policy that refuses an airing.
type Veto string

const (
	NoVeto        Veto = ""
	VetoHours     Veto = "hours"     // outside the windows
	VetoMourning  Veto = "mourning"  // a day of mourning
	VetoException Veto = "exception" // outside the windows of an exception
	VetoSessions  Veto = "sessions"  // a session more than the day may have
	VetoMinutes   Veto = "minutes"   // more minutes than the day may have
	VetoQuiet     Veto = "quiet"     // in a quiet span of its own place
)

// dateVeto names what rules a local date, when windows refuse a time on it.
func (p Policy) dateVeto(d Date) Veto {
	p = p.On(d)
	for _, m := range p.Mourning {
		if m == d {
			return VetoMourning
		}
	}
	if p.exceptionAt(d) >= 0 {
		return VetoException
	}
	return VetoHours
}

// HoursVeto names what refuses a sound that is permitted until an instant only: what
// rules the date that begins there with its midnight, else the one on which the sound
// begins. Both instants must carry the policy's zone.
func (p Policy) HoursVeto(start, until time.Time) Veto {
	if p.quietAt(until) {
		return VetoQuiet
	}
	if until.After(start) && minuteOf(until) == 0 {
		if v := p.dateVeto(DateOf(until)); v != VetoHours {
			return v
		}
	}
	return p.dateVeto(DateOf(start))
}
