package emergency

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

func TestCyclesOfAnAlert(t *testing.T) {
	l := newLab(t)
	a := storm("storm")
	if err := l.take(a); err != nil {
		t.Fatal(err)
	}
	c := l.begin()
	if c == nil || len(c.Sounds) != 2 || c.Sounds[0].SHA256 != siren.SHA256 || c.Origin != radio.FromAlert || c.ID != a.CycleKey(id[radio.DeviceID]("device"), 1, c.Key.SlotAt).ID() {
		t.Fatalf("cycle %+v", c)
	}
	l.advance(13 * time.Second)
	l.end(c, radio.Aired, "", 100)
	d := l.Duty()
	if d.Cycle != nil || !d.Hold || d.Wake != l.clk.Mono()+time.Minute {
		t.Errorf("between two cycles %+v, want silence for a minute", d)
	}
	l.run(10 * time.Minute)
	l.wantHeard("storm/1", "storm/2", "storm/3")
	if d := l.Duty(); d.Hold || d.Cycle != nil {
		t.Errorf("after the last cycle %+v", d)
	}
	if got, want := l.steps(a.ID), []string{"received", "accepted", "running", "done"}; !slices.Equal(got, want) {
		t.Errorf("steps %q, want %q", got, want)
	}
	// The centre repeats what it is not sure of; nothing sounds again, also after a restart.
	for range 2 {
		if err := l.take(a); err != nil {
			t.Fatal(err)
		}
		l.restart()
		l.run(time.Minute)
	}
	l.wantHeard("storm/1", "storm/2", "storm/3")
	if got := l.receipt(a.ID); got != "done" {
		t.Errorf("receipt %q", got)
	}
}

// Each row lets something happen to one alert of three cycles and one hour.
func TestRules(t *testing.T) {
	a := storm("storm")
	standing := storm("standing", func(a *radio.Alert) {
		a.Standing, a.ExpiresAt = true, radio.At(start.AddDate(0, 6, 0))
	})
	drill := storm("drill", func(a *radio.Alert) {
		a.Drill, a.Sounds = true, []radio.EmergencyRole{radio.RoleDrill, radio.RoleSiren}
	})
	cases := map[string]struct {
		do    func(l *lab) error
		heard []string
		want  string // the last receipt of the alert
		of    radio.Alert
		kind  error
	}{
		"expired when it comes":   {do: func(l *lab) error { l.advance(time.Hour); return l.take(a) }, want: "expired:expired"},
		"a second before its end": {do: func(l *lab) error { l.advance(time.Hour - time.Second); return l.take(a) }, heard: []string{"storm/1"}, want: "done:expired"},
		"expires between cycles":  {do: func(l *lab) error { l.advance(59 * time.Minute); return l.take(a) }, heard: []string{"storm/1"}, want: "done:expired"},
		"clock at 1970, no word":  {do: func(l *lab) error { l.untrusted(time.Unix(60, 0)); return l.take(a) }, want: "received"},
		"clock at 1970, then word": {do: func(l *lab) error {
			l.untrusted(time.Unix(60, 0))
			err := l.take(a)
			l.run(time.Minute)
			l.prove(start.Add(5 * time.Minute))
			return err
		}, heard: []string{"storm/1", "storm/2", "storm/3"}, want: "done"},
		"last year's alert at 1970": {do: func(l *lab) error {
			l.untrusted(time.Unix(60, 0))
			err := l.take(a)
			l.prove(start.AddDate(1, 0, 0))
			return err
		}, want: "expired:expired"},
		"last year's alert at 1970, the floor knows better": {do: func(l *lab) error {
			l.untrusted(time.Unix(60, 0))
			l.floor = start.AddDate(1, 0, 0)
			return l.take(a)
		}, want: "expired:expired"},
		// A board whose battery clock runs ahead: what it shows has not passed. It once ended
		// every alert and every standing one for good, before anybody had told it the time.
		"the clock is a week ahead, no word": {do: func(l *lab) error { l.untrusted(start.AddDate(0, 0, 7)); return l.take(a) }, want: "received"},
		"the clock is a week ahead, then word": {do: func(l *lab) error {
			l.untrusted(start.AddDate(0, 0, 7))
			err := l.take(a)
			l.run(time.Minute)
			l.look(l.t.Context())
			l.prove(start.Add(5 * time.Minute))
			return err
		}, heard: []string{"storm/1", "storm/2", "storm/3"}, want: "done"},
		"the clock is years ahead for a while": {do: func(l *lab) error {
			l.untrusted(start.AddDate(70, 0, 0))
			err := l.take(a)
			l.run(time.Minute)
			l.look(l.t.Context())
			l.clk.Step(start.Add(2 * time.Minute).Sub(l.clk.Now()))
			l.clk.SetState(clock.Trusted, clock.SourceKernel, 0)
			return err
		}, heard: []string{"storm/1", "storm/2", "storm/3"}, want: "done"},
		"cancelled, and the clock is years ahead after a restart": {do: func(l *lab) error {
			err := errors.Join(l.take(a), l.take(tombstone(a)))
			l.untrusted(start.AddDate(70, 0, 0))
			l.restart()
			l.look(l.t.Context())
			l.clk.Step(start.Add(2 * time.Minute).Sub(l.clk.Now()))
			l.clk.SetState(clock.Trusted, clock.SourceKernel, 0)
			return errors.Join(err, l.take(a))
		}, want: "done:cancelled"},
		"standing: the clock is years ahead": {of: standing, do: func(l *lab) error {
			l.untrusted(start.AddDate(70, 0, 0))
			err := l.take(standing)
			l.run(time.Minute)
			return errors.Join(err, l.Start(l.t.Context(), standing.ID))
		}, heard: []string{"standing/1", "standing/2", "standing/3"}, want: "accepted"},
		"a word of the boot before does not count": {do: func(l *lab) error {
			l.untrusted(time.Unix(60, 0))
			l.prove(start)
			l.restart()
			return l.take(a)
		}, want: "received"},
		"the clock is lost while it runs": {do: func(l *lab) error {
			err := l.take(a)
			l.run(20 * time.Second)
			l.untrusted(time.Unix(60, 0))
			return err
		}, heard: []string{"storm/1", "storm/2", "storm/3"}, want: "done"},
		"the clock is lost, and the alert expires": {do: func(l *lab) error {
			l.advance(59 * time.Minute)
			err := l.take(a)
			l.run(20 * time.Second)
			l.untrusted(time.Unix(60, 0))
			return err
		}, heard: []string{"storm/1"}, want: "done:expired"},
		"tombstone first": {do: func(l *lab) error { return errors.Join(l.take(tombstone(a)), l.take(a)) }, want: "done:cancelled"},
		"tombstone after": {do: func(l *lab) error { return errors.Join(l.take(a), l.take(tombstone(a)), l.take(a)) }, want: "done:cancelled"},
		"tombstone in a cycle": {do: func(l *lab) error {
			err := l.take(a)
			c := l.begin()
			err = errors.Join(err, l.take(tombstone(a)))
			if d := l.Duty(); d.Cycle != nil || d.Hold || l.Why(c.ID) != radio.EndCancelled {
				l.t.Errorf("after its tombstone %+v, %s", d, l.Why(c.ID))
			}
			l.end(c, radio.Partial, radio.ReasonStopped, 40)
			return err
		}, heard: []string{"storm/1"}, want: "done:cancelled"},
		"tombstone between cycles": {do: func(l *lab) error {
			err := l.take(a)
			l.run(20 * time.Second)
			return errors.Join(err, l.take(tombstone(a)))
		}, heard: []string{"storm/1"}, want: "done:cancelled"},
		"tombstone after all": {do: func(l *lab) error {
			err := l.take(a)
			l.run(5 * time.Minute)
			return errors.Join(err, l.take(tombstone(a)))
		}, heard: []string{"storm/1", "storm/2", "storm/3"}, want: "done"},
		"tombstone, then a restart": {do: func(l *lab) error {
			err := errors.Join(l.take(a), l.take(tombstone(a)))
			l.restart()
			return errors.Join(err, l.take(a))
		}, want: "done:cancelled"},
		"tombstone at 1970": {do: func(l *lab) error {
			l.untrusted(time.Unix(60, 0))
			err := errors.Join(l.take(a), l.take(tombstone(a)))
			l.prove(start)
			return err
		}, want: "done:cancelled"},
		"tombstone of another area": {do: func(l *lab) error {
			x := tombstone(a)
			x.Area = id[radio.AreaID]("hamlet")
			return errors.Join(l.take(a), l.take(x))
		}, heard: []string{"storm/1", "storm/2", "storm/3"}, want: "done", kind: radio.ErrForbidden},
		"tombstone of another area first": {do: func(l *lab) error {
			x := tombstone(a)
			x.Area = id[radio.AreaID]("hamlet")
			return errors.Join(l.take(x), l.take(a))
		}, heard: []string{"storm/1", "storm/2", "storm/3"}, want: "done"},
		"stopped at the device": {do: func(l *lab) error {
			err := l.take(a)
			l.run(20 * time.Second)
			if n := l.Stop(l.t.Context()); n != 1 {
				l.t.Errorf("%d alerts stopped", n)
			}
			return errors.Join(err, l.take(a))
		}, heard: []string{"storm/1"}, want: "done:local by local"},
		"stopped at the device in a cycle": {do: func(l *lab) error {
			err := l.take(a)
			c := l.begin()
			if l.Stop(l.t.Context()); l.Duty().Cycle != nil || l.Why(c.ID) != radio.EndLocal || l.Why("") != radio.EndStopped {
				l.t.Errorf("after STOP the cycle ends as %s", l.Why(c.ID))
			}
			return err
		}, heard: []string{"storm/1"}, want: "done:local by local"},
		"STOP when nothing sounds": {do: func(l *lab) error {
			if n := l.Stop(l.t.Context()); n != 0 {
				l.t.Errorf("%d alerts stopped", n)
			}
			return l.take(a)
		}, heard: []string{"storm/1", "storm/2", "storm/3"}, want: "done"},
		"nothing of the set is here": {do: func(l *lab) error { clear(l.audio.ready); return l.take(a) }, want: "failed:no_audio"},
		"the set comes late": {do: func(l *lab) error {
			clear(l.audio.ready)
			err := l.take(a)
			l.run(10 * time.Minute)
			if l.Duty().Hold {
				l.t.Error("it keeps others silent, and cannot sound")
			}
			l.audio.ready[siren.SHA256] = true
			return err
		}, heard: []string{"storm/1", "storm/2", "storm/3"}, want: "done"},
		"the set is lost between cycles": {do: func(l *lab) error {
			err := l.take(a)
			l.run(20 * time.Second)
			clear(l.audio.ready)
			if l.Duty().Hold {
				l.t.Error("it keeps others silent, and cannot sound")
			}
			return err
		}, heard: []string{"storm/1"}, want: "done:expired"},
		"the output fails in every cycle": {do: func(l *lab) error {
			err := l.take(a)
			for range 3 {
				d := l.Duty()
				l.Began(l.t.Context(), d.Cycle.ID)
				l.end(d.Cycle, radio.Failed, radio.ReasonOutput, 0)
				l.advance(time.Minute)
			}
			return err
		}, want: "failed:output"},
		"the disk is full":                       {do: func(l *lab) error { l.journal.full = true; return l.take(a) }, heard: []string{"storm/1", "storm/2", "storm/3"}, want: "done"},
		"a drill":                                {of: drill, do: func(l *lab) error { return l.take(drill) }, heard: []string{"drill/1", "drill/2", "drill/3"}, want: "done"},
		"a drill whose announcement is not here": {of: drill, do: func(l *lab) error { delete(l.audio.ready, drillS.SHA256); return l.take(drill) }, want: "failed:no_audio"},
		"a drill whose announcement was exchanged": {of: drill, do: func(l *lab) error {
			err := l.take(drill)
			l.plan.settings.Emergency[2].Rendition = siren
			return err
		}, want: "failed:no_audio"},
		"standing: nothing by itself": {of: standing, do: func(l *lab) error { return l.take(standing) }, want: "accepted"},
		"standing: started here": {of: standing, do: func(l *lab) error {
			return errors.Join(l.take(standing), l.Start(l.t.Context(), standing.ID))
		}, heard: []string{"standing/1", "standing/2", "standing/3"}, want: "accepted"},
		"standing: started twice at once": {of: standing, do: func(l *lab) error {
			return errors.Join(l.take(standing), l.Start(l.t.Context(), standing.ID), l.Start(l.t.Context(), standing.ID))
		}, heard: []string{"standing/1", "standing/2", "standing/3"}, want: "accepted", kind: radio.ErrConflict},
		"standing: started again later": {of: standing, do: func(l *lab) error {
			err := errors.Join(l.take(standing), l.Start(l.t.Context(), standing.ID))
			l.run(10 * time.Minute)
			return errors.Join(err, l.Start(l.t.Context(), standing.ID))
		}, heard: []string{"standing/1", "standing/2", "standing/3", "standing/1", "standing/2", "standing/3"}, want: "accepted"},
		"standing: without any clock": {of: standing, do: func(l *lab) error {
			l.untrusted(time.Unix(60, 0))
			return errors.Join(l.take(standing), l.Start(l.t.Context(), standing.ID))
		}, heard: []string{"standing/1", "standing/2", "standing/3"}, want: "accepted"},
		"standing: past its end by the floor": {of: standing, do: func(l *lab) error {
			err := l.take(standing)
			l.untrusted(time.Unix(60, 0))
			l.floor = start.AddDate(1, 0, 0)
			return errors.Join(err, l.Start(l.t.Context(), standing.ID))
		}, want: "expired:expired", kind: radio.ErrConflict},
		"standing: stopped here, and started again": {of: standing, do: func(l *lab) error {
			err := errors.Join(l.take(standing), l.Start(l.t.Context(), standing.ID))
			l.run(20 * time.Second)
			l.Stop(l.t.Context())
			return errors.Join(err, l.Start(l.t.Context(), standing.ID))
		}, heard: []string{"standing/1", "standing/1", "standing/2", "standing/3"}, want: "accepted"},
		// A person who presses START hears something or is told why not; nothing is left
		// behind that sounds by itself another day.
		"standing: nothing of the set is here": {of: standing, do: func(l *lab) error {
			clear(l.audio.ready)
			err := errors.Join(l.take(standing), l.Start(l.t.Context(), standing.ID))
			l.run(time.Minute)
			l.audio.ready[siren.SHA256] = true
			return err
		}, want: "accepted", kind: radio.ErrUnavailable},
		"standing: no output until the next day": {of: standing, do: func(l *lab) error {
			err := errors.Join(l.take(standing), l.Start(l.t.Context(), standing.ID))
			l.Began(l.t.Context(), l.Duty().Cycle.ID)
			l.advance(20 * time.Hour)
			return err
		}, want: "accepted"},
		"standing: the power is away for a minute": {of: standing, do: func(l *lab) error {
			err := errors.Join(l.take(standing), l.Start(l.t.Context(), standing.ID))
			l.run(20 * time.Second)
			l.advance(time.Minute)
			l.restart()
			return err
		}, heard: []string{"standing/1", "standing/2", "standing/3"}, want: "accepted"},
		"standing: the power is away for days": {of: standing, do: func(l *lab) error {
			err := errors.Join(l.take(standing), l.Start(l.t.Context(), standing.ID))
			l.run(20 * time.Second)
			l.advance(72 * time.Hour)
			l.restart()
			return err
		}, heard: []string{"standing/1"}, want: "accepted"},
		"standing: the power is away, and the time with it": {of: standing, do: func(l *lab) error {
			err := errors.Join(l.take(standing), l.Start(l.t.Context(), standing.ID))
			l.run(20 * time.Second)
			l.untrusted(time.Unix(60, 0))
			l.restart()
			l.run(10 * time.Minute)
			l.prove(start.Add(72 * time.Hour))
			return err
		}, heard: []string{"standing/1"}, want: "accepted"},
		"standing: started without a time, then the power is away": {of: standing, do: func(l *lab) error {
			l.untrusted(time.Unix(60, 0))
			err := errors.Join(l.take(standing), l.Start(l.t.Context(), standing.ID))
			l.run(20 * time.Second)
			l.restart()
			return err
		}, heard: []string{"standing/1"}, want: "accepted"},
		"standing: the time comes while it sounds": {of: standing, do: func(l *lab) error {
			l.untrusted(time.Unix(60, 0))
			err := errors.Join(l.take(standing), l.Start(l.t.Context(), standing.ID))
			l.run(20 * time.Second)
			l.prove(start)
			return err
		}, heard: []string{"standing/1", "standing/2", "standing/3"}, want: "accepted"},
		"standing: cancelled": {of: standing, do: func(l *lab) error {
			return errors.Join(l.take(standing), l.take(tombstone(standing)), l.Start(l.t.Context(), standing.ID))
		}, want: "done:cancelled", kind: radio.ErrConflict},
		"start of what does not stand": {do: func(l *lab) error { return errors.Join(l.take(a), l.Start(l.t.Context(), a.ID)) },
			heard: []string{"storm/1", "storm/2", "storm/3"}, want: "done", kind: radio.ErrNotFound},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			if c.of.ID == "" {
				c.of = a
			}
			if err := c.do(l); !errors.Is(err, c.kind) || c.kind == nil && err != nil {
				t.Errorf("error %v, want %v", err, c.kind)
			}
			l.run(2 * time.Hour)
			l.wantHeard(c.heard...)
			if got := l.receipt(c.of.ID); got != c.want {
				t.Errorf("receipt %q, want %q; steps %q", got, c.want, l.steps(c.of.ID))
			}
			if l.Duty().Hold {
				t.Error("it still keeps others silent")
			}
		})
	}
}

func TestPowerCuts(t *testing.T) {
	l := newLab(t)
	a := storm("storm")
	if err := l.take(a); err != nil {
		t.Fatal(err)
	}
	l.run(20 * time.Second) // the first is over
	l.restart()
	if c := l.begin(); c != nil || !l.Duty().Hold {
		t.Fatalf("before the centre could say that it is cancelled: %+v", c)
	}
	l.advance(3 * time.Second)
	l.Welcomed()
	l.advance(tombWait)
	c := l.begin() // the storm has not waited
	if c == nil || c.Key.Repeat != 2 {
		t.Fatalf("after a power cut between two cycles: %+v", c)
	}
	l.restart()
	l.advance(returnWait - time.Second)
	if c := l.begin(); c != nil {
		t.Fatalf("before the time for a welcome is over: %+v", c)
	}
	l.advance(time.Second) // there is none: the network is down in the storm too
	if c = l.begin(); c == nil || c.Key.Repeat != 3 {
		t.Fatalf("the repetition of the one cut off: %+v", c)
	}
	l.restart() // cut again: that was its one repetition
	l.run(10 * time.Minute)
	l.wantHeard("storm/1", "storm/2", "storm/3", "storm/4")
	if got := l.receipt(a.ID); got != "done" {
		t.Errorf("receipt %q", got)
	}
}

// What was cancelled while the device was off, or offline, never begins: its tombstone
// comes when the connection does.
func TestCancelledMeanwhile(t *testing.T) {
	l := newLab(t)
	kept := storm("storm")
	if err := l.take(kept); err != nil {
		t.Fatal(err)
	}
	l.run(20 * time.Second)
	l.restart()
	l.run(5 * time.Second)
	l.Welcomed()
	l.run(tombWait / 2)
	queued := storm("queued") // a minute old by now
	l.advance(time.Minute)
	if err := errors.Join(l.take(tombstone(kept)), l.take(queued)); err != nil {
		t.Fatal(err)
	}
	l.run(tombWait / 2)
	if err := l.take(tombstone(queued)); err != nil {
		t.Fatal(err)
	}
	l.run(10 * time.Minute)
	l.wantHeard("storm/1")
	late := storm("late")
	if err := l.take(late); err != nil {
		t.Fatal(err)
	}
	l.run(tombWait + time.Second)
	l.wantHeard("storm/1", "late/1")
}

// A reboot in the storm on a board without a battery and without a network: nothing of
// it sounds until the centre has said what time it is, and then only what is still valid.
func TestRebootWithoutATime(t *testing.T) {
	for name, c := range map[string]struct {
		word time.Time
		want []string
		end  string
	}{
		"in time":  {start.Add(10 * time.Minute), []string{"storm/1", "storm/2", "storm/3"}, "done"},
		"too late": {start.Add(2 * time.Hour), []string{"storm/1"}, "done:expired"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			a := storm("storm")
			if err := l.take(a); err != nil {
				t.Fatal(err)
			}
			l.run(20 * time.Second)
			l.untrusted(time.Unix(60, 0))
			l.restart()
			l.run(10 * time.Minute)
			l.wantHeard("storm/1")
			l.prove(c.word)
			l.run(10 * time.Minute)
			l.wantHeard(c.want...)
			if got := l.receipt(a.ID); got != c.end {
				t.Errorf("receipt %q, want %q", got, c.end)
			}
		})
	}
}

// A journal that was rescued from an older copy knows cycles by their records.
func TestAnOlderCopyMakesNoCycleTwice(t *testing.T) {
	l := newLab(t)
	a := storm("storm")
	if err := l.take(a); err != nil {
		t.Fatal(err)
	}
	c := l.begin()
	old := l.journal.alerts[a.ID]
	l.advance(13 * time.Second)
	l.end(c, radio.Aired, "", 100)
	l.run(70 * time.Second)
	l.journal.alerts[a.ID] = old
	l.restart()
	l.run(10 * time.Minute)
	l.wantHeard("storm/1", "storm/2", "storm/3")
	// One that is over stays so, whatever the rest of the copy says.
	old.Over = true
	l.journal.alerts[a.ID] = old
	l.restart()
	l.run(10 * time.Minute)
	l.wantHeard("storm/1", "storm/2", "storm/3")
}

// Another version's way of keeping an alert: one that is over stays so, one that is not
// may come again.
func TestAnUnreadableCopy(t *testing.T) {
	for over, want := range map[bool][]string{true: nil, false: {"storm/1", "storm/2", "storm/3"}} {
		for _, state := range []string{"", "{", `{"alert":{"id":"another"},"active":true}`} {
			l := newLab(t)
			a := storm("storm")
			l.journal.alerts[a.ID] = radio.KeptAlert{ID: a.ID, Over: over, State: []byte(state)}
			l.restart()
			for range 2 { // also when it can be read again
				l.look(t.Context())
				if err := l.take(a); err != nil {
					t.Fatal(err)
				}
				l.run(10 * time.Minute)
				l.restart()
			}
			l.wantHeard(want...)
		}
	}
}

func TestSeveralAlertsAlternate(t *testing.T) {
	l := newLab(t)
	one, two := storm("one"), storm("two", func(a *radio.Alert) { a.IssuedAt++; a.IntervalS = 10; a.Repeats = 2 })
	if err := errors.Join(l.take(one), l.take(two)); err != nil {
		t.Fatal(err)
	}
	l.run(10 * time.Minute)
	l.wantHeard("one/1", "two/1", "two/2", "one/2", "one/3")
}

func TestVoice(t *testing.T) {
	data := []byte("voice")
	with := storm("storm", func(a *radio.Alert) { v := voiceR; a.Voice = &v })
	t.Run("behind the alert", func(t *testing.T) {
		l := newLab(t)
		if err := errors.Join(l.take(with), l.TakeVoice(t.Context(), voiceR.SHA256, data)); err != nil || !l.audio.ready[voiceR.SHA256] {
			t.Errorf("%v", err)
		}
		if w := l.Wanted(); len(w) != 1 {
			t.Errorf("nobody keeps it from making room for a bulletin: %v", w)
		}
		if c := l.begin(); c.Voice == nil || c.Voice.SHA256 != voiceR.SHA256 {
			t.Errorf("cycle %+v", c)
		}
	})
	t.Run("before the alert", func(t *testing.T) {
		l := newLab(t)
		if err := l.TakeVoice(t.Context(), voiceR.SHA256, data); err != nil || l.audio.ready[voiceR.SHA256] {
			t.Errorf("a voice no alert names is stored: %v", err)
		}
		if err := l.take(with); err != nil || !l.audio.ready[voiceR.SHA256] {
			t.Errorf("%v", err)
		}
	})
	t.Run("strangers' voices are not stored", func(t *testing.T) {
		l := newLab(t)
		for i := range 100 {
			b := fmt.Appendf(nil, "voice %d", i)
			if err := l.TakeVoice(t.Context(), radio.VoiceHash(b), b); err != nil {
				t.Fatal(err)
			}
		}
		if len(l.audio.ready) != 3 || len(l.stash) != maxStash {
			t.Errorf("%d stored, %d kept", len(l.audio.ready), len(l.stash))
		}
	})
	t.Run("it does not come, and is fetched", func(t *testing.T) {
		l := newLab(t)
		if err := l.take(with); err != nil || len(l.Wanted()) != 0 {
			t.Errorf("wanted at once, before it could come by itself: %v, %v", l.Wanted(), err)
		}
		if d := l.look(t.Context()); d > voiceWait || l.woken != 0 {
			t.Errorf("looks again in %s, woken %d", d, l.woken)
		}
		l.advance(voiceWait)
		l.look(t.Context())
		if w := l.Wanted(); len(w) != 1 || w[0].SHA256 != voiceR.SHA256 || l.woken != 1 {
			t.Errorf("wanted %v, woken %d", w, l.woken)
		}
		if err := l.take(tombstone(with)); err != nil || len(l.Wanted()) != 0 {
			t.Errorf("the voice of a cancelled alert is wanted: %v", err)
		}
	})
	t.Run("HTTPS does not bring it either: the centre is asked, and not too often", func(t *testing.T) {
		l := newLab(t)
		if err := l.take(with); err != nil || len(l.Lacks()) != 0 {
			t.Errorf("lacks it before it could come by itself: %v, %v", l.Lacks(), err)
		}
		l.advance(voiceWait)
		l.look(t.Context())
		if d := l.look(t.Context()); l.asked != 1 || d > askAgain || !slices.Equal(l.Lacks(), []radio.SHA256{voiceR.SHA256}) {
			t.Errorf("asked %d, lacks %v, looks again in %s", l.asked, l.Lacks(), d)
		}
		l.advance(askAgain)
		l.look(t.Context())
		if err := l.TakeVoice(t.Context(), voiceR.SHA256, data); err != nil || l.asked != 2 || len(l.Lacks()) != 0 {
			t.Errorf("asked %d, lacks %v, %v", l.asked, l.Lacks(), err)
		}
		l.advance(askAgain)
		if l.look(t.Context()); l.asked != 2 {
			t.Error("asked for a voice that is here")
		}
	})
	t.Run("after a reboot it is asked for at once", func(t *testing.T) {
		l := newLab(t)
		if err := l.take(with); err != nil {
			t.Fatal(err)
		}
		l.restart()
		if l.look(t.Context()); l.asked != 1 || len(l.Lacks()) != 1 {
			t.Errorf("asked %d, lacks %v", l.asked, l.Lacks())
		}
	})
	t.Run("no room: it is fetched", func(t *testing.T) {
		l := newLab(t)
		l.audio.full = true
		if err := errors.Join(l.take(with), l.TakeVoice(t.Context(), voiceR.SHA256, data)); err != nil {
			t.Fatal(err)
		}
		if len(l.Wanted()) != 1 || l.begin() == nil {
			t.Error("without its voice the alert does not go on")
		}
		if d := l.look(t.Context()); d > storeAgain || l.woken != 1 {
			t.Errorf("looks again in %s, woken %d", d, l.woken)
		}
		// There is no way to the media hosts, but room has been made: it was here all along.
		l.audio.full = false
		l.look(t.Context())
		if !l.audio.ready[voiceR.SHA256] || len(l.stash) != 0 {
			t.Error("the voice is lost")
		}
	})
}

func TestBounds(t *testing.T) {
	l := newLab(t)
	long := func(a *radio.Alert) { a.Repeats, a.ExpiresAt = 1, radio.At(start.Add(24*time.Hour)) }
	for i := range maxKept {
		if err := l.take(storm(fmt.Sprint("alert ", i), long)); err != nil {
			t.Fatal(err)
		}
	}
	// All of them may still sound.
	if err := l.take(storm("one more", long)); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("one more: %v", err)
	}
	l.run(2 * time.Hour)
	if len(l.heard) != maxKept {
		t.Fatalf("%d heard", len(l.heard))
	}
	// A storm with a warning every few minutes: those that are over keep no new one out,
	// though none of them has expired.
	for i := range maxOver + 10 {
		if err := l.take(storm(fmt.Sprint("warning ", i), long, func(a *radio.Alert) { a.IssuedAt += radio.Millis(i + 1) })); err != nil {
			t.Fatal(i, err)
		}
		l.run(15 * time.Second)
	}
	if len(l.heard) != maxKept+maxOver+10 || len(l.alerts) > maxOver+1 || len(l.journal.alerts) != len(l.alerts) {
		t.Errorf("%d heard, %d held, %d kept", len(l.heard), len(l.alerts), len(l.journal.alerts))
	}
	if n := len(l.Receipts()); n != maxTold {
		t.Errorf("%d receipts", n)
	}
	var s radio.Status
	if l.Fill(&s); len(s.Alerts) != maxShown || s.Alerts[0].Headline != fmt.Sprint("warning ", maxOver+9) {
		t.Errorf("%d alerts shown", len(s.Alerts))
	}
	// A day after their ends all are forgotten, also by the file.
	l.advance(72 * time.Hour)
	l.Duty()
	l.look(t.Context())
	if len(l.alerts) != 0 || len(l.journal.alerts) != 0 {
		t.Errorf("%d held, %d kept after three days", len(l.alerts), len(l.journal.alerts))
	}
}

// One person's key makes up tombstones and standing alerts without end: the next warning
// is kept all the same.
func TestAFloodKeepsNoWarningOut(t *testing.T) {
	l := newLab(t)
	flood := func(kind string, most int, change func(*radio.Alert)) {
		refused := 0
		for i := range 2 * most {
			a := storm(fmt.Sprint(kind, i))
			change(&a)
			if err := l.take(a); errors.Is(err, radio.ErrConflict) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if refused != most {
			t.Errorf("%s: %d refused, want %d", kind, refused, most)
		}
	}
	flood("tombstone", maxTombstones, func(a *radio.Alert) { a.Cancel = true })
	flood("standing", maxStanding, func(a *radio.Alert) { a.Standing = true })
	a := storm("storm")
	if err := l.take(a); err != nil {
		t.Fatal(err)
	}
	l.run(10 * time.Minute)
	l.wantHeard("storm/1", "storm/2", "storm/3")
	if err := l.take(tombstone(a)); err != nil {
		t.Error("its own tombstone is refused:", err)
	}
	// What has expired makes room for the next.
	l.advance(2 * time.Hour)
	if err := l.take(tombstone(storm("later", func(a *radio.Alert) { a.ExpiresAt = radio.At(start.Add(9 * time.Hour)) }))); err != nil {
		t.Error(err)
	}
}

// The stolen key of one commune makes up as many alerts as a device holds: the province's
// warning gets through all the same, and the centre is told what made room for it.
func TestAWiderAlertDisplaces(t *testing.T) {
	in := func(area radio.AreaID) func(*radio.Alert) { return func(a *radio.Alert) { a.Area = area } }
	for name, c := range map[string]struct {
		most  int
		areas func(i int) radio.AreaID
		kind  func(*radio.Alert)
		wider func(*radio.Alert)
		gone  string // who makes room; "" when nobody does
	}{
		"the province against a commune": {maxKept, func(int) radio.AreaID { return area }, func(*radio.Alert) {}, in(provinceArea), "flood 63"},
		"the narrowest first":            {maxKept, func(i int) radio.AreaID { return []radio.AreaID{area, hamletArea, area}[i%3] }, func(*radio.Alert) {}, in(provinceArea), "flood 61"},
		"a commune against its hamlet":   {maxKept, func(int) radio.AreaID { return hamletArea }, func(*radio.Alert) {}, in(area), "flood 63"},
		"standing ones":                  {maxStanding, func(int) radio.AreaID { return area }, func(a *radio.Alert) { a.Standing = true }, in(provinceArea), "flood 31"},
		"the same width":                 {maxKept, func(int) radio.AreaID { return area }, func(*radio.Alert) {}, in(area), ""},
		"a narrower one":                 {maxKept, func(int) radio.AreaID { return area }, func(*radio.Alert) {}, in(hamletArea), ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			for i := range c.most {
				l.advance(time.Second)
				// They claim to be ever older: that is theirs to say.
				if err := l.take(storm(fmt.Sprint("flood ", i), in(c.areas(i)), c.kind, func(a *radio.Alert) { a.IssuedAt -= radio.Millis(i) })); err != nil {
					t.Fatal(i, err)
				}
			}
			storm := storm("storm", c.wider, c.kind)
			err := l.take(storm)
			if c.gone == "" {
				if !errors.Is(err, radio.ErrConflict) {
					t.Errorf("%v, want a conflict", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := l.receipt(id[radio.AlertID](c.gone)); got != "failed:displaced" {
				t.Errorf("%s is %s", c.gone, got)
			}
			failed := 0
			for _, r := range l.Receipts() {
				if r.Reason == radio.ReasonDisplaced {
					failed++
				}
			}
			if failed != 1 {
				t.Errorf("%d displaced", failed)
			}
			if got := l.receipt(storm.ID); got != "accepted" {
				t.Errorf("the wider one is %s", got)
			}
			l.restart()
			if got := l.receipt(id[radio.AlertID](c.gone)); got != "failed:displaced" {
				t.Errorf("after a restart it is %s", got)
			}
		})
	}
}

// What sounds at this moment is not cut by what only needs its place.
func TestWhatSoundsIsNotDisplaced(t *testing.T) {
	l := newLab(t)
	if err := l.take(storm("sounds")); err != nil {
		t.Fatal(err)
	}
	c := l.begin()
	for i := range maxKept - 1 {
		if err := l.take(storm(fmt.Sprint("wide ", i), func(a *radio.Alert) { a.Area = provinceArea })); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := l.take(storm("storm", func(a *radio.Alert) { a.Area = provinceArea })); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("%v, want a conflict", err)
	}
	l.end(c, radio.Aired, radio.NoReason, 1)
	if err := l.take(storm("storm", func(a *radio.Alert) { a.Area = provinceArea })); err != nil {
		t.Error("behind it:", err)
	}
}

// What the set does not have is counted: playout must not call such a cycle aired.
func TestASoundTheSetLacks(t *testing.T) {
	for name, c := range map[string]struct {
		set   []radio.EmergencyAudio
		lacks int
	}{
		"all of it":  {newLab(t).plan.settings.Emergency, 0},
		"no lead-in": {newLab(t).plan.settings.Emergency[:1], 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.plan.settings.Emergency = c.set
			if err := l.take(storm("storm")); err != nil {
				t.Fatal(err)
			}
			d := l.Duty()
			if d.Cycle == nil || d.Cycle.Lacks != c.lacks || len(d.Cycle.Sounds) != 2-c.lacks {
				t.Errorf("cycle %+v, want %d lacking", d.Cycle, c.lacks)
			}
		})
	}
}

// A device that was put up in the storm, without any set: it sounds the siren it has built
// in, and says that this is not what was ordered.
func TestBuiltInSiren(t *testing.T) {
	for name, c := range map[string]struct {
		change func(l *lab)
		sounds []radio.EmergencyRole
		want   []radio.Rendition
		lacks  int
		none   bool
	}{
		"no set at all":                {change: func(l *lab) { l.plan.settings.Emergency = nil }, want: []radio.Rendition{builtIn}, lacks: 2},
		"the set has not been fetched": {change: func(l *lab) { clear(l.audio.ready) }, want: []radio.Rendition{builtIn, leadIn}, lacks: 1},
		"the set is here":              {want: []radio.Rendition{siren, leadIn}},
		"the root has not signed it":   {change: func(l *lab) { l.plan.disowned = []radio.SHA256{siren.SHA256, leadIn.SHA256} }, want: []radio.Rendition{builtIn}, lacks: 2},
		"no siren is wanted":           {change: func(l *lab) { l.plan.settings.Emergency = nil }, sounds: []radio.EmergencyRole{radio.RoleAllOK}, none: true},
		"a drill without its announcement": {change: func(l *lab) { l.plan.settings.Emergency = nil },
			sounds: []radio.EmergencyRole{radio.RoleDrill, radio.RoleSiren}, none: true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.opts.StandIn = &builtIn
			if c.change != nil {
				c.change(l)
			}
			err := l.take(storm("storm", func(a *radio.Alert) {
				if c.sounds != nil {
					a.Sounds, a.Drill = c.sounds, c.sounds[0] == radio.RoleDrill
				}
			}))
			if err != nil {
				t.Fatal(err)
			}
			d := l.Duty()
			if c.none {
				if d.Cycle != nil {
					t.Errorf("cycle %+v, want none", d.Cycle)
				}
				return
			}
			if d.Cycle == nil || !slices.Equal(d.Cycle.Sounds, c.want) || d.Cycle.Lacks != c.lacks {
				t.Fatalf("cycle %+v, want %+v, %d lacking", d.Cycle, c.want, c.lacks)
			}
			var s radio.Status
			l.Fill(&s)
			if told := s.Emergency[0]; told.StandIn != (c.lacks > 0) || told.Ready == told.StandIn {
				t.Errorf("it says %+v", told)
			}
		})
	}
}

func TestTurnAway(t *testing.T) {
	l := newLab(t)
	a := storm("storm")
	for range 3 {
		l.TurnAway(t.Context(), a.ID, radio.ReasonSigners)
	}
	if got := l.receipt(a.ID); got != "rejected:signers" || len(l.journal.records) != 1 {
		t.Errorf("receipt %q, %d records", got, len(l.journal.records))
	}
	for i := range 100 {
		l.TurnAway(t.Context(), id[radio.AlertID](fmt.Sprint(i)), radio.ReasonSigners)
	}
	if n := len(l.Receipts()); n != maxTurnedAway {
		t.Errorf("%d receipts of what was turned away", n)
	}
	// What was turned away and then comes again with all it needs has one receipt.
	if err := l.take(storm("held")); err != nil {
		t.Fatal(err)
	}
	l2 := newLab(t)
	l2.TurnAway(t.Context(), a.ID, radio.ReasonDrill)
	if err := l2.take(a); err != nil || len(l2.Receipts()) != 1 || l2.receipt(a.ID) != "accepted" {
		t.Errorf("%v, receipts %v", err, l2.receipts())
	}
	// What is held is not rejected by a worse copy of it.
	l.TurnAway(t.Context(), storm("held").ID, radio.ReasonSigners)
	if got := l.receipt(storm("held").ID); got != "accepted" {
		t.Errorf("receipt %q", got)
	}
}

// The desk asks for its duty to cut what sounds: it never waits for a disk.
func TestNobodyWaitsForTheDisk(t *testing.T) {
	l := newLab(t)
	n := 0
	l.journal.write = func() {
		if n++; !l.mu.TryLock() {
			t.Error("a write under the lock that Duty takes")
			return
		}
		l.mu.Unlock()
	}
	a := storm("storm")
	if err := errors.Join(l.take(a), l.take(storm("kept", func(a *radio.Alert) { a.Standing = true }))); err != nil {
		t.Fatal(err)
	}
	l.run(20 * time.Second)
	if err := errors.Join(l.Start(t.Context(), storm("kept").ID), l.take(tombstone(a))); err != nil {
		t.Fatal(err)
	}
	l.Stop(t.Context())
	l.TurnAway(t.Context(), id[radio.AlertID]("x"), radio.ReasonSigners)
	l.advance(72 * time.Hour)
	l.look(t.Context())
	if len(l.journal.alerts) != 0 || n < 8 {
		t.Errorf("%d kept, %d writes", len(l.journal.alerts), n)
	}
}

func TestFullDiskIsMadeUpFor(t *testing.T) {
	l := newLab(t)
	a := storm("storm")
	l.journal.full = true
	if err := l.take(a); err != nil {
		t.Fatal(err)
	}
	l.run(20 * time.Second)
	l.journal.full = false
	l.look(t.Context())
	if got, want := l.steps(a.ID), []string{"received", "accepted", "running"}; !slices.Equal(got, want) || len(l.journal.alerts) != 1 {
		t.Errorf("steps %q, want %q", got, want)
	}
}

func TestFill(t *testing.T) {
	l := newLab(t)
	delete(l.audio.ready, leadIn.SHA256)
	if err := errors.Join(l.take(storm("storm")), l.take(storm("kept", func(a *radio.Alert) { a.Standing = true; a.IssuedAt-- }))); err != nil {
		t.Fatal(err)
	}
	l.run(20 * time.Second)
	var s radio.Status
	l.Fill(&s)
	if len(s.Emergency) != 3 || !s.Emergency[0].Ready || s.Emergency[1].Ready {
		t.Errorf("set %+v", s.Emergency)
	}
	// A device that was never told of a set has none: that is to be seen.
	bare := newLab(t)
	bare.plan.settings.Emergency = nil
	var b radio.Status
	bare.Fill(&b)
	if want := []radio.EmergencyStatus{{Role: radio.RoleSiren}, {Role: radio.RoleLeadIn}}; !slices.Equal(b.Emergency, want) {
		t.Errorf("set %+v, want %+v", b.Emergency, want)
	}
	if len(s.Alerts) != 2 || s.Alerts[0].Headline != "storm" || !s.Alerts[0].Running || s.Alerts[0].Cycle != 1 || s.Alerts[0].Next == 0 ||
		s.Alerts[0].State != radio.ReceiptRunning || !s.Alerts[1].Standing || s.Alerts[1].State != radio.ReceiptAccepted {
		t.Errorf("alerts %+v", s.Alerts)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Options{}); !errors.Is(err, radio.ErrInvalid) {
		t.Error(err)
	}
}
