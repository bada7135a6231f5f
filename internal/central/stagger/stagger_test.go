package stagger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

var (
	province = radio.Area{ID: area("p"), Kind: radio.Province, Name: "Tỉnh"}
	here     = radio.Area{ID: area("c1"), Kind: radio.Commune, Name: "Xã Một", Code: "xa-1", Parent: province.ID}
	there    = radio.Area{ID: area("c2"), Kind: radio.Commune, Name: "Xã Hai", Parent: province.ID}
)

func area(s string) radio.AreaID { return radio.AreaID(s) }

// at is a cluster so many metres east of the first one.
func at(commune radio.Area, code string, metres float64, stagger int) radio.Place {
	p := radio.Place{Chain: []radio.Area{province, commune, {ID: area("h" + code), Kind: radio.Hamlet, Parent: commune.ID}}}
	p.Device = radio.Device{ID: radio.DeviceID(code), Code: code, Name: "Cụm " + code}
	p.Device.Setup = radio.Setup{OffsetMS: 7, StaggerMS: stagger, Position: radio.Position{Latitude: 18, Longitude: 105 + metres/(111_194.93*0.95105651629)}}
	return p
}

func nowhere(code string, stagger int) radio.Place {
	p := at(here, code, 0, stagger)
	p.Device.Setup.Position = radio.Position{}
	return p
}

var usual = radio.StaggerAsk{EarshotM: 600, WidthMS: 2000}

// then lists who is proposed what, "a0 b2000".
func then(p radio.StaggerPlan) string {
	var out []string
	for _, d := range p.Devices {
		out = append(out, fmt.Sprint(d.Code, d.ThenMS))
	}
	return strings.Join(out, " ")
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name   string
		places []radio.Place
		want   string
		slots  int
		pairs  int
		close  int // pairs that speak at once now
		moves  int
	}{
		{"nobody", nil, "", 0, 0, 0, 0},
		{"alone", []radio.Place{at(here, "a", 0, 0)}, "a0", 0, 0, 0, 0},
		{"alone, and set by hand", []radio.Place{at(here, "a", 0, 700)}, "a700", 0, 0, 0, 0},
		{"two out of earshot", []radio.Place{at(here, "a", 0, 0), at(here, "b", 601, 0)}, "a0 b0", 0, 0, 0, 0},
		{"two within", []radio.Place{at(here, "a", 0, 0), at(here, "b", 599, 0)}, "a0 b2000", 2, 1, 1, 1},
		{"three in a row take two steps", []radio.Place{at(here, "a", 0, 0), at(here, "b", 400, 0), at(here, "c", 800, 0)}, "a2000 b0 c2000", 2, 2, 2, 2},
		{"three together", []radio.Place{at(here, "a", 0, 0), at(here, "b", 100, 0), at(here, "c", 200, 0)}, "a0 b2000 c4000", 3, 3, 3, 2},
		{"two groups", []radio.Place{at(here, "a", 0, 0), at(here, "b", 100, 0), at(here, "c", 5000, 0), at(here, "d", 5100, 0)}, "a0 b2000 c0 d2000", 2, 2, 2, 2},
		{"apart already stays", []radio.Place{at(here, "a", 0, 2000), at(here, "b", 100, 0)}, "a2000 b0", 2, 1, 0, 0},
		{"apart, but later than need be", []radio.Place{at(here, "a", 0, 9000), at(here, "b", 100, 0)}, "a0 b2000", 2, 1, 0, 2},
		{"apart, but not far enough", []radio.Place{at(here, "a", 0, 1999), at(here, "b", 100, 0)}, "a0 b2000", 2, 1, 1, 2},
		{"no position", []radio.Place{at(here, "a", 0, 0), nowhere("b", 300), at(here, "c", 10, 0)}, "a0 b300 c2000", 2, 1, 1, 1},
		{"a neighbour of another commune stays", []radio.Place{at(here, "a", 0, 0), at(there, "x", 300, 0)}, "a2000", 1, 1, 1, 1},
		{"between its steps", []radio.Place{at(here, "a", 0, 0), at(there, "x", 300, 1000)}, "a4000", 1, 1, 1, 1},
		{"apart from it already", []radio.Place{at(here, "a", 0, 0), at(there, "x", 300, 2000)}, "a0", 1, 1, 0, 0},
		{"another commune's own affairs", []radio.Place{at(there, "x", 0, 0), at(there, "y", 10, 0)}, "", 0, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Plan(c.places, here.ID, usual)
			if err != nil || then(p) != c.want || p.Slots != c.slots || len(p.Pairs) != c.pairs || p.Close() != c.close || len(p.Moves()) != c.moves || !p.Least {
				t.Fatalf("%q, %d slots (least %v), %d pairs, %d close, %d moves, %v; want %+v", then(p), p.Slots, p.Least, len(p.Pairs), p.Close(), len(p.Moves()), err, c)
			}
			for _, m := range p.Moves() {
				if m.Was.OffsetMS != 7 || m.Now.OffsetMS != 7 || m.Was.Position != m.Now.Position || m.Was.StaggerMS == m.Now.StaggerMS {
					t.Errorf("move %+v", m)
				}
			}
		})
	}
}

// Twelve pairwise neighbours at 10 s each would be 110 s late.
func TestPlanThatCannotBe(t *testing.T) {
	var places []radio.Place
	for i := range 12 {
		places = append(places, at(here, fmt.Sprintf("d%02d", i), float64(i), 0))
	}
	_, err := Plan(places, here.ID, radio.StaggerAsk{EarshotM: 600, WidthMS: 10_000})
	var e *radio.Invalid
	if !errors.As(err, &e) || e.Problems[0].Field != "width_ms" || e.Problems[0].VI == "" {
		t.Errorf("%v", err)
	}
	if p, err := Plan(places, here.ID, radio.StaggerAsk{EarshotM: 600, WidthMS: 5000}); err != nil || p.Slots != 12 {
		t.Errorf("at 5 s: %d slots, %v", p.Slots, err)
	}
}

// scatter throws clusters over a commune of 4 by 2 km, some of them beyond its border.
func scatter(r *rand.Rand, n int) []radio.Place {
	var out []radio.Place
	for i := range n {
		commune := here
		if r.IntN(5) == 0 {
			commune = there
		}
		p := at(commune, fmt.Sprintf("d%03d", i), r.Float64()*4000, r.IntN(3)*1000)
		p.Device.Setup.Position.Latitude += r.Float64() * 0.018
		if r.IntN(10) == 0 {
			p.Device.Setup.Position = radio.Position{}
		}
		out = append(out, p)
	}
	return out
}

// TestPlansHold: for many communes, by chance but the same in every run: every pair is kept
// apart, the order of the places says nothing, and what was applied is proposed no more.
func TestPlansHold(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		places := scatter(r, 5+int(seed))
		p, err := Plan(places, here.ID, usual)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, x := range p.Pairs {
			if x.ThenMS < usual.WidthMS {
				t.Errorf("seed %d: %s and %s are %d ms apart", seed, x.A.Device.Code, x.B.Device.Code, x.ThenMS)
			}
		}
		shuffled := slices.Clone(places)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		again, err := Plan(shuffled, here.ID, usual)
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("seed %d: another order gives another plan: %v", seed, err)
		}
		for i := range shuffled {
			for _, m := range p.Moves() {
				if shuffled[i].Device.ID == m.Device {
					shuffled[i].Device.Setup = m.Now
				}
			}
		}
		if after, err := Plan(shuffled, here.ID, usual); err != nil || len(after.Moves()) != 0 || after.Close() != 0 || len(p.Moves()) > 0 && after.Print == p.Print {
			t.Errorf("seed %d: applied, and %d moves more, %d close, %v", seed, len(after.Moves()), after.Close(), err)
		}
	}
}

// TestFewestSlots holds the search against trying everything.
func TestFewestSlots(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		n := 1 + r.IntN(7)
		c := colouring{near: make([][]int, n), taken: make([]uint64, n), most: 12}
		for i := range n {
			for j := range i {
				if r.IntN(100) < 55 {
					c.near[i], c.near[j] = append(c.near[i], j), append(c.near[j], i)
				}
			}
			if r.IntN(4) == 0 {
				c.taken[i] = r.Uint64N(16)
			}
		}
		slots, least, ok := c.solve()
		if !ok || !least {
			t.Fatalf("seed %d: ok %v, least %v", seed, ok, least)
		}
		for i, near := range c.near {
			if c.taken[i]&(1<<slots[i]) != 0 || slices.ContainsFunc(near, func(j int) bool { return slots[j] == slots[i] }) {
				t.Fatalf("seed %d: %v", seed, slots)
			}
		}
		if want := fewest(c.near, c.taken, make([]int, n), 0); slices.Max(slots)+1 != want {
			t.Errorf("seed %d: %d slots, %d do", seed, slices.Max(slots)+1, want)
		}
	}
}

// fewest tries everything.
func fewest(near [][]int, taken []uint64, slots []int, i int) int {
	if i == len(slots) {
		return slices.Max(slots) + 1
	}
	best := 99
	for k := range 12 {
		if taken[i]&(1<<k) != 0 || slices.ContainsFunc(near[i], func(j int) bool { return j < i && slots[j] == k }) || k+1 >= best {
			continue
		}
		slots[i] = k
		best = min(best, fewest(near, taken, slots, i+1))
	}
	slots[i] = 0
	return best
}

// Two hundred clusters in one place that is far too small for them: the search ends.
func TestCrowdEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	var places []radio.Place
	for i := range 200 {
		p := at(here, fmt.Sprintf("d%03d", i), r.Float64()*4000, 0)
		p.Device.Setup.Position.Latitude += r.Float64() * 0.036
		places = append(places, p)
	}
	p, err := Plan(places, here.ID, radio.StaggerAsk{EarshotM: 600, WidthMS: 1000})
	if err != nil || p.Close() == 0 || p.Slots < 10 {
		t.Errorf("%d slots, %v", p.Slots, err)
	}
}

// fakeStore records what is applied.
type fakeStore struct {
	places  []radio.Place
	applied []radio.StaggerPlan
	facts   radio.AuditFacts
	actor   string
	err     error
}

func (f *fakeStore) Places(context.Context) ([]radio.Place, error) { return f.places, nil }

func (f *fakeStore) ApplyStagger(_ context.Context, p radio.StaggerPlan, facts radio.AuditFacts, actor string, _ radio.Millis) error {
	f.applied, f.facts, f.actor = append(f.applied, p), facts, actor
	return f.err
}

func TestApply(t *testing.T) {
	f := &fakeStore{places: []radio.Place{at(here, "a", 0, 0), at(here, "b", 100, 0)}}
	d := New(f, time.Now)
	seen, err := d.Propose(t.Context(), here.ID, radio.StaggerAsk{})
	if err != nil || seen.Ask != (radio.StaggerAsk{EarshotM: 600, WidthMS: 2500}) {
		t.Fatalf("%+v, %v", seen.Ask, err)
	}
	for name, c := range map[string]struct {
		ask   radio.StaggerAsk
		print string
	}{"another plan": {radio.StaggerAsk{}, "x"}, "another ask": {radio.StaggerAsk{EarshotM: 700}, seen.Print}} {
		if _, err := d.Apply(t.Context(), "lan", here.ID, c.ask, c.print); !errors.Is(err, radio.ErrConflict) || len(f.applied) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.places[1].Device.Setup.OffsetMS = 90 // somebody sets one up meanwhile
	if _, err := d.Apply(t.Context(), "lan", here.ID, radio.StaggerAsk{}, seen.Print); !errors.Is(err, radio.ErrConflict) || len(f.applied) != 0 {
		t.Errorf("a plan of other setups: %v", err)
	}
	seen, err = d.Propose(t.Context(), here.ID, radio.StaggerAsk{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Apply(t.Context(), "lan", here.ID, radio.StaggerAsk{}, seen.Print); err != nil {
		t.Fatal(err)
	}
	if len(f.applied) != 1 || f.actor != "lan" || f.facts.Counts["devices"] != 1 || f.facts.Counts["width_ms"] != 2500 || f.facts.Title != "Xã Một" || f.facts.Code != "xa-1" {
		t.Errorf("applied %d by %s: %+v", len(f.applied), f.actor, f.facts)
	}
	f.places[1].Device.Setup.StaggerMS = 2500
	still, err := d.Propose(t.Context(), here.ID, radio.StaggerAsk{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Apply(t.Context(), "lan", here.ID, radio.StaggerAsk{}, still.Print); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("nothing to apply: %v", err)
	}
	if _, err := d.Propose(t.Context(), here.ID, radio.StaggerAsk{EarshotM: 1}); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("an earshot of a metre: %v", err)
	}
}
