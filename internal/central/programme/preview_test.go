package programme

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// exactly gives an approved bulletin of whole seconds.
func exactly(n, seconds int) radio.Bulletin {
	b := approved(n, time.Minute)
	samples := int64(seconds) * radio.SampleRate
	for i := range b.Renditions {
		r := &b.Renditions[i]
		r.Frames = int((samples + radio.FrameSamples - 1) / radio.FrameSamples)
		r.Samples, r.Head, r.Tail = samples, 0, int(int64(r.Frames)*radio.FrameSamples-samples)
	}
	return b
}

func previewOf(t *testing.T, in input, rules []radio.PolicyRule, from, to time.Time) []radio.PreviewAiring {
	t.Helper()
	p, left, err := resolve(in)
	if err != nil || len(left) != 0 {
		t.Fatal(err, left)
	}
	policy, err := resolver.Policy(rules, in.Place, in.Now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := resolver.Preview(p, policy, resolver.Settings(in.Place), from, to)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPreview(t *testing.T) {
	here := radio.Target{Area: area(10)}
	// Hanoi's 2 March 2026 begins at 17:00 UTC on the first.
	day := time.Date(2026, time.March, 1, 17, 0, 0, 0, time.UTC)
	with := func(s radio.Schedule, change func(*radio.Schedule)) radio.Schedule { change(&s); return s }
	prior := func(s *radio.Schedule) { s.Priority = radio.Prior }
	stock := bulletins(exactly(1, 60), exactly(2, 600), exactly(3, 300))
	ending := exactly(4, 60)
	ending.ValidUntil = radio.At(day.Add(6 * time.Hour))
	stock[bulletin(4)] = ending
	cases := []struct {
		name      string
		schedules []radio.Schedule
		want      []string
	}{
		{"plain", []radio.Schedule{schedule(1, here, slot(1, "0 5 * * *", 1, 2))}, []string{"05:00:00 1", "05:01:00 2"}},
		{"outside the hours", []radio.Schedule{schedule(1, here, slot(1, "15 3 * * *", 1))}, []string{"03:15:00 1 refused policy"}},
		{"over the end of the hours", []radio.Schedule{schedule(1, here, slot(1, "55 20 * * *", 3, 1))},
			[]string{"20:55:00 3", "21:00:00 1 refused policy"}},
		{"crossing the end of the hours", []radio.Schedule{schedule(1, here, slot(1, "56 20 * * *", 3))}, []string{"20:56:00 3 refused policy"}},
		{"shifted by what outranks it", []radio.Schedule{schedule(1, here, slot(1, "0 5 * * *", 3)),
			with(schedule(2, here, slot(2, "1 5 * * *", 1)), prior), with(schedule(3, here, slot(3, "0 5 * * *", 1)), prior)},
			[]string{"05:00:00 1", "05:01:00 1", "05:02:00 3 +120 by 3,2 until 05:02:00"}},
		{"dropped", []radio.Schedule{schedule(1, here, slot(1, "0 5 * * *", 1)), with(schedule(2, here, slot(2, "0 5 * * *", 2)), prior)},
			[]string{"05:00:00 2", "05:00:00 1 missed overlap by 2 until 05:10:00"}},
		{"a slot that runs late hands its cause on", []radio.Schedule{schedule(1, here, slot(1, "0 5 * * *", 1, 1)),
			with(schedule(2, here, slot(2, "0 5 * * *", 1)), prior), schedule(3, here, slot(3, "2 5 * * *", 1))},
			[]string{"05:00:00 1", "05:01:00 1 +60 by 2 until 05:01:00", "05:02:00 1 +60 by 2 until 05:02:00", "05:03:00 1 +60 by 1,2 until 05:03:00"}},
		{"expired", []radio.Schedule{schedule(1, here, slot(1, "59 5 * * *", 4, 4))}, []string{"05:59:00 4", "06:00:00 4 refused expired"}},
		{"unsupported", []radio.Schedule{with(schedule(1, here, slot(1, "0 5 * * *", 1)), func(s *radio.Schedule) {
			s.Slots[0].Items[0] = radio.Entry{ID: s.Slots[0].Items[0].ID, Kind: radio.KindRelay, Repeat: 1}
		})}, []string{"05:00:00 - refused unsupported"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, a := range previewOf(t, input{Place: place(1, 1), Schedules: c.schedules, Bulletins: stock, Now: now}, nil, day, day.AddDate(0, 0, 1)) {
				got = append(got, line(a))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("\n got %q\nwant %q", got, c.want)
			}
		})
	}
}

var hanoi = time.FixedZone("", 7*3600)

func number[T ~string](kind byte, v T) string {
	for n := range 1000 {
		if v == id[T](kind, n) {
			return fmt.Sprint(n)
		}
	}
	return "-"
}

func line(a radio.PreviewAiring) string {
	text := a.Start.Time().In(hanoi).Format("15:04:05") + " " + number('b', a.Bulletin)
	if a.ShiftMS > 0 {
		text += fmt.Sprintf(" +%d", a.ShiftMS/1000)
	}
	if a.Outcome != "" {
		text += fmt.Sprintf(" %s %s", a.Outcome, a.Reason)
	}
	var by []string
	for _, s := range a.With {
		by = append(by, number('s', s))
	}
	if len(by) > 0 {
		text += " by " + strings.Join(by, ",") + " until " + a.ClearAt.Time().In(hanoi).Format("15:04:05")
	}
	return text
}

// The second opinion: a walker that knows no cron, no samples and no windows, only a
// calendar of minutes and a row of seconds. It shares no code with the house.

type daily struct {
	minute, hour int
	weekdays     []int // 0 Sunday; none means every day
}

func (d daily) cron() string {
	days := "*"
	if len(d.weekdays) > 0 {
		days = strings.Trim(strings.ReplaceAll(fmt.Sprint(d.weekdays), " ", ","), "[]")
	}
	return fmt.Sprintf("%d %d * * %s", d.minute, d.hour, days)
}

type walked struct {
	schedule, slot, bulletin int
	prior                    bool
	at                       time.Time // of the slot
	order, offset, seconds   int
}

func TestPreviewAgainstTheWalker(t *testing.T) {
	begin := time.Date(2026, time.March, 1, 17, 0, 0, 0, time.UTC)
	const days = 7
	shifted, dropped, vetoed := 0, 0, 0
	for seed := range uint64(24) {
		r := rand.New(rand.NewPCG(seed, 3))
		lengths := map[int]int{}
		stock := map[radio.BulletinID]radio.Bulletin{}
		until := map[int]time.Time{}
		for n := 1; n <= 5; n++ {
			lengths[n] = 1 + r.IntN(900)
			b := exactly(n, lengths[n])
			if r.IntN(4) == 0 {
				until[n] = begin.Add(time.Duration(r.IntN(days*86400)) * time.Second)
				b.ValidUntil = radio.At(until[n])
			}
			stock[b.ID] = b
		}
		windowFrom, windowTo := 4*60+r.IntN(180), 12*60+r.IntN(12*60)
		mourning := begin.Add(12*time.Hour).AddDate(0, 0, r.IntN(days))
		rule := radio.PolicyRule{ID: id[radio.PolicyID]('p', 1), Target: radio.Target{Area: area(10)}, Zone: zone,
			Windows:  []radio.Window{{From: radio.TimeOfDay(windowFrom), To: radio.TimeOfDay(windowTo)}},
			Mourning: []radio.Date{radio.DateOf(mourning.In(hanoi))}}
		grace := r.IntN(600)
		var schedules []radio.Schedule
		var plan []walked
		for n := 1; n <= 4; n++ {
			s := schedule(n, radio.Target{Area: area(1)})
			s.GraceSeconds = grace
			prior := r.IntN(3) == 0
			if prior {
				s.Priority = radio.Prior
			}
			for k := range 1 + r.IntN(3) {
				d := daily{minute: r.IntN(20), hour: []int{3, 5, 5, 6, 17, 20, 23}[r.IntN(7)]}
				if r.IntN(2) == 0 {
					d.weekdays = []int{r.IntN(3), 3 + r.IntN(4)}
				}
				var items []int
				for range 1 + r.IntN(3) {
					items = append(items, 1+r.IntN(5))
				}
				s.Slots = append(s.Slots, slot(10*n+k, d.cron(), items...))
				plan = append(plan, instants(d, n, 10*n+k, prior, items, lengths, begin.AddDate(0, 0, -1), days+1)...)
			}
			schedules = append(schedules, s)
		}
		want := settle(plan, begin, grace, until, func(t time.Time) bool {
			l := t.In(hanoi)
			m := l.Hour()*60 + l.Minute()
			return m >= windowFrom && m < windowTo && l.YearDay() != mourning.In(hanoi).YearDay()
		})
		var got []string
		for _, a := range previewOf(t, input{Place: place(1, 1), Schedules: schedules, Bulletins: stock, Now: now}, []radio.PolicyRule{rule}, begin, begin.AddDate(0, 0, days)) {
			got = append(got, fmt.Sprintf("%s %s.%s %s %s%s", a.Start.Time().In(hanoi).Format("02 15:04:05"), number('l', a.Slot), number('b', a.Bulletin), number('s', a.Schedule), a.Outcome, a.Reason))
			blocked := a.ShiftMS > 0 || a.Reason == radio.ReasonOverlap
			if blocked != (len(a.With) > 0) || blocked != (a.ClearAt > 0) {
				t.Fatalf("seed %d: %+v: who stands in its way?", seed, a)
			}
			switch {
			case a.Reason == radio.ReasonOverlap:
				dropped++
			case a.Reason == radio.ReasonPolicy:
				vetoed++
			case a.ShiftMS > 0:
				shifted++
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d:\n got %q\nwant %q", seed, got, want)
		}
	}
	if shifted < 20 || dropped < 50 || vetoed < 50 {
		t.Errorf("%d shifted, %d dropped, %d vetoed: the plans are too tame", shifted, dropped, vetoed)
	}
}

func instants(d daily, schedule, slot int, prior bool, items []int, lengths map[int]int, begin time.Time, days int) (out []walked) {
	for m := range days * 24 * 60 {
		at := begin.Add(time.Duration(m) * time.Minute)
		l := at.In(hanoi)
		if l.Hour() != d.hour || l.Minute() != d.minute || (len(d.weekdays) > 0 && !slices.Contains(d.weekdays, int(l.Weekday()))) {
			continue
		}
		offset := 0
		for i, b := range items {
			out = append(out, walked{schedule: schedule, slot: slot, bulletin: b, prior: prior, at: at, order: i, offset: offset, seconds: lengths[b]})
			offset += lengths[b]
		}
	}
	return out
}

// settle puts the airings second by second into a row, the higher ones first.
func settle(plan []walked, begin time.Time, grace int, until map[int]time.Time, open func(time.Time) bool) (out []string) {
	base := begin.AddDate(0, 0, -2)
	taken := make([]bool, 12*86400)
	slices.SortFunc(plan, func(a, b walked) int {
		rank := func(w walked) int {
			if w.prior {
				return 0
			}
			return 1
		}
		return cmp.Or(rank(a)-rank(b), a.at.Compare(b.at), a.schedule-b.schedule, a.slot-b.slot, a.order-b.order)
	})
	for _, w := range plan {
		planned := int(w.at.Sub(base)/time.Second) + w.offset
		expired := func(second int) bool {
			end, ok := until[w.bulletin]
			return ok && !base.Add(time.Duration(second)*time.Second).Before(end)
		}
		fate, start := "missedoverlap", planned
		if expired(planned) {
			fate = "refusedexpired"
		} else {
			for s := planned; s <= planned+grace; s++ {
				if !slices.Contains(taken[s:s+w.seconds], true) {
					fate, start = "", s
					break
				}
			}
			if fate == "" && expired(start) {
				fate = "refusedexpired"
			} else if fate == "" {
				for s := start; s < start+w.seconds; s++ {
					taken[s] = true
					if fate == "" && !open(base.Add(time.Duration(s)*time.Second)) {
						fate = "refusedpolicy"
					}
				}
			}
		}
		at := base.Add(time.Duration(start) * time.Second)
		if at.Before(begin) || !at.Before(begin.AddDate(0, 0, 7)) {
			continue
		}
		out = append(out, fmt.Sprintf("%s %d.%d %d %s", at.In(hanoi).Format("02 15:04:05"), w.slot, w.bulletin, w.schedule, fate))
	}
	return out
}
