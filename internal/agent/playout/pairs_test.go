package playout_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// One row a pair of the table of radio.Meet that playout can see: what sounds, what
// arrives. The planned one, "news", is a minute long at 08:00; what arrives does so at
// 08:00:20. Test tones belong to the commands.
func TestPairs(t *testing.T) {
	alert := func(origin radio.Origin) func(w *world) {
		return func(w *world) {
			w.run(at(8, 0, 20))
			c := w.order(1, sirenS)
			w.alerts.set(func(f *fakeAlerts) { c.Origin = origin; f.queue[0] = c })
		}
	}
	// late makes the second of two airings due while the first sounds, which no plan
	// does: the first was kept back by an alert.
	late := func(w *world) {
		w.run(at(7, 59, 50))
		w.order(1, rendition("long siren", 40)) // to 08:00:30
	}
	cases := []struct {
		sounding, arriving radio.Class
		slots              []slot
		do                 func(w *world)
		heard              []string
		want               []string
	}{
		{radio.ClassNormal, radio.ClassEmergency, []slot{{cron: "0 8 * * *", items: []item{{"news", 60}}}}, alert(radio.FromAlert),
			[]string{"news 08:00:00.0", "alert 08:00:20.0", "news 08:00:28.0"}, []string{"news aired"}},
		{radio.ClassNormal, radio.ClassLocal, []slot{{cron: "0 8 * * *", items: []item{{"news", 60}}}}, alert(radio.FromLocal),
			[]string{"news 08:00:00.0", "alert 08:00:20.0", "news 08:00:28.0"}, []string{"news aired"}},
		{radio.ClassPriority, radio.ClassEmergency, []slot{{cron: "0 8 * * *", items: []item{{"news", 60}}, priority: radio.Prior}}, alert(radio.FromAlert),
			[]string{"news 08:00:00.0", "alert 08:00:20.0", "news 08:00:28.0"}, []string{"news aired"}},
		{radio.ClassPriority, radio.ClassLocal, []slot{{cron: "0 8 * * *", items: []item{{"news", 60}}, priority: radio.Prior}}, alert(radio.FromLocal),
			[]string{"news 08:00:00.0", "alert 08:00:20.0", "news 08:00:28.0"}, []string{"news aired"}},
		{radio.ClassEmergency, radio.ClassEmergency, nil, func(w *world) { w.order(1, sirenS); w.order(2, sirenS) },
			[]string{"alert 07:59:00.0", "alert 07:59:08.0"}, nil},
		{radio.ClassEmergency, radio.ClassPriority, []slot{{cron: "0 8 * * *", items: []item{{"news", 60}}, priority: radio.Prior}}, late,
			[]string{"alert 07:59:50.0", "news 08:00:30.5"}, []string{"news aired"}},
		{radio.ClassEmergency, radio.ClassNormal, []slot{{cron: "0 8 * * *", items: []item{{"news", 60}}}}, late,
			[]string{"alert 07:59:50.0", "news 08:00:30.5"}, []string{"news aired"}},
		// news, kept back to 08:00:30, sounds when the other is due at 08:01.
		{radio.ClassNormal, radio.ClassPriority, []slot{{cron: "0 8 * * *", items: []item{{"news", 60}}}, {cron: "1 8 * * *", items: []item{{"other", 10}}, priority: radio.Prior}}, late,
			[]string{"alert 07:59:50.0", "news 08:00:30.5", "other 08:01:00.0", "news 08:01:10.0"}, []string{"other aired", "news aired"}},
		{radio.ClassNormal, radio.ClassNormal, []slot{{cron: "0 8 * * *", items: []item{{"news", 60}}}, {cron: "1 8 * * *", items: []item{{"other", 10}}}}, late,
			[]string{"alert 07:59:50.0", "news 08:00:30.5", "other 08:01:31.0"}, []string{"news aired", "other aired"}},
		{radio.ClassPriority, radio.ClassPriority, []slot{{cron: "0 8 * * *", items: []item{{"news", 60}}, priority: radio.Prior}, {cron: "1 8 * * *", items: []item{{"other", 10}}, priority: radio.Prior}}, late,
			[]string{"alert 07:59:50.0", "news 08:00:30.5", "other 08:01:31.0"}, []string{"news aired", "other aired"}},
		{radio.ClassPriority, radio.ClassNormal, []slot{{cron: "0 8 * * *", items: []item{{"news", 60}}, priority: radio.Prior}, {cron: "1 8 * * *", items: []item{{"other", 10}}}}, late,
			[]string{"alert 07:59:50.0", "news 08:00:30.5", "other 08:01:31.0"}, []string{"news aired", "other aired"}},
	}
	for _, c := range cases {
		t.Run(string(c.sounding)+" sounds, "+string(c.arriving)+" arrives", func(t *testing.T) {
			bubble(t, at(7, 59, 0), func(w *world) {
				w.plan.prog = programme(1, issued, c.slots...)
				w.start()
				c.do(w)
				w.run(at(8, 30, 0))
				got := w.heard()
				if !slices.EqualFunc(got, c.heard, near) {
					t.Errorf("sounds\n got %q\nwant %q", got, c.heard)
				}
				var results []string
				for _, r := range w.journal.results() {
					if r.Origin == radio.FromSchedule {
						results = append(results, w.name(r.ID)+" "+string(r.Outcome))
					}
				}
				if !slices.Equal(results, c.want) {
					t.Errorf("results %q, want %q", results, c.want)
				}
				cut := len(got) > len(c.want)+strings.Count(strings.Join(c.heard, " "), "alert")
				if meets := radio.Meet(c.sounding, c.arriving); cut != (meets == radio.Cuts) {
					t.Errorf("the table says %s; sounds %q", meets, got)
				}
				w.stop()
			})
		})
	}
}

// near compares "name 15:04:05.0" to half a second and more: joins take up to that.
func near(got, want string) bool {
	name, clock, ok := strings.Cut(got, " ")
	other, wanted, ok2 := strings.Cut(want, " ")
	a, err := time.Parse("15:04:05.0", clock)
	b, err2 := time.Parse("15:04:05.0", wanted)
	return ok && ok2 && err == nil && err2 == nil && name == other && a.Sub(b).Abs() <= 600*time.Millisecond
}

// What the plan itself holds at one time never meets in the air: timetable places the
// lower one behind, or excludes it, and that is what the preview shows; playout then
// does the same.
func TestPlannedPairs(t *testing.T) {
	for name, c := range map[string]struct {
		first, second radio.Priority // at 08:00, one minute, and at 08:00, 30 s
		grace         int
		want          []string
	}{
		"priority and normal":                   {radio.Prior, radio.Normal, 120, []string{"one 08:00:00", "two 08:01:00"}},
		"normal and priority":                   {radio.Normal, radio.Prior, 120, []string{"two 08:00:00", "one 08:00:30"}},
		"normal and normal":                     {radio.Normal, radio.Normal, 120, []string{"one 08:00:00", "two 08:01:00"}},
		"priority and priority":                 {radio.Prior, radio.Prior, 120, []string{"one 08:00:00", "two 08:01:00"}},
		"priority and normal, beyond its grace": {radio.Prior, radio.Normal, 30, []string{"one 08:00:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, at(7, 59, 0), func(w *world) {
				prog := programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"one", 60}}, priority: c.first, grace: c.grace},
					slot{cron: "0 8 * * *", items: []item{{"two", 30}}, priority: c.second, grace: c.grace})
				if prog.Slots[0].Slot > prog.Slots[1].Slot && c.first == c.second {
					prog.Slots[0].Slot, prog.Slots[1].Slot = prog.Slots[1].Slot, prog.Slots[0].Slot
				}
				w.plan.prog = prog
				table, err := timetable.New(prog)
				if err != nil {
					t.Fatal(err)
				}
				planned, err := table.Airings(at(7, 59, 0), at(9, 0, 0))
				if err != nil {
					t.Fatal(err)
				}
				var previewed []string
				for _, a := range planned {
					if a.Excluded == "" {
						previewed = append(previewed, a.Title+" "+a.Start().Format("15:04:05"))
					}
				}
				w.start()
				w.run(at(8, 10, 0))
				var heard []string
				for _, s := range w.player.sounds {
					heard = append(heard, w.name(s.id)+" "+s.wall.Format("15:04:05"))
				}
				if !slices.Equal(previewed, c.want) || !slices.Equal(heard, previewed) {
					t.Errorf("previewed %q, heard %q, want %q", previewed, heard, c.want)
				}
				w.stop()
			})
		})
	}
}

// STOP with the PIN ends what sounds and the rest of its slot, not the next slot.
func TestStopAtTheDevice(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 60}, {"c", 60}}}, slot{cron: "5 8 * * *", items: []item{{"d", 10}}})
		w.start()
		w.run(at(8, 0, 58)) // b is with the player already
		ended, err := w.desk.Stop(w.t.Context(), radio.WhoLocal)
		if err != nil || ended != 3 {
			t.Errorf("%d ended, %v", ended, err)
		}
		w.run(at(8, 10, 0))
		if got, want := w.heard(), []string{"a 08:00:00.0", "d 08:05:00.0"}; !slices.Equal(got, want) {
			t.Errorf("sounds %q, want %q", got, want)
		}
		got := w.told()
		slices.Sort(got)
		if want := []string{"a 08:00 partial:local", "b 08:01 cancelled:local", "c 08:02 cancelled:local", "d 08:05 aired"}; !slices.Equal(got, want) {
			t.Errorf("results %q, want %q", got, want)
		}
		who := 0
		for _, r := range w.journal.records {
			if r.Receipt != nil && r.Receipt.Who == radio.WhoLocal {
				who++
			}
		}
		if who == 0 {
			t.Error("nobody is named in the journal")
		}
		w.stop()
	})
}

// A session that an alert has cut is ended by STOP too: it does not come back.
func TestStopWhileAnAlertSounds(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 60}}})
		w.start()
		w.run(at(8, 0, 20))
		w.order(1, sirenS)
		w.run(at(8, 0, 24))
		w.alerts.set(func(f *fakeAlerts) { f.queue = nil })
		if _, err := w.desk.Stop(w.t.Context(), radio.WhoLocal); err != nil {
			t.Fatal(err)
		}
		w.run(at(8, 10, 0))
		if got, want := w.heard(), []string{"a 08:00:00.0", "alert 08:00:20.0"}; !slices.Equal(got, want) {
			t.Errorf("sounds %q, want %q", got, want)
		}
		w.stop()
	})
}
