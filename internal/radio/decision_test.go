package radio

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// What counts is the newest word about the nearest thing: a date before every date, and
// every date before the default.
func TestWhichWordCounts(t *testing.T) {
	const old, new, hamlet, s, a, b = AreaID("xa-cu"), AreaID("xa-moi"), AreaID("thon"), ScheduleID("s"), SlotID("a"), SlotID("b")
	word := func(n int64, area AreaID, slot SlotID, date Date, do DecisionKind) Decision {
		return Decision{N: n, Area: area, Schedule: s, Slot: slot, Date: date, Do: do}
	}
	for _, c := range []struct {
		name     string
		words    []Decision
		areas    []AreaID
		standing DecisionKind // of slot a, "" when the default counts
		day      DecisionKind // of slot a on 2 June alone
	}{
		{"nothing said", nil, []AreaID{new}, "", ""},
		{"the newest of two", []Decision{word(2, new, a, "", DecideDecline), word(1, new, a, "", DecideAccept)}, []AreaID{new}, DecideDecline, ""},
		{"of another slot", []Decision{word(1, new, b, "", DecideDecline)}, []AreaID{new}, "", ""},
		{"of the whole schedule", []Decision{word(1, new, "", "", DecideDecline)}, []AreaID{new}, DecideDecline, ""},
		{"the slot after the schedule", []Decision{word(1, new, "", "", DecideDecline), word(2, new, a, "", DecideAccept)}, []AreaID{new}, DecideAccept, ""},
		{"the schedule after the slot", []Decision{word(1, new, a, "", DecideDecline), word(2, new, "", "", DecideAccept)}, []AreaID{new}, DecideAccept, ""},
		{"a date stands beside every date", []Decision{word(1, new, a, "2026-06-02", DecideMove), word(2, new, a, "", DecideDecline)}, []AreaID{new}, DecideDecline, DecideMove},
		{"another date", []Decision{word(1, new, a, "2026-06-03", DecideMove)}, []AreaID{new}, "", ""},
		{"taken back", []Decision{word(1, new, a, "", DecideDecline), word(2, new, a, "", DecideUndo)}, []AreaID{new}, "", ""},
		{"a date taken back", []Decision{word(1, new, a, "2026-06-02", DecideMove), word(2, new, a, "2026-06-02", DecideUndo)}, []AreaID{new}, "", ""},
		{"another commune's", []Decision{word(1, "xa-khac", a, "", DecideDecline)}, []AreaID{new}, "", ""},
		{"an order says nothing of when", []Decision{{N: 1, Area: new, Schedule: s, Other: "t", Do: DecideOrder}}, []AreaID{new}, "", ""},
		// A merger: what the old commune decided goes on until the new one speaks.
		{"merged, nobody has spoken since", []Decision{word(1, old, a, "", DecideDecline)}, []AreaID{new, old}, DecideDecline, ""},
		{"merged, the new commune has spoken", []Decision{word(1, old, a, "", DecideDecline), word(2, new, a, "", DecideAccept)}, []AreaID{new, old}, DecideAccept, ""},
		{"merged, the new commune takes it back", []Decision{word(1, old, a, "", DecideDecline), word(2, new, a, "", DecideUndo)}, []AreaID{new, old}, "", ""},
		{"for the hamlet alone", []Decision{word(1, hamlet, a, "", DecideDecline)}, []AreaID{new, hamlet}, DecideDecline, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := NewDecided(c.words, nil).At(speaks(c.areas...))
			if w, ok := got.Standing(s, a); ok != (c.standing != "") || ok && w.Do != c.standing {
				t.Errorf("standing %q %v, want %q", w.Do, ok, c.standing)
			}
			w, ok := got.On(s, a, "2026-06-02", 17*60)
			if ok != (c.day != "") || ok && w.Do != c.day {
				t.Errorf("of the date %q %v, want %q", w.Do, ok, c.day)
			}
			if days := got.Dates(s, a); ok && (len(days) != 1 || days[0] != w) {
				t.Errorf("dates %+v", days)
			}
		})
	}
}

func TestOfferRuleOfMerged(t *testing.T) {
	d := NewDecided(nil, []OfferRule{{N: 1, Area: "cu", Default: OfferHold, Hours: 48}, {N: 3, Area: "moi", Default: OfferAccept, Hours: 6}, {N: 2, Area: "moi", Default: OfferHold, Hours: 1}})
	for _, c := range []struct {
		areas []AreaID
		hours int
		what  OfferDefault
	}{{[]AreaID{"khac"}, DefaultOfferHours, OfferAccept}, {[]AreaID{"cu"}, 48, OfferHold}, {[]AreaID{"cu", "moi"}, 6, OfferAccept}} {
		if r := d.At(speaks(c.areas...)).Rule; r.Hours != c.hours || r.Default != c.what {
			t.Errorf("%v: %+v", c.areas, r)
		}
	}
}

// TestOneAiring: of a slot that comes several times a day one airing is spoken of by its
// time; what is said of the whole date later counts for it, too.
func TestOneAiring(t *testing.T) {
	const s, a, d = ScheduleID("s"), SlotID("a"), Date("2026-06-02")
	day := func(n int64, do DecisionKind) Decision {
		return Decision{N: n, Area: "xa", Schedule: s, Slot: a, Date: d, Do: do}
	}
	at := func(n int64, clock string, do DecisionKind) Decision {
		w := day(n, do)
		w.Time = clock
		return w
	}
	for _, c := range []struct {
		name        string
		words       []Decision
		early, late DecisionKind // of the airings of 05:00 and 17:00
		count       int          // of the words that count
	}{
		{"nothing", nil, "", "", 0},
		{"one", []Decision{at(1, "05:00", DecideMove)}, DecideMove, "", 1},
		{"both", []Decision{at(1, "05:00", DecideMove), at(2, "17:00", DecideDecline)}, DecideMove, DecideDecline, 2},
		{"one, taken back", []Decision{at(1, "05:00", DecideMove), at(2, "05:00", DecideUndo)}, "", "", 0},
		{"the date, then one", []Decision{day(1, DecideDecline), at(2, "05:00", DecideAccept)}, DecideAccept, DecideDecline, 2},
		{"the date, one, taken back", []Decision{day(1, DecideDecline), at(2, "05:00", DecideAccept), at(3, "05:00", DecideUndo)}, DecideDecline, DecideDecline, 1},
		{"one, then the date", []Decision{at(1, "05:00", DecideMove), day(2, DecideDecline)}, DecideDecline, DecideDecline, 1},
		{"one, the date, taken back", []Decision{at(1, "05:00", DecideMove), day(2, DecideDecline), day(3, DecideUndo)}, "", "", 0},
		{"one, the date, one again", []Decision{at(1, "05:00", DecideMove), day(2, DecideDecline), at(3, "05:00", DecideMove)}, DecideMove, DecideDecline, 2},
	} {
		got := NewDecided(c.words, nil).At(speaks("xa"))
		for _, x := range []struct {
			at   TimeOfDay
			want DecisionKind
		}{{5 * 60, c.early}, {17 * 60, c.late}} {
			if w, ok := got.On(s, a, d, x.at); ok != (x.want != "") || ok && w.Do != x.want {
				t.Errorf("%s: at %s %q %v, want %q", c.name, x.at, w.Do, ok, x.want)
			}
		}
		if n := len(got.Dates(s, a)); n != c.count {
			t.Errorf("%s: %d words count, want %d", c.name, n, c.count)
		}
	}
	// By which word an airing stands, or no longer does.
	move := at(1, "05:00", DecideMove)
	move.To = 18 * 60
	moved := NewDecided([]Decision{move}, nil).At(speaks("xa"))
	if w, ok := moved.Behind(s, a, d, 18*60); !ok || w.N != 1 {
		t.Errorf("behind 18:00: %+v %v", w, ok)
	}
	if w, ok := moved.Away(s, a, d, 5*60); !ok || w.N != 1 {
		t.Errorf("away from 05:00: %+v %v", w, ok)
	}
	if w, ok := moved.Away(s, a, d, 17*60); ok {
		t.Errorf("17:00 stands, but: %+v", w)
	}
	back := moved.With(at(2, "05:00", DecideUndo))
	if w, ok := back.Away(s, a, d, 18*60); !ok || w.N != 2 {
		t.Errorf("away from 18:00: %+v %v", w, ok)
	}
}

func TestOrderOfTwo(t *testing.T) {
	order := func(n int64, first, then ScheduleID, do DecisionKind) Decision {
		return Decision{N: n, Area: "xa", Schedule: first, Other: then, Do: do}
	}
	s := NewDecided([]Decision{order(1, "a", "b", DecideOrder), order(2, "b", "a", DecideOrder), order(3, "c", "a", DecideOrder), order(4, "c", "a", DecideUndo)}, nil).At(speaks("xa"))
	for _, pair := range [][2]ScheduleID{{"a", "b"}, {"b", "a"}} {
		if w, ok := s.Order(pair[0], pair[1]); !ok || w.Schedule != "b" {
			t.Errorf("%v: %+v %v", pair, w, ok)
		}
	}
	if _, ok := s.Order("a", "c"); ok {
		t.Error("an order that was taken back counts")
	}
}

func TestWhoDecides(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Person
		want bool
	}{
		{"editor of the commune", Person{Grants: []Grant{{RoleEditor, "xa"}}}, true},
		{"approver of the commune", Person{Grants: []Grant{{RoleApprover, "xa"}}}, true},
		{"operator of the commune", Person{Grants: []Grant{{RoleOperator, "xa"}}}, false},
		{"editor of the province", Person{Grants: []Grant{{RoleEditor, "tinh"}}}, false},
		{"approver everywhere", Person{Grants: []Grant{{RoleApprover, Everywhere}}}, false},
		{"editor of another commune", Person{Grants: []Grant{{RoleEditor, "khac"}}}, false},
		{"a token that only reads", Person{Token: TokenReads, Grants: []Grant{{RoleEditor, "xa"}}}, false},
		{"nobody", Person{}, false},
	} {
		if got := c.p.MayDecide("xa"); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestDecisionChecked(t *testing.T) {
	s, sl, o := NewID[ScheduleID](), NewID[SlotID](), NewID[ScheduleID]()
	for _, c := range []struct {
		name string
		d    Decision
		bad  string // the field at fault
	}{
		{"accept", Decision{Schedule: s, Slot: sl, Do: DecideAccept}, ""},
		{"a whole schedule", Decision{Schedule: s, Do: DecideAccept}, ""},
		{"decline with its reason", Decision{Schedule: s, Slot: sl, Do: DecideDecline, Reason: "Lễ hội đền"}, ""},
		{"move a date", Decision{Schedule: s, Slot: sl, Date: "2026-06-01", Do: DecideMove, To: 60, ToDate: "2026-06-02"}, ""},
		{"move one airing", Decision{Schedule: s, Slot: sl, Date: "2026-06-01", Time: "05:00", Do: DecideMove, To: 60}, ""},
		{"an airing of no date", Decision{Schedule: s, Slot: sl, Time: "05:00", Do: DecideMove, To: 60}, "time"},
		{"an airing of no slot", Decision{Schedule: s, Date: "2026-06-01", Time: "05:00", Do: DecideAccept}, "time"},
		{"an airing at no time", Decision{Schedule: s, Slot: sl, Date: "2026-06-01", Time: "5:00", Do: DecideAccept}, "time"},
		{"order of an airing", Decision{Schedule: s, Other: o, Time: "05:00", Do: DecideOrder}, "other"},
		{"order", Decision{Schedule: s, Other: o, Do: DecideOrder}, ""},
		{"an order taken back", Decision{Schedule: s, Other: o, Do: DecideUndo}, ""},
		{"nothing", Decision{Schedule: s}, "do"},
		{"no schedule", Decision{Do: DecideAccept}, "schedule"},
		{"no id", Decision{Schedule: "lich-1", Do: DecideAccept}, "schedule"},
		{"decline without a reason", Decision{Schedule: s, Slot: sl, Do: DecideDecline, Reason: "  "}, "reason"},
		{"a long reason", Decision{Schedule: s, Slot: sl, Do: DecideDecline, Reason: strings.Repeat("x", MaxDecisionReason+1)}, "reason"},
		{"move a whole schedule", Decision{Schedule: s, Do: DecideMove, To: 60}, "slot"},
		{"move past midnight", Decision{Schedule: s, Slot: sl, Do: DecideMove, To: 24 * 60}, "to"},
		{"move every date to one", Decision{Schedule: s, Slot: sl, Do: DecideMove, To: 60, ToDate: "2026-06-02"}, "to_date"},
		{"no date", Decision{Schedule: s, Slot: sl, Date: "1/6/2026", Do: DecideAccept}, "date"},
		{"order of one", Decision{Schedule: s, Other: s, Do: DecideOrder}, "other"},
		{"order of nothing", Decision{Schedule: s, Do: DecideOrder}, "other"},
		{"order of a slot", Decision{Schedule: s, Slot: sl, Other: o, Do: DecideOrder}, "other"},
		{"accept before another", Decision{Schedule: s, Slot: sl, Other: o, Do: DecideAccept}, "other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.d.Check()
			var bad *Invalid
			if errors.As(err, &bad) != (c.bad != "") || c.bad != "" && bad.Problems[0].Field != c.bad {
				t.Errorf("%v, want a problem of %q", err, c.bad)
			}
		})
	}
	for _, r := range []OfferRule{{Default: "maybe"}, {Default: OfferHold, Hours: -1}, {Default: OfferAccept, Hours: MaxOfferHours + 1}} {
		if r.Check() == nil {
			t.Errorf("%+v is taken", r)
		}
	}
}

// speaks: their word counts, whenever they said it.
func speaks(areas ...AreaID) (out []Decider) {
	for _, a := range areas {
		out = append(out, Decider{Area: a})
	}
	return out
}

// TestDecisionsOfMerged: what the taking commune said before the merger does not count for
// the clusters it took, what the old one decided goes on until the new one speaks, and the
// taking commune's own clusters know nothing of the old one's words.
func TestDecisionsOfMerged(t *testing.T) {
	const s, a = ScheduleID("s"), SlotID("a")
	dawn := At(time.Date(2026, time.June, 30, 17, 0, 0, 0, time.UTC)) // 1 July in Hanoi
	province := Area{ID: "tinh", Kind: Province, Zone: "Asia/Ho_Chi_Minh"}
	taker, old := Area{ID: "moi", Kind: Commune}, Area{ID: "cu", Kind: Commune, ValidTo: "2026-06-30"}
	older := Area{ID: "xua", Kind: Commune, ValidTo: "2025-12-31"}
	took := Place{Chain: []Area{province, taker, old, {ID: "thon", Kind: Hamlet}}}
	twice := Place{Chain: []Area{province, taker, old, older, {ID: "ap", Kind: Hamlet}}}
	own := Place{Chain: []Area{province, taker, {ID: "lang", Kind: Hamlet}}}
	if got := fmt.Sprint(twice.Deciders()); got != fmt.Sprintf("[{moi %d} {cu %d} {xua 0} {ap 0}]", dawn, At(time.Date(2025, time.December, 31, 17, 0, 0, 0, time.UTC))) {
		t.Error("deciders:", got)
	}
	say := func(n int64, area AreaID, at Millis, do DecisionKind) Decision {
		return Decision{N: n, Area: area, Schedule: s, Slot: a, Do: do, At: at}
	}
	for _, c := range []struct {
		name             string
		words            []Decision
		took, twice, own DecisionKind
	}{
		{"nobody", nil, "", "", ""},
		{"the taker before", []Decision{say(1, "moi", dawn-1, DecideDecline)}, "", "", DecideDecline},
		{"the taker from that day on", []Decision{say(1, "moi", dawn, DecideDecline)}, DecideDecline, DecideDecline, DecideDecline},
		{"the old one", []Decision{say(1, "cu", dawn-5, DecideDecline)}, DecideDecline, DecideDecline, ""},
		{"the old one, then the taker before", []Decision{say(1, "cu", dawn-5, DecideDecline), say(2, "moi", dawn-1, DecideAccept)}, DecideDecline, DecideDecline, DecideAccept},
		{"the old one, then the taker since", []Decision{say(1, "cu", dawn-5, DecideDecline), say(2, "moi", dawn+1, DecideAccept)}, DecideAccept, DecideAccept, DecideAccept},
		{"the old one before it took another", []Decision{say(1, "cu", At(time.Date(2025, time.May, 1, 0, 0, 0, 0, time.UTC)), DecideDecline)}, DecideDecline, "", ""},
		{"the oldest", []Decision{say(1, "xua", 5, DecideMove)}, "", DecideMove, ""},
	} {
		for _, at := range []struct {
			what string
			p    Place
			want DecisionKind
		}{{"took", took, c.took}, {"twice", twice, c.twice}, {"own", own, c.own}} {
			w, ok := NewDecided(c.words, nil).At(at.p.Deciders()).Standing(s, a)
			if ok != (at.want != "") || ok && w.Do != at.want {
				t.Errorf("%s, %s: %q %v, want %q", c.name, at.what, w.Do, ok, at.want)
			}
		}
	}
	// The rule while nobody answers, alike.
	d := NewDecided(nil, []OfferRule{{N: 1, Area: "cu", Default: OfferHold, Hours: 48, At: dawn - 9}, {N: 2, Area: "moi", Default: OfferHold, Hours: 6, At: dawn - 1}})
	if r := d.At(took.Deciders()).Rule; r.Hours != 48 {
		t.Errorf("the taker's rule of before counts: %+v", r)
	}
	if r := d.At(own.Deciders()).Rule; r.Hours != 6 {
		t.Errorf("its own clusters: %+v", r)
	}
	d = NewDecided(nil, []OfferRule{{N: 2, Area: "moi", Default: OfferHold, Hours: 6, At: dawn - 1}})
	if r := d.At(took.Deciders()).Rule; r.Default != OfferAccept || r.Hours != DefaultOfferHours {
		t.Errorf("the old commune had chosen nothing: %+v", r)
	}
	// The schedules of both are the place's own.
	for area, want := range map[AreaID]bool{"moi": false, "cu": false, "thon": false, "tinh": true, "khac": true} {
		if got := took.Offered(Schedule{Area: area}); got != want {
			t.Errorf("offered by %s: %v", area, got)
		}
	}
}
