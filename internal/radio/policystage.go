package radio

import (
	"fmt"
	"time"
)

// PolicyStage is the rules of a policy from a local midnight on: a later decision that the
// device holds before its first day, so that it takes effect there without a link too. Its
// fields mean what they mean in Policy.
type PolicyStage struct {
	From        Date              `json:"from"` // its first day
	Label       string            `json:"label"`
	Windows     []Window          `json:"windows"`
	Mourning    []Date            `json:"mourning,omitempty"`
	Volume      []VolumeSpan      `json:"volume,omitempty"`
	Exceptions  []PolicyException `json:"exceptions,omitempty"`
	MaxSessions int               `json:"max_sessions,omitempty"`
	MaxMinutes  int               `json:"max_minutes,omitempty"`
	Quiet       []Window          `json:"quiet,omitempty"`
	Lower       []VolumeSpan      `json:"lower,omitempty"`
}

// MaxComing bounds the stages a policy carries beside the rules in force.
const MaxComing = 8

// Stage is the rules of p by themselves, from a day on.
func (p Policy) Stage(from Date) PolicyStage {
	return PolicyStage{From: from, Label: p.Label, Windows: p.Windows, Mourning: p.Mourning, Volume: p.Volume, Exceptions: p.Exceptions,
		MaxSessions: p.MaxSessions, MaxMinutes: p.MaxMinutes, Quiet: p.Quiet, Lower: p.Lower}
}

// On gives the policy as it counts on a local date, with nothing to come behind it.
func (p Policy) On(d Date) Policy {
	if len(p.Coming) == 0 {
		return p
	}
	if i := p.stageAt(d); i >= 0 {
		s := p.Coming[i]
		p.Label, p.Windows, p.Mourning, p.Volume, p.Exceptions = s.Label, s.Windows, s.Mourning, s.Volume, s.Exceptions
		p.MaxSessions, p.MaxMinutes, p.Quiet, p.Lower = s.MaxSessions, s.MaxMinutes, s.Quiet, s.Lower
	}
	p.Coming = nil
	return p
}

// stageAt is the index of the stage in force on a date; -1 before the first.
func (p Policy) stageAt(d Date) int {
	at := -1
	for i, s := range p.Coming {
		if s.From <= d {
			at = i
		}
	}
	return at
}

// of is On for the day of an instant.
func (p Policy) of(t time.Time) Policy {
	if len(p.Coming) == 0 {
		return p
	}
	return p.On(DateOf(t))
}

func (p Policy) checkStages() error {
	if len(p.Coming) > MaxComing {
		return fmt.Errorf("%w: %d sets of rules to come, at most %d", ErrInvalid, len(p.Coming), MaxComing)
	}
	var before Date
	for i, s := range p.Coming {
		if _, err := ParseDate(string(s.From)); err != nil {
			return fmt.Errorf("rules to come %d: %w", i+1, err)
		}
		if s.From <= before {
			return fmt.Errorf("%w: rules to come %d: from %s, after those from %s", ErrInvalid, i+1, s.From, before)
		}
		before = s.From
		if err := p.On(s.From).Check(); err != nil {
			return fmt.Errorf("rules from %s: %w", s.From, err)
		}
	}
	return nil
}

// beforeQuiet cuts an end at the first quiet span; a t inside one gives t itself. The spans
// are those of the date they fall on, also after midnight: a night that was quiet does not
// become loud for an hour because new rules begin.
func (p Policy) beforeQuiet(t, end time.Time) time.Time {
	for d := midnight(t); d.Before(end); d = d.AddDate(0, 0, 1) {
		for _, w := range p.of(d).Quiet {
			for _, s := range w.within(d) {
				from, to := civil(d, s.From), civil(d, s.To)
				if from.Before(end) && to.After(t) {
					end = from
				}
			}
		}
	}
	if end.Before(t) {
		return t
	}
	return end
}

// within gives the parts of a window that fall on a day.
func (w Window) within(day time.Time) []Window {
	if w.From < w.To {
		if w.On(day) {
			return []Window{w}
		}
		return nil
	}
	var out []Window
	if w.On(day.AddDate(0, 0, -1)) && w.To > 0 {
		out = append(out, Window{From: 0, To: w.To})
	}
	if w.On(day) {
		out = append(out, Window{From: w.From, To: 24 * 60})
	}
	return out
}

// quietAt says whether only a quiet span forbids sound at t.
func (p Policy) quietAt(t time.Time) bool {
	q := p.of(t)
	if len(q.Quiet) == 0 || q.beforeQuiet(t, t.Add(time.Minute)).After(t) {
		return false
	}
	_, in := p.unquiet().windowEnd(t)
	return in
}

// unquiet is the policy without its quiet spans.
func (p Policy) unquiet() Policy {
	p.Quiet = nil
	p.Coming = append([]PolicyStage(nil), p.Coming...)
	for i := range p.Coming {
		p.Coming[i].Quiet = nil
	}
	return p
}

// GainEdge gives the first instant after t, by the local clock's digits, at which GainDB may
// become another, at most until the next midnight. t must carry the policy's zone.
func (p Policy) GainEdge(t time.Time) time.Time {
	day := midnight(t)
	q := p.of(t)
	next := day.AddDate(0, 0, 1)
	for _, spans := range [][]VolumeSpan{q.Volume, q.Lower} {
		for _, v := range spans {
			for _, at := range []time.Time{civil(day, v.From), civil(day, v.To)} {
				if at.After(t) && at.Before(next) {
					next = at
				}
			}
		}
	}
	return next
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}
