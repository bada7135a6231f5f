package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// drawHours lays down rules for some of the areas and at times for the device itself, with
// versions that give way to others at a midnight.
func (x *ruleset) drawHours(r *rand.Rand) {
	for _, a := range x.areas {
		often := map[radio.AreaKind]int{radio.Province: 40, radio.Commune: 75, radio.Hamlet: 15}[a.Kind]
		if r.IntN(100) < often {
			x.drawVersions(r, radio.Target{Area: a.ID}, a.Kind == radio.Hamlet)
		}
	}
	if r.IntN(100) < 15 {
		x.drawVersions(r, radio.Target{Device: x.place.Device.ID}, true)
	}
	r.Shuffle(len(x.rules), func(i, j int) { x.rules[i], x.rules[j] = x.rules[j], x.rules[i] })
}

func (x *ruleset) drawVersions(r *rand.Rand, of radio.Target, tighter bool) {
	id := draw[radio.PolicyID](r)
	for v := 1; v == 1 || v < 4 && r.IntN(4) == 0; v++ {
		rule := x.drawRule(r, tighter)
		rule.ID, rule.Version, rule.Target, rule.Zone, rule.Label = id, v, of, x.cal.zone, fmt.Sprintf("%d của %s", v, id)
		if v > 1 || r.IntN(8) == 0 {
			rule.From = x.date(r)
		}
		// On the days about the merger, if there was one.
		rule.ApprovedAt = radio.At(x.cal.begin.AddDate(0, 0, -1-r.IntN(6)).Add(time.Duration(r.IntN(3)-1) * time.Millisecond))
		x.rules = append(x.rules, rule)
	}
}

func (x *ruleset) drawRule(r *rand.Rand, tighter bool) (rule radio.PolicyRule) {
	windows := func(n int) (out []radio.Window) {
		for range n {
			w := radio.Window{From: radio.TimeOfDay(r.IntN(1440)), To: radio.TimeOfDay(1 + r.IntN(1440))}
			if r.IntN(3) == 0 {
				w = radio.Window{From: radio.TimeOfDay(22*60 + r.IntN(119)), To: radio.TimeOfDay(1 + r.IntN(120))} // over midnight
			}
			if w.From != w.To {
				out = append(out, w)
			}
		}
		return out
	}
	weekdays := func(in []radio.Window) []radio.Window {
		for i := range in {
			for d := 1; d <= 7 && r.IntN(3) == 0; d++ {
				in[i].Days = append(in[i].Days, d)
			}
		}
		return in
	}
	if rule.Profile = tighter && r.IntN(2) == 0; !rule.Profile {
		rule.Windows = weekdays(windows(r.IntN(4)))
		if r.IntN(2) == 0 {
			rule.Windows = append(rule.Windows, radio.Window{From: radio.TimeOfDay(r.IntN(6 * 60)), To: radio.TimeOfDay(20*60 + r.IntN(4*60))})
		}
		if r.IntN(4) == 0 {
			rule.Windows = []radio.Window{{From: 0, To: 24 * 60}}
		}
	}
	if r.IntN(5) == 0 || rule.Profile {
		for range 1 + r.IntN(2) { // short ones, about the times at which something comes
			from := []int{0, 5 * 60, 5*60 + 1, 17 * 60, 23*60 + 50}[r.IntN(5)] + r.IntN(10)
			rule.Quiet = append(rule.Quiet, radio.Window{From: radio.TimeOfDay(from), To: radio.TimeOfDay((from+r.IntN(30))%1440 + 1)})
		}
		rule.Quiet = weekdays(rule.Quiet)
	}
	for range r.IntN(3) {
		if w := windows(1); len(w) > 0 {
			rule.Volume = append(rule.Volume, radio.VolumeSpan{From: w[0].From, To: w[0].To, GainDB: -float64(r.IntN(20))})
		}
	}
	for d := 0; d <= asked; d++ {
		switch r.IntN(12) {
		case 0:
			rule.Mourning = append(rule.Mourning, x.cal.dates[d])
		case 1, 2:
			if rule.Profile {
				break
			}
			last := min(d+r.IntN(2), asked)
			rule.Exceptions = append(rule.Exceptions, radio.PolicyException{From: x.cal.dates[d], Until: x.cal.dates[last], Label: "lễ", Windows: windows(r.IntN(3))})
			d = last
		}
	}
	if r.IntN(4) == 0 {
		rule.MaxSessions = 1 + r.IntN(4)
	}
	if r.IntN(4) == 0 {
		rule.MaxMinutes = 1 + r.IntN(8)
	}
	return rule
}

// today is what counts on one local date at the place.
type today struct {
	base     radio.PolicyRule   // whose windows count
	tighter  []radio.PolicyRule // of the hamlet and the device
	mourning bool
	sessions int
	minutes  int
	name     string // tells it from what counts on other dates
}

// on gathers what counts on a date, once.
func (x *ruleset) on(d radio.Date) *today {
	if t, ok := x.known[d]; ok {
		return t
	}
	t := &today{base: radio.PolicyRule{Windows: []radio.Window{{From: 5 * 60, To: 21 * 60}}, Label: "mặc định"}}
	x.known[d] = t
	silent := map[radio.Date]bool{}
	if p, ok := x.ruled(radio.Province, d); ok {
		t.base = p
		mark(silent, p.Mourning)
	}
	if c, ok := x.ruled(radio.Commune, d); ok {
		t.base = c
	}
	mark(silent, t.base.Mourning)
	if h, ok := x.ruled(radio.Hamlet, d); ok {
		t.tighter = append(t.tighter, h)
	}
	if own, ok := newest(x.rules, d, func(r radio.PolicyRule) bool { return r.Target.Device == x.place.Device.ID }); ok {
		t.tighter = append(t.tighter, own)
	}
	t.sessions, t.minutes, t.name = t.base.MaxSessions, t.base.MaxMinutes, t.base.Label
	for _, r := range t.tighter {
		mark(silent, r.Mourning)
		for _, e := range r.Exceptions {
			for _, day := range x.allDates() {
				if day >= e.From && day <= e.Until {
					silent[day] = true
				}
			}
		}
		if r.MaxSessions > 0 && (t.sessions == 0 || r.MaxSessions < t.sessions) {
			t.sessions = r.MaxSessions
		}
		if r.MaxMinutes > 0 && (t.minutes == 0 || r.MaxMinutes < t.minutes) {
			t.minutes = r.MaxMinutes
		}
		t.name += "; " + r.Label
	}
	t.mourning = silent[d]
	for _, day := range x.allDates() { // the list of such days belongs to the rules
		t.name += fmt.Sprint(" ", silent[day])
	}
	return t
}

func mark(set map[radio.Date]bool, all []radio.Date) {
	for _, d := range all {
		set[d] = true
	}
}

// allDates are those that are walked, and the one before.
func (x *ruleset) allDates() []radio.Date { return append([]radio.Date{x.eve()}, x.cal.dates...) }

func (x *ruleset) eve() radio.Date {
	first, err := time.Parse(time.DateOnly, string(x.cal.dates[0]))
	if err != nil {
		panic(err)
	}
	return radio.Date(first.AddDate(0, 0, -1).Format(time.DateOnly))
}

func newest(rules []radio.PolicyRule, d radio.Date, want func(radio.PolicyRule) bool) (best radio.PolicyRule, ok bool) {
	for _, r := range rules {
		if want(r) && r.From <= d && r.Version > best.Version {
			best, ok = r, true
		}
	}
	return best, ok
}

// ruled gives the rules of the areas of one kind: those that the area of today approved
// since it took in what was there; else the old ones of this very place; else older ones of
// the area of today.
func (x *ruleset) ruled(k radio.AreaKind, d radio.Date) (radio.PolicyRule, bool) {
	var stands, was radio.AreaID
	for _, a := range x.place.Chain {
		if a.Kind == k && stands == "" {
			stands = a.ID
		} else if a.Kind == k {
			was = a.ID
		}
	}
	since := int64(0)
	if was != "" {
		since = int64(x.taken[was])
	}
	if r, ok := newest(x.rules, d, func(r radio.PolicyRule) bool { return r.Target.Area == stands && int64(r.ApprovedAt) >= since }); ok {
		return r, true
	}
	if r, ok := newest(x.rules, d, func(r radio.PolicyRule) bool { return was != "" && r.Target.Area == was }); ok {
		return r, true
	}
	return newest(x.rules, d, func(r radio.PolicyRule) bool { return r.Target.Area == stands })
}

// open says of every minute whether the rules let anything sound, by its digits.
func (x *ruleset) open() []bool {
	if x.opened != nil {
		return x.opened
	}
	x.opened = make([]bool, len(x.cal.minutes))
	weekday := map[radio.Date]int{}
	for _, m := range x.cal.minutes {
		weekday[m.date] = (int(m.weekday)+6)%7 + 1
	}
	before := x.eve()
	weekday[before] = (weekday[x.cal.dates[0]]+5)%7 + 1
	var date radio.Date
	var now *today
	var mine, evening, quiet, quietEve []radio.Window
	for i, m := range x.cal.minutes {
		if m.date != date {
			if date != "" {
				before = date
			}
			date, now = m.date, x.on(m.date)
			last := x.on(before)
			mine, evening = windowsOn(now.base, date, weekday[date]), nil
			// A window of the evening before runs on, but not into other rules nor into an
			// exception that it is not of.
			if e := exception(now.base, date); now.name == last.name && (e < 0 || e == exception(now.base, before)) {
				evening = windowsOn(last.base, before, weekday[before])
			}
			quiet, quietEve = now.quiet(weekday[date]), now.quiet(weekday[before])
		}
		at := radio.TimeOfDay(m.of)
		in := func(w radio.Window) bool { return at >= w.From && (w.From > w.To || at < w.To) }
		late := func(w radio.Window) bool { return w.From > w.To && at < w.To }
		x.opened[i] = !now.mourning && (slices.ContainsFunc(mine, in) || slices.ContainsFunc(evening, late)) &&
			!slices.ContainsFunc(quiet, in) && !slices.ContainsFunc(quietEve, late)
		for _, r := range now.tighter {
			if !r.Profile { // windows of its own: outside them it is quiet
				x.opened[i] = x.opened[i] && (slices.ContainsFunc(ofDay(r.Windows, weekday[date]), in) || slices.ContainsFunc(ofDay(r.Windows, weekday[before]), late))
			}
		}
	}
	return x.opened
}

func (t *today) quiet(weekday int) []radio.Window {
	out := ofDay(t.base.Quiet, weekday)
	for _, r := range t.tighter {
		out = append(out, ofDay(r.Quiet, weekday)...)
	}
	return out
}

func exception(r radio.PolicyRule, d radio.Date) int {
	return slices.IndexFunc(r.Exceptions, func(e radio.PolicyException) bool { return d >= e.From && d <= e.Until })
}

func windowsOn(r radio.PolicyRule, d radio.Date, weekday int) []radio.Window {
	if i := exception(r, d); i >= 0 {
		return r.Exceptions[i].Windows
	}
	return ofDay(r.Windows, weekday)
}

func ofDay(all []radio.Window, weekday int) (out []radio.Window) {
	for _, w := range all {
		if len(w.Days) == 0 || slices.Contains(w.Days, weekday) {
			out = append(out, w)
		}
	}
	return out
}

// gain is the volume at an instant: of the spans of its rules the first that fits, and none
// louder than what hamlet and device say.
func (x *ruleset) gain(m radio.Millis) (db float64) {
	now, t := x.cal.at(m), x.on(x.cal.at(m).date)
	fits := func(v radio.VolumeSpan) bool {
		at := radio.TimeOfDay(now.of)
		return v.From < v.To && at >= v.From && at < v.To || v.From > v.To && (at >= v.From || at < v.To)
	}
	if i := slices.IndexFunc(t.base.Volume, fits); i >= 0 {
		db = t.base.Volume[i].GainDB
	}
	for _, r := range t.tighter {
		for _, v := range r.Volume {
			if fits(v) {
				db = min(db, v.GainDB)
			}
		}
	}
	return db
}

// String tells the rules of a set that failed.
func (x *ruleset) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s from %s\nplace %+v\n", x.cal.zone, x.cal.begin, x.place)
	for _, s := range x.schedules {
		fmt.Fprintf(&b, "schedule %+v\n", s)
	}
	for _, w := range x.words {
		fmt.Fprintf(&b, "word %+v\n", w)
	}
	fmt.Fprintf(&b, "defaults %+v\n", x.defaults)
	for _, r := range x.rules {
		fmt.Fprintf(&b, "rules %+v\n", r)
	}
	return b.String()
}
