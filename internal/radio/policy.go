package radio

import (
	"fmt"
	"time"
)

// Policy is the commune's operating rule as a signed document: when a device may
// sound. It is enforced on the device, last before the output (design §6); only a
// valid alert sounds outside it.
type Policy struct {
	ID       PolicyID `json:"id"`
	Device   DeviceID `json:"device"`
	Revision int64    `json:"revision"`
	IssuedAt Millis   `json:"issued_at"`
	Zone     string   `json:"zone"`
	// Label names the rule for people: number and date of the decision, or "demo".
	Label string `json:"label"`
	// Windows (khung giờ) are the hours in which sound is permitted; none means never.
	Windows []Window `json:"windows"`
	// Mourning lists local dates on which nothing but an alert sounds.
	Mourning []Date `json:"mourning,omitempty"`
	// Volume lowers items by hour; hours not listed play at 0 dB.
	Volume []VolumeSpan `json:"volume,omitempty"`
	// Exceptions replace the windows on some local dates: holidays, Tết.
	Exceptions []PolicyException `json:"exceptions,omitempty"`
	// MaxSessions and MaxMinutes bound what of the plan sounds on a local day (see
	// Tally); 0 is no bound.
	MaxSessions int `json:"max_sessions,omitempty"`
	MaxMinutes  int `json:"max_minutes,omitempty"`
	// Quiet are spans in which nothing of the plan sounds, whatever the windows say, and
	// Lower further spans of volume, of which with Volume's the lowest counts: a school or
	// a clinic near the device.
	Quiet []Window     `json:"quiet,omitempty"`
	Lower []VolumeSpan `json:"lower,omitempty"`
	// Coming are later decisions, by their first day; see On.
	Coming []PolicyStage `json:"coming,omitempty"`
}

// Window is a span of local time on some weekdays. From after To runs over
// midnight into the next day; To may be 24:00. From equal to To is refused.
type Window struct {
	Days []int     `json:"days,omitempty"` // 1 Monday … 7 Sunday; none means every day
	From TimeOfDay `json:"from"`
	To   TimeOfDay `json:"to"`
}

// VolumeSpan is the gain in a span of local time, every day.
type VolumeSpan struct {
	From   TimeOfDay `json:"from"`
	To     TimeOfDay `json:"to"`
	GainDB float64   `json:"gain_db"` // −60 to 0
}

// DefaultPolicy is what a device obeys before it holds any: quiet hours 21:00–05:00.
func DefaultPolicy(zone string) Policy {
	return Policy{Zone: zone, Label: "default", Windows: []Window{{From: 5 * 60, To: 21 * 60}}}
}

// Check refuses windows and spans that cannot be read one way only.
func (p Policy) Check() error {
	if p.Zone == "" {
		return fmt.Errorf("%w: policy without a zone", ErrInvalid)
	}
	if len(p.Windows) > maxWindows || len(p.Mourning) > MaxMourning || len(p.Volume) > MaxVolumeSpans || len(p.Label) > 200 || len(p.Quiet) > 2*maxWindows || len(p.Lower) > 2*MaxVolumeSpans {
		return fmt.Errorf("%w: policy too large", ErrInvalid)
	}
	if p.MaxSessions < 0 || p.MaxSessions > MaxDaySessions || p.MaxMinutes < 0 || p.MaxMinutes > MaxDayMinutes {
		return fmt.Errorf("%w: at most %d sessions and %d minutes a day (want up to %d and %d; 0 is no cap)",
			ErrInvalid, p.MaxSessions, p.MaxMinutes, MaxDaySessions, MaxDayMinutes)
	}
	if err := p.checkExceptions(); err != nil {
		return err
	}
	for what, windows := range map[string][]Window{"window": p.Windows, "quiet span": p.Quiet} {
		if err := checkWindows(what, windows); err != nil {
			return err
		}
	}
	for what, spans := range map[string][]VolumeSpan{"volume": p.Volume, "lower volume": p.Lower} {
		if err := checkVolume(what, spans); err != nil {
			return err
		}
	}
	for _, d := range p.Mourning {
		if _, err := ParseDate(string(d)); err != nil {
			return err
		}
	}
	return p.checkStages()
}

// Bounds of the lists of a policy.
const (
	maxWindows     = 64
	MaxMourning    = 400
	MaxVolumeSpans = 48
)

func checkWindows(what string, windows []Window) error {
	for i, w := range windows {
		if !validSpan(w.From, w.To) {
			return fmt.Errorf("%w: %s %d: from %s to %s", ErrInvalid, what, i+1, w.From, w.To)
		}
		for _, d := range w.Days {
			if d < 1 || d > 7 {
				return fmt.Errorf("%w: %s %d: weekday %d, want 1 (Monday) to 7 (Sunday)", ErrInvalid, what, i+1, d)
			}
		}
	}
	return nil
}

func checkVolume(what string, spans []VolumeSpan) error {
	for i, v := range spans {
		if !validSpan(v.From, v.To) || !(v.GainDB >= -60 && v.GainDB <= 0) {
			return fmt.Errorf("%w: %s %d: from %s to %s, %g dB (want -60 to 0)", ErrInvalid, what, i+1, v.From, v.To, v.GainDB)
		}
	}
	return nil
}

func validSpan(from, to TimeOfDay) bool {
	return from >= 0 && from < 24*60 && to > 0 && to <= 24*60 && from != to
}

// Until gives the instant up to which sound is permitted without a break, seen
// from t, at most 48 hours on; ok is false when t itself is not permitted. t must
// carry the policy's zone (timetable does that): days and hours are read from it.
func (p Policy) Until(t time.Time) (until time.Time, ok bool) {
	until = t
	for until.Before(t.Add(48 * time.Hour)) {
		next, in := p.windowEnd(until)
		if !in {
			break
		}
		until = next
	}
	return until, until.After(t)
}

// Allows says whether an item from start to end stays inside the permitted hours.
// Both must carry the policy's zone.
func (p Policy) Allows(start, end time.Time) bool {
	until, ok := p.Until(start)
	return ok && !end.After(until)
}

// GainDB is the volume rule at t, which must carry the policy's zone.
func (p Policy) GainDB(t time.Time) float64 {
	m := minuteOf(t)
	q := p.of(t)
	gain := 0.0
	for _, v := range q.Volume {
		if inSpan(m, v.From, v.To) {
			gain = v.GainDB
			break
		}
	}
	for _, v := range q.Lower {
		if inSpan(m, v.From, v.To) {
			gain = min(gain, v.GainDB)
		}
	}
	return gain
}

func minuteOf(t time.Time) TimeOfDay { return TimeOfDay(t.Hour()*60 + t.Minute()) }

func inSpan(m, from, to TimeOfDay) bool {
	if from < to {
		return m >= from && m < to
	}
	return m >= from || m < to
}

// windowEnd gives the farthest end of a window that covers t.
func (p Policy) windowEnd(t time.Time) (time.Time, bool) {
	var best time.Time
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
	for _, first := range []time.Time{day.AddDate(0, 0, -1), day} {
		q := p.of(first)
		for _, w := range q.windowsOn(first) {
			if !w.On(first) {
				continue
			}
			from := civil(first, w.From)
			to := civil(first, w.To)
			if w.To < w.From {
				to = p.pastMidnight(first, w)
			}
			to = p.beforeQuiet(t, p.beforeMourning(t, to))
			if !t.Before(from) && t.Before(to) && to.After(best) {
				best = to
			}
		}
	}
	return best, !best.IsZero()
}

// beforeMourning cuts an end at the first midnight that begins a mourning day;
// a t inside one gives t itself, so that nothing is permitted.
func (p Policy) beforeMourning(t, end time.Time) time.Time {
	for d := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location()); d.Before(end); d = d.AddDate(0, 0, 1) {
		for _, m := range p.of(d).Mourning {
			if DateOf(d) == m {
				if d.Before(t) {
					return t
				}
				return d
			}
		}
	}
	return end
}

// On says whether the window begins on the weekday of an instant.
func (w Window) On(day time.Time) bool {
	if len(w.Days) == 0 {
		return true
	}
	n := int(day.Weekday())
	if n == 0 {
		n = 7
	}
	for _, d := range w.Days {
		if d == n {
			return true
		}
	}
	return false
}

func civil(day time.Time, at TimeOfDay) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), int(at)/60, int(at)%60, 0, 0, day.Location())
}
