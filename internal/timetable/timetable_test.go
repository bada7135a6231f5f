package timetable

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func day(s string) time.Time     { return at(s + "T00:00:00Z") }
func dateOf(s string) radio.Date { return radio.Date(s) }
func id[T ~string](n int) T      { return radio.IDFromBytes[T]([16]byte{byte(n >> 8), byte(n)}) }
func hash(n int) radio.SHA256    { return radio.SHA256(fmt.Sprintf("%064x", n)) }
func frames(d time.Duration) int { return int(radio.DurationSamples(d)+1151) / radio.FrameSamples }
func sound(n int, d time.Duration) radio.ProgrammeAudio {
	f := frames(d)
	tail := f*radio.FrameSamples - int(radio.DurationSamples(d))
	return radio.ProgrammeAudio{Bulletin: id[radio.BulletinID](n), Version: 1, Title: fmt.Sprintf("bulletin %d", n),
		Renditions: []radio.Rendition{{SHA256: hash(n), Kbps: 64, Bytes: 1000, Frames: f,
			Samples: radio.DurationSamples(d), Tail: tail}}}
}

// programme is open at both ends and has three audios: 1 of 60 s, 2 of 300 s, 3 of 90.5 s.
func programme(slots ...radio.ProgrammeSlot) *radio.Programme {
	return &radio.Programme{Device: id[radio.DeviceID](9), Revision: 1, IssuedAt: radio.At(day("2026-01-01")),
		NotAfter: radio.At(day("2030-01-01")), Zone: hanoi, Slots: slots,
		Audio: []radio.ProgrammeAudio{sound(1, time.Minute), sound(2, 5*time.Minute), sound(3, 90500*time.Millisecond)}}
}

func slotOf(n int, prio radio.Priority, rule string, bulletins ...int) radio.ProgrammeSlot {
	s := radio.ProgrammeSlot{Schedule: id[radio.ScheduleID](1), Slot: id[radio.SlotID](n), Priority: prio, Cron: rule, GraceSeconds: 120}
	for i, b := range bulletins {
		s.Items = append(s.Items, radio.Item{Entry: id[radio.EntryID](100*n + i), Kind: radio.KindAudio,
			Bulletin: id[radio.BulletinID](b), Version: 1, Repeat: 1})
	}
	return s
}

// lines shows airings as "local time slot.entry[.repeat] seconds [reason]".
func lines(t *testing.T, tt *Timetable, as []radio.Airing) string {
	t.Helper()
	var b strings.Builder
	for _, a := range as {
		if a.ID != a.AiringKey.ID() {
			t.Fatalf("id of %v", a)
		}
		var slot, entry [16]byte
		for n := range 1000 {
			if id[radio.SlotID](n) == a.Slot {
				slot[15] = byte(n)
			}
			if id[radio.EntryID](n) == a.Entry {
				entry[15] = byte(n % 100)
			}
		}
		fmt.Fprintf(&b, "%s %d.%d", tt.zone.In(a.Start()).Format("02 15:04:05.000"), slot[15], entry[15])
		if a.Repeat > 1 {
			fmt.Fprintf(&b, ".%d", a.Repeat)
		}
		fmt.Fprintf(&b, " %.1f", radio.SamplesDuration(a.Samples).Seconds())
		if a.Excluded != "" {
			fmt.Fprintf(&b, " %s", a.Excluded)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestAirings(t *testing.T) {
	const n, p = radio.Normal, radio.Prior
	with := func(s radio.ProgrammeSlot, change func(*radio.ProgrammeSlot)) radio.ProgrammeSlot {
		change(&s)
		return s
	}
	cases := []struct {
		name     string
		p        *radio.Programme
		from, to string // days; default 2026-03-02 and the next
		want     string
	}{
		{name: "items follow each other by samples",
			p:    programme(slotOf(1, n, "0 5 * * *", 3, 1, 3)),
			want: "02 05:00:00.000 1.0 90.5\n02 05:01:30.500 1.1 60.0\n02 05:02:30.500 1.2 90.5\n"},
		{name: "repeats with gaps, none after the last",
			p: programme(with(slotOf(1, n, "0 5 * * *", 1, 1), func(s *radio.ProgrammeSlot) {
				s.Items[0].Repeat, s.Items[0].GapMS = 3, 1500
			})),
			want: "02 05:00:00.000 1.0 60.0\n02 05:01:01.500 1.0.2 60.0\n02 05:02:03.000 1.0.3 60.0\n02 05:03:03.000 1.1 60.0\n"},
		{name: "from, until and exceptions are local dates",
			p: programme(with(slotOf(1, n, "30 0 * * *", 1), func(s *radio.ProgrammeSlot) {
				s.From, s.Until, s.Except = "2026-03-02", "2026-03-05", []radio.Date{"2026-03-04"}
			})), from: "2026-02-25", to: "2026-03-10",
			want: "02 00:30:00.000 1.0 60.0\n03 00:30:00.000 1.0 60.0\n05 00:30:00.000 1.0 60.0\n"},
		{name: "same priority: the later slot shifts, and what follows it too",
			p: programme(slotOf(1, n, "0 5 * * *", 1), with(slotOf(2, n, "0 5 * * *", 1, 1), func(s *radio.ProgrammeSlot) {
				s.Schedule = id[radio.ScheduleID](2)
			})),
			want: "02 05:00:00.000 1.0 60.0\n02 05:01:00.000 2.0 60.0\n02 05:02:00.000 2.1 60.0\n"},
		{name: "an earlier slot goes before a later one of an earlier id",
			p:    programme(slotOf(1, n, "1 5 * * *", 1), slotOf(2, n, "0 5 * * *", 3)),
			want: "02 05:00:00.000 2.0 90.5\n02 05:01:30.500 1.0 60.0\n"},
		{name: "beyond the grace: overlap, takes no time, the rest is not pulled forward",
			p:    programme(slotOf(1, n, "0 5 * * *", 2), slotOf(2, n, "2 5 * * *", 1, 1, 1)),
			want: "02 05:00:00.000 1.0 300.0\n02 05:02:00.000 2.0 60.0 overlap\n02 05:05:00.000 2.1 60.0\n02 05:06:00.000 2.2 60.0\n"},
		{name: "priority first, though its slot is later",
			p:    programme(slotOf(1, n, "0 5 * * *", 1, 1), slotOf(2, p, "1 5 * * *", 1)),
			want: "02 05:00:00.000 1.0 60.0\n02 05:01:00.000 2.0 60.0\n02 05:02:00.000 1.1 60.0\n"},
		{name: "a normal item is not cut by plan: it goes behind the priority one",
			p:    programme(slotOf(1, n, "0 5 * * *", 3), slotOf(2, p, "1 5 * * *", 1)),
			want: "02 05:01:00.000 2.0 60.0\n02 05:02:00.000 1.0 90.5\n"},
		{name: "a short item fits into a hole",
			p: programme(with(slotOf(1, p, "0 5 * * *", 1, 1), func(s *radio.ProgrammeSlot) { s.Items[0].Repeat, s.Items[0].GapMS = 2, 90000 }),
				slotOf(2, n, "0 5 * * *", 3), slotOf(3, n, "0 5 * * *", 1)),
			want: "02 05:00:00.000 1.0 60.0\n02 05:00:00.000 2.0 90.5 overlap\n02 05:01:00.000 3.0 60.0\n02 05:02:30.000 1.0.2 60.0\n02 05:03:30.000 1.1 60.0\n"},
		{name: "a slot over itself",
			p:    programme(with(slotOf(1, n, "0-2 5 * * *", 3), func(s *radio.ProgrammeSlot) { s.GraceSeconds = 40 })),
			want: "02 05:00:00.000 1.0 90.5\n02 05:01:30.500 1.0 90.5\n02 05:02:00.000 1.0 90.5 overlap\n"},
		{name: "unknown kinds are refused and take no time",
			p: programme(with(slotOf(1, n, "0 5 * * *", 1, 1), func(s *radio.ProgrammeSlot) {
				s.Items[0] = radio.Item{Entry: s.Items[0].Entry, Kind: radio.KindRelay, Repeat: 1}
			})),
			want: "02 05:00:00.000 1.0 0.0 unsupported\n02 05:00:00.000 1.1 60.0\n"},
		{name: "past the bulletin's validity, others keep their place",
			p: func() *radio.Programme {
				q := programme(slotOf(1, n, "0 5 * * *", 1, 3))
				q.Audio[0].ValidUntil = radio.At(at("2026-03-02T22:00:00Z"))
				return q
			}(), to: "2026-03-04",
			want: "02 05:00:00.000 1.0 60.0\n02 05:01:00.000 1.1 90.5\n03 05:00:00.000 1.0 60.0 expired\n03 05:01:00.000 1.1 90.5\n"},
		{name: "before the bulletin's validity: takes no time, and a shift does not save it",
			p: func() *radio.Programme {
				q := programme(slotOf(1, p, "0 5 * * *", 1), slotOf(2, n, "0 5 * * *", 3))
				q.Audio[2].ValidFrom = radio.At(at("2026-03-01T22:01:00Z"))
				return q
			}(), to: "2026-03-04",
			want: "02 05:00:00.000 1.0 60.0\n02 05:00:00.000 2.0 90.5 not_yet\n03 05:00:00.000 1.0 60.0\n03 05:01:00.000 2.0 90.5\n"},
		{name: "exactly when the bulletin becomes valid",
			p: func() *radio.Programme {
				q := programme(slotOf(1, n, "0 5 * * *", 1))
				q.Audio[0].ValidFrom = radio.At(at("2026-03-01T22:00:00Z"))
				return q
			}(),
			want: "02 05:00:00.000 1.0 60.0\n"},
		{name: "past the programme's end",
			p: func() *radio.Programme {
				q := programme(slotOf(1, n, "0 5 * * *", 1, 3))
				q.NotAfter = radio.At(at("2026-03-01T22:01:00Z"))
				return q
			}(),
			want: "02 05:00:00.000 1.0 60.0\n02 05:01:00.000 1.1 90.5 expired\n"},
		{name: "over the UTC midnight", // 07:00 in Vietnam
			p:    programme(slotOf(1, n, "58 6 * * *", 2), slotOf(2, p, "1 7 * * *", 1), slotOf(3, n, "2 7 * * *", 1)),
			want: "02 06:58:00.000 1.0 300.0 overlap\n02 07:01:00.000 2.0 60.0\n02 07:02:00.000 3.0 60.0\n"},
		{name: "a slot that began the day before", from: "2026-03-03", to: "2026-03-03",
			p:    programme(slotOf(1, n, "59 23 2 * *", 1, 1)),
			want: "03 00:00:00.000 1.1 60.0\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tt, err := New(c.p)
			if err != nil {
				t.Fatal(err)
			}
			from, _, err := tt.zone.Day(radio.Date(or(c.from, "2026-03-02")))
			if err != nil {
				t.Fatal(err)
			}
			_, to, err := tt.zone.Day(radio.Date(or(c.to, "2026-03-02")))
			if err != nil {
				t.Fatal(err)
			}
			if c.to != "" && c.to != c.from {
				to = to.Add(-24 * time.Hour)
			}
			as, err := tt.Airings(from, to)
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(t, tt, as); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// A zone with clock changes: what the clock leaps over is not aired that day, what
// it shows twice is aired once.
func TestAiringsOnClockChanges(t *testing.T) {
	for _, c := range []struct{ name, rule, from, want string }{
		{"gap", "30 2 * * *", "2026-03-28", "28 02:30:00.000 1.0 60.0\n30 02:30:00.000 1.0 60.0\n"},
		{"after the gap", "0 3 * * *", "2026-03-28", "28 03:00:00.000 1.0 60.0\n29 03:00:00.000 1.0 60.0\n30 03:00:00.000 1.0 60.0\n"},
		{"shown twice", "30 2 * * *", "2026-10-24", "24 02:30:00.000 1.0 60.0\n25 02:30:00.000 1.0 60.0\n26 02:30:00.000 1.0 60.0\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := programme(slotOf(1, radio.Normal, c.rule, 1))
			p.Zone = "Europe/Paris"
			tt, err := New(p)
			if err != nil {
				t.Fatal(err)
			}
			as, err := tt.Airings(day(c.from), day(c.from).AddDate(0, 0, 3))
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(t, tt, as); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
			if c.name == "shown twice" && !as[1].SlotAt.Time().Equal(at("2026-10-25T00:30:00Z")) {
				t.Errorf("aired at %s, want the first of the two", as[1].SlotAt.Time())
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	cases := []struct {
		name   string
		change func(*radio.Programme)
		says   string
	}{
		{"zone", func(p *radio.Programme) { p.Zone = "Mars/Olympus" }, "time zone"},
		{"rule", func(p *radio.Programme) { p.Slots[0].Cron = "@daily" }, "descriptors"},
		{"date", func(p *radio.Programme) { p.Slots[0].From = "2026-13-01" }, "date"},
		{"exception", func(p *radio.Programme) { p.Slots[0].Except = []radio.Date{"tet"} }, "date"},
		{"grace", func(p *radio.Programme) { p.Slots[0].GraceSeconds = -1 }, "grace"},
		{"repeat", func(p *radio.Programme) { p.Slots[0].Items[0].Repeat = 0 }, "repeat"},
		{"gap", func(p *radio.Programme) { p.Slots[0].Items[0].GapMS = radio.MaxGapMS + 1 }, "gap"},
		{"bulletin", func(p *radio.Programme) { p.Slots[0].Items[0].Version = 7 }, "not described"},
		{"no samples", func(p *radio.Programme) { p.Audio[0].Renditions[0].Samples = 0 }, "samples"},
		{"too many items", func(p *radio.Programme) { p.Slots[0].Items = make([]radio.Item, radio.MaxSlotItems+1) }, "items"},
		{"too long", func(p *radio.Programme) {
			p.Audio[0] = sound(1, 50*time.Minute)
			for i := range 4 {
				p.Slots[0].Items = append(p.Slots[0].Items, p.Slots[0].Items[0])
				p.Slots[0].Items[i].Repeat = 10
			}
		}, "sounds for"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := programme(slotOf(1, radio.Normal, "0 5 * * *", 1))
			c.change(p)
			if _, err := New(p); !errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v, want kind invalid saying %q", err, c.says)
			}
		})
	}
}

func TestAiringsRefuses(t *testing.T) {
	s := slotOf(1, radio.Normal, "* * * * *", 1, 1, 1)
	for i := range s.Items {
		s.Items[i].Repeat = 10
	}
	flood, err := New(programme(s))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flood.Airings(day("2026-03-02"), day("2026-03-03")); !errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), "airings a day") {
		t.Errorf("flood: %v", err)
	}
	for name, span := range map[string][2]time.Time{
		"backward": {day("2026-03-03"), day("2026-03-02")},
		"too long": {day("2026-03-03"), day("2028-03-02")},
		"no year":  {{}, time.Time{}.Add(time.Hour)},
	} {
		if _, err := flood.Airings(span[0], span[1]); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if as, err := flood.Airings(day("2026-03-03"), day("2026-03-03")); err != nil || len(as) != 0 {
		t.Errorf("empty span: %v %v", as, err)
	}
	empty, err := New(programme())
	if err != nil {
		t.Fatal(err)
	}
	if as, err := empty.Airings(day("2026-03-03"), day("2026-04-03")); err != nil || len(as) != 0 {
		t.Errorf("empty programme: %v %v", as, err)
	}
	// A controller that booted without a clock asks around 1970.
	if as, err := flood.Airings(time.Unix(-60, 0), time.Unix(60, 0)); err == nil {
		t.Errorf("flood at 1970: %d airings", len(as))
	}
	quiet, err := New(programme(slotOf(1, radio.Normal, "0 8 * * *", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if as, err := quiet.Airings(time.Unix(-60, 0), time.Unix(86400, 0)); err != nil || len(as) != 1 {
		t.Errorf("at 1970: %v %v", as, err)
	}
}

// week is what a hamlet's cluster plays in a normal week: two local sessions of
// six items, a province session and a campaign message.
func week() *radio.Programme {
	p := programme(
		slotOf(1, radio.Normal, "0 5 * * *", 1, 3, 2, 3, 1, 2), slotOf(2, radio.Normal, "0 17 * * *", 1, 3, 2, 3, 1, 2),
		slotOf(3, radio.Prior, "30 5 * * 1-6", 1, 2, 2), slotOf(4, radio.Normal, "30 17 * * 1,3,5", 1, 2))
	for i := 5; i < 15; i++ {
		p.Slots = append(p.Slots, slotOf(i, radio.Normal, fmt.Sprintf("%d 6,18 * * *", 4*(i-5)), 1, 3))
	}
	return p
}

func BenchmarkNormalWeek(b *testing.B) {
	tt, err := New(week())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		as, err := tt.Airings(day("2026-03-02"), day("2026-03-09"))
		if err != nil || len(as) < 300 {
			b.Fatal(len(as), err)
		}
	}
}
