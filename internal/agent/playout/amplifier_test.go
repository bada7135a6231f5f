package playout_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// fakeAmplifier is a switch on the fake clock; it also watches that there is a player
// as long as there is power.
type fakeAmplifier struct {
	world  *world
	warmUp time.Duration
	call   time.Duration // the switch's timeout
	takes  time.Duration // what it really takes

	mu      sync.Mutex
	want    bool
	fails   bool
	state   radio.AmplifierState
	since   time.Duration
	changed chan struct{}
	told    []string
}

func withAmplifier(w *world, warmUp time.Duration) *fakeAmplifier {
	w.amp = &fakeAmplifier{world: w, warmUp: warmUp, call: 2 * time.Second, state: radio.AmplifierOff, changed: make(chan struct{})}
	return w.amp
}

func (a *fakeAmplifier) WarmUp() time.Duration { return a.warmUp }
func (a *fakeAmplifier) Lead() time.Duration   { return a.warmUp + a.call }
func (a *fakeAmplifier) Hold() time.Duration   { return 2 * time.Second }

func (a *fakeAmplifier) Power() (radio.AmplifierState, time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state, a.since
}

func (a *fakeAmplifier) Changed() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

func (a *fakeAmplifier) tell(s radio.AmplifierState) {
	if s == a.state {
		return
	}
	a.state, a.since = s, a.world.clk.Mono()
	close(a.changed)
	a.changed = make(chan struct{})
}

func (a *fakeAmplifier) Want(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.want == on {
		return
	}
	a.want = on
	if a.takes == 0 {
		a.obey(on)
		return
	}
	a.tell(radio.AmplifierSwitching)
	until := a.world.clk.Now().Add(a.takes)
	go func() {
		if _, err := a.world.clk.Wait(a.world.t.Context(), until); err != nil {
			return // the test has ended
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.want == on {
			a.obey(on)
		}
	}()
}

func (a *fakeAmplifier) obey(on bool) {
	word, state := "off", radio.AmplifierOff
	if on {
		word, state = "on", radio.AmplifierOn
	}
	if a.fails {
		word, state = word+" failed", radio.AmplifierFailed
	}
	a.told = append(a.told, word+" "+a.world.clk.Now().Format("15:04:05.000"))
	a.tell(state)
}

func (a *fakeAmplifier) wantTold(lines ...string) {
	a.world.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Equal(a.told, lines) {
		a.world.t.Errorf("amplifier\n got %q\nwant %q", a.told, lines)
	}
}

func TestAmplifier(t *testing.T) {
	for name, c := range map[string]struct {
		start  time.Time
		warmUp time.Duration
		slots  []slot
		do     func(w *world) // before the start
		meet   map[time.Time]func(w *world)
		until  time.Time
		amp    []string
		sounds []string
		told   []string
	}{
		"on in time, off after the hold": {start: at(9, 0, 0), warmUp: 1500 * time.Millisecond, until: at(10, 5, 0),
			slots:  []slot{{cron: "0 10 * * *", items: []item{{"a", 60}, {"b", 30}}}},
			amp:    []string{"on 09:59:56.500", "off 10:01:32.000"},
			sounds: []string{"a 10:00:00.000", "b 10:01:00.000"}, told: []string{"a 10:00 aired", "b 10:01 aired"}},
		"a long warm-up begins before the item is handed over": {start: at(9, 0, 0), warmUp: 9 * time.Second, until: at(10, 5, 0),
			slots: []slot{{cron: "0 10 * * *", items: []item{{"a", 60}}}},
			amp:   []string{"on 09:59:49.000", "off 10:01:02.000"}, sounds: []string{"a 10:00:00.000"}, told: []string{"a 10:00 aired"}},
		"a switch that takes almost its timeout": {start: at(9, 0, 0), warmUp: 5 * time.Second, until: at(10, 5, 0),
			do:    func(w *world) { w.amp.takes = 1900 * time.Millisecond },
			slots: []slot{{cron: "0 10 * * *", items: []item{{"a", 60}}}},
			amp:   []string{"on 09:59:54.900", "off 10:01:03.900"}, sounds: []string{"a 10:00:00.000"}, told: []string{"a 10:00 aired"}},
		"nothing for what may not sound": {start: at(3, 0, 0), until: at(4, 0, 0),
			slots: []slot{{cron: "15 3 * * *", items: []item{{"a", 60}}}}, told: []string{"a 03:15 refused:policy"}},
		"nothing for what has no audio": {start: at(9, 0, 0), until: at(10, 5, 0),
			do:    func(w *world) { w.audio.missing[hashOf("a")] = true },
			slots: []slot{{cron: "0 10 * * *", items: []item{{"a", 60}}}}, told: []string{"a 10:00 missed:no_audio"}},
		"begun a moment late: whole, and warm first": {start: at(10, 0, 1), warmUp: 900 * time.Millisecond, until: at(10, 5, 0),
			slots: []slot{{cron: "0 10 * * *", items: []item{{"a", 60}}}},
			amp:   []string{"on 10:00:01.000", "off 10:01:03.900"}, sounds: []string{"a 10:00:01.900"}, told: []string{"a 10:00 aired"}},
		"joined late: at the frame that is due when it is warm": {start: at(10, 0, 20), warmUp: 8 * time.Second, until: at(10, 5, 0),
			slots: []slot{{cron: "0 10 * * *", items: []item{{"a", 60}}}},
			amp:   []string{"on 10:00:20.000", "off 10:01:02.000"}, sounds: []string{"a 10:00:28.004"}, told: []string{"a 10:00 partial:late"}},
		"joined late with a slow switch": {start: at(10, 0, 20), warmUp: 2 * time.Second, until: at(10, 5, 0),
			do:    func(w *world) { w.amp.takes = time.Second },
			slots: []slot{{cron: "0 10 * * *", items: []item{{"a", 60}}}},
			amp:   []string{"on 10:00:21.000", "off 10:01:03.000"}, sounds: []string{"a 10:00:23.014"}, told: []string{"a 10:00 partial:late"}},
		"a switch that fails keeps nobody from trying": {start: at(9, 0, 0), warmUp: time.Second, until: at(10, 5, 0),
			do:    func(w *world) { w.amp.fails = true },
			slots: []slot{{cron: "0 10 * * *", items: []item{{"a", 60}}}},
			amp:   []string{"on failed 09:59:57.000", "off failed 10:01:02.000"}, sounds: []string{"a 10:00:00.000"}, told: []string{"a 10:00 aired"}},
		"the player dies: held for the next one": {start: at(9, 0, 0), warmUp: 500 * time.Millisecond, until: at(10, 5, 0),
			slots: []slot{{cron: "0 10 * * *", items: []item{{"a", 60}}}},
			meet:  map[time.Time]func(w *world){at(10, 0, 30): func(w *world) { w.player.crash("killed") }},
			amp:   []string{"on 09:59:57.500", "off 10:01:02.000"}, sounds: []string{"a 10:00:00.000", "a 10:00:30.512"}, told: []string{"a 10:00 partial:output"}},
		"the player dies and none comes: off after the hold": {start: at(9, 0, 0), warmUp: 500 * time.Millisecond, until: at(10, 0, 40),
			slots: []slot{{cron: "0 10 * * *", items: []item{{"a", 60}}}},
			meet: map[time.Time]func(w *world){at(10, 0, 30): func(w *world) {
				w.player.setOpenErr(errors.New("no such device"))
				w.player.crash("killed")
			}},
			amp: []string{"on 09:59:57.500", "off 10:00:32.000"}, sounds: []string{"a 10:00:00.000"}},
		"withdrawn while it sounds": {start: at(9, 0, 0), warmUp: 500 * time.Millisecond, until: at(10, 5, 0),
			slots: []slot{{cron: "0 10 * * *", items: []item{{"a", 60}}}},
			meet: map[time.Time]func(w *world){at(10, 0, 30): func(w *world) {
				w.plan.set(func(f *fakePlan) { f.prog = programme(2, at(10, 0, 30)) })
			}},
			amp: []string{"on 09:59:57.500", "off 10:00:32.000"}},
		"the clock is lost before it begins": {start: at(9, 0, 0), warmUp: 500 * time.Millisecond, until: at(10, 5, 0),
			slots: []slot{{cron: "0 10 * * *", items: []item{{"a", 60}}}},
			meet: map[time.Time]func(w *world){at(9, 59, 58): func(w *world) {
				w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
			}},
			amp: []string{"on 09:59:57.500", "off 10:00:00.000"}},
		"the agent is stopped": {start: at(9, 0, 0), warmUp: 500 * time.Millisecond, until: at(10, 0, 30),
			slots: []slot{{cron: "0 10 * * *", items: []item{{"a", 60}}}},
			amp:   []string{"on 09:59:57.500", "off 10:00:30.020"}, sounds: []string{"a 10:00:00.000"}, told: []string{"a 10:00 partial:stopped"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, c.start, func(w *world) {
				withAmplifier(w, c.warmUp)
				w.plan.prog = programme(1, issued, c.slots...)
				if c.do != nil {
					c.do(w)
				}
				w.start()
				for when, meet := range c.meet {
					w.run(when)
					meet(w)
				}
				w.run(c.until)
				w.stop()
				w.amp.wantTold(c.amp...)
				if c.sounds != nil {
					w.wantSounds(c.sounds...)
				}
				if c.told != nil {
					w.want(c.told...)
				}
			})
		})
	}
}

// Whatever comes late, no sample leaves before the amplifier is warm, unless its switch
// failed; and there is a player as long as there is power.
func TestAmplifierIsWarmBeforeAnySample(t *testing.T) {
	for _, warm := range []time.Duration{0, 3 * time.Second, 10 * time.Second} {
		for _, takes := range []time.Duration{0, 400 * time.Millisecond, 1900 * time.Millisecond} {
			t.Run(fmt.Sprint(warm, takes), func(t *testing.T) {
				for seconds := -25; seconds <= 60; seconds += 9 {
					bubble(t, at(10, 0, 0).Add(time.Duration(seconds)*time.Second), func(w *world) {
						withAmplifier(w, warm).takes = takes
						w.plan.prog = programme(1, issued, slot{cron: "0 10 * * *", items: []item{{"a", 60}, {"b", 20}}})
						w.player.heard = func(id radio.AiringID) {
							state, since := w.amp.Power()
							if state != radio.AmplifierOn || w.clk.Mono() < since+warm {
								t.Errorf("start %d s: %s sounds, amplifier %s for %s", seconds, id, state, w.clk.Mono()-since)
							}
						}
						w.start()
						for now := w.clk.Now(); now.Before(at(10, 2, 0)); now = now.Add(250 * time.Millisecond) {
							w.run(now)
							synctest.Wait()
							w.player.mu.Lock()
							open := w.player.stream != nil
							w.player.mu.Unlock()
							if state, _ := w.amp.Power(); state != radio.AmplifierOff && !open {
								t.Errorf("start %d s: amplifier %s without a player at %s", seconds, state, now.Format("15:04:05.000"))
							}
						}
						if len(w.player.sounds) == 0 {
							t.Errorf("start %d s: nothing sounded", seconds)
						}
						w.stop()
						w.amp.mu.Lock()
						defer w.amp.mu.Unlock()
						if n := len(w.amp.told); n == 0 || !strings.HasPrefix(w.amp.told[n-1], "off") {
							t.Errorf("start %d s: left on: %q", seconds, w.amp.told)
						}
					})
				}
			})
		}
	}
}
