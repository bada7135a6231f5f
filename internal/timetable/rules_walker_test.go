package timetable

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"loaxa/internal/raced"
	"loaxa/internal/radio"
)

// randomRules are a randomPolicy with quiet spans, volumes, and rules to come.
func randomRules(r *rand.Rand, zone string, begin time.Time) radio.Policy {
	spans := func() (out []radio.Window) {
		for range r.IntN(3) {
			w := radio.Window{From: radio.TimeOfDay(r.IntN(1440)), To: radio.TimeOfDay(1 + r.IntN(1440))}
			for d := 1; d <= 7 && r.IntN(2) == 0; d++ {
				w.Days = append(w.Days, d)
			}
			if w.From != w.To {
				out = append(out, w)
			}
		}
		return out
	}
	volumes := func() (out []radio.VolumeSpan) {
		for _, w := range spans() {
			out = append(out, radio.VolumeSpan{From: w.From, To: w.To, GainDB: float64(-r.IntN(61))})
		}
		return out
	}
	p := randomPolicy(r, zone, begin)
	p.Quiet, p.Volume, p.Lower = spans(), volumes(), volumes()
	for d := 1; d < 6; d++ {
		if r.IntN(3) > 0 {
			continue
		}
		q := randomPolicy(r, zone, begin)
		q.Quiet, q.Volume, q.Lower = spans(), volumes(), volumes()
		p.Coming = append(p.Coming, q.Stage(radio.DateOf(begin.AddDate(0, 0, d))))
	}
	return p
}

// TestRulesAgainstTheWalker: quiet spans, volumes and rules that take the place of others at
// midnight, against a walker that reads the digits of every minute.
func TestRulesAgainstTheWalker(t *testing.T) {
	quiet, across, lowered := 0, 0, 0
	for seed := range raced.Some(uint64(2000)) {
		z := walkerZones[seed%uint64(len(walkerZones))]
		loc, err := time.LoadLocation(z.zone)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(seed, 43))
		begin := day(z.begin)
		p := randomRules(r, z.zone, begin)
		h, err := NewHours(p)
		if err != nil {
			t.Fatal(err)
		}
		for range 12 {
			start := begin.Add(time.Duration(r.IntN(5*1440)) * time.Minute)
			if len(p.Coming) > 0 && r.IntN(3) == 0 { // around a change of the rules
				first, err := time.ParseInLocation(time.DateOnly, string(p.Coming[r.IntN(len(p.Coming))].From), loc)
				if err != nil {
					t.Fatal(err)
				}
				start = first.Add(time.Duration(r.IntN(240)-120) * time.Minute)
				across++
			}
			length, first := 1+r.IntN(200), 0
			for first < length && soundsAt(p, start.Add(time.Duration(first)*time.Minute).In(loc)) {
				first++
			}
			ok, until := h.Permits(start, start.Add(time.Duration(length)*time.Minute))
			if ok != (first == length) || !ok && !until.Equal(start.Add(time.Duration(first)*time.Minute)) {
				t.Fatalf("seed %d: %s for %d min permitted %v until %s, the walker finds %d; %+v", seed, start.In(loc), length, ok, until.In(loc), first, p)
			}
			v := h.Veto(start, start.Add(time.Duration(length)*time.Minute))
			closed := start.Add(time.Duration(first) * time.Minute).In(loc)
			if want := !ok && onlyQuiet(p, closed); want != (v == radio.VetoQuiet) {
				t.Fatalf("seed %d: %s refused by %q, want quiet %v; %+v", seed, closed, v, want, p)
			} else if want {
				quiet++
			}
			for m := range 60 {
				at := start.Add(time.Duration(m) * time.Minute)
				want := gainAt(p, at.In(loc))
				if got := h.GainDB(at); math.Abs(got-want) > 1e-9 {
					t.Fatalf("seed %d: %s at %g dB, the walker finds %g; %+v", seed, at.In(loc), got, want, p)
				}
				if want != gainAt(p, at.Add(-time.Minute).In(loc)) {
					lowered++
					if edge := h.GainEdge(at.Add(-30 * time.Second)); edge.After(at) {
						t.Fatalf("seed %d: the volume changes at %s, told for %s; %+v", seed, at.In(loc), edge.In(loc), p)
					}
				}
			}
		}
	}
	if enough := raced.Some(300); quiet < enough || across < enough || lowered < enough {
		t.Errorf("too tame: %d quiet, %d across, %d changes of volume", quiet, across, lowered)
	}
}

// stageOf is the rules of one local date, read off the list.
func stageOf(p radio.Policy, d radio.Date) (radio.Policy, int) {
	for i := len(p.Coming) - 1; i >= 0; i-- {
		if s := p.Coming[i]; d >= s.From {
			return radio.Policy{Zone: p.Zone, Windows: s.Windows, Mourning: s.Mourning, Volume: s.Volume, Exceptions: s.Exceptions, Quiet: s.Quiet, Lower: s.Lower}, i
		}
	}
	p.Coming = nil
	return p, -1
}

func dayBefore(l time.Time) radio.Date {
	return localDate(time.Date(l.Year(), l.Month(), l.Day()-1, 12, 0, 0, 0, time.UTC))
}

func openStage(p radio.Policy, l time.Time) bool {
	today, i := stageOf(p, localDate(l))
	_, j := stageOf(p, dayBefore(l))
	if i != j {
		// Nothing of yesterday runs on: its windows end where its rules do.
		cut := func(ws []radio.Window) (out []radio.Window) {
			for _, w := range ws {
				if w.From > w.To {
					w.To = 1440
				}
				out = append(out, w)
			}
			return out
		}
		today.Windows = cut(today.Windows)
		today.Exceptions = slices.Clone(today.Exceptions)
		for k := range today.Exceptions {
			today.Exceptions[k].Windows = cut(today.Exceptions[k].Windows)
		}
	}
	return openAt(today, l)
}

func hushed(p radio.Policy, l time.Time) bool {
	today, _ := stageOf(p, localDate(l))
	minute := radio.TimeOfDay(l.Hour()*60 + l.Minute())
	weekday := (int(time.Date(l.Year(), l.Month(), l.Day(), 12, 0, 0, 0, time.UTC).Weekday())+6)%7 + 1
	for _, w := range today.Quiet {
		on := func(d int) bool { return len(w.Days) == 0 || slices.Contains(w.Days, d) }
		if on(weekday) && minute >= w.From && (w.From > w.To || minute < w.To) || w.From > w.To && on((weekday+5)%7+1) && minute < w.To {
			return true
		}
	}
	return false
}

func soundsAt(p radio.Policy, l time.Time) bool  { return openStage(p, l) && !hushed(p, l) }
func onlyQuiet(p radio.Policy, l time.Time) bool { return openStage(p, l) && hushed(p, l) }

func gainAt(p radio.Policy, l time.Time) float64 {
	today, _ := stageOf(p, localDate(l))
	minute := radio.TimeOfDay(l.Hour()*60 + l.Minute())
	in := func(v radio.VolumeSpan) bool {
		if v.From < v.To {
			return minute >= v.From && minute < v.To
		}
		return minute >= v.From || minute < v.To
	}
	gain := 0.0
	for i := len(today.Volume) - 1; i >= 0; i-- {
		if in(today.Volume[i]) {
			gain = today.Volume[i].GainDB
		}
	}
	for _, v := range today.Lower {
		if in(v) && v.GainDB < gain {
			gain = v.GainDB
		}
	}
	return gain
}
