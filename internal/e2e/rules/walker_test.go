package rules

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// The walker reads the digits of every minute of some days from the local clock, and knows
// schedules and hours as people lay them down: cron fields as the values they stand for. Of
// the planner it shares only the order in which airings are judged (priority, instant, ids),
// which is a rule of its own.

const zone = "Asia/Ho_Chi_Minh"

// minute is one minute as the local clock shows it.
type minute struct {
	date    radio.Date
	of      int // minute of the day
	dom     int
	weekday time.Weekday
	second  bool // the clock shows these digits a second time
}

// calendar is some days of one zone, from a local midnight on.
type calendar struct {
	zone    string
	begin   time.Time
	minutes []minute
	dates   []radio.Date
}

const walkedDays = 4

var calendars = sync.OnceValue(func() (out []*calendar) {
	for _, z := range []struct{ zone, first string }{
		{zone, "2026-11-23"}, {zone, "2026-12-30"}, {zone, "2027-02-05"}, {zone, "2028-02-27"},
		{"Europe/Paris", "2026-10-24"}, {"Europe/Paris", "2026-03-28"}, {"Australia/Lord_Howe", "2026-04-04"}, {"Asia/Kathmandu", "2026-06-30"},
	} {
		loc, err := time.LoadLocation(z.zone)
		if err != nil {
			panic(err)
		}
		begin, err := time.ParseInLocation(time.DateOnly, z.first, loc)
		if err != nil {
			panic(err)
		}
		c := &calendar{zone: z.zone, begin: begin.UTC()}
		shown := map[string]bool{}
		for i := range walkedDays * 24 * 60 {
			l := begin.Add(time.Duration(i) * time.Minute)
			digits := l.Format("2006-01-02 15:04")
			m := minute{date: radio.Date(digits[:10]), of: l.Hour()*60 + l.Minute(), dom: l.Day(), weekday: l.Weekday(), second: shown[digits]}
			shown[digits] = true
			c.minutes = append(c.minutes, m)
			if n := len(c.dates); n == 0 || c.dates[n-1] != m.date {
				c.dates = append(c.dates, m.date)
			}
		}
		out = append(out, c)
	}
	return out
})

// at is the minute in which an instant lies.
func (c *calendar) at(m radio.Millis) minute { return c.minutes[c.index(m)] }

func (c *calendar) index(m radio.Millis) int { return int(m.Time().Sub(c.begin) / time.Minute) }

// times are the values a cron rule stands for; none of a field is every value.
type times struct {
	minutes, hours, doms []int
	weekdays             []int // 0 Sunday
	text                 string
	daily                *[1440]bool // minutes of a day that fit
}

func drawTimes(r *rand.Rand) times {
	var t times
	around := []int{0, 4, 5, 5, 6, 11, 17, 17, 20, 21, 23, 23, 23}
	for range 1 + r.IntN(2) {
		t.hours = append(t.hours, around[r.IntN(len(around))])
	}
	for range 1 + r.IntN(2) {
		t.minutes = append(t.minutes, []int{0, 1, 2, 15, 30, 58, 59, 59}[r.IntN(8)])
	}
	fields := []string{list(t.minutes), list(t.hours), "*", "*", "*"}
	switch r.IntN(5) {
	case 0:
		a := r.IntN(7)
		b := a + r.IntN(7-a)
		for d := a; d <= b; d++ {
			t.weekdays = append(t.weekdays, d)
		}
		fields[4] = fmt.Sprintf("%d-%d", a, b)
	case 1:
		for d := 1 + r.IntN(2); d <= 31; d += 2 {
			t.doms = append(t.doms, d)
		}
		fields[2] = fmt.Sprintf("%d-31/2", t.doms[0])
	}
	t.text = strings.Join(fields, " ")
	t.daily = new([1440]bool)
	for _, h := range t.hours {
		for _, m := range t.minutes {
			t.daily[60*h+m] = true
		}
	}
	return t
}

func list(n []int) string {
	var out []string
	for _, x := range n {
		out = append(out, fmt.Sprint(x))
	}
	return strings.Join(out, ",")
}

func (t times) match(m minute) bool {
	in := func(l []int, n int) bool { return len(l) == 0 || slices.Contains(l, n) }
	return t.daily[m.of] && !m.second && in(t.doms, m.dom) && in(t.weekdays, int(m.weekday))
}

// fate is what the walker says of one airing.
type fate struct {
	id       radio.AiringID
	key      radio.AiringKey
	day      radio.Date
	first    bool // of higher priority
	order    int  // in its slot
	grace    int64
	samples  int64
	planned  int64 // sample since 1970
	begin    int64
	bulletin radio.Bulletin
	outcome  radio.Outcome
	reason   radio.Reason
}

func (f fate) start() radio.Millis {
	return radio.At(f.key.SlotAt.Time().Add(radio.SamplesDuration(f.begin - sampleOf(f.key.SlotAt))))
}

func (f fate) end() radio.Millis {
	return radio.At(f.key.SlotAt.Time().Add(radio.SamplesDuration(f.begin + f.samples - sampleOf(f.key.SlotAt))))
}

func sampleOf(m radio.Millis) int64 { return int64(m) / 1000 * 44100 }

// walk gives every airing of the days, with what becomes of it.
func (x *ruleset) walk() []fate {
	all := x.expand()
	slices.SortStableFunc(all, func(a, b fate) int {
		rank := map[bool]int{true: 0, false: 1}
		return cmp.Or(rank[a.first]-rank[b.first], cmp.Compare(a.key.SlotAt, b.key.SlotAt), strings.Compare(string(a.key.Schedule), string(b.key.Schedule)),
			strings.Compare(string(a.key.Slot), string(b.key.Slot)), a.order-b.order)
	})
	placeAll(all)
	slices.SortStableFunc(all, func(a, b fate) int { return cmp.Compare(a.begin, b.begin) })
	x.judge(all)
	return all
}

// expand looks at every minute and every slot.
func (x *ruleset) expand() (all []fate) {
	var any [1440]bool
	for _, t := range x.times {
		for i, is := range t.daily {
			any[i] = any[i] || is
		}
	}
	for i, m := range x.cal.minutes {
		if !any[m.of] {
			continue
		}
		at := radio.At(x.cal.begin.Add(time.Duration(i) * time.Minute))
		for _, s := range x.schedules {
			if s.WithdrawnAt != 0 || s.Targets[0].Area != x.place.Chain[0].ID || s.From != "" && m.date < s.From || s.Until != "" && m.date > s.Until || slices.Contains(s.Except, m.date) {
				continue
			}
			for _, sl := range s.Slots {
				if !x.times[sl.ID].match(m) {
					continue
				}
				place, order := sampleOf(at), 0
				for _, e := range sl.Items {
					b := x.bulletins[e.Bulletin]
					if e.Kind == radio.KindAudio && b.State != radio.Approved {
						continue
					}
					for n := 1; n <= e.Repeat; n++ {
						f := fate{key: radio.AiringKey{Device: x.place.Device.ID, Schedule: s.ID, Slot: sl.ID, SlotAt: at, Entry: e.ID, Repeat: n}, day: m.date,
							first: s.Priority == radio.Prior, order: order, grace: int64(s.GraceSeconds) * 44100, bulletin: b}
						order++
						f.id = f.key.ID()
						if e.Kind == radio.KindAudio {
							f.samples = b.Renditions[0].Samples
							if n > 1 {
								place += (int64(e.GapMS)*44100 + 500) / 1000
							}
						} else {
							f.outcome, f.reason = radio.Refused, radio.ReasonUnsupported
						}
						f.planned, f.begin = place, place
						place += f.samples
						all = append(all, f)
					}
				}
			}
		}
	}
	return all
}

// placeAll gives each airing the first free place from its own on, within its grace.
func placeAll(all []fate) {
	var taken []fate
	for i := range all {
		f := &all[i]
		if f.outcome != "" {
			continue
		}
		over := func() bool { return f.bulletin.ValidUntil != 0 && f.start() >= f.bulletin.ValidUntil }
		if over() {
			f.outcome, f.reason = radio.Refused, radio.ReasonExpired
			continue
		}
		if f.bulletin.ValidFrom != 0 && f.start() < f.bulletin.ValidFrom {
			f.outcome, f.reason = radio.Refused, radio.ReasonNotYet
			continue
		}
		tries := []int64{f.planned}
		for _, o := range taken {
			if e := o.begin + o.samples; e > f.planned && e <= f.planned+f.grace {
				tries = append(tries, e)
			}
		}
		slices.Sort(tries)
		free := slices.IndexFunc(tries, func(at int64) bool {
			return !slices.ContainsFunc(taken, func(o fate) bool { return o.begin < at+f.samples && at < o.begin+o.samples })
		})
		if free < 0 {
			f.outcome, f.reason = radio.Missed, radio.ReasonOverlap
			continue
		}
		f.begin = tries[free]
		if over() {
			f.outcome, f.reason = radio.Refused, radio.ReasonExpired
			continue
		}
		taken = append(taken, *f)
	}
}

// judge refuses what the hours, dates and caps do not let sound, in the order of starts.
func (x *ruleset) judge(all []fate) {
	open := x.open()
	sessions, samples := map[radio.Date]int{}, map[radio.Date]int64{}
	var day radio.Date // of the session last counted
	var ends radio.Millis
	for i := range all {
		f := &all[i]
		if f.outcome != "" {
			continue
		}
		if !x.permitted(open, *f) {
			f.outcome, f.reason = radio.Refused, radio.ReasonPolicy
			continue
		}
		on, joins := x.cal.at(f.start()).date, day != "" && f.start() < ends+5000
		if joins {
			on = day
		}
		if x.rule.MaxSessions > 0 && !joins && sessions[on] >= x.rule.MaxSessions ||
			x.rule.MaxMinutes > 0 && samples[on]+f.samples > int64(x.rule.MaxMinutes)*60*44100 {
			f.outcome, f.reason = radio.Refused, radio.ReasonPolicy
			continue
		}
		if !joins {
			sessions[on]++
			ends = 0
		}
		day, ends = on, max(ends, f.end())
		samples[on] += f.samples
		f.outcome = radio.Aired
	}
}

// permitted says whether every minute of a sound is open.
func (x *ruleset) permitted(open []bool, f fate) bool {
	first := f.begin - sampleOf(radio.At(x.cal.begin))
	for m := first / (60 * 44100); m*60*44100 < first+f.samples; m++ {
		if m >= int64(len(open)) || !open[m] {
			return false
		}
	}
	return true
}

// open says of every minute whether the rule lets anything sound, by its digits.
func (x *ruleset) open() []bool {
	if x.opened != nil {
		return x.opened
	}
	out := make([]bool, len(x.cal.minutes))
	x.opened = out
	weekday := map[radio.Date]int{}
	for _, m := range x.cal.minutes {
		weekday[m.date] = (int(m.weekday)+6)%7 + 1
	}
	before, err := time.Parse(time.DateOnly, string(x.cal.dates[0]))
	if err != nil {
		panic(err)
	}
	eve := radio.Date(before.AddDate(0, 0, -1).Format(time.DateOnly))
	weekday[eve] = (weekday[x.cal.dates[0]]+5)%7 + 1
	exception := func(d radio.Date) int {
		return slices.IndexFunc(x.rule.Exceptions, func(e radio.PolicyException) bool { return d >= e.From && d <= e.Until })
	}
	windows := func(d radio.Date) (out []radio.Window) {
		if i := exception(d); i >= 0 {
			return x.rule.Exceptions[i].Windows
		}
		for _, w := range x.rule.Windows {
			if len(w.Days) == 0 || slices.Contains(w.Days, weekday[d]) {
				out = append(out, w)
			}
		}
		return out
	}
	yesterday := map[radio.Date]radio.Date{x.cal.dates[0]: eve}
	for i, d := range x.cal.dates[1:] {
		yesterday[d] = x.cal.dates[i]
	}
	var date radio.Date
	var mourning bool
	var mine, evening []radio.Window
	for i, m := range x.cal.minutes {
		if m.date != date {
			date, mourning, mine, evening = m.date, slices.Contains(x.rule.Mourning, m.date), windows(m.date), nil
			// A window of the evening before runs on, but not into an exception that it is not of.
			if e := exception(date); e < 0 || e == exception(yesterday[date]) {
				evening = windows(yesterday[date])
			}
		}
		now := radio.TimeOfDay(m.of)
		for _, w := range mine {
			out[i] = out[i] || !mourning && now >= w.From && (w.From > w.To || now < w.To)
		}
		for _, w := range evening {
			out[i] = out[i] || !mourning && w.From > w.To && now < w.To
		}
	}
	return out
}
