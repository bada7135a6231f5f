package playout_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// fakeAlerts stands for the room of emergencies: the test orders cycles, the fake
// notes what it is told. Between two cycles of one alert it holds.
type fakeAlerts struct {
	mu      sync.Mutex
	clk     *clock.Fake
	queue   []radio.Cycle // the first is on duty
	hold    bool
	wake    time.Duration // of the next cycle, on Mono
	log     []string
	results []radio.Confirmation
	changed chan struct{}
}

func (f *fakeAlerts) Duty() radio.Duty {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := radio.Duty{Hold: f.hold, Wake: f.wake}
	if len(f.queue) > 0 {
		c := f.queue[0]
		d.Cycle, d.Hold = &c, true
	}
	return d
}

func (f *fakeAlerts) Began(_ context.Context, id radio.AiringID)   { f.note("began", id) }
func (f *fakeAlerts) Sounded(_ context.Context, id radio.AiringID) { f.note("sounded", id) }

func (f *fakeAlerts) note(what string, id radio.AiringID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, what)
}

func (f *fakeAlerts) Ended(_ context.Context, c radio.Confirmation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprint(c.Outcome, ":", c.Reason))
	f.results = append(f.results, c)
	if len(f.queue) > 0 && f.queue[0].ID == c.ID {
		f.queue = f.queue[1:]
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// Why is always the same here; agent/emergency knows better.
func (f *fakeAlerts) Why(radio.AiringID) radio.Ending { return radio.EndStopped }

func (f *fakeAlerts) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *fakeAlerts) set(change func(*fakeAlerts)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
	close(f.changed)
	f.changed = make(chan struct{})
}

var sirenS, leadS, voiceS = rendition("siren", 8), rendition("lead", 5), rendition("voice", 12)

// order puts a cycle on duty.
func (w *world) order(repeat int, sounds ...radio.Rendition) radio.Cycle {
	return w.orderAs(repeat, func(*radio.Cycle) {}, sounds...)
}

// orderAs puts one on duty that is otherwise; the desk never sees it half made.
func (w *world) orderAs(repeat int, change func(*radio.Cycle), sounds ...radio.Rendition) radio.Cycle {
	a := radio.Alert{ID: idOf[radio.AlertID]("alert")}
	c := radio.Cycle{Key: a.CycleKey(device, repeat, radio.At(w.clk.Now())), Origin: radio.FromAlert,
		At: radio.At(w.clk.Now()), Headline: "Bão số 10", Sounds: sounds}
	c.ID = c.Key.ID()
	change(&c)
	w.alerts.set(func(f *fakeAlerts) { f.queue = append(f.queue, c) })
	return c
}

func (w *world) told2() []string {
	w.alerts.mu.Lock()
	defer w.alerts.mu.Unlock()
	return slices.Clone(w.alerts.log)
}

// part finds the sounds of a cycle: what is no airing of the programme.
func (w *world) heard() []string {
	var out []string
	for _, s := range w.player.sounds {
		n := w.name(s.id)
		if n == string(s.id) {
			n = "alert"
		}
		out = append(out, fmt.Sprintf("%s %s", n, s.wall.Format("15:04:05.0")))
	}
	return out
}

// The alert of the issue: a bulletin sounds, the alert cuts it at once, its cycle
// sounds without a gap, the bulletin goes on two seconds before the cut, and what
// stands behind it in the slot shifts.
func TestAlertCutsAndTheSessionGoesOn(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 30}}})
		w.start()
		w.run(at(8, 0, 20))
		c := w.order(1, sirenS, leadS)
		w.run(at(8, 5, 0))
		if got, want := w.heard(), []string{"a 08:00:00.0", "alert 08:00:20.0", "alert 08:00:28.0", "a 08:00:33.0", "b 08:01:15.0"}; !slices.Equal(got, want) {
			t.Fatalf("sounds\n got %q\nwant %q", got, want)
		}
		s := w.player.sounds
		if again := s[0].consumed - (int64(s[3].skip)*radio.FrameSamples - 1105); again < 2*radio.SampleRate || again > 2*radio.SampleRate+radio.FrameSamples {
			t.Errorf("it went on %d samples before the cut, want two seconds", again)
		}
		if got := w.told2(); !slices.Equal(got, []string{"began", "sounded", "aired:"}) {
			t.Errorf("told the alerts %q", got)
		}
		r := w.journal.results()
		if len(r) != 3 || r[0].ID != c.ID || r[0].Outcome != radio.Aired || r[0].Expected != 13*radio.SampleRate || r[0].Consumed != r[0].Expected ||
			r[0].Origin != radio.FromAlert || r[0].Priority != radio.Emergency {
			t.Fatalf("results %+v", r)
		}
		if a := r[1]; a.Outcome != radio.Aired || a.Consumed != a.Expected || a.Interrupted != 1 {
			t.Errorf("the cut airing %+v, want all of it once, interrupted once", a)
		}
		if b := r[2]; b.Outcome != radio.Aired || b.Consumed != b.Expected || b.Interrupted != 0 {
			t.Errorf("the airing behind %+v", b)
		}
		if k := w.journal.kinds(c.ID); k[0] != "airing" || k[len(k)-1] != "result" {
			t.Errorf("records of the cycle %q", k)
		}
		w.stop()
	})
}

// What sounds on both sides of a cut counts once.
func TestWhatSoundsTwiceCountsOnce(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.prog = one("0 8 * * *", 60)
		w.start()
		w.run(at(8, 0, 20))
		w.order(1, sirenS) // to 08:00:28, then from 18 s on
		w.run(at(8, 0, 38))
		w.plan.set(func(p *fakePlan) { p.prog = programme(2, at(8, 0, 37)) })
		w.run(at(8, 1, 0))
		r := w.journal.results()
		if len(r) != 2 || r[1].Outcome != radio.Partial || r[1].Interrupted != 1 || r[1].Consumed < 27*radio.SampleRate || r[1].Consumed > 28*radio.SampleRate+radio.FrameSamples {
			t.Errorf("results %+v, want 28 s of a minute", r)
		}
		w.stop()
	})
}

// Each row lets an alert meet a session of two minutes at 08:00, grace 60 s.
func TestAlertRules(t *testing.T) {
	withVoice, asDrill := func(c *radio.Cycle) { c.Voice = &voiceS }, func(c *radio.Cycle) { c.Drill = true }
	hush := func(w *world, hold bool) { w.alerts.set(func(f *fakeAlerts) { f.hold = hold }) }
	cases := map[string]struct {
		start  time.Time
		before func(w *world)
		during func(w *world)
		want   []string // results of planned airings
		alert  string   // what the alerts were told last
		heard  []string
	}{
		"at night, no stream: at once, without a warm-up": {start: at(3, 0, 0), during: func(w *world) { w.run(at(3, 10, 0)); w.order(1, sirenS); w.run(at(3, 11, 0)) },
			alert: "aired:", heard: []string{"alert 03:10:00.0", "a 08:00:00.0", "b 08:01:00.0"}, want: []string{"a aired", "b aired"}},
		"without a policy": {before: func(w *world) { w.plan.policy.Windows = nil }, during: func(w *world) { w.order(1, sirenS) },
			alert: "aired:", heard: []string{"alert 07:55:00.0"}, want: []string{"a refused:policy", "b refused:policy"}},
		"the clock is not trusted": {during: func(w *world) {
			w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
			w.order(1, sirenS)
			w.run(at(8, 10, 0))
			w.clk.SetState(clock.Trusted, clock.SourceKernel, 0)
		}, alert: "aired:", heard: []string{"alert 07:55:00.0"}, want: []string{"a missed:clock", "b missed:clock"}},
		"nothing sounds between two cycles": {during: func(w *world) {
			w.run(at(7, 59, 40))
			hush(w, true)
			w.order(1, sirenS)
			w.run(at(8, 0, 10))
			w.order(2, sirenS)
			w.run(at(8, 0, 25))
			hush(w, false)
		}, alert: "aired:", heard: []string{"alert 07:59:40.0", "alert 08:00:10.0", "a 08:00:25.5", "b 08:01:25.5"}, want: []string{"a aired", "b aired"}},
		"an alert so long that the end of the slot no longer fits": {during: func(w *world) {
			w.run(at(8, 0, 30))
			hush(w, true)
			w.order(1, sirenS)
			w.run(at(8, 2, 10))
			hush(w, false)
		}, alert: "aired:", heard: []string{"a 08:00:00.0", "alert 08:00:30.0", "a 08:02:10.0", "b 08:02:42.0"}, want: []string{"a aired", "b aired"}},
		"an alert longer than that": {during: func(w *world) {
			w.run(at(8, 0, 30))
			hush(w, true)
			w.order(1, sirenS)
			w.run(at(8, 2, 50))
			hush(w, false)
		}, alert: "aired:", heard: []string{"a 08:00:00.0", "alert 08:00:30.0", "a 08:02:50.0"}, want: []string{"b preempted:priority", "a aired"}},
		"an alert over all of it": {during: func(w *world) {
			w.run(at(8, 0, 30))
			hush(w, true)
			w.order(1, sirenS)
			w.run(at(8, 10, 0))
			hush(w, false)
		}, alert: "aired:", heard: []string{"a 08:00:00.0", "alert 08:00:30.0"}, want: []string{"a preempted:priority", "b preempted:priority"}},
		"it goes on, but the permitted hours end first": {before: func(w *world) { w.plan.policy.Windows = []radio.Window{{From: 300, To: 8*60 + 2}} },
			during: func(w *world) { w.run(at(8, 0, 30)); w.order(1, sirenS) },
			alert:  "aired:", heard: []string{"a 08:00:00.0", "alert 08:00:30.0", "a 08:00:38.0"}, want: []string{"b preempted:priority", "a aired"}},
		"cut twice": {during: func(w *world) {
			w.run(at(8, 0, 20))
			w.order(1, sirenS)
			w.run(at(8, 0, 29))
			w.order(2, sirenS)
		}, alert: "aired:", heard: []string{"a 08:00:00.0", "alert 08:00:20.0", "a 08:00:28.0", "alert 08:00:29.0", "a 08:00:37.0", "b 08:01:19.0"},
			want: []string{"a aired", "b aired"}},
		"it comes when the next one is handed over already": {during: func(w *world) { w.run(at(8, 0, 58)); w.order(1, sirenS) },
			alert: "aired:", heard: []string{"a 08:00:00.0", "alert 08:00:58.0", "a 08:01:06.0", "b 08:01:10.0"}, want: []string{"a aired", "b aired"}},
		"before the first sample": {during: func(w *world) { w.run(at(7, 59, 59)); w.order(1, sirenS) },
			alert: "aired:", heard: []string{"alert 07:59:59.0", "a 08:00:07.5", "b 08:01:07.5"}, want: []string{"a aired", "b aired"}},
		"the voice comes while the siren sounds": {before: func(w *world) { w.audio.missing[voiceS.SHA256] = true }, during: func(w *world) {
			w.orderAs(1, withVoice, sirenS)
			w.run(at(7, 55, 5))
			w.audio.set(voiceS.SHA256, true)
		}, alert: "aired:", heard: []string{"alert 07:55:00.0", "alert 07:55:08.0", "a 08:00:00.0", "b 08:01:00.0"}, want: []string{"a aired", "b aired"}},
		"the voice does not come": {before: func(w *world) { w.audio.missing[voiceS.SHA256] = true }, during: func(w *world) {
			w.orderAs(1, withVoice, sirenS)
		}, alert: "partial:no_audio", heard: []string{"alert 07:55:00.0", "a 08:00:00.0", "b 08:01:00.0"}, want: []string{"a aired", "b aired"}},
		"a sound of the set is missing": {before: func(w *world) { w.audio.missing[sirenS.SHA256] = true }, during: func(w *world) { w.order(1, sirenS, leadS) },
			alert: "partial:no_audio", heard: []string{"alert 07:55:00.0", "a 08:00:00.0", "b 08:01:00.0"}, want: []string{"a aired", "b aired"}},
		// A device whose set was older than the alert's sounds once confirmed all of it.
		"the set does not know a sound": {during: func(w *world) {
			c := w.order(1, leadS)
			w.alerts.set(func(f *fakeAlerts) { c.Lacks = 1; f.queue[0] = c })
		}, alert: "partial:no_audio", heard: []string{"alert 07:55:00.0", "a 08:00:00.0", "b 08:01:00.0"}, want: []string{"a aired", "b aired"}},
		"the set does not know a sound, and nothing sounds": {before: func(w *world) { w.audio.missing[leadS.SHA256] = true }, during: func(w *world) {
			c := w.order(1, leadS)
			w.alerts.set(func(f *fakeAlerts) { c.Lacks = 1; f.queue[0] = c })
		}, alert: "missed:no_audio", heard: []string{"a 08:00:00.0", "b 08:01:00.0"}, want: []string{"a aired", "b aired"}},
		"a drill whose announcement is missing": {before: func(w *world) { w.audio.missing[sirenS.SHA256] = true }, during: func(w *world) {
			w.orderAs(1, asDrill, sirenS, leadS)
		}, alert: "missed:no_audio", heard: []string{"a 08:00:00.0", "b 08:01:00.0"}, want: []string{"a aired", "b aired"}},
		"a drill whose announcement breaks in the player": {during: func(w *world) {
			w.orderAs(1, asDrill, sirenS, leadS)
			synctest.Wait()
			w.unreadable()
		}, alert: "missed:no_audio", heard: []string{"a 08:00:00.0", "b 08:01:00.0"}, want: []string{"a aired", "b aired"}},
		"taken back while it sounds": {during: func(w *world) {
			w.run(at(8, 0, 20))
			w.order(1, sirenS, leadS)
			w.run(at(8, 0, 25))
			w.alerts.set(func(f *fakeAlerts) { f.queue = nil })
		}, alert: "partial:stopped", heard: []string{"a 08:00:00.0", "alert 08:00:20.0", "a 08:00:25.0", "b 08:01:07.0"}, want: []string{"a aired", "b aired"}},
		"the player dies under it": {during: func(w *world) {
			w.order(1, sirenS, leadS)
			w.run(at(7, 55, 4))
			w.player.crash("segfault")
		}, alert: "aired:", heard: []string{"alert 07:55:00.0", "alert 07:55:04.0", "alert 07:55:08.0", "a 08:00:00.0", "b 08:01:00.0"}, want: []string{"a aired", "b aired"}},
		"the player hangs under it": {during: func(w *world) {
			w.order(1, sirenS)
			w.run(at(7, 55, 4))
			w.player.hang()
		}, alert: "aired:", heard: []string{"alert 07:55:00.0", "alert 07:55:09.0", "a 08:00:00.0", "b 08:01:00.0"}, want: []string{"a aired", "b aired"}},
		"no output, then one": {before: func(w *world) { w.player.openErr = fmt.Errorf("no card") }, during: func(w *world) {
			w.order(1, sirenS)
			w.run(at(7, 56, 0))
			w.player.setOpenErr(nil)
		}, alert: "aired:", want: []string{"a aired", "b aired"}},
		"no output, and it expires": {before: func(w *world) { w.player.openErr = fmt.Errorf("no card") }, during: func(w *world) {
			w.order(1, sirenS)
			w.run(at(7, 56, 0))
			w.alerts.set(func(f *fakeAlerts) { f.queue = nil })
			w.run(at(7, 57, 0))
			w.player.setOpenErr(nil)
		}, alert: "failed:output", want: []string{"a aired", "b aired"}},
		"the journal cannot be written": {during: func(w *world) {
			w.journal.setFull(true)
			w.order(1, sirenS)
			w.run(at(7, 57, 0))
			w.journal.setFull(false)
		}, alert: "aired:", heard: []string{"alert 07:55:00.0", "a 08:00:00.0", "b 08:01:00.0"}, want: []string{"a aired", "b aired"}},
		"the programme drops what was cut": {during: func(w *world) {
			w.run(at(8, 0, 20))
			w.order(1, sirenS)
			w.run(at(8, 0, 25))
			w.plan.set(func(p *fakePlan) {
				p.prog = programme(2, at(8, 0, 24), slot{cron: "0 9 * * *", items: []item{{"a", 5}, {"b", 5}}})
			})
		}, alert: "aired:"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.start.IsZero() {
				c.start = at(7, 55, 0)
			}
			bubble(t, c.start, func(w *world) {
				w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 60}}, grace: 60})
				if c.before != nil {
					c.before(w)
				}
				w.start()
				c.during(w)
				w.run(at(8, 30, 0))
				if got := w.told2(); len(got) == 0 || got[len(got)-1] != c.alert {
					t.Errorf("told the alerts %q, want %q last", got, c.alert)
				}
				if got := w.heard(); c.heard != nil && !slices.Equal(got, c.heard) {
					t.Errorf("sounds\n got %q\nwant %q", got, c.heard)
				}
				if c.want != nil {
					var got []string
					for _, r := range w.journal.results() {
						if n := w.name(r.ID); n != string(r.ID) {
							s := n + " " + string(r.Outcome)
							if r.Reason != "" {
								s += ":" + string(r.Reason)
							}
							got = append(got, s)
						}
					}
					if !slices.Equal(got, c.want) {
						t.Errorf("results\n got %q\nwant %q", got, c.want)
					}
				}
				w.stop()
			})
		})
	}
}
