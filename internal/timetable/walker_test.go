package timetable

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

// The brute-force walker: it looks at every minute, reads the local clock and asks
// its own matcher; it shares no code with the package.

// field is one field of a random rule: its text and the values it stands for.
type field struct {
	text string
	in   map[int]bool
}

func everyValue() field            { return field{text: "*"} }
func (f field) matches(v int) bool { return f.in == nil || f.in[v] }
func randomField(r *rand.Rand, lo, hi, parts int) field {
	f := field{in: map[int]bool{}}
	var texts []string
	for range 1 + r.IntN(parts) {
		a := lo + r.IntN(hi-lo+1)
		b := a + r.IntN(hi-a+1)
		step := 1 + r.IntN(4)
		switch r.IntN(3) {
		case 0:
			b, step = a, 1
			texts = append(texts, fmt.Sprint(a))
		case 1:
			step = 1
			texts = append(texts, fmt.Sprintf("%d-%d", a, b))
		default:
			texts = append(texts, fmt.Sprintf("%d-%d/%d", a, b, step))
		}
		for v := a; v <= b; v += step {
			f.in[v] = true
		}
	}
	f.text = strings.Join(texts, ",")
	return f
}

type randomRule struct{ minute, hour, dom, month, dow field }

func (r randomRule) text() string {
	return strings.Join([]string{r.minute.text, r.hour.text, r.dom.text, r.month.text, r.dow.text}, " ")
}

func (r randomRule) matches(l time.Time) bool {
	return r.minute.matches(l.Minute()) && r.hour.matches(l.Hour()) && r.dom.matches(l.Day()) &&
		r.month.matches(int(l.Month())) && r.dow.matches(int(l.Weekday()))
}

// newRule keeps two hours of the night free, so that no backlog runs on for days.
func newRule(r *rand.Rand) randomRule {
	rule := randomRule{minute: randomField(r, 0, 59, 2), hour: randomField(r, 0, 20, 2), dom: everyValue(), month: everyValue(), dow: everyValue()}
	for len(rule.minute.in) > 6 {
		rule.minute = randomField(r, 0, 59, 2)
	}
	switch r.IntN(3) {
	case 0:
		rule.dom = randomField(r, 1, 28, 3)
	case 1:
		rule.dow = randomField(r, 0, 6, 3)
	}
	if r.IntN(4) == 0 {
		rule.month = randomField(r, 1, 12, 4)
	}
	return rule
}

func randomProgramme(r *rand.Rand, zone string, begin time.Time) (*radio.Programme, map[radio.SlotID]randomRule) {
	p := programme()
	p.Zone = zone
	p.Audio = []radio.ProgrammeAudio{sound(1, time.Duration(1+r.IntN(90_000))*time.Millisecond),
		sound(2, time.Duration(1+r.IntN(400))*time.Second), sound(3, time.Duration(1+r.IntN(1800))*time.Second)}
	if r.IntN(3) == 0 {
		p.Audio[r.IntN(3)].ValidUntil = radio.At(begin.Add(time.Duration(r.IntN(6*86400)) * time.Second))
	}
	if r.IntN(3) == 0 {
		p.Audio[r.IntN(3)].ValidFrom = radio.At(begin.Add(time.Duration(r.IntN(6*86400)) * time.Second))
	}
	if r.IntN(4) == 0 {
		p.NotAfter = radio.At(begin.Add(time.Duration(r.IntN(6*86400)) * time.Second))
	}
	rules := map[radio.SlotID]randomRule{}
	for i := range 1 + r.IntN(5) {
		s := slotOf(i+1, radio.Normal, "")
		if r.IntN(3) == 0 {
			s.Priority = radio.Prior
		}
		s.Schedule = id[radio.ScheduleID](1 + r.IntN(2))
		s.GraceSeconds = r.IntN(600)
		rule := newRule(r)
		s.Cron = rule.text()
		rules[s.Slot] = rule
		for j := range 1 + r.IntN(3) {
			it := radio.Item{Entry: id[radio.EntryID](100*i + j), Kind: radio.KindAudio,
				Bulletin: id[radio.BulletinID](1 + r.IntN(3)), Version: 1, Repeat: 1 + r.IntN(2), GapMS: r.IntN(5000)}
			if r.IntN(8) == 0 {
				it = radio.Item{Entry: it.Entry, Kind: radio.KindLive, Repeat: 1}
			}
			s.Items = append(s.Items, it)
		}
		if r.IntN(3) == 0 {
			s.Except = []radio.Date{radio.DateOf(begin.AddDate(0, 0, r.IntN(5)))}
		}
		if r.IntN(3) == 0 {
			s.From = radio.DateOf(begin.AddDate(0, 0, r.IntN(3)))
		}
		if r.IntN(3) == 0 {
			s.Until = radio.DateOf(begin.AddDate(0, 0, r.IntN(5)))
		}
		p.Slots = append(p.Slots, s)
	}
	return p, rules
}

// walk expands the programme minute by minute from begin to end.
func walk(t *testing.T, p *radio.Programme, rules map[radio.SlotID]randomRule, begin, end time.Time) []radio.Airing {
	t.Helper()
	loc, err := time.LoadLocation(p.Zone)
	if err != nil {
		t.Fatal(err)
	}
	var plan []radio.Airing
	shown := map[string]bool{}
	for m := begin.Truncate(time.Minute); m.Before(end); m = m.Add(time.Minute) {
		l := m.In(loc)
		digits := l.Format("2006-01-02 15:04")
		if shown[digits] {
			continue // the clock shows this minute a second time
		}
		shown[digits] = true
		today := radio.Date(digits[:10])
		for _, s := range p.Slots {
			if !rules[s.Slot].matches(l) || slices.Contains(s.Except, today) || (s.From != "" && today < s.From) || (s.Until != "" && today > s.Until) {
				continue
			}
			offset := int64(0)
			for _, it := range s.Items {
				for n := 1; n <= it.Repeat; n++ {
					a := radio.Airing{AiringKey: radio.AiringKey{Device: p.Device, Schedule: s.Schedule, Slot: s.Slot, SlotAt: radio.At(m), Entry: it.Entry, Repeat: n},
						Priority: s.Priority, Grace: time.Duration(s.GraceSeconds) * time.Second, Kind: it.Kind, Bulletin: it.Bulletin, Version: it.Version}
					if it.Kind == radio.KindAudio {
						audio, _ := p.Find(it.Bulletin, it.Version)
						a.Title, a.Samples = audio.Title, audio.Renditions[0].Samples
						if n > 1 {
							offset += (int64(it.GapMS)*44100 + 500) / 1000
						}
					}
					a.Offset, a.ID = offset, a.AiringKey.ID()
					offset += a.Samples
					plan = append(plan, a)
				}
			}
		}
	}
	// Stable: items of one slot instant stay in the order of the slot.
	slices.SortStableFunc(plan, func(a, b radio.Airing) int {
		return cmp.Or(-strings.Compare(string(a.Priority), string(b.Priority)), // "priority" > "normal"
			cmp.Compare(a.SlotAt, b.SlotAt), strings.Compare(string(a.Schedule), string(b.Schedule)), strings.Compare(string(a.Slot), string(b.Slot)))
	})
	return put(p, plan)
}

// put tries, for each airing in its order, its planned start and the end of every
// sound placed so far, and takes the earliest that is free.
func put(p *radio.Programme, plan []radio.Airing) []radio.Airing {
	begin := func(a radio.Airing) int64 { return int64(a.SlotAt)/1000*44100 + a.Offset }
	var placed []radio.Airing
	free := func(from, n int64) bool {
		return !slices.ContainsFunc(placed, func(o radio.Airing) bool { return begin(o) < from+n && from < begin(o)+o.Samples })
	}
	late := func(a radio.Airing) bool {
		audio, _ := p.Find(a.Bulletin, a.Version)
		return !a.Start().Before(p.NotAfter.Time()) || (audio.ValidUntil != 0 && !a.Start().Before(audio.ValidUntil.Time()))
	}
	for i := range plan {
		a := &plan[i]
		if a.Kind != radio.KindAudio {
			a.Excluded = radio.ReasonUnsupported
			continue
		}
		if late(*a) {
			a.Excluded = radio.ReasonExpired
			continue
		}
		if audio, _ := p.Find(a.Bulletin, a.Version); audio.ValidFrom != 0 && a.Start().Before(audio.ValidFrom.Time()) {
			a.Excluded = radio.ReasonNotYet
			continue
		}
		planned, best := begin(*a), int64(-1)
		tries := []int64{planned}
		for _, o := range placed {
			if end := begin(o) + o.Samples; end > planned && end <= planned+int64(a.Grace/time.Second)*44100 {
				tries = append(tries, end)
			}
		}
		for _, at := range tries {
			if (best < 0 || at < best) && free(at, a.Samples) {
				best = at
			}
		}
		if best < 0 {
			a.Excluded = radio.ReasonOverlap
			continue
		}
		a.Offset += best - planned
		if late(*a) {
			a.Excluded = radio.ReasonExpired
			continue
		}
		placed = append(placed, *a)
	}
	slices.SortStableFunc(plan, func(a, b radio.Airing) int { return a.Start().Compare(b.Start()) })
	return plan
}

func within(as []radio.Airing, from, to time.Time) []radio.Airing {
	return slices.DeleteFunc(slices.Clone(as), func(a radio.Airing) bool { return a.Start().Before(from) || !a.Start().Before(to) })
}

var walkerZones = []struct {
	zone, begin string
}{
	{hanoi, "2026-03-02"}, {hanoi, "2026-12-30"}, {"Europe/Paris", "2026-03-27"}, {"Europe/Paris", "2026-10-23"},
	{"Africa/Cairo", "2026-04-22"}, {"Australia/Lord_Howe", "2026-04-03"}, {"America/St_Johns", "2026-10-30"}, {"Asia/Kathmandu", "2028-02-27"},
}

// Every random programme, in every zone, is expanded as the walker expands it.
func TestAgainstTheWalker(t *testing.T) {
	for seed := range uint64(32) {
		z := walkerZones[seed%uint64(len(walkerZones))]
		r := rand.New(rand.NewPCG(seed, 7))
		begin := day(z.begin)
		p, rules := randomProgramme(r, z.zone, begin)
		tt, err := New(p)
		if err != nil {
			if strings.Contains(err.Error(), "no occurrence") {
				continue
			}
			t.Fatal(err)
		}
		from, to := begin.Add(time.Duration(r.IntN(1000))*time.Minute), begin.AddDate(0, 0, 4)
		got, err := tt.Airings(from, to)
		if err != nil {
			t.Fatal(err)
		}
		want := within(walk(t, p, rules, from.AddDate(0, 0, -2), to.AddDate(0, 0, 1)), from, to)
		sameStart(got)
		sameStart(want)
		if len(got) != len(want) {
			t.Fatalf("seed %d: %d airings, the walker has %d", seed, len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("seed %d, airing %d:\n%+v\nthe walker has\n%+v", seed, i, got[i], want[i])
			}
		}
	}
}

// sameStart orders airings that start together (at most one of them sounds).
func sameStart(as []radio.Airing) {
	slices.SortFunc(as, func(a, b radio.Airing) int {
		return cmp.Or(a.Start().Compare(b.Start()), strings.Compare(string(a.ID), string(b.ID)))
	})
}

// crowded plans about as much as fits into the day, and sometimes far more, also
// at night.
func crowded(r *rand.Rand) *radio.Programme {
	p := programme(slotOf(1, radio.Normal, "*/7 * * * *", 2), slotOf(2, radio.Prior, "*/11 * * * *", 1, 3), slotOf(3, radio.Normal, "*/5 * * * *", 1))
	for i := range p.Slots {
		p.Slots[i].GraceSeconds = r.IntN(radio.MaxGraceSeconds + 1)
	}
	p.Audio[1] = sound(2, time.Duration(60+r.IntN(500))*time.Second)
	return p
}

// What a span answers does not depend on where it begins or ends, one sound at a
// time holds, and the ids are distinct: also when more is planned than fits.
func TestPlacementProperties(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 11))
		begin := day("2026-03-02")
		p, _ := randomProgramme(r, hanoi, begin)
		if seed%2 == 0 {
			p = crowded(r)
		}
		tt, err := New(p)
		if err != nil {
			if strings.Contains(err.Error(), "no occurrence") {
				continue
			}
			t.Fatal(err)
		}
		a, c := begin, begin.AddDate(0, 0, 2)
		whole, err := tt.Airings(a, c)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			b := a.Add(time.Duration(r.Int64N(int64(c.Sub(a)))))
			if r.IntN(3) == 0 && len(whole) > 0 {
				b = whole[r.IntN(len(whole))].Start()
			}
			first, err := tt.Airings(a, b)
			if err != nil {
				t.Fatal(err)
			}
			second, err := tt.Airings(b, c)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(append(first, second...), whole) {
				t.Fatalf("seed %d: cut at %s the answer is another", seed, b)
			}
		}
		ids := map[radio.AiringID]bool{}
		var last radio.Airing
		for _, x := range whole {
			if ids[x.ID] {
				t.Fatalf("seed %d: id twice", seed)
			}
			ids[x.ID] = true
			if x.Excluded != "" {
				continue
			}
			if last.ID != "" && samplesAt(x.SlotAt)+x.Offset < samplesAt(last.SlotAt)+last.Offset+last.Samples {
				t.Fatalf("seed %d: %s sounds over %s", seed, x.Start(), last.Start())
			}
			last = x
		}
	}
}
