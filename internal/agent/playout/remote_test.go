package playout_test

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"time"

	"loaxa/internal/agent/playout"
	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// obey gives a command to the desk.
func (w *world) obey(do radio.CommandKind, change ...func(*radio.Command)) radio.Reason {
	w.t.Helper()
	c := radio.Command{ID: idOf[radio.CommandID](string(do)), Device: device, Do: do}
	for _, f := range change {
		f(&c)
	}
	why, err := w.desk.Obey(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return why
}

// toneOf orders a test tone and keeps what is told of it.
func (w *world) toneOf() (radio.Reason, *[]string) {
	w.t.Helper()
	told := new([]string)
	why, err := w.desk.Tone(w.t.Context(), playout.Tone{ID: idOf[radio.AiringID]("tone"), Title: "Âm thử", Rendition: rendition("tone", 8),
		Key:   radio.Command{ID: idOf[radio.CommandID]("tone"), Device: device}.ToneKey(radio.At(w.clk.Now())),
		Open:  func() playout.AudioReader { return io.NopCloser(bytes.NewReader(nil)) },
		Began: func() { *told = append(*told, "began") },
		Ended: func(c radio.Confirmation) { *told = append(*told, string(c.Outcome)+":"+string(c.Reason)) }})
	if err != nil {
		w.t.Fatal(err)
	}
	return why, told
}

// Each row gives one command to a device in one state: a session of a (60 s), b (30 s)
// and c (30 s) at 08:00, and a later one at 09:00.
func TestCommandsByState(t *testing.T) {
	states := map[string]func(w *world){
		"nothing sounds": func(w *world) { w.run(at(7, 30, 0)) },
		"a sounds":       func(w *world) { w.run(at(8, 0, 20)) },
		"paused": func(w *world) {
			w.run(at(8, 0, 20))
			w.obey(radio.CommandPause)
			w.run(at(8, 0, 25))
		},
		"an alert sounds": func(w *world) {
			w.run(at(8, 0, 20))
			w.order(1, sirenS, leadS)
			w.run(at(8, 0, 22))
		},
		"a test tone sounds": func(w *world) {
			w.run(at(7, 30, 0))
			w.toneOf()
			w.run(at(7, 30, 3))
		},
		"the clock is lost": func(w *world) {
			w.run(at(7, 30, 0))
			w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
			w.run(at(7, 30, 10))
		},
		"night": func(w *world) { w.run(at(22, 30, 0)) },
	}
	want := map[string]map[radio.CommandKind]radio.Reason{
		"nothing sounds": {radio.CommandVolume: "", radio.CommandStop: "idle", radio.CommandSkip: "idle", radio.CommandPause: "idle",
			radio.CommandResume: "idle", radio.CommandTestTone: ""},
		"a sounds": {radio.CommandVolume: "", radio.CommandStop: "", radio.CommandSkip: "", radio.CommandPause: "",
			radio.CommandResume: "idle", radio.CommandTestTone: "busy"},
		"paused": {radio.CommandVolume: "", radio.CommandStop: "", radio.CommandSkip: "idle", radio.CommandPause: "",
			radio.CommandResume: "", radio.CommandTestTone: "busy"},
		"an alert sounds": {radio.CommandVolume: "", radio.CommandStop: "priority", radio.CommandSkip: "priority", radio.CommandPause: "priority",
			radio.CommandResume: "idle", radio.CommandTestTone: "priority"},
		"a test tone sounds": {radio.CommandVolume: "", radio.CommandStop: "", radio.CommandSkip: "", radio.CommandPause: "busy",
			radio.CommandResume: "idle", radio.CommandTestTone: "busy"},
		"the clock is lost": {radio.CommandVolume: "", radio.CommandStop: "idle", radio.CommandSkip: "idle", radio.CommandPause: "idle",
			radio.CommandResume: "idle", radio.CommandTestTone: "clock"},
		"night": {radio.CommandVolume: "", radio.CommandStop: "idle", radio.CommandSkip: "idle", radio.CommandPause: "idle",
			radio.CommandResume: "idle", radio.CommandTestTone: "policy"},
	}
	for name, arrange := range states {
		for _, do := range radio.CommandKinds() {
			if do == radio.CommandRestart {
				continue // not the desk's
			}
			t.Run(name+"/"+string(do), func(t *testing.T) {
				bubble(t, at(7, 0, 0), func(w *world) {
					w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 30}, {"c", 30}}}, slot{cron: "0 9 * * *", items: []item{{"d", 20}}})
					w.start()
					arrange(w)
					var got radio.Reason
					if do == radio.CommandTestTone {
						got, _ = w.toneOf()
					} else {
						got = w.obey(do)
					}
					if want := want[name][do]; got != want {
						t.Errorf("%q, want %q", got, want)
					}
					w.run(w.clk.Now().Add(time.Second))
					w.stop()
				})
			})
		}
	}
}

// What a command leaves of a session: what was heard, and the one result of each.
func TestCommandsAndTheSession(t *testing.T) {
	cases := map[string]struct {
		during func(w *world)
		heard  []string
		want   []string
	}{
		"stop ends the slot, and the next one sounds": {
			during: func(w *world) { w.obey(radio.CommandStop) },
			heard:  []string{"a 08:00:00.0", "d 09:00:00.0"},
			want:   []string{"a partial stopped", "b cancelled stopped", "c cancelled stopped", "d aired "},
		},
		"stop between two items: the rest does not come": {
			during: func(w *world) {
				w.obey(radio.CommandSkip) // b begins in 0.6 s
				w.run(at(8, 0, 20).Add(400 * time.Millisecond))
				if why := w.obey(radio.CommandStop); why != radio.NoReason {
					w.t.Errorf("reason %q", why)
				}
			},
			heard: []string{"a 08:00:00.0", "d 09:00:00.0"},
			want:  []string{"a partial stopped", "b cancelled stopped", "c cancelled stopped", "d aired "},
		},
		"stop of another airing does nothing": {
			during: func(w *world) {
				if why := w.obey(radio.CommandStop, func(c *radio.Command) { c.Airing = idOf[radio.AiringID]("other") }); why != radio.ReasonIdle {
					w.t.Errorf("reason %q", why)
				}
			},
			heard: []string{"a 08:00:00.0", "b 08:01:00.0", "c 08:01:30.0", "d 09:00:00.0"},
			want:  []string{"a aired ", "b aired ", "c aired ", "d aired "},
		},
		"skip: the next follows within a second, and the rest behind it": {
			during: func(w *world) { w.obey(radio.CommandSkip) },
			heard:  []string{"a 08:00:00.0", "b 08:00:20.6", "c 08:00:50.6", "d 09:00:00.0"},
			want:   []string{"a partial stopped", "b aired ", "c aired ", "d aired "},
		},
		"skip shortly before the end": {
			during: func(w *world) {
				w.run(at(8, 0, 58))
				w.obey(radio.CommandSkip)
			},
			heard: []string{"a 08:00:00.0", "b 08:00:58.6", "c 08:01:28.6", "d 09:00:00.0"},
			want:  []string{"a partial stopped", "b aired ", "c aired ", "d aired "},
		},
		"skip twice": {
			during: func(w *world) {
				w.obey(radio.CommandSkip)
				w.run(at(8, 0, 30))
				w.obey(radio.CommandSkip)
			},
			heard: []string{"a 08:00:00.0", "b 08:00:20.6", "c 08:00:30.6", "d 09:00:00.0"},
			want:  []string{"a partial stopped", "b partial stopped", "c aired ", "d aired "},
		},
		"skip of the last": {
			during: func(w *world) {
				w.run(at(8, 1, 40))
				w.obey(radio.CommandSkip)
			},
			heard: []string{"a 08:00:00.0", "b 08:01:00.0", "c 08:01:30.0", "d 09:00:00.0"},
			want:  []string{"a aired ", "b aired ", "c partial stopped", "d aired "},
		},
		"pause and resume: from two seconds before the cut": {
			during: func(w *world) {
				w.obey(radio.CommandPause)
				w.run(at(8, 0, 50))
				w.obey(radio.CommandResume)
			},
			heard: []string{"a 08:00:00.0", "a 08:00:50.0", "b 08:01:32.0", "c 08:02:02.0", "d 09:00:00.0"},
			want:  []string{"a aired ", "b aired ", "c aired ", "d aired "},
		},
		"a pause longer than what fits: a person stopped the rest": {
			during: func(w *world) {
				w.obey(radio.CommandPause)
				w.run(at(8, 10, 0))
				w.obey(radio.CommandResume)
			},
			heard: []string{"a 08:00:00.0", "d 09:00:00.0"},
			want:  []string{"a partial stopped", "b cancelled stopped", "c cancelled stopped", "d aired "},
		},
		"a pause ends by itself": {
			during: func(w *world) {
				w.obey(radio.CommandPause)
				w.run(at(8, 29, 0))
				if !w.status().Paused {
					w.t.Error("not paused at 08:29")
				}
				w.run(at(8, 31, 0))
				if w.status().Paused {
					w.t.Error("paused at 08:31")
				}
			},
			heard: []string{"a 08:00:00.0", "d 09:00:00.0"},
			want:  []string{"a partial stopped", "b cancelled stopped", "c cancelled stopped", "d aired "},
		},
		"a stop ends a pause": {
			during: func(w *world) {
				w.obey(radio.CommandPause)
				w.run(at(8, 0, 30))
				w.obey(radio.CommandStop)
				w.run(at(8, 0, 31))
				if w.status().Paused {
					w.t.Error("paused behind the stop")
				}
			},
			heard: []string{"a 08:00:00.0", "d 09:00:00.0"},
			want:  []string{"a partial stopped", "b cancelled stopped", "c cancelled stopped", "d aired "},
		},
		"an alert in a pause sounds, and the pause goes on": {
			during: func(w *world) {
				w.obey(radio.CommandPause)
				w.run(at(8, 0, 30))
				w.order(1, sirenS)
				w.run(at(8, 0, 45))
				if !w.status().Paused {
					w.t.Error("the alert has ended the pause")
				}
				w.obey(radio.CommandResume)
			},
			heard: []string{"a 08:00:00.0", "alert 08:00:30.0", "a 08:00:45.0", "b 08:01:27.0", "c 08:01:57.0", "d 09:00:00.0"},
			want:  []string{"a aired ", "b aired ", "c aired ", "d aired "},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, at(7, 59, 0), func(w *world) {
				w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 30}, {"c", 30}}}, slot{cron: "0 9 * * *", items: []item{{"d", 20}}})
				w.start()
				w.run(at(8, 0, 20))
				c.during(w)
				w.run(at(9, 5, 0))
				if got := w.heard(); !slices.Equal(got, c.heard) {
					t.Errorf("sounds\n got %q\nwant %q", got, c.heard)
				}
				var got []string
				for _, r := range w.journal.results() {
					if r.Origin == radio.FromSchedule {
						got = append(got, w.name(r.ID)+" "+string(r.Outcome)+" "+string(r.Reason))
					}
				}
				slices.Sort(got)
				if !slices.Equal(got, c.want) {
					t.Errorf("results\n got %q\nwant %q", got, c.want)
				}
				w.stop()
			})
		})
	}
}

func (w *world) status() radio.Status {
	var s radio.Status
	w.desk.Fill(&s)
	return s
}

// The volume is heard at once, stands in the confirmation, holds for what comes, and is
// not the alerts'.
func TestVolume(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 30}}})
		w.start()
		w.run(at(8, 0, 20))
		w.obey(radio.CommandVolume, func(c *radio.Command) { c.GainDB = -12 })
		w.run(at(8, 0, 21))
		if !slices.Equal(w.player.gains, []float64{-12}) {
			t.Errorf("gains moved while it sounded %v", w.player.gains)
		}
		w.order(1, sirenS)
		w.run(at(8, 5, 0))
		for _, r := range w.journal.results() {
			want := -12.0
			if r.Origin == radio.FromAlert {
				want = 0
			}
			if r.GainDB != want {
				t.Errorf("%s: %g dB, want %g", r.Origin, r.GainDB, want)
			}
		}
		if s := w.status(); s.VolumeDB != -12 {
			t.Errorf("status %g dB", s.VolumeDB)
		}
		w.stop()
	})
}

// A test tone has its record and its one confirmation, and gives way to what it may not
// meet.
func TestTone(t *testing.T) {
	cases := map[string]struct {
		during func(w *world)
		told   []string
		result string
	}{
		"to its end": {func(*world) {}, []string{"began", "aired:"}, "aired "},
		"an alert cuts it": {func(w *world) { w.run(at(7, 30, 2)); w.order(1, sirenS) },
			[]string{"began", "preempted:priority"}, "preempted priority"},
		"stopped by a person": {func(w *world) { w.run(at(7, 30, 2)); w.obey(radio.CommandStop) },
			[]string{"began", "partial:stopped"}, "partial stopped"},
		"the player dies": {func(w *world) { w.run(at(7, 30, 2)); w.player.crash("gone") },
			[]string{"began", "partial:output"}, "partial output"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, at(7, 29, 0), func(w *world) {
				w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}}})
				w.start()
				w.run(at(7, 30, 0))
				why, told := w.toneOf()
				if why != radio.NoReason {
					t.Fatal(why)
				}
				c.during(w)
				w.run(at(7, 31, 0))
				if !slices.Equal(*told, c.told) {
					t.Errorf("told %q, want %q", *told, c.told)
				}
				id := idOf[radio.AiringID]("tone")
				if k := w.journal.kinds(id); k[0] != "airing" || k[len(k)-1] != "result" {
					t.Errorf("records %q", k)
				}
				for _, r := range w.journal.results() {
					if got := string(r.Outcome) + " " + string(r.Reason); r.ID == id && (got != c.result || r.Origin != radio.FromCommand || r.Expected != 8*radio.SampleRate) {
						t.Errorf("result %+v, want %s", r, c.result)
					}
				}
				w.run(at(8, 2, 0))
				w.stop()
			})
		})
	}
}

// A tone keeps away from what is planned.
func TestToneNearAnAiring(t *testing.T) {
	for when, want := range map[time.Time]radio.Reason{at(7, 59, 0): radio.NoReason, at(7, 59, 30): radio.ReasonBusy, at(7, 59, 45): radio.ReasonBusy} {
		bubble(t, at(7, 58, 0), func(w *world) {
			w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}}})
			w.start()
			w.run(when)
			if got, _ := w.toneOf(); got != want {
				t.Errorf("%s: %q, want %q", when.Format(time.TimeOnly), got, want)
			}
			w.run(at(8, 0, 10))
			if got := w.heard(); got[len(got)-1] != "a 08:00:00.0" {
				t.Errorf("sounds %q", got)
			}
			w.stop()
		})
	}
}

// What intake could not bring to the house's loudness has a gain of its own, which goes
// with the hour's and the volume, and stands in the confirmation.
func TestItemGain(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.policy.Volume = []radio.VolumeSpan{{From: 480, To: 540, GainDB: -6}}
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"loud", 30}, {"quiet", 30}, {"house", 30}}})
		w.plan.prog.Audio[0].GainDB, w.plan.prog.Audio[1].GainDB = -4.5, 7
		w.start()
		w.run(at(8, 0, 40))
		w.obey(radio.CommandVolume, func(c *radio.Command) { c.GainDB = -10 })
		w.run(at(8, 5, 0))
		var got []float64
		for _, r := range w.journal.results() {
			got = append(got, r.GainDB)
		}
		if want := []float64{-10.5, -9, -16}; !slices.Equal(got, want) {
			t.Errorf("gains confirmed %v, want %v", got, want)
		}
		if want := []float64{-9}; !slices.Equal(w.player.gains, want) {
			t.Errorf("gains moved while it sounded %v, want %v", w.player.gains, want)
		}
		w.stop()
	})
}
