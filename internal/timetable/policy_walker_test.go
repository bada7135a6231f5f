package timetable

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"loaxa/internal/raced"
	"loaxa/internal/radio"
)

// randomPolicy has windows, some over midnight, days of mourning and exceptions that may
// stand next to each other, within six days of begin.
func randomPolicy(r *rand.Rand, zone string, begin time.Time) radio.Policy {
	windows := func(n int) (out []radio.Window) {
		for range n {
			w := radio.Window{From: radio.TimeOfDay(r.IntN(1440)), To: radio.TimeOfDay(1 + r.IntN(1440))}
			if w.From != w.To {
				out = append(out, w)
			}
		}
		return out
	}
	p := radio.Policy{Zone: zone, Windows: windows(r.IntN(4))}
	for i := range p.Windows {
		for d := 1; d <= 7 && r.IntN(2) == 0; d++ {
			p.Windows[i].Days = append(p.Windows[i].Days, d)
		}
	}
	date := func(n int) radio.Date { return radio.DateOf(begin.AddDate(0, 0, n)) }
	for d := 0; d < 6; d++ {
		switch r.IntN(8) {
		case 0:
			p.Mourning = append(p.Mourning, date(d))
		case 1, 2, 3:
			last := min(d+r.IntN(3), 5)
			p.Exceptions = append(p.Exceptions, radio.PolicyException{From: date(d), Until: date(last), Label: "x", Windows: windows(r.IntN(3))})
			if r.IntN(4) == 0 {
				p.Mourning = append(p.Mourning, date(last))
			}
			d = last
		}
	}
	return p
}

// Random rules with exceptions against a walker that reads the digits of every single
// minute, in zones with and without clock changes.
func TestPolicyAgainstTheWalker(t *testing.T) {
	refused, permitted := map[radio.Veto]int{}, 0
	locs := map[string]*time.Location{}
	for _, z := range walkerZones {
		loc, err := time.LoadLocation(z.zone)
		if err != nil {
			t.Fatal(err)
		}
		locs[z.zone] = loc
	}
	for seed := range raced.Some(uint64(2000)) {
		z := walkerZones[seed%uint64(len(walkerZones))]
		loc, r := locs[z.zone], rand.New(rand.NewPCG(seed, 41))
		begin := day(z.begin)
		p := randomPolicy(r, z.zone, begin)
		h, err := NewHours(p)
		if err != nil {
			t.Fatal(err)
		}
		for range 12 {
			start := begin.Add(time.Duration(r.IntN(5*1440)) * time.Minute)
			length := 1 + r.IntN(200)
			first := 0 // minutes that are permitted, from start on
			for first < length && openAt(p, start.Add(time.Duration(first)*time.Minute).In(loc)) {
				first++
			}
			end := start.Add(time.Duration(length) * time.Minute)
			ok, until := h.Permits(start, end)
			if ok != (first == length) {
				t.Fatalf("seed %d: %s for %d min permitted %v, the walker finds %d; %+v", seed, start.In(loc), length, ok, first, p)
			}
			if !ok && !until.Equal(start.Add(time.Duration(first)*time.Minute)) {
				t.Fatalf("seed %d: %s until %s, the walker finds %d min; %+v", seed, start.In(loc), until.In(loc), first, p)
			}
			v := h.Veto(start, end)
			if (v == radio.NoVeto) != ok {
				t.Fatalf("seed %d: permitted %v, refused by %q", seed, ok, v)
			}
			if closed := start.Add(time.Duration(first) * time.Minute).In(loc); !ok && slices.Contains(p.Mourning, localDate(closed)) != (v == radio.VetoMourning) && first == 0 {
				t.Fatalf("seed %d: %s refused by %q; %+v", seed, closed, v, p)
			}
			if refused[v]++; ok {
				permitted++
			}
		}
	}
	if enough := raced.Some(1000); permitted < enough || refused[radio.VetoMourning] < enough || refused[radio.VetoException] < enough || refused[radio.VetoHours] < enough {
		t.Errorf("too tame: %v", refused)
	}
}

func localDate(l time.Time) radio.Date { return radio.Date(l.Format(time.DateOnly)) }

// openAt says by the digits of one local minute whether sound is permitted: windows that
// began today, and those that began yesterday and are still allowed to run on.
func openAt(p radio.Policy, l time.Time) bool {
	rule := func(d radio.Date) int {
		for i, e := range p.Exceptions {
			if d >= e.From && d <= e.Until {
				return i
			}
		}
		return -1
	}
	windows := func(d radio.Date, weekday int) (out []radio.Window) {
		if i := rule(d); i >= 0 {
			return p.Exceptions[i].Windows
		}
		for _, w := range p.Windows {
			if len(w.Days) == 0 || slices.Contains(w.Days, weekday) {
				out = append(out, w)
			}
		}
		return out
	}
	today := localDate(l)
	if slices.Contains(p.Mourning, today) {
		return false
	}
	noon := time.Date(l.Year(), l.Month(), l.Day(), 12, 0, 0, 0, time.UTC)
	yesterday := localDate(noon.AddDate(0, 0, -1))
	weekday := (int(noon.Weekday())+6)%7 + 1
	minute := radio.TimeOfDay(l.Hour()*60 + l.Minute())
	for _, w := range windows(today, weekday) {
		if minute >= w.From && (w.From > w.To || minute < w.To) {
			return true
		}
	}
	if rule(today) >= 0 && rule(today) != rule(yesterday) {
		return false
	}
	for _, w := range windows(yesterday, (weekday+5)%7+1) {
		if w.From > w.To && minute < w.To {
			return true
		}
	}
	return false
}
