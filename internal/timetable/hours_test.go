package timetable

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func clockTime(s string) radio.TimeOfDay {
	m, err := radio.ParseTimeOfDay(s)
	if err != nil {
		panic(err)
	}
	return m
}

func window(from, to string, days ...int) radio.Window {
	return radio.Window{From: clockTime(from), To: clockTime(to), Days: days}
}

func TestPermits(t *testing.T) {
	office := radio.Policy{Zone: hanoi, Windows: []radio.Window{window("05:00", "06:30"), window("06:30", "07:00", 1, 2, 3, 4, 5), window("17:00", "18:30")},
		Mourning: []radio.Date{"2026-03-04"}}
	night := radio.Policy{Zone: hanoi, Windows: []radio.Window{window("22:00", "02:00", 6)}, Mourning: []radio.Date{"2026-03-15"}}
	all := radio.Policy{Zone: hanoi, Windows: []radio.Window{window("00:00", "24:00")}}
	cases := []struct {
		name       string
		policy     radio.Policy
		start, end string // local, +07:00
		ok         bool
		until      string
	}{
		{"default, 03:15 is silent", radio.DefaultPolicy(hanoi), "2026-03-02T03:15:00", "2026-03-02T03:16:00", false, "2026-03-02T03:15:00"},
		{"default, first minute", radio.DefaultPolicy(hanoi), "2026-03-02T05:00:00", "2026-03-02T05:01:00", true, "2026-03-02T21:00:00"},
		{"default, a second early", radio.DefaultPolicy(hanoi), "2026-03-02T04:59:59", "2026-03-02T05:01:00", false, "2026-03-02T04:59:59"},
		{"default, ends on the stroke", radio.DefaultPolicy(hanoi), "2026-03-02T20:30:00", "2026-03-02T21:00:00", true, "2026-03-02T21:00:00"},
		{"default, passes the stroke", radio.DefaultPolicy(hanoi), "2026-03-02T20:30:00", "2026-03-02T21:00:01", false, "2026-03-02T21:00:00"},
		{"windows that touch", office, "2026-03-02T06:20:00", "2026-03-02T06:50:00", true, "2026-03-02T07:00:00"},
		{"not at the weekend", office, "2026-03-07T06:20:00", "2026-03-07T06:50:00", false, "2026-03-07T06:30:00"},
		{"mourning", office, "2026-03-04T05:10:00", "2026-03-04T05:11:00", false, "2026-03-04T05:10:00"},
		{"over midnight", night, "2026-03-07T23:50:00", "2026-03-08T00:10:00", true, "2026-03-08T02:00:00"},
		{"after midnight, of Saturday", night, "2026-03-08T01:00:00", "2026-03-08T01:30:00", true, "2026-03-08T02:00:00"},
		{"after midnight, of Friday", night, "2026-03-07T01:00:00", "2026-03-07T01:30:00", false, "2026-03-07T01:00:00"},
		{"mourning begins at midnight", night, "2026-03-14T23:50:00", "2026-03-15T00:10:00", false, "2026-03-15T00:00:00"},
		{"all day, over midnight", all, "2026-03-07T23:50:00", "2026-03-08T00:10:00", true, "2026-03-10T00:00:00"},
		{"no window", radio.Policy{Zone: hanoi}, "2026-03-07T10:00:00", "2026-03-07T10:10:00", false, "2026-03-07T10:00:00"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h, err := NewHours(c.policy)
			if err != nil {
				t.Fatal(err)
			}
			ok, until := h.Permits(at(c.start+"+07:00"), at(c.end+"+07:00"))
			if ok != c.ok || !until.Equal(at(c.until+"+07:00")) {
				t.Errorf("%v until %s, want %v until %s", ok, h.zone.In(until), c.ok, c.until)
			}
		})
	}
}

func TestNewHoursRefuses(t *testing.T) {
	for name, p := range map[string]radio.Policy{
		"no zone":      {},
		"unknown zone": {Zone: "Asia/Vinh"},
		"empty window": {Zone: hanoi, Windows: []radio.Window{{From: 60, To: 60}}},
	} {
		if _, err := NewHours(p); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGainDB(t *testing.T) {
	h, err := NewHours(radio.Policy{Zone: hanoi, Volume: []radio.VolumeSpan{
		{From: clockTime("21:30"), To: clockTime("05:30"), GainDB: -12}, {From: clockTime("05:00"), To: clockTime("06:00"), GainDB: -6}}})
	if err != nil {
		t.Fatal(err)
	}
	for local, want := range map[string]float64{"21:29": 0, "21:30": -12, "00:00": -12, "05:29": -12, "05:30": -6, "06:00": 0} {
		if got := h.GainDB(at("2026-03-02T" + local + ":00+07:00")); got != want {
			t.Errorf("at %s %g dB, want %g", local, got, want)
		}
	}
}

// Nothing is permitted that the local clock of every single minute does not show
// inside a window, and nothing inside is refused, in zones with and without clock
// changes.
func TestPermitsAgainstTheWalker(t *testing.T) {
	for seed := range uint64(16) {
		z := walkerZones[seed%uint64(len(walkerZones))]
		r := rand.New(rand.NewPCG(seed, 3))
		begin := day(z.begin)
		p := radio.Policy{Zone: z.zone}
		for range r.IntN(4) {
			w := radio.Window{From: radio.TimeOfDay(r.IntN(1440)), To: radio.TimeOfDay(1 + r.IntN(1440))}
			if w.From == w.To {
				continue
			}
			for d := 1; d <= 7 && r.IntN(2) == 0; d++ {
				w.Days = append(w.Days, d)
			}
			p.Windows = append(p.Windows, w)
		}
		if r.IntN(2) == 0 {
			p.Mourning = []radio.Date{radio.DateOf(begin.AddDate(0, 0, r.IntN(4)))}
		}
		h, err := NewHours(p)
		if err != nil {
			t.Fatal(err)
		}
		loc, err := time.LoadLocation(z.zone)
		if err != nil {
			t.Fatal(err)
		}
		const minutes = 5 * 24 * 60
		permitted := make([]bool, minutes)
		for i := range permitted {
			permitted[i] = inWindow(p, begin.Add(time.Duration(i)*time.Minute).In(loc))
		}
		ends := make([]int, minutes+1) // where what is permitted at a minute ends
		ends[minutes] = minutes
		for i := minutes - 1; i >= 0; i-- {
			if ends[i] = i; permitted[i] {
				ends[i] = ends[i+1]
			}
		}
		for i := range minutes - 2*24*60 {
			start := begin.Add(time.Duration(i) * time.Minute)
			end := ends[i]
			ok, until := h.Permits(start, start.Add(time.Minute))
			if ok != permitted[i] {
				t.Fatalf("seed %d: at %s permitted %v, the walker says %v; %+v", seed, start.In(loc), ok, permitted[i], p)
			}
			if cut := begin.Add(time.Duration(end) * time.Minute); end-i < 48*60 && !until.Equal(cut) {
				t.Fatalf("seed %d: at %s until %s, the walker says %s; %+v", seed, start.In(loc), until.In(loc), cut.In(loc), p)
			}
			n := time.Duration(1+r.IntN(90)) * time.Minute
			if ok, _ := h.Permits(start, start.Add(n)); ok != (i+int(n/time.Minute) <= end) {
				t.Fatalf("seed %d: %s from %s permitted %v", seed, n, start.In(loc), ok)
			}
		}
	}
}

// inWindow reads the digits of one local minute.
func inWindow(p radio.Policy, l time.Time) bool {
	if slices.Contains(p.Mourning, radio.Date(l.Format(time.DateOnly))) {
		return false
	}
	minute := radio.TimeOfDay(l.Hour()*60 + l.Minute())
	weekday := (int(l.Weekday())+6)%7 + 1
	yesterday := (weekday+5)%7 + 1
	return slices.ContainsFunc(p.Windows, func(w radio.Window) bool {
		on := func(d int) bool { return len(w.Days) == 0 || slices.Contains(w.Days, d) }
		if w.From < w.To {
			return on(weekday) && minute >= w.From && minute < w.To
		}
		return (on(weekday) && minute >= w.From) || (on(yesterday) && minute < w.To)
	})
}
