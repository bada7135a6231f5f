package fault

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestRules: what opens each kind, and what closes it. Each case changes one device of a
// healthy world, waits, and mends it.
func TestRules(t *testing.T) {
	in := func(w *world, d time.Duration) radio.Millis { return radio.At(w.clock.Add(d)) }
	type step func(w *world, d radio.DeviceID)
	says := func(edit func(*radio.Status)) step {
		return func(w *world, d radio.DeviceID) { w.speak(d, edit) }
	}
	airing := func(w *world, d radio.DeviceID) {
		w.coming = []radio.ComingAirings{{Device: d, Start: in(w, 25*time.Minute), Count: 1, Title: "Bản tin sáng", SHA256: "aa"}}
	}
	has := func(s *radio.Status) { s.Audio = []radio.AudioStatus{{SHA256: "aa", Ready: true}} }
	for name, c := range map[string]struct {
		spoil step
		want  []string
		mend  step
		still []string // after mending, when it does not close by itself
	}{
		"healthy":                     {spoil: func(*world, radio.DeviceID) {}},
		"output failed":               {says(func(s *radio.Status) { s.Output.State, s.Output.Error = "failed", "no card" }), []string{"output"}, says(func(*radio.Status) {}), nil},
		"output as its own fault":     {says(func(s *radio.Status) { s.Faults = []radio.FaultStatus{{Code: "output", Text: "stalled"}} }), []string{"output"}, says(func(*radio.Status) {}), nil},
		"clock untrusted":             {says(func(s *radio.Status) { s.Clock.State = "untrusted" }), []string{"clock"}, says(func(*radio.Status) {}), nil},
		"clock assumed":               {says(func(s *radio.Status) { s.Clock.Source = "assumed" }), []string{"clock"}, says(func(*radio.Status) {}), nil},
		"clock in holdover is fine":   {spoil: says(func(s *radio.Status) { s.Clock.State = "holdover" })},
		"disk under 100 MB":           {says(func(s *radio.Status) { s.Disk.FreeBytes, s.Disk.TotalBytes = 99<<20, 1<<30 }), []string{"disk"}, says(func(*radio.Status) {}), nil},
		"disk under 5 %":              {says(func(s *radio.Status) { s.Disk.FreeBytes, s.Disk.TotalBytes = 3<<30, 64<<30 }), []string{"disk"}, says(func(*radio.Status) {}), nil},
		"disk between its thresholds": {says(func(s *radio.Status) { s.Disk.FreeBytes, s.Disk.TotalBytes = 3<<30, 64<<30 }), []string{"disk"}, says(func(s *radio.Status) { s.Disk.FreeBytes, s.Disk.TotalBytes = 4<<30, 64<<30 }), []string{"disk"}},
		"disk not measured":           {spoil: says(func(s *radio.Status) { s.Disk = radio.DiskStatus{} })},
		"emergency set incomplete": {func(w *world, d radio.DeviceID) {
			w.look(31*time.Minute, func() {
				w.speak(d, func(s *radio.Status) {
					s.Emergency = []radio.EmergencyStatus{{Role: radio.RoleSiren, Ready: true}, {Role: radio.RoleLeadIn}}
				})
			})
		}, []string{"emergency_set"}, says(func(s *radio.Status) {
			s.Emergency = []radio.EmergencyStatus{{Role: radio.RoleSiren, Ready: true}, {Role: radio.RoleLeadIn, Ready: true}}
		}), nil},
		"emergency set on its way": {spoil: says(func(s *radio.Status) { s.Emergency = []radio.EmergencyStatus{{Role: radio.RoleSiren}} })},
		"two reported":             {says(func(s *radio.Status) { s.Faults = []radio.FaultStatus{{Code: "journal"}, {Code: "cache"}} }), []string{"reportedcache", "reportedjournal"}, says(func(s *radio.Status) { s.Faults = []radio.FaultStatus{{Code: "cache"}} }), []string{"reportedcache"}},
		"certificate ends":         {func(w *world, d radio.DeviceID) { w.ends[d] = in(w, 29*24*time.Hour); w.audit++ }, []string{"certificate"}, func(w *world, d radio.DeviceID) { w.ends[d] = in(w, 390*24*time.Hour); w.audit++ }, nil},
		"programme refused":        {func(w *world, d radio.DeviceID) { w.watch.Refused(d, "programme", errors.New("too large")) }, []string{"refusedprogramme"}, func(w *world, d radio.DeviceID) { w.watch.Refused(d, "programme", nil) }, nil},
		"journal forked":           {func(w *world, d radio.DeviceID) { w.forks[d] = 2 }, []string{"cloned"}, func(w *world, d radio.DeviceID) { clear(w.forks); w.look(time.Hour, w.alive) }, nil},
		"two boards by turns":      {func(w *world, d radio.DeviceID) { w.returns = map[radio.DeviceID]int{d: 2} }, []string{"cloned"}, func(w *world, d radio.DeviceID) { clear(w.returns); w.look(time.Hour, w.alive) }, nil},
		"a board was replaced":     {spoil: func(w *world, d radio.DeviceID) { w.returns = map[radio.DeviceID]int{d: 1} }},
		"silent twice":             {func(w *world, d radio.DeviceID) { w.quiet = []radio.QuietAirings{{Device: d, Quiet: 2}} }, []string{"silent"}, func(w *world, _ radio.DeviceID) { w.quiet = nil }, nil},
		"silent twice, then once":  {func(w *world, d radio.DeviceID) { w.quiet = []radio.QuietAirings{{Device: d, Quiet: 2}} }, []string{"silent"}, func(w *world, d radio.DeviceID) { w.quiet[0].Quiet = 1 }, []string{"silent"}},
		"silent once":              {spoil: func(w *world, d radio.DeviceID) { w.quiet = []radio.QuietAirings{{Device: d, Quiet: 1}} }},
		"older programme before airing": {func(w *world, d radio.DeviceID) {
			airing(w, d)
			w.speak(d, has, func(s *radio.Status) { s.Revisions.Programme = 6 })
		}, []string{"not_ready"}, says(has), nil},
		"audio missing before airing": {func(w *world, d radio.DeviceID) {
			airing(w, d)
			w.speak(d, func(s *radio.Status) { s.Audio = []radio.AudioStatus{{SHA256: "aa"}} })
		}, []string{"not_ready"}, says(has), nil},
		"audio unknown before airing": {func(w *world, d radio.DeviceID) { airing(w, d) }, []string{"not_ready"}, func(w *world, _ radio.DeviceID) { w.coming = nil }, nil},
		"ready before airing":         {spoil: func(w *world, d radio.DeviceID) { airing(w, d); w.speak(d, has) }},
		"programme just issued": {spoil: func(w *world, d radio.DeviceID) {
			airing(w, d)
			w.speak(d, has, func(s *radio.Status) { s.Revisions.Programme = 6 })
			w.issued = append(w.issued, radio.Issued{Device: d, Document: "programme", Revision: 8, IssuedAt: in(w, 3*time.Minute)})
		}},
		"gone":                        {func(w *world, d radio.DeviceID) { w.vanish(d); w.look(8*time.Minute, w.alive) }, []string{"offline"}, says(func(*radio.Status) {}), nil},
		"gone, and back only by hint": {func(w *world, d radio.DeviceID) { w.vanish(d); w.look(8*time.Minute, w.alive) }, []string{"offline"}, func(w *world, d radio.DeviceID) { w.states[d].Alive = true }, []string{"offline"}},
		"here only by hint": {func(w *world, d radio.DeviceID) {
			w.look(40*time.Minute, func() { w.states[d].At = radio.At(w.clock) })
		}, []string{"offline"}, says(func(*radio.Status) {}), nil},
		"gone before an airing": {func(w *world, d radio.DeviceID) {
			airing(w, d)
			w.speak(d, has)
			w.vanish(d)
			w.look(8*time.Minute, w.alive)
		},
			[]string{"not_ready", "offline"}, says(has), nil},
		"what an absent device reported stays": {func(w *world, d radio.DeviceID) {
			w.speak(d, func(s *radio.Status) { s.Output.State = "failed" })
			w.look(3 * time.Minute)
			w.vanish(d)
			w.look(8*time.Minute, w.alive)
		}, []string{"offline", "output"}, says(func(*radio.Status) {}), nil},
		"taken out": {func(w *world, d radio.DeviceID) { w.vanish(d); w.look(8*time.Minute, w.alive) }, []string{"offline"},
			func(w *world, _ radio.DeviceID) { w.places = w.places[1:]; w.audit++ }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, 1)
			w.look(11*time.Minute, w.alive)
			d := w.device(0)
			c.spoil(w, d)
			w.look(4 * time.Minute)
			if got := w.kinds(); !slices.Equal(got, c.want) {
				t.Fatalf("open %v, want %v", got, c.want)
			}
			if c.mend == nil {
				return
			}
			c.mend(w, d)
			w.look(4 * time.Minute)
			if got := w.kinds(); !slices.Equal(got, c.still) {
				t.Fatalf("open after mending %v, want %v", got, c.still)
			}
		})
	}
}

// A trouble of seconds is none, and one that comes and goes is one.
func TestNoFlapping(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.look(11*time.Minute, w.alive)
	d, n := w.device(0), 0
	w.look(20*time.Minute, func() {
		n++
		w.speak(d, func(s *radio.Status) {
			if n%2 == 0 {
				s.Clock.State = "untrusted"
			}
		})
	})
	if w.opened != 0 {
		t.Fatalf("a clock that comes and goes opened %v", w.kinds())
	}
	w.look(5*time.Minute, func() { w.speak(d, func(s *radio.Status) { s.Clock.State = "untrusted" }) })
	w.look(20*time.Minute, func() {
		n++
		w.speak(d, func(s *radio.Status) {
			if n%2 == 0 {
				s.Clock.State = "untrusted"
			}
		})
	})
	if w.opened != 1 || len(w.closed) != 0 {
		t.Fatalf("opened %d, closed %d", w.opened, len(w.closed))
	}
}

// Two controllers with one identity take the connection from each other; one that lost
// its numbers begins again once.
func TestFallingConnectionNumbers(t *testing.T) {
	w := newWorld(t, 1, 2)
	w.states[w.device(0)].Connection, w.states[w.device(1)].Connection = 900, 900
	w.look(time.Minute)
	w.states[w.device(1)].Connection = 1
	n := uint64(0)
	w.look(4*time.Minute, func() {
		n++
		w.states[w.device(0)].Connection = 900 + n
		if n%2 == 0 {
			w.states[w.device(0)].Connection = n
		}
	})
	if got := w.kinds(); !slices.Equal(got, []string{"cloned"}) {
		t.Fatalf("open %v", got)
	}
}

// 200 devices that lose power within a minute are one message, and so is their return;
// in between the outage counts who is still away.
func TestOneOutageIsOneLine(t *testing.T) {
	for name, c := range map[string]struct {
		communes, each int
		area           string
	}{
		"in one commune":        {1, 200, "Xã 00"},
		"over five communes":    {5, 40, "Tỉnh Hà Tĩnh"},
		"3,500 of the province": {70, 50, "Tỉnh Hà Tĩnh"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.communes, c.each)
			all := c.communes * c.each
			w.look(11*time.Minute, w.alive)
			rnd := rand.New(rand.NewPCG(1, 2))
			for i, n := range rnd.Perm(all) {
				if i == all/2 {
					w.clock = w.clock.Add(30 * time.Second)
				}
				w.vanish(w.device(n))
			}
			w.look(16*time.Minute, w.alive)
			want := []string{"opened offline " + c.area + " " + strconv.Itoa(all)}
			if got := w.news(); !slices.Equal(got, want) {
				t.Fatalf("told %q, want %q", got, want)
			}
			if len(w.told[0].Devices) != radio.MaxNamed {
				t.Errorf("%d names", len(w.told[0].Devices))
			}
			for n := range all - 1 {
				w.speak(w.device(n))
			}
			w.look(5*time.Minute, w.alive)
			var o radio.Outage
			for _, o = range w.outages {
			}
			if len(w.told) != 1 || len(w.outages) != 1 || o.Devices != all || o.Lost != 1 {
				t.Fatalf("while one is away: told %q, %+v", w.news(), w.outages)
			}
			w.speak(w.device(all - 1))
			w.look(5*time.Minute, w.alive)
			want = append(want, "closed offline "+c.area+" "+strconv.Itoa(all))
			if got := w.news(); !slices.Equal(got, want) || len(w.open) != 0 {
				t.Fatalf("told %q, want %q; open %v", got, want, w.kinds())
			}
		})
	}
}

// Devices lost an hour apart are two outages, and two communes two lines.
func TestOutagesApart(t *testing.T) {
	w := newWorld(t, 2, 2)
	w.look(11*time.Minute, w.alive)
	w.vanish(w.device(0))
	w.vanish(w.device(2))
	w.look(time.Hour, w.alive)
	w.vanish(w.device(1))
	w.look(time.Hour, w.alive)
	want := []string{"opened offline Xã 00 1", "opened offline Xã 01 1", "opened offline Xã 00 1"}
	got := w.news()
	slices.Sort(got[:2])
	if !slices.Equal(got, want) {
		t.Fatalf("told %q", got)
	}
}

// What comes of an outage is told with it, and by itself only when it outlasts it.
func TestConsequencesAreNotNews(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.look(11*time.Minute, w.alive)
	d := w.device(0)
	w.speak(d, func(s *radio.Status) { s.Audio = []radio.AudioStatus{{SHA256: "aa", Ready: true}} })
	w.vanish(d)
	w.coming = []radio.ComingAirings{{Device: d, Start: radio.At(w.clock.Add(40 * time.Minute)), SHA256: "aa"}}
	w.look(15*time.Minute, w.alive)
	w.quiet = []radio.QuietAirings{{Device: d, Quiet: 2}}
	w.look(45*time.Minute, w.alive)
	if got := w.news(); !slices.Equal(got, []string{"opened offline Xã 00 1"}) {
		t.Fatalf("told %q", got)
	}
	if f := w.open[radio.FaultKey{Device: d, Kind: radio.FaultSilent}]; f.Outage == "" {
		t.Fatalf("silent apart from its outage: %+v", f)
	}
	w.speak(d)
	w.look(8*time.Minute, w.alive)
	if got := w.news(); !slices.Equal(got, []string{"opened offline Xã 00 1", "closed offline Xã 00 1"}) {
		t.Fatalf("told %q", got)
	}
	w.look(8*time.Minute, w.alive)
	if got := w.news()[2:]; !slices.Equal(got, []string{"opened silent Xã 00 1"}) {
		t.Fatalf("told %q", got)
	}
}

// A centre that was off, one without its broker, and one whose database hung tell one
// line of their own and no device's.
func TestCentreAway(t *testing.T) {
	for name, c := range map[string]struct {
		away func(w *world)
		want []string
	}{
		"restarted at once": {func(w *world) { w.start() }, nil},
		"off for two hours": {func(w *world) { w.clock = w.clock.Add(2 * time.Hour); w.start() }, []string{"closed centrestopped  0"}},
		"no broker for two hours": {func(w *world) {
			w.cut = true
			w.look(2 * time.Hour)
			w.cut = false
		}, []string{"opened centrebroker  0", "closed centrebroker  0"}},
		"paused for five minutes": {func(w *world) { w.clock = w.clock.Add(5 * time.Minute) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3, 30)
			w.look(11*time.Minute, w.alive)
			// The embedded broker forgets who was connected.
			c.away(w)
			for n := range w.places {
				w.states[w.device(n)].Alive = false
			}
			w.look(4 * time.Minute)
			for n := range w.places {
				w.speak(w.device(n))
			}
			w.look(30*time.Minute, w.alive)
			if got := w.news(); !slices.Equal(got, c.want) || len(w.open) != 0 {
				t.Fatalf("told %q, want %q; open %v", got, c.want, w.kinds())
			}
		})
	}
}

// What is still open is told again once a day, after seven in the morning.
func TestDailySummary(t *testing.T) {
	w := newWorld(t, 1, 3)
	w.look(11*time.Minute, w.alive)
	w.vanish(w.device(0))
	w.vanish(w.device(1))
	w.look(72*time.Hour, w.alive)
	want := []string{"opened offline Xã 00 2", "still_open offline Xã 00 2", "still_open offline Xã 00 2"}
	if got := w.news(); !slices.Equal(got, want) {
		t.Fatalf("told %q", got)
	}
	// With each summary, what was over two years ago is forgotten.
	if len(w.forgot) != 3 || radio.At(w.clock).Sub(w.forgot[2]) < 731*24*time.Hour || radio.At(w.clock).Sub(w.forgot[2]) > 733*24*time.Hour {
		t.Fatalf("forgot what was over before %v", w.forgot)
	}
}

// A write that failed is made good by the next look.
func TestWriteFails(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.look(11*time.Minute, w.alive)
	w.forks[w.device(0)] = 1
	w.fail = radio.ErrUnavailable
	if err := w.watch.Look(t.Context()); !errors.Is(err, radio.ErrUnavailable) {
		t.Fatal(err)
	}
	w.look(time.Minute)
	if got := w.kinds(); !slices.Equal(got, []string{"cloned"}) || w.opened != 1 {
		t.Fatalf("open %v", got)
	}
}

// TestOncePerFault throws random events at random devices, with restarts and failing
// writes: no fault opens twice or closes without being open (the book refuses), and when
// all is well at last, everything that opened has closed.
func TestOncePerFault(t *testing.T) {
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		w := newWorld(t, 4, 8)
		edits := []func(*radio.Status){
			func(*radio.Status) {},
			func(s *radio.Status) { s.Output.State = "failed" },
			func(s *radio.Status) { s.Clock.State = "untrusted" },
			func(s *radio.Status) { s.Disk.FreeBytes = 1 },
			func(s *radio.Status) { s.Faults = []radio.FaultStatus{{Code: "cache"}, {Code: "link"}} },
			func(s *radio.Status) { s.Revisions.Programme = 6 },
		}
		for range 100 {
			d := w.device(rnd.IntN(len(w.places)))
			switch rnd.IntN(14) {
			case 0, 1, 2, 3:
				w.speak(d, edits[rnd.IntN(len(edits))])
			case 4, 5:
				w.vanish(d)
			case 6:
				for n := range 8 {
					w.vanish(w.device(n + 8*rnd.IntN(4)))
				}
			case 7:
				w.start()
			case 8:
				w.cut = !w.cut
			case 9:
				w.coming = append(w.coming, radio.ComingAirings{Device: d, Start: radio.At(w.clock.Add(time.Hour)), SHA256: "aa"})
			case 10:
				w.quiet = []radio.QuietAirings{{Device: d, Quiet: rnd.IntN(3)}}
			case 11:
				w.clock = w.clock.Add(time.Duration(rnd.IntN(40)) * time.Minute)
			case 12:
				w.watch.Refused(d, "programme", []error{nil, radio.ErrInvalid}[rnd.IntN(2)])
			case 13:
				w.fail = radio.ErrUnavailable
				if err := w.watch.Look(t.Context()); err == nil {
					t.Fatal("a failing write was not noticed")
				}
			}
			w.look(time.Duration(1+rnd.IntN(8)) * time.Minute)
		}
		w.cut, w.coming, w.quiet = false, nil, nil
		for n := range w.places {
			w.speak(w.device(n))
			w.watch.Refused(w.device(n), "programme", nil)
		}
		w.look(20 * time.Minute)
		if w.opened == 0 || w.opened != len(w.closed) || len(w.open) != 0 {
			t.Fatalf("seed %d: opened %d, closed %d, open %v", seed, w.opened, len(w.closed), w.kinds())
		}
		for _, o := range w.outages {
			if o.ClosedAt == 0 || o.Lost != 0 || o.Devices == 0 {
				t.Fatalf("seed %d: %+v", seed, o)
			}
		}
	}
}

// The same look at the same state changes nothing.
func TestSecondLookIsQuiet(t *testing.T) {
	w := newWorld(t, 2, 5)
	w.look(11*time.Minute, w.alive)
	w.vanish(w.device(0))
	w.look(30*time.Minute, w.alive)
	before, told := w.opened, len(w.told)
	open := w.kinds()
	w.start()
	w.look(5*time.Minute, w.alive)
	if w.opened != before || len(w.told) != told || !reflect.DeepEqual(open, w.kinds()) {
		t.Fatalf("a restart opened %d, told %d", w.opened-before, len(w.told)-told)
	}
}
