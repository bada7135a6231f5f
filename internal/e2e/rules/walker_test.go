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
	showing [1440][]int // indexes of the minutes that show these digits
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
			c.showing[m.of] = append(c.showing[m.of], len(c.minutes))
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
	daily                []int // minutes of a day that fit, each once
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
	for _, h := range t.hours {
		for _, m := range t.minutes {
			if of := 60*h + m; !slices.Contains(t.daily, of) {
				t.daily = append(t.daily, of)
			}
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

// days says whether the day of a minute fits.
func (t times) days(m minute) bool {
	in := func(l []int, n int) bool { return len(l) == 0 || slices.Contains(l, n) }
	return in(t.doms, m.dom) && in(t.weekdays, int(m.weekday))
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
	length   int64 // of its slot
	bulletin radio.Bulletin
	instead  radio.BulletinID // meant for the place, and not to be had
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
	placeAll(inTurn(all, x.behind()))
	slices.SortStableFunc(all, func(a, b fate) int { return cmp.Compare(a.begin, b.begin) })
	x.judge(all)
	return all
}

// expand looks at every minute whose digits a slot names, and asks what the commune said.
func (x *ruleset) expand() (all []fate) {
	behind := x.behind()
	for _, s := range x.schedules {
		if !x.reaches(s) {
			continue
		}
		grace := int64(s.GraceSeconds) * 44100
		if len(behind[s.ID]) > 0 {
			grace = 3600 * 44100
		}
		for _, sl := range s.Slots {
			for _, c := range x.comes(s, sl) {
				from := len(all)
				at := radio.At(x.cal.begin.Add(time.Duration(c.minute) * time.Minute))
				place, order := sampleOf(at), 0
				for _, e := range sl.Items {
					b, instead, ok := x.bulletin(e)
					if !ok {
						continue
					}
					for n := 1; n <= e.Repeat; n++ {
						f := fate{key: radio.AiringKey{Device: x.place.Device.ID, Schedule: s.ID, Slot: sl.ID, SlotAt: at, Entry: e.ID, Repeat: n}, day: x.cal.minutes[c.minute].date,
							first: s.Priority == radio.Prior, order: order, grace: grace, bulletin: b, instead: instead}
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
						if c.why != "" {
							f.outcome, f.reason = radio.Declined, c.why
						}
						f.planned, f.begin = place, place
						place += f.samples
						all = append(all, f)
					}
				}
				for i := range all[from:] {
					all[from+i].length = place - sampleOf(at)
				}
			}
		}
	}
	return all
}

// reaches: the schedule is on the air here.
func (x *ruleset) reaches(s radio.Schedule) bool {
	return s.WithdrawnAt == 0 && (slices.Contains(x.chain(), s.Targets[0].Area) || s.Targets[0].Device == x.place.Device.ID)
}

// bulletin is what sounds at a position of a slot here: of what is meant for the place, the
// nearest first, the first that may be aired.
func (x *ruleset) bulletin(e radio.Entry) (b radio.Bulletin, instead radio.BulletinID, ok bool) {
	if e.Kind != radio.KindAudio {
		return b, "", true
	}
	var meant []radio.BulletinID
	for _, v := range e.Variants {
		if v.Device == x.place.Device.ID {
			meant = append(meant, v.Bulletin)
		}
	}
	for _, a := range slices.Backward(x.chain()) {
		for _, v := range e.Variants {
			if v.Area == a {
				meant = append(meant, v.Bulletin)
			}
		}
	}
	meant = append(meant, e.Bulletin)
	for _, id := range meant {
		if b = x.bulletins[id]; b.State == radio.Approved && slices.Contains(x.chain(), b.Area) {
			if id != meant[0] {
				instead = meant[0]
			}
			return b, instead, true
		}
	}
	return b, "", false
}

// placeAll gives each airing the first free place from its own on, within its grace.
func placeAll(all []*fate) {
	var taken []fate
	for _, f := range all {
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
		if today := x.on(on); today.sessions > 0 && !joins && sessions[on] >= today.sessions ||
			today.minutes > 0 && samples[on]+f.samples > int64(today.minutes)*60*44100 {
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
