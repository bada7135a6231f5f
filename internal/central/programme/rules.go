package programme

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Policy gives what counts at the place from the day before now on, without revision and
// time of issue: the commune's rules, else the province's, else the default quiet hours;
// tightened by what is laid down for the hamlet and for the device; with the province's
// days of mourning. Approved rules that begin later stand in it as stages, so that the
// device has them before their first day (design §6).
func (Resolver) Policy(rules []radio.PolicyRule, place radio.Place, now time.Time) (radio.Policy, error) {
	fail := func(err error) (radio.Policy, error) {
		return radio.Policy{}, fmt.Errorf("policy of device %s: %w", place.Device.Code, err)
	}
	zone, err := timetable.LoadZone(place.Province().Zone)
	if err != nil {
		return fail(err)
	}
	mine := slices.DeleteFunc(slices.Clone(rules), func(r radio.PolicyRule) bool { return !place.Within(r.Target) })
	for _, r := range mine {
		if err := r.Check(); err != nil {
			return fail(err)
		}
	}
	// What began on the evening before is judged by the rules of that day.
	since := zone.Date(now.AddDate(0, 0, -1))
	p := compose(mine, place, since)
	var days []radio.Date
	for _, r := range mine {
		if r.From > since {
			days = append(days, r.From)
		}
	}
	slices.Sort(days)
	last := p.Stage("")
	for _, d := range slices.Compact(days) {
		next := compose(mine, place, d).Stage("")
		if reflect.DeepEqual(next, last) {
			continue
		}
		if len(p.Coming) == radio.MaxComing {
			break // it is issued anew long before that day
		}
		last = next
		next.From = d
		p.Coming = append(p.Coming, next)
	}
	if err := p.Check(); err != nil {
		return fail(err)
	}
	return p, nil
}

// compose gives what counts at the place on one local date.
func compose(rules []radio.PolicyRule, place radio.Place, d radio.Date) radio.Policy {
	zone := place.Province().Zone
	p := radio.DefaultPolicy(zone)
	var tighter []radio.PolicyRule
	var mourning []radio.Date
	for _, kind := range []radio.AreaKind{radio.Province, radio.Commune, radio.Hamlet} {
		r, ok := place.RulesOn(kind, rules, d)
		switch {
		case !ok:
		case kind == radio.Hamlet:
			tighter = append(tighter, r)
		default: // the commune's after the province's
			if kind == radio.Province {
				mourning = r.Mourning
			}
			p = r.For(place.Device.ID)
			p.Label = r.Name()
		}
	}
	p.Device = place.Device.ID
	if r, ok := radio.RuleOn(rules, radio.Target{Device: place.Device.ID}, d); ok {
		tighter = append(tighter, r)
	}
	p.Mourning = slices.Concat(p.Mourning, mourning)
	p.Quiet = slices.Clone(p.Quiet)
	for _, r := range tighter {
		if !r.Lifts() {
			tighten(&p, r)
		}
	}
	p.Windows = append([]radio.Window{}, p.Windows...) // written as [], never as null
	p.Mourning = slices.Compact(slices.Sorted(slices.Values(p.Mourning)))
	p.Exceptions = slices.Clone(p.Exceptions)
	for i := range p.Exceptions {
		p.Exceptions[i].Windows = append([]radio.Window{}, p.Exceptions[i].Windows...)
	}
	slices.SortFunc(p.Exceptions, func(a, b radio.PolicyException) int { return cmp.Compare(a.From, b.From) })
	p.Label = clip(p.Label)
	return p
}

// tighten lays the rules of a hamlet or a device over those of its commune: never wider.
func tighten(p *radio.Policy, r radio.PolicyRule) {
	p.Quiet = append(p.Quiet, r.Quiet...)
	if !r.Profile {
		// Windows of its own: what lies outside them is quiet; dates it excepts are silent.
		p.Quiet = append(p.Quiet, outside(r.Windows)...)
		for _, e := range r.Exceptions {
			p.Mourning = append(p.Mourning, datesOf(e)...)
		}
	}
	p.Lower = append(p.Lower, r.Volume...)
	p.Mourning = append(p.Mourning, r.Mourning...)
	p.MaxSessions, p.MaxMinutes = lesser(p.MaxSessions, r.MaxSessions), lesser(p.MaxMinutes, r.MaxMinutes)
	p.Label = strings.TrimPrefix(p.Label+"; "+r.Name(), "; ")
}

// lesser of two caps, of which 0 is none.
func lesser(a, b int) int {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// outside gives the spans of a week that no window covers.
func outside(windows []radio.Window) []radio.Window {
	const day = 24 * 60
	var open [7 * day]bool
	for _, w := range windows {
		days := w.Days
		if len(days) == 0 {
			days = []int{1, 2, 3, 4, 5, 6, 7}
		}
		length := int(w.To - w.From)
		if length < 0 {
			length += day
		}
		for _, d := range days {
			for m := range length {
				open[((d-1)*day+int(w.From)+m)%len(open)] = true
			}
		}
	}
	// The same span on several days is written once.
	var out []radio.Window
	for d := range 7 {
		for m := 0; m < day; {
			from := m
			for m < day && !open[d*day+m] {
				m++
			}
			if m > from {
				w := radio.Window{From: radio.TimeOfDay(from), To: radio.TimeOfDay(m)}
				i := slices.IndexFunc(out, func(o radio.Window) bool { return o.From == w.From && o.To == w.To })
				if i < 0 {
					i = len(out)
					out = append(out, w)
				}
				out[i].Days = append(out[i].Days, d+1)
			}
			for m < day && open[d*day+m] {
				m++
			}
		}
	}
	for i := range out {
		if len(out[i].Days) == 7 {
			out[i].Days = nil
		}
	}
	return out
}

func datesOf(e radio.PolicyException) (out []radio.Date) {
	t, err := time.Parse(time.DateOnly, string(e.From))
	for ; err == nil && radio.DateOf(t) <= e.Until; t = t.AddDate(0, 0, 1) {
		out = append(out, radio.DateOf(t))
	}
	return out
}

// clip keeps a label within what a policy may carry, whole runes.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-len("…")], "") + "…"
}
