package reconcile

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"loaxa/internal/central/report"
	"loaxa/internal/radio"
)

// world plays random programmes on devices with random faults, and knows by brute force
// which airings are planned and what each device said.
type world struct {
	h       *house
	rng     *rand.Rand
	devices []*player
}

// player is a device of the world.
type player struct {
	*device
	slots   []radio.ProgrammeSlot
	current radio.Programme                // the newest published
	runs    radio.Programme                // what the device got
	upto    time.Time                      // it has played up to here
	frozen  map[radio.AiringID]bool        // the plan
	said    map[radio.AiringID]radio.AsRun // its best word on each airing
	wrote   map[uint64]radio.AiringID      // words by seq
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{h: newHouse(t), rng: rand.New(rand.NewPCG(seed, 7))}
	for range 2 {
		p := &player{device: w.h.device(), upto: noon, frozen: map[radio.AiringID]bool{}, said: map[radio.AiringID]radio.AsRun{}, wrote: map[uint64]radio.AiringID{}}
		for range 4 {
			s := w.h.slot(w.rng.IntN(24), w.rng.IntN(60))
			s.GraceSeconds = w.rng.IntN(2) * 60
			if w.rng.IntN(3) == 0 {
				s.Priority = radio.Prior
			}
			if w.rng.IntN(2) == 0 {
				s.Items[0].Repeat = 2
			}
			p.slots = append(p.slots, s)
		}
		p.slots[3].Cron = p.slots[2].Cron // a clash
		p.boots()
		w.devices = append(w.devices, p)
		w.publish(p)
	}
	return w
}

func (w *world) chance(percent int) bool { return w.rng.IntN(100) < percent }

// publish gives the device another choice of its slots.
func (w *world) publish(p *player) {
	var slots []radio.ProgrammeSlot
	for _, s := range p.slots {
		if w.chance(70) {
			if w.chance(30) { // an edit: another length moves what follows
				s.Items = slices.Clone(s.Items)
				s.Items[0].Version = 1 + w.rng.IntN(2)
			}
			slots = append(slots, s)
		}
	}
	now := w.h.now()
	if p.current.Revision > 0 {
		p.freeze(w.h.t, p.current, now)
	}
	if w.chance(20) { // the centre dies before it freezes
		p.current = w.h.issue(p.device, slots...)
		w.h.restart()
		w.h.sweep()
		w.swept()
	} else {
		p.current = w.h.publish(p.device, slots...)
		p.freeze(w.h.t, p.current, now.Add(Horizon))
	}
	if w.chance(70) {
		w.deliver(p)
	}
}

// freeze is the rule of design §3 by brute force.
func (p *player) freeze(t testing.TB, prog radio.Programme, upto time.Time) {
	t.Helper()
	for _, a := range airings(t, prog, prog.IssuedAt.Time(), upto.Add(time.Millisecond)) {
		if radio.At(a.Start()) > prog.IssuedAt {
			p.frozen[a.ID] = true
		}
	}
}

func (w *world) swept() {
	for _, p := range w.devices {
		if p.current.Revision > 0 {
			p.freeze(w.h.t, p.current, w.h.now().Add(Horizon))
		}
	}
}

// deliver brings the newest programme to the device.
func (w *world) deliver(p *player) {
	w.play(p)
	p.runs = p.current
	p.activates(w.h.now(), p.runs.Revision)
}

// play lets the device sound what its programme planned since it last did.
func (w *world) play(p *player) {
	now := w.h.now()
	defer func() { p.upto = now }()
	if p.runs.Revision == 0 {
		return
	}
	for _, a := range airings(w.h.t, p.runs, p.upto, now) {
		if a.Excluded != "" && w.chance(50) {
			continue
		}
		switch n := w.rng.IntN(10); {
		case n < 6:
			w.says(p, a, radio.Aired, "", a.Samples)
		case n < 7:
			w.says(p, a, radio.Partial, radio.ReasonOutput, a.Samples/2)
		case n < 8:
			w.says(p, a, radio.Missed, radio.ReasonOff, 0)
		case n < 9: // it says so twice, the second time with less or more
			w.says(p, a, radio.Partial, radio.ReasonOff, int64(w.rng.IntN(2))*a.Samples/3)
			w.says(p, a, radio.Partial, radio.ReasonOff, int64(w.rng.IntN(2))*a.Samples/2)
		}
	}
}

func (w *world) says(p *player, a radio.Airing, o radio.Outcome, why radio.Reason, consumed int64) {
	p.ends(a, p.runs.Revision, o, why, consumed)
	p.wrote[uint64(len(p.records))] = a.ID
	if best, ok := p.said[a.ID]; !ok || consumed > best.Consumed {
		p.said[a.ID] = radio.AsRun{Outcome: o, Reason: why, Consumed: consumed}
	}
}

// send delivers some records: repeated, ahead, or lost on the way.
func (w *world) send(p *player) {
	n := len(p.records)
	acked := int(w.h.acked[p.journal])
	switch w.rng.IntN(4) {
	case 0: // all that is open
		if acked < n {
			p.sends(acked+1, n)
		}
	case 1: // some of it, once too often
		first := 1 + w.rng.IntN(acked+1)
		last := min(n, first+w.rng.IntN(20))
		for range 3 {
			p.sends(first, last)
		}
	case 2: // something ahead, then what lies before
		if acked+3 <= n {
			p.sends(acked+3, n)
			p.sends(acked+1, acked+2)
		}
	case 3: // lost
	}
}

// check compares the log with what is planned and was said.
func (w *world) check(step string) {
	t := w.h.t
	t.Helper()
	if drift, err := w.h.db.RollupDrift(t.Context()); err != nil || drift != 0 {
		t.Fatalf("%s: %d cells of the rollups differ from a recount, %v", step, drift, err)
	}
	rep := report.New(w.h.db, w.h.now)
	for _, p := range w.devices {
		rows := p.rows()
		days := map[radio.Date]int64{}
		planned := map[radio.AiringID]bool{}
		stored := w.h.acked[p.journal]
		for _, r := range rows {
			if !r.Planned() {
				if _, ok := p.said[r.Airing]; !ok || r.From != radio.WordDevice {
					t.Fatalf("%s: a row from nowhere: %+v", step, r)
				}
				continue
			}
			planned[r.Airing] = true
			days[r.Day]++
			if !r.Outcome.Valid() || (r.Outcome == radio.PendingOutcome) != (r.From == "") {
				t.Fatalf("%s: outcome of %+v", step, r)
			}
		}
		if !maps.Equal(planned, p.frozen) {
			t.Fatalf("%s: %d airings are planned by the log, %d by brute force:\n%s", step, len(planned), len(p.frozen), tell(rows))
		}
		// Every word that is stored counts, and the best one is the outcome.
		best := map[radio.AiringID]int64{}
		for seq, id := range p.wrote {
			if seq <= stored {
				best[id] = 0
			}
		}
		for _, r := range rows {
			if _, heard := best[r.Airing]; heard != (r.From == radio.WordDevice) {
				t.Fatalf("%s: heard %v, row %+v", step, heard, r)
			}
			if said := p.said[r.Airing]; stored == uint64(len(p.records)) && r.From == radio.WordDevice &&
				(r.Outcome != said.Outcome || r.Consumed != said.Consumed) {
				t.Fatalf("%s: the device said %s %d, row %+v", step, said.Outcome, said.Consumed, r)
			}
		}
		totals, err := rep.Days(t.Context(), radio.LogFilter{Device: p.id})
		if err != nil {
			t.Fatal(err)
		}
		for _, day := range totals {
			var sum int64
			for _, n := range day.Outcomes {
				sum += n
			}
			if sum != day.Planned || day.Planned != days[day.Day] || day.Commune != w.h.places[p.id].Commune().ID {
				t.Fatalf("%s: %s: outcomes sum up to %d, planned %d, rows %d", step, day.Day, sum, day.Planned, days[day.Day])
			}
			delete(days, day.Day)
		}
		if len(days) != 0 {
			t.Fatalf("%s: days without totals: %v", step, days)
		}
	}
}

// checkWords: the history is complete and in order.
func (w *world) checkWords() {
	for _, p := range w.devices {
		for _, r := range p.rows() {
			_, words := p.row(r.Airing)
			if len(words) != r.Words {
				w.h.t.Fatalf("%d words, row %+v", len(words), r)
			}
			for i, word := range words {
				if word.N != i+1 {
					w.h.t.Fatalf("words %+v", words)
				}
			}
		}
	}
}

func (w *world) step() string {
	p := w.devices[w.rng.IntN(len(w.devices))]
	switch n := w.rng.IntN(12); {
	case n < 4:
		long := time.Duration(1+w.rng.IntN(240)) * time.Minute
		if w.chance(10) {
			long = 30 * time.Hour // the centre or the world sleeps
		}
		w.h.pass(long)
		for _, p := range w.devices {
			w.play(p)
		}
		return fmt.Sprintf("time passes by %v", long)
	case n < 6:
		w.publish(p)
		return "publish"
	case n < 7:
		w.deliver(p)
		return "deliver"
	case n < 9:
		w.send(p)
		return "send"
	case n < 10:
		w.h.restart()
		return "restart"
	}
	w.h.sweep()
	w.swept()
	return "sweep"
}

// TestSumsEqualThePlan: whatever is lost, repeated, comes in another order or dies in
// between, every frozen airing has exactly one outcome or is pending, the sums per
// device, commune and day equal the plan, and a device's word is never lost.
func TestSumsEqualThePlan(t *testing.T) {
	seeds := 4
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, uint64(seed))
			w.check("start")
			for i := range 45 {
				step := w.step()
				w.check(fmt.Sprintf("step %d, %s", i, step))
			}
			for _, p := range w.devices {
				p.sends(1, 0)
			}
			w.check("all sent")
			var before [][]radio.AsRun
			for _, p := range w.devices {
				before = append(before, p.rows())
			}
			for range 10 {
				for _, p := range w.devices {
					p.sends(1, 0)
				}
			}
			for i, p := range w.devices {
				if !slices.Equal(before[i], p.rows()) {
					t.Fatal("the same records ten times changed something")
				}
			}
			w.h.pass(80 * time.Hour)
			w.h.sweep()
			w.swept()
			w.h.pass(24*time.Hour + time.Minute)
			w.h.sweep()
			w.swept()
			w.check("after the deadline")
			w.checkWords()
			for _, p := range w.devices {
				for _, r := range p.rows() {
					if r.Outcome == radio.PendingOutcome && r.Deadline <= radio.At(w.h.now()) {
						t.Errorf("still pending after its deadline: %+v", r)
					}
				}
			}
		})
	}
}
