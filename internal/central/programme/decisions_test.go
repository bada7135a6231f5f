package programme

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"loaxa/internal/raced"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// heard is one time one slot comes on a device, whether it sounds or why not.
type heard struct {
	schedule radio.ScheduleID
	slot     radio.SlotID
	at       string // local, to the minute
	why      radio.Reason
}

func (h heard) String() string { return fmt.Sprint(h.schedule, h.slot, h.at, h.why) }

// walker tells what sounds minute by minute, by the words themselves: it shares nothing
// with the planner, not even how rules are read or which word is the newest.
type walker struct {
	schedules []radio.Schedule
	words     []radio.Decision
	rules     []radio.OfferRule
	commune   radio.AreaID
	hamlet    radio.AreaID
	fields    map[radio.SlotID][]string // of the rules, as they are written
	on        map[radio.SlotID]*marks
}

// marks are the minutes and hours of a rule, tried one by one.
type marks struct {
	minute [60]bool
	hour   [24]bool
}

// field matches one number or *, with lists.
func field(text string, n int) bool {
	if text == "*" {
		return true
	}
	if v, err := strconv.Atoi(text); err == nil {
		return v == n
	}
	for _, part := range strings.Split(text, ",") {
		if v, err := strconv.Atoi(part); err == nil && v == n {
			return true
		}
	}
	return false
}

// due: the minute and the hour fit already.
func (w walker) due(s radio.Schedule, sl radio.Slot, t time.Time) bool {
	f := w.fields[sl.ID]
	day := radio.Date(t.Format("2006-01-02"))
	return field(f[2], t.Day()) && field(f[3], int(t.Month())) && field(f[4], int(t.Weekday())) &&
		(s.From == "" || day >= s.From) && (s.Until == "" || day <= s.Until) && !slices.Contains(s.Except, day)
}

// word is the newest about a slot and a date ("" for standing), looked for one by one.
func (w walker) word(s radio.Schedule, sl radio.Slot, date radio.Date, clock string) *radio.Decision {
	var best *radio.Decision
	for i := range w.words {
		d := &w.words[i]
		if d.Time == clock && (d.Area == w.commune || d.Area == w.hamlet) && d.Schedule == s.ID && (d.Slot == "" || d.Slot == sl.ID) && d.Date == date && (best == nil || d.N > best.N) {
			best = d
		}
	}
	return best
}

// counting is the word that counts about an airing: what was said of it alone, unless
// something was said of its date since.
func (w walker) counting(s radio.Schedule, sl radio.Slot, t time.Time) *radio.Decision {
	date := radio.Date(t.Format("2006-01-02"))
	one, day, always := w.word(s, sl, date, t.Format("15:04")), w.word(s, sl, date, ""), w.word(s, sl, "", "")
	said := func(d *radio.Decision) bool { return d != nil && d.Do != radio.DecideUndo }
	switch {
	case said(one) && (day == nil || one.N > day.N):
		return one
	case said(day):
		return day
	case said(always):
		return always
	}
	return nil
}

func (w walker) holds() bool {
	var best radio.OfferRule
	for _, r := range w.rules {
		if (r.Area == w.commune || r.Area == w.hamlet) && r.N > best.N {
			best = r
		}
	}
	return best.Default == radio.OfferHold
}

// walk goes through every minute of some days.
func (w walker) walk(from time.Time, days int, zone *time.Location) []heard {
	var out []heard
	const form = "2006-01-02 15:04"
	w.fields, w.on = map[radio.SlotID][]string{}, map[radio.SlotID]*marks{}
	var busy [24][60]bool // some slot names this hour and minute
	for _, s := range w.schedules {
		for _, sl := range s.Slots {
			f, on := strings.Fields(sl.Cron), &marks{}
			for n := range on.minute {
				on.minute[n] = field(f[0], n)
			}
			for n := range on.hour {
				on.hour[n] = field(f[1], n)
			}
			for h := range busy {
				for m := range busy[h] {
					busy[h][m] = busy[h][m] || on.hour[h] && on.minute[m]
				}
			}
			w.fields[sl.ID], w.on[sl.ID] = f, on
		}
	}
	first := from.In(zone)
	first = time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, zone)
	// The digits of the local clock: Vietnam does not set its clocks.
	t := time.Date(first.Year(), first.Month(), first.Day()-radio.MaxMoveDays, 0, 0, 0, 0, time.UTC).Add(-time.Minute)
	for range (days + 2*radio.MaxMoveDays) * 24 * 60 {
		t = t.Add(time.Minute)
		minute, hour := t.Minute(), t.Hour()
		if !busy[hour][minute] {
			continue
		}
		for _, s := range w.schedules {
			for _, sl := range s.Slots {
				if on := w.on[sl.ID]; !on.minute[minute] || !on.hour[hour] || !w.due(s, sl, t) {
					continue
				}
				is := heard{s.ID, sl.ID, t.Format(form), ""}
				free := s.Priority == radio.Prior || s.Area == w.commune || s.Area == w.hamlet
				day := radio.Date(t.Format("2006-01-02"))
				word := w.counting(s, sl, t)
				once := !strings.ContainsAny(sl.Cron[:strings.Index(sl.Cron, " *")], ",")
				switch {
				case free:
				case word == nil && w.holds():
					is.why = radio.ReasonHeld
				case word == nil:
				case word.Do == radio.DecideDecline:
					is.why = radio.ReasonCommune
				case word.Do == radio.DecideMove && (word.Date != "" || once):
					to := string(word.ToDate)
					if to == "" {
						to = string(day)
					}
					is.at = fmt.Sprintf("%s %02d:%02d", to, int(word.To)/60, int(word.To)%60)
				}
				out = append(out, is)
			}
		}
	}
	return within(out, first, days, form, zone)
}

func within(all []heard, first time.Time, days int, form string, zone *time.Location) []heard {
	var out []heard
	for _, h := range all {
		at, err := time.ParseInLocation(form, h.at, zone)
		if err == nil && !at.Before(first) && at.Before(first.AddDate(0, 0, days)) && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b heard) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// randomCase is some schedules and what a commune, and at times a hamlet, said of them.
func randomCase(r *rand.Rand) walker {
	w := walker{commune: area(10), hamlet: area(11)}
	today := now.In(time.FixedZone("ICT", 7*3600))
	date := func() radio.Date { return radio.DateOf(today.AddDate(0, 0, r.IntN(9)-1)) }
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	for i := range 1 + r.IntN(3) {
		s := schedule(i+1, radio.Target{Area: area([]int{1, 10, 11}[r.IntN(3)])})
		s.Area = []radio.AreaID{"", area(1), area(1), area(10)}[r.IntN(4)]
		if r.IntN(4) == 0 {
			s.Priority = radio.Prior
		}
		if r.IntN(3) == 0 {
			s.From = date()
		}
		if r.IntN(3) == 0 {
			s.Until = date()
		}
		if r.IntN(4) == 0 {
			s.Except = []radio.Date{date()}
		}
		for k := range 1 + r.IntN(2) {
			hours := strconv.Itoa(r.IntN(24))
			if r.IntN(4) == 0 {
				hours = "5,17"
			}
			s.Slots = append(s.Slots, slot(10*i+k+1, fmt.Sprintf("%d %s * * %s", r.IntN(60), hours, pick("*", "*", "1", "2,4", "0,6")), 1))
		}
		w.schedules = append(w.schedules, s)
	}
	for n := range r.IntN(7) {
		s := w.schedules[r.IntN(len(w.schedules))]
		sl := s.Slots[r.IntN(len(s.Slots))]
		d := radio.Decision{N: int64(n + 1), Area: w.commune, Schedule: s.ID, Slot: sl.ID}
		if r.IntN(6) == 0 {
			d.Area = w.hamlet
		}
		if r.IntN(10) == 0 {
			d.Area = area(20) // another commune's word says nothing here
		}
		if r.IntN(3) > 0 {
			d.Date = date()
			if h := strings.Split(strings.Fields(sl.Cron)[1], ","); r.IntN(3) == 0 {
				hour, _ := strconv.Atoi(h[r.IntN(len(h))])
				minute, _ := strconv.Atoi(strings.Fields(sl.Cron)[0])
				d.Time = fmt.Sprintf("%02d:%02d", hour, minute)
			}
		}
		d.Do = radio.DecisionKind(pick("accept", "move", "decline", "undo"))
		if d.Do == radio.DecideMove {
			d.To = radio.TimeOfDay(r.IntN(24 * 60))
			if d.Date != "" && r.IntN(2) == 0 {
				t, _ := time.Parse(time.DateOnly, string(d.Date))
				d.ToDate = radio.DateOf(t.AddDate(0, 0, r.IntN(2*radio.MaxMoveDays+1)-radio.MaxMoveDays))
			}
		} else if d.Time == "" && r.IntN(4) == 0 {
			d.Slot = ""
		}
		w.words = append(w.words, d)
	}
	r.Shuffle(len(w.words), func(i, j int) { w.words[i], w.words[j] = w.words[j], w.words[i] })
	for n := range r.IntN(3) {
		w.rules = append(w.rules, radio.OfferRule{N: int64(n + 1), Area: []radio.AreaID{w.commune, w.commune, area(20)}[r.IntN(3)], Default: radio.OfferDefault(pick("accept", "hold"))})
	}
	return w
}

// TestDecisionsAgainstTheWalker: what a device would be given, and what its commune keeps
// off, is what a walk through every minute finds, on 10,000 random plans and words.
func TestDecisionsAgainstTheWalker(t *testing.T) {
	zoneOf, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	const days = 4
	stock := bulletins(approved(1, time.Second))
	cases := raced.Few(10_000)
	if testing.Short() {
		cases /= 10
	}
	seen := map[string]int{}
	for n := range cases {
		r := rand.New(rand.NewPCG(uint64(n), 6))
		w := randomCase(r)
		in := input{Place: place(1, 1), Schedules: w.schedules, Decided: radio.NewDecided(w.words, w.rules), Bulletins: stock, Now: now}
		p, _, err := resolve(in)
		if err != nil {
			t.Fatal(n, err)
		}
		p.Revision, p.IssuedAt, p.NotAfter = 1, radio.At(now), radio.At(now.AddDate(0, 0, 30))
		if err := p.Check(); err != nil {
			t.Fatalf("case %d: the device refuses it: %v", n, err)
		}
		first := now.In(zoneOf)
		first = time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, zoneOf)
		got := expanded(t, p, first, days, zoneOf)
		want := w.walk(now, days, zoneOf)
		if !slices.Equal(got, want) {
			t.Fatalf("case %d:\nplanned %v\nwalked  %v\nwords %+v\nrules %+v\nschedules %+v", n, got, want, w.words, w.rules, w.schedules)
		}
		for _, h := range got {
			seen[string(h.why)]++
		}
		if n%10 > 0 {
			continue
		}
		again, _, err := resolve(in)
		if err != nil || !samePlan(again, p) {
			t.Fatalf("case %d: the same input gives another programme: %v", n, err)
		}
	}
	for _, why := range []radio.Reason{"", radio.ReasonCommune, radio.ReasonHeld} {
		if seen[string(why)] < cases/10 {
			t.Errorf("only %d airings with reason %q in %d cases", seen[string(why)], why, cases)
		}
	}
}

func samePlan(a, b radio.Programme) bool {
	return fmt.Sprint(a.Slots) == fmt.Sprint(b.Slots) && (a.Declined == nil) == (b.Declined == nil) && (a.Declined == nil || fmt.Sprint(a.Declined.Slots) == fmt.Sprint(b.Declined.Slots))
}

// expanded is what the agent's own timetable makes of the programme, and reconcile of what
// is kept off, each slot's instant once.
func expanded(t *testing.T, p radio.Programme, first time.Time, days int, zone *time.Location) []heard {
	t.Helper()
	var out []heard
	for _, part := range []*radio.Programme{&p, p.Declined} {
		if part == nil {
			continue
		}
		whole := *part
		whole.NotAfter = p.NotAfter
		tt, err := timetable.New(&whole)
		if err != nil {
			t.Fatal(err)
		}
		// What is shifted a little begins later than its slot; its slot's instant counts.
		airings, err := tt.Airings(first.Add(-time.Hour), first.AddDate(0, 0, days).Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range airings {
			why := a.Excluded
			switch why {
			case radio.ReasonOverlap:
				why = ""
			case radio.ReasonMoved:
				continue // told where it is now
			}
			out = append(out, heard{a.Schedule, a.Slot, a.SlotAt.Time().In(zone).Format("2006-01-02 15:04"), why})
		}
	}
	return within(out, first, days, "2006-01-02 15:04", zone)
}

// TestOrderOfPriority: where two priority schedules clash the commune's word says which
// goes first; the other waits, up to an hour, and none is dropped for it.
func TestOrderOfPriority(t *testing.T) {
	zoneOf, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	stock := bulletins(approved(1, 5*time.Minute), approved(2, 10*time.Minute), approved(3, 2*time.Minute))
	prior := func(n int, cron string, b int) radio.Schedule {
		s := schedule(n, radio.Target{Area: area(1)}, slot(n, cron, b))
		s.Priority = radio.Prior
		return s
	}
	a, b, c := prior(1, "0 17 * * *", 1), prior(2, "3 17 * * *", 2), prior(3, "5 17 * * *", 3)
	order := func(n int64, first, then radio.Schedule) radio.Decision {
		return radio.Decision{N: n, Area: area(10), Schedule: first.ID, Other: then.ID, Do: radio.DecideOrder}
	}
	for _, x := range []struct {
		name  string
		lay   []radio.Schedule
		words []radio.Decision
		want  string
	}{
		{"the earlier time goes first", []radio.Schedule{a, b}, nil, "1 17:00 2 17:05"},
		{"the later one first: the other waits beyond its grace", []radio.Schedule{a, b}, []radio.Decision{order(1, b, a)}, "2 17:03 1 17:13"},
		{"the newest word", []radio.Schedule{a, b}, []radio.Decision{order(1, b, a), order(2, a, b)}, "1 17:00 2 17:05"},
		{"another commune's word", []radio.Schedule{a, b}, []radio.Decision{{N: 1, Area: area(20), Schedule: b.ID, Other: a.ID, Do: radio.DecideOrder}}, "1 17:00 2 17:05"},
		{"taken back", []radio.Schedule{a, b}, []radio.Decision{order(1, b, a), {N: 2, Area: area(10), Schedule: b.ID, Other: a.ID, Do: radio.DecideUndo}}, "1 17:00 2 17:05"},
		// The second gives way to the third, and so is not in the way of the first any more.
		{"three in a row", []radio.Schedule{a, b, c}, []radio.Decision{order(1, c, b), order(2, b, a)}, "1 17:00 3 17:05 2 17:07"},
		{"a ring of wishes ends", []radio.Schedule{a, b, c}, []radio.Decision{order(1, a, b), order(2, b, c), order(3, c, a)}, ""},
		{"no clash, no wait", []radio.Schedule{a, prior(2, "30 17 * * *", 2)}, []radio.Decision{order(1, b, a)}, "1 17:00 2 17:30"},
	} {
		t.Run(x.name, func(t *testing.T) {
			p, _, err := resolve(input{Place: place(1, 1), Schedules: x.lay, Decided: radio.NewDecided(x.words, nil), Bulletins: stock, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			p.NotAfter = radio.At(now.AddDate(0, 0, 30))
			tt, err := timetable.New(&p)
			if err != nil {
				t.Fatal(err)
			}
			day := time.Date(2026, time.March, 3, 0, 0, 0, 0, zoneOf)
			airings, err := tt.Airings(day, day.AddDate(0, 0, 1))
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string]string{}
			for i, air := range airings {
				if air.Excluded != "" {
					t.Errorf("%s is left out: %s", air.Schedule, air.Excluded)
				}
				if i > 0 && air.Start().Before(airings[i-1].End()) {
					t.Errorf("two sound at once at %s", air.Start())
				}
				for n, s := range x.lay {
					if s.ID == air.Schedule {
						parts[strconv.Itoa(n+1)] = air.Start().In(zoneOf).Round(time.Minute).Format("15:04")
					}
				}
			}
			if x.want == "" {
				return
			}
			for want := strings.Fields(x.want); len(want) > 0; want = want[2:] {
				if parts[want[0]] != want[1] {
					t.Errorf("schedule %s begins at %s, want %s", want[0], parts[want[0]], want[1])
				}
			}
		})
	}
}
