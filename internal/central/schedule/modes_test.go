package schedule

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/raced"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

func randomDates(rnd *rand.Rand) []radio.Date {
	var out []radio.Date
	for range 1 + rnd.IntN(8) {
		out = append(out, radio.DateOf(time.Date(2026, 1, 1+rnd.IntN(365), 0, 0, 0, 0, time.UTC)))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func randomVariants(rnd *rand.Rand) []radio.FormVariant {
	all := []radio.FormVariant{
		{FormTarget: radio.FormTarget{Area: "thon"}, Bulletin: "nhac"}, {FormTarget: radio.FormTarget{Device: "loa-1"}, Bulletin: "tin"},
		{FormTarget: radio.FormTarget{Area: "xa"}, Bulletin: "tin"},
	}
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if n := rnd.IntN(2 * len(all)); n < len(all) {
		return all[:n]
	}
	return nil
}

// The table of the ways people say when: what they write, and the rules and dates it
// becomes ("rule", or "rule on dates").
func TestModes(t *testing.T) {
	at := func(times ...string) radio.FormSlot { return radio.FormSlot{Times: times} }
	with := func(s radio.FormSlot, change func(*radio.FormSlot)) radio.FormSlot { change(&s); return s }
	for _, c := range []struct {
		name        string
		slot        radio.FormSlot
		from, until radio.Date
		want        string
	}{
		{"daily", at("05:00"), "", "", "0 5 * * *"},
		{"several windows a day", at("05:00", "17:00"), "", "", "0 5,17 * * *"},
		{"windows that need two rules", at("17:30", "05:00"), "", "", "0 5 * * * | 30 17 * * *"},
		{"weekdays", with(at("05:00"), func(s *radio.FormSlot) { s.Weekdays = []int{1, 2, 3, 4, 5, 7} }), "", "", "0 5 * * 0-5"},
		{"all weekdays are daily", with(at("05:00"), func(s *radio.FormSlot) { s.Weekdays = []int{1, 2, 3, 4, 5, 6, 7} }), "", "", "0 5 * * *"},
		{"monthly", with(at("05:00"), func(s *radio.FormSlot) { s.MonthDays = []int{1, 15} }), "", "", "0 5 1,15 * *"},
		{"once, within days that leave it once", with(at("05:00"), func(s *radio.FormSlot) { s.Day = "2026-09-17" }), "2026-01-01", "2026-12-31", "0 5 17 9 *"},
		{"once, open ended", with(at("05:00"), func(s *radio.FormSlot) { s.Day = "2026-09-17" }), "", "", "0 5 17 9 * on 2026-09-17"},
		{"once, over two years", with(at("05:00"), func(s *radio.FormSlot) { s.Day = "2026-09-17" }), "2026-01-01", "2027-12-31", "0 5 17 9 * on 2026-09-17"},
		{"once, on 29 February", with(at("05:00"), func(s *radio.FormSlot) { s.Day = "2028-02-29" }), "", "", "0 5 29 * * on 2028-02-29"},
		{"a list of dates", with(at("05:00", "17:00"), func(s *radio.FormSlot) { s.Dates = []radio.Date{"2027-01-02", "2026-09-17", "2026-09-20"} }), "", "",
			"0 5,17 2,17,20 1,9 * on 2026-09-17, 2026-09-20, 2027-01-02"},
		{"dates and two rules", with(at("05:00", "17:30"), func(s *radio.FormSlot) { s.Dates = []radio.Date{"2026-09-17", "2026-10-17"} }), "", "",
			"0 5 17 9,10 * on 2026-09-17, 2026-10-17 | 30 17 17 9,10 * on 2026-09-17, 2026-10-17"},
		{"again and again", with(at("05:00"), func(s *radio.FormSlot) { s.Again, s.EveryMinutes = 2, 20 }), "", "", "0,20,40 5 * * *"},
		{"again over the hour, on weekdays", with(at("05:00", "17:00"), func(s *radio.FormSlot) { s.Again, s.EveryMinutes, s.Weekdays = 1, 90, []int{1} }), "", "",
			"0 5,17 * * 1 | 30 6,18 * * 1"},
		{"a rule for experts", radio.FormSlot{Cron: "*/20 5 * * MON-FRI"}, "", "", "*/20 5 * * MON-FRI"},

		{"no time", with(at(), func(s *radio.FormSlot) { s.Dates = []radio.Date{"2026-09-17"} }), "", "", "slots[0]: the slot has 0 times, want 1 to 24"},
		{"a time that is none", at("5:60"), "", "", `slots[0].times: time "5:60": write HH:MM from 00:00 to 23:59`},
		{"two ways", with(at("05:00"), func(s *radio.FormSlot) { s.Weekdays, s.Dates = []int{1}, []radio.Date{"2026-09-17"} }), "", "",
			"slots[0]: choose one: days of the week, days of the month, or dates"},
		{"a date outside", with(at("05:00"), func(s *radio.FormSlot) { s.Dates = []radio.Date{"2026-09-17", "2027-01-01"} }), "2026-01-01", "2026-12-31",
			"slots[0].dates: date 2027-01-01 is outside the schedule's days"},
		{"a date before an open end", with(at("05:00"), func(s *radio.FormSlot) { s.Day = "2025-09-17" }), "2026-01-01", "",
			"slots[0].day: date 2025-09-17 is outside the schedule's days"},
		{"a date twice", with(at("05:00"), func(s *radio.FormSlot) { s.Dates = []radio.Date{"2026-09-17", "2026-09-17"} }), "", "",
			"slots[0].dates: date 2026-09-17 stands twice"},
		{"no date", with(at("05:00"), func(s *radio.FormSlot) { s.Dates = []radio.Date{"2026-02-29", ""} }), "", "",
			`slots[0].dates: date "2026-02-29": write a date there is as DD/MM/YYYY or YYYY-MM-DD, 31/01/2026, say; slots[0].dates: date "": write a date there is as DD/MM/YYYY or YYYY-MM-DD, 31/01/2026, say`},
		{"too many dates", with(at("05:00"), func(s *radio.FormSlot) {
			for i := range radio.MaxSlotDates + 1 {
				s.Dates = append(s.Dates, radio.DateOf(time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC)))
			}
		}), "", "", "slots[0].dates: more than 366 dates"},
		{"again past midnight", with(at("23:50"), func(s *radio.FormSlot) { s.Again, s.EveryMinutes = 1, 10 }), "", "",
			"slots[0].again: from 23:50 1 times more, 10 minutes apart, runs past midnight: take fewer, or another slot for what comes after it"},
		{"again meets another time", with(at("05:00", "05:30"), func(s *radio.FormSlot) { s.Again, s.EveryMinutes = 1, 30 }), "", "", "slots[0].again: the times that come again meet at 05:30"},
		{"again without minutes", with(at("05:00"), func(s *radio.FormSlot) { s.Again = 2 }), "", "", "slots[0].again: what comes again needs the minutes between"},
		{"again too often", with(at("05:00"), func(s *radio.FormSlot) { s.Again, s.EveryMinutes = 24, 1 }), "", "", `slots[0].again: Again "24": want a whole number from 0 to 23`},
		{"again below nothing", with(at("05:00"), func(s *radio.FormSlot) { s.Again = -1 }), "", "", `slots[0].again: Again "-1": want a whole number from 0 to 23`},
		{"too many times", with(at("05:00", "06:00"), func(s *radio.FormSlot) { s.Again, s.EveryMinutes = 12, 2 }), "", "", "slots[0].again: 26 times with those that come again, at most 24"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, problems := saidOnce(c.slot, c.from, c.until)
			if problems != "" {
				if problems != c.want {
					t.Errorf("\n got %s\nwant %s", problems, c.want)
				}
				return
			}
			var got []string
			for _, sl := range s.Slots {
				one := sl.Cron
				if len(sl.Dates) > 0 {
					one += " on " + joinDates(sl.Dates)
				}
				got = append(got, one)
			}
			if strings.Join(got, " | ") != c.want {
				t.Errorf("\n got %s\nwant %s", strings.Join(got, " | "), c.want)
			}
		})
	}
}

// saidOnce makes a schedule of one line of a form.
func saidOnce(slot radio.FormSlot, from, until radio.Date) (radio.Schedule, string) {
	slot.Code = "s"
	slot.Items = []radio.FormItem{{Code: "a", Bulletin: "tin"}}
	return said(radio.ScheduleForm{Code: "x", Title: "X", Targets: []radio.FormTarget{{Area: "tinh"}}, From: from, Until: until, Slots: []radio.FormSlot{slot}}, radio.Schedule{})
}

// said makes a schedule of a form, over the one there was.
func said(form radio.ScheduleForm, old radio.Schedule) (radio.Schedule, string) {
	b := newBuilder(&Source{}, &folder{}, radio.Plan{
		Areas:     []radio.Area{{ID: "P", Code: "tinh", Kind: radio.Province, Zone: testZone}, {ID: "X", Code: "xa", Kind: radio.Commune, Parent: "P"}},
		Bulletins: []radio.Bulletin{{ID: "B", Code: "tin", Seconds: 90, State: radio.Approved}, {ID: "C", Code: "tin-mong", Seconds: 100, State: radio.Approved}},
	}, nil)
	r := &reader{problems: &b.problems}
	decl := r.schedule(r.formSchedule(form, ""))
	s, _ := b.resolveSchedule(&decl, old)
	if err := b.problems.invalid(); err != nil {
		return s, english(err)
	}
	return s, ""
}

const testZone = "Asia/Ho_Chi_Minh"

func shownAgain(s radio.Schedule) radio.ScheduleForm {
	b := newBuilder(&Source{}, &folder{}, radio.Plan{
		Areas:     []radio.Area{{ID: "P", Code: "tinh", Kind: radio.Province, Zone: testZone}, {ID: "X", Code: "xa", Kind: radio.Commune, Parent: "P"}},
		Bulletins: []radio.Bulletin{{ID: "B", Code: "tin", Seconds: 90, State: radio.Approved}, {ID: "C", Code: "tin-mong", Seconds: 100, State: radio.Approved}},
	}, nil)
	return b.form(s)
}

// Whatever a form can say comes back as the same form, and the same form as the same
// schedule; and it comes due exactly when a walker that reads the form says (of a few, for
// it goes from minute to minute).
func TestFormScheduleForm(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6, 31))
	zone, err := time.LoadLocation(testZone)
	if err != nil {
		t.Fatal(err)
	}
	for n := range raced.Few(10_000) {
		form := radio.ScheduleForm{Code: "x", Title: "X", Area: "tinh", Priority: radio.Normal, Targets: []radio.FormTarget{{Area: "tinh"}}, Slots: []radio.FormSlot{}}
		grace := radio.DefaultGraceSeconds
		form.GraceSeconds = &grace
		if rnd.IntN(2) == 0 {
			form.From, form.Until = "2026-01-01", []radio.Date{"", "2026-12-31", "2027-12-31"}[rnd.IntN(3)]
		}
		for i := range 1 + rnd.IntN(3) {
			form.Slots = append(form.Slots, randomLine(rnd, i))
		}
		s, problems := said(form, radio.Schedule{})
		if problems != "" {
			t.Fatalf("%+v: %s", form, problems)
		}
		back := shownAgain(s)
		for i := range back.Slots {
			if len(back.Slots[i].Ends) != len(back.Slots[i].Starts()) {
				t.Fatalf("%d ends of %v", len(back.Slots[i].Ends), back.Slots[i].Starts())
			}
			back.Slots[i].Cron, back.Slots[i].Ends, back.Slots[i].Seconds = "", nil, 0
		}
		if !reflect.DeepEqual(back, form) {
			t.Fatalf("comes back otherwise\n got %+v\nwant %+v\n  by %+v", back, form, s.Slots)
		}
		again, problems := said(back, s)
		if problems != "" || !reflect.DeepEqual(again, s) {
			t.Fatalf("says something else the second time (%s)\n got %+v\nwant %+v", problems, again.Slots, s.Slots)
		}
		for _, slot := range form.Slots {
			if n%50 != 0 {
				break
			}
			if got, want := due(t, s, slot.Code), walked(slot, s, zone); !slices.Equal(got, want) {
				t.Fatalf("%+v of %s–%s as %+v\n got %v\nwant %v", slot, s.From, s.Until, s.Slots, got, want)
			}
		}
	}
}

// randomLine is a line as the desk shows it: sorted, with the days it needs.
func randomLine(rnd *rand.Rand, i int) radio.FormSlot {
	w := randomWhen(rnd)
	s := radio.FormSlot{Code: fmt.Sprintf("s%d", i), Weekdays: w.weekdays, MonthDays: w.monthDays, Day: w.day}
	for _, at := range w.times {
		s.Times = append(s.Times, at.String())
	}
	switch rnd.IntN(3) {
	case 0:
		s.Weekdays, s.MonthDays, s.Day, s.Dates = nil, nil, "", randomDates(rnd)
		if len(s.Dates) == 1 {
			s.Day, s.Dates = s.Dates[0], nil
		}
	case 1:
		s.Times, s.Again, s.EveryMinutes = []string{radio.TimeOfDay(rnd.IntN(12 * 60)).String()}, 1+rnd.IntN(5), 1+rnd.IntN(120)
	}
	s.Items = []radio.FormItem{{Code: "a", Bulletin: "tin", Repeat: 1 + rnd.IntN(3), GapMS: rnd.IntN(2) * 1000}}
	if rnd.IntN(3) == 0 {
		s.Items[0].Variants = []radio.FormVariant{{FormTarget: radio.FormTarget{Area: "xa"}, Bulletin: "tin-mong"}}
	}
	return s
}

var walkFrom, walkTo = time.Date(2026, 1, 25, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC)

// due asks the timetable of a device when the slots of a line come due.
func due(t *testing.T, s radio.Schedule, code string) []time.Time {
	t.Helper()
	p := &radio.Programme{Zone: s.Zone, NotAfter: radio.At(walkTo.AddDate(1, 0, 0))}
	for i, sl := range s.Slots {
		if sl.Code == code || strings.HasPrefix(sl.Code, code+"-") {
			p.Slots = append(p.Slots, radio.ProgrammeSlot{Schedule: s.ID, Slot: radio.SlotID(fmt.Sprint(i)), Priority: s.Priority, Cron: sl.Cron, From: s.From, Until: s.Until,
				Except: s.Except, Dates: sl.Dates, GraceSeconds: s.GraceSeconds, Items: []radio.Item{{Entry: "e", Kind: radio.KindRelay, Repeat: 1}}})
		}
	}
	table, err := timetable.New(p)
	if err != nil {
		t.Fatal(err)
	}
	all, err := table.Airings(walkFrom, walkTo)
	if err != nil {
		t.Fatal(err)
	}
	var out []time.Time
	for _, a := range all {
		out = append(out, a.SlotAt.Time())
	}
	return out
}

// walked goes from minute to minute and asks the form.
func walked(slot radio.FormSlot, s radio.Schedule, zone *time.Location) []time.Time {
	var begins [24 * 60]bool
	for _, text := range slot.Times {
		first, err := time.Parse("15:04", text)
		if err != nil {
			return nil
		}
		for k := range slot.Again + 1 {
			begins[first.Hour()*60+first.Minute()+k*slot.EveryMinutes] = true
		}
	}
	var out []time.Time
	for at := walkFrom; at.Before(walkTo); at = at.Add(time.Minute) {
		local := at.In(zone)
		if !begins[local.Hour()*60+local.Minute()] {
			continue
		}
		date := radio.Date(local.Format(time.DateOnly))
		onDay := true
		switch {
		case slot.Day != "":
			onDay = date == slot.Day
		case len(slot.Dates) > 0:
			onDay = slices.Contains(slot.Dates, date)
		case len(slot.MonthDays) > 0:
			onDay = slices.Contains(slot.MonthDays, local.Day())
		case len(slot.Weekdays) > 0:
			onDay = slices.Contains(slot.Weekdays, (int(local.Weekday())+6)%7+1)
		}
		if onDay && (s.From == "" || date >= s.From) && (s.Until == "" || date <= s.Until) {
			out = append(out, at)
		}
	}
	return out
}

// A rule that was written for one date stays as it is while the schedule's days leave it
// once; when they do not any more, the date stands beside it.
func TestDateKeepsItsMeaning(t *testing.T) {
	form := radio.ScheduleForm{Code: "x", Title: "X", Targets: []radio.FormTarget{{Area: "tinh"}}, From: "2026-01-01", Until: "2026-12-31",
		Slots: []radio.FormSlot{{Code: "s", Times: []string{"05:00"}, Day: "2026-09-17", Items: []radio.FormItem{{Code: "a", Bulletin: "tin"}}}}}
	was, problems := said(form, radio.Schedule{})
	if problems != "" || len(was.Slots[0].Dates) != 0 {
		t.Fatalf("%s %+v", problems, was.Slots)
	}
	form.Until = "2027-12-31"
	is, problems := said(form, was)
	if problems != "" || !slices.Equal(is.Slots[0].Dates, []radio.Date{"2026-09-17"}) || is.Slots[0].ID != was.Slots[0].ID {
		t.Fatalf("%s %+v", problems, is.Slots)
	}
}

// Ends and lengths follow repeats, pauses and the longest variant.
func TestEnds(t *testing.T) {
	seconds := map[string]float64{"tin": 90, "nhac": 10.5, "tin-mong": 100}
	of := func(code string) float64 { return seconds[code] }
	s := radio.FormSlot{Times: []string{"05:00", "23:58"}, Again: 1, EveryMinutes: 1, Items: []radio.FormItem{
		{Bulletin: "nhac", Repeat: 1}, {Bulletin: "tin", Repeat: 2, GapMS: 3000, Variants: []radio.FormVariant{{Bulletin: "tin-mong"}}},
	}}
	length, ok := s.Length(of)
	if want := 213500 * time.Millisecond; !ok || length != want {
		t.Fatalf("%s %v, want %s", length, ok, want)
	}
	if got, want := strings.Join(s.EndsAfter(length), " "), "05:03:34 05:04:34 00:01:34 +1 00:02:34 +1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.Items[0].Bulletin = "unknown"
	if _, ok := s.Length(of); ok {
		t.Error("a length of what nobody knows")
	}
}
