package programme

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"loaxa/internal/raced"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// laidDown makes random versions of rules for the province, the commune, the hamlet and the
// device of a place, some of which begin on a day to come, or never count.
func laidDown(r *rand.Rand, begin time.Time) (out []radio.PolicyRule) {
	hanoi := time.FixedZone("+07", 7*3600)
	date := func(n int) radio.Date { return radio.DateOf(begin.In(hanoi).AddDate(0, 0, n)) }
	spans := func(n int) (out []radio.Window) {
		for range n {
			from := r.IntN(1430)
			w := radio.Window{From: radio.TimeOfDay(from), To: radio.TimeOfDay(from + 1 + r.IntN(1440-from))}
			for d := 1; d <= 7 && r.IntN(2) == 0; d++ {
				w.Days = append(w.Days, d)
			}
			out = append(out, w)
		}
		return out
	}
	volumes := func() (out []radio.VolumeSpan) {
		for _, w := range spans(r.IntN(3)) {
			out = append(out, radio.VolumeSpan{From: w.From, To: w.To, GainDB: float64(-r.IntN(61))})
		}
		return out
	}
	for i, t := range []radio.Target{{Area: area(1)}, {Area: area(10)}, {Area: area(11)}, {Device: device(1)}} {
		for version := range r.IntN(4) {
			rule := radio.PolicyRule{ID: id[radio.PolicyID]('p', i), Version: version + 1, Target: t, Zone: zone, Label: "x", Volume: volumes()}
			if r.IntN(2) == 0 || version > 0 {
				rule.From = date(r.IntN(6) - 2)
			}
			if r.IntN(3) == 0 {
				rule.Mourning = []radio.Date{date(r.IntN(5))}
			}
			if rule.Profile = i > 1 && r.IntN(3) > 0; !rule.Profile {
				rule.Windows = spans(1 + r.IntN(3))
			}
			if r.IntN(2) == 0 {
				rule.Quiet = spans(r.IntN(3))
			}
			if r.IntN(3) == 0 {
				rule.MaxMinutes = 1 + r.IntN(60)
			}
			out = append(out, rule)
		}
	}
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// counting reads off the list which version of a place counts on a day.
func counting(rules []radio.PolicyRule, t radio.Target, d radio.Date) *radio.PolicyRule {
	var best *radio.PolicyRule
	for i := range rules {
		if r := &rules[i]; r.Target == t && (r.From == "" || r.From <= d) && (best == nil || best.Version < r.Version) {
			best = r
		}
	}
	return best
}

// walkRules says by the rules themselves, place by place, whether a local minute is open,
// and how loud it is; no code of the planner's is used.
func walkRules(rules []radio.PolicyRule, l time.Time) (open bool, gain float64) {
	d, minute, weekday := radio.Date(l.Format(time.DateOnly)), radio.TimeOfDay(l.Hour()*60+l.Minute()), (int(l.Weekday())+6)%7+1
	covers := func(ws []radio.Window) bool {
		return slices.ContainsFunc(ws, func(w radio.Window) bool {
			return minute >= w.From && minute < w.To && (len(w.Days) == 0 || slices.Contains(w.Days, weekday))
		})
	}
	loud := func(vs []radio.VolumeSpan, all bool) (db float64) {
		for _, v := range vs {
			if minute >= v.From && minute < v.To {
				if db = min(db, v.GainDB); !all {
					return v.GainDB
				}
			}
		}
		return db
	}
	province := counting(rules, radio.Target{Area: area(1)}, d)
	base := counting(rules, radio.Target{Area: area(10)}, d)
	if base == nil {
		base = province
	}
	open = minute >= 300 && minute < 1260
	if base != nil {
		open = covers(base.Windows) && !covers(base.Quiet) && !slices.Contains(base.Mourning, d)
		gain = loud(base.Volume, false)
	}
	if province != nil && slices.Contains(province.Mourning, d) {
		open = false
	}
	for _, t := range []radio.Target{{Area: area(11)}, {Device: device(1)}} {
		r := counting(rules, t, d)
		if r == nil {
			continue
		}
		if covers(r.Quiet) || slices.Contains(r.Mourning, d) || !r.Profile && !covers(r.Windows) {
			open = false
		}
		gain = min(gain, loud(r.Volume, true))
	}
	return open, gain
}

// TestRulesAgainstTheWalker: the policy a device gets says of every minute what the rules
// laid down around it say, on the days on which they change too; and of two policies made
// hours apart each says the same.
func TestRulesAgainstTheWalker(t *testing.T) {
	hanoi := time.FixedZone("+07", 7*3600)
	begin := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC) // midnight in Hanoi
	opened, stages := 0, 0
	for seed := range raced.Some(uint64(2500)) {
		r := rand.New(rand.NewPCG(seed, 47))
		rules := laidDown(r, begin)
		at := begin.Add(time.Duration(r.IntN(1440)) * time.Minute)
		p, err := resolver.Policy(rules, place(1, 1), at)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		kept, err := resolver.Policy(radio.Superseded(rules), place(1, 1), at.Add(-20*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		stages += len(p.Coming)
		h, err := timetable.NewHours(p)
		if err != nil {
			t.Fatal(err)
		}
		earlier, err := timetable.NewHours(kept)
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			m := begin.Add(time.Duration(r.IntN(5*1440)) * time.Minute)
			if r.IntN(4) == 0 {
				m = begin.AddDate(0, 0, r.IntN(5)).Add(time.Duration(r.IntN(6)-3) * time.Minute) // around midnight
			}
			if m.Before(begin) {
				continue
			}
			open, gain := walkRules(rules, m.In(hanoi))
			for who, h := range map[string]timetable.Hours{"now": h, "the day before": earlier} {
				if got, _ := h.Permits(m, m.Add(time.Minute)); got != open {
					t.Fatalf("seed %d: policy of %s: %s permitted %v, the walker says %v\n%+v\n%+v", seed, who, m.In(hanoi), got, open, rules, p)
				}
				if got := h.GainDB(m); got != gain {
					t.Fatalf("seed %d: policy of %s: %s at %g dB, the walker says %g\n%+v", seed, who, m.In(hanoi), got, gain, rules)
				}
			}
			if open {
				opened++
			}
		}
	}
	if opened < raced.Some(5000) || stages < raced.Some(1000) {
		t.Errorf("too tame: %d open minutes, %d stages", opened, stages)
	}
}

// What a place adds never opens a minute and never makes one louder.
func TestPlacesOnlyTighten(t *testing.T) {
	begin := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)
	for seed := range raced.Some(uint64(500)) {
		r := rand.New(rand.NewPCG(seed, 53))
		rules := laidDown(r, begin)
		above := slices.DeleteFunc(slices.Clone(rules), func(x radio.PolicyRule) bool { return x.Target.Device != "" || x.Target.Area == area(11) })
		both := [2]timetable.Hours{}
		var caps [2]radio.Policy
		for i, rs := range [][]radio.PolicyRule{above, rules} {
			p, err := resolver.Policy(rs, place(1, 1), begin)
			if err != nil {
				t.Fatal(err)
			}
			if both[i], err = timetable.NewHours(p); err != nil {
				t.Fatal(err)
			}
			caps[i] = p
		}
		if a, b := caps[0].MaxMinutes, caps[1].MaxMinutes; a > 0 && (b == 0 || b > a) {
			t.Fatalf("seed %d: a cap of %d minutes became %d", seed, a, b)
		}
		for m := begin; m.Before(begin.AddDate(0, 0, 4)); m = m.Add(7 * time.Minute) {
			was, _ := both[0].Permits(m, m.Add(time.Minute))
			is, _ := both[1].Permits(m, m.Add(time.Minute))
			if is && !was || both[1].GainDB(m) > both[0].GainDB(m) {
				t.Fatalf("seed %d: wider or louder at %s: %+v", seed, m, rules)
			}
		}
	}
}

func TestRulesOfAProvinceAndItsCommune(t *testing.T) {
	at := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)
	province := radio.PolicyRule{ID: id[radio.PolicyID]('p', 1), Version: 1, Target: radio.Target{Area: area(1)}, Zone: zone, Label: "tỉnh", Windows: []radio.Window{{From: 300, To: 1260}},
		Mourning: []radio.Date{"2026-11-25"}, MaxMinutes: 60}
	commune := radio.PolicyRule{ID: id[radio.PolicyID]('p', 2), Version: 1, Target: radio.Target{Area: area(10)}, Zone: zone, Label: "xã", Number: "57/QĐ", Issued: "2026-11-02",
		From: "2026-11-24", Windows: []radio.Window{{From: 360, To: 420}}, Mourning: []radio.Date{"2026-11-26"}}
	school := radio.PolicyRule{ID: id[radio.PolicyID]('p', 3), Version: 1, Target: radio.Target{Area: area(11)}, Zone: zone, Label: "trường", Profile: true, Quiet: []radio.Window{{From: 400, To: 410}}, MaxMinutes: 30}
	p, err := resolver.Policy([]radio.PolicyRule{commune, school, province}, place(1, 1), at)
	if err != nil {
		t.Fatal(err)
	}
	if p.Label != "tỉnh; trường" || p.MaxMinutes != 30 || len(p.Coming) != 1 {
		t.Fatalf("%+v", p)
	}
	c := p.Coming[0]
	if c.From != "2026-11-24" || c.Label != "57/QĐ (02/11/2026); trường" || c.MaxMinutes != 30 || !slices.Equal(c.Mourning, []radio.Date{"2026-11-25", "2026-11-26"}) || len(c.Quiet) != 1 {
		t.Errorf("to come: %+v", c)
	}
	// Two days after its first day nothing of the older rules is left in the document.
	p, err = resolver.Policy([]radio.PolicyRule{commune, school, province}, place(1, 1), at.AddDate(0, 0, 2))
	if err != nil || len(p.Coming) != 0 || p.ID != commune.ID || p.MaxMinutes != 30 {
		t.Errorf("later: %+v %v", p, err)
	}
	spoilt := school
	spoilt.Windows = []radio.Window{{From: 0, To: 1440}}
	if _, err := resolver.Policy([]radio.PolicyRule{province, spoilt}, place(1, 1), at); err == nil {
		t.Error("a profile with hours of its own was taken")
	}
}

// Rules that lift those of a hamlet leave the commune's policy as if there had been none.
func TestLiftedRulesOfAPlace(t *testing.T) {
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	pl := place(1, 1)
	commune := radio.PolicyRule{ID: id[radio.PolicyID]('p', 1), Version: 1, Target: radio.Target{Area: pl.Commune().ID}, Zone: zone, Label: "xã", Windows: []radio.Window{{From: 300, To: 1260}}}
	school := radio.PolicyRule{ID: id[radio.PolicyID]('p', 2), Version: 1, Target: radio.Target{Area: pl.Hamlet().ID}, Zone: zone, Label: "trường", Profile: true, Quiet: []radio.Window{{From: 420, To: 660}}}
	lifted := school
	lifted.Version, lifted.Label, lifted.Quiet, lifted.From = 2, "trường đã chuyển", nil, "2026-12-01"
	policy := func(rules ...radio.PolicyRule) radio.Policy {
		t.Helper()
		p, err := (Resolver{}).Policy(rules, pl, now)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := policy(commune, school, lifted)
	if before := p.On("2026-11-30"); len(before.Quiet) != 1 || before.Label != "xã; trường" {
		t.Errorf("before: %+v", before)
	}
	if after, want := p.On("2026-12-01"), policy(commune); len(after.Quiet) != 0 || after.Label != want.Label {
		t.Errorf("after: %+v, want %+v", after, want)
	}
}
