package rules

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/central/preview"
	"loaxa/internal/central/programme"
	"loaxa/internal/clock"
	"loaxa/internal/raced"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// ruleset is one random set of rules for one device, as people lay it down.
type ruleset struct {
	cal       *calendar
	place     radio.Place
	areas     []radio.Area
	bulletins map[radio.BulletinID]radio.Bulletin
	schedules []radio.Schedule
	times     map[radio.SlotID]times
	rules     []radio.PolicyRule
	words     []radio.Decision
	defaults  []radio.OfferRule
	// deciders are the commune and hamlet of the place, and what they took in; taken is
	// from when on such a one lies in what took it.
	deciders []radio.AreaID
	taken    map[radio.AreaID]radio.Millis

	known  map[radio.Date]*today // see on
	opened []bool                // see open
}

// asked are the local days that are asked about: what lies behind them ends them.
const asked = 2

func draw[T ~string](r *rand.Rand) T {
	var b [16]byte
	for i := range b {
		b[i] = byte(r.IntN(256))
	}
	return radio.IDFromBytes[T](b)
}

func drawRules(t *testing.T, r *rand.Rand) *ruleset {
	all := calendars()
	x := &ruleset{cal: all[r.IntN(len(all))], bulletins: map[radio.BulletinID]radio.Bulletin{}, times: map[radio.SlotID]times{},
		taken: map[radio.AreaID]radio.Millis{}, known: map[radio.Date]*today{}}
	x.drawPlace(t, r)
	var ids []radio.BulletinID
	for n := range 2 + r.IntN(3) {
		b := drawBulletin(r, n, x.area(r))
		switch moment := radio.At(x.cal.begin.Add(time.Duration(r.IntN(asked*24*3600)) * time.Second)); r.IntN(8) {
		case 0:
			b.ValidUntil = moment
		case 1:
			b.ValidFrom = moment
		case 2:
			b.State = radio.Pending
		}
		x.bulletins[b.ID] = b
		ids = append(ids, b.ID)
	}
	for n := range 1 + r.IntN(4) {
		x.schedules = append(x.schedules, x.drawSchedule(r, n, ids))
	}
	if r.IntN(4) == 0 { // so that priority schedules clash, which the commune puts in order
		for i := range x.schedules {
			x.schedules[i].Priority = radio.Prior
		}
	}
	x.drawHours(r)
	x.drawSaid(r)
	return x
}

func drawBulletin(r *rand.Rand, n int, area radio.AreaID) radio.Bulletin {
	samples := int64(radio.SampleRate + r.IntN(radio.SampleRate*30))
	if r.IntN(4) == 0 {
		samples += int64(r.IntN(radio.SampleRate * 120))
	}
	frames := int((samples + radio.FrameSamples - 1) / radio.FrameSamples)
	return radio.Bulletin{ID: draw[radio.BulletinID](r), Version: 1, Code: fmt.Sprint("tin-", n), Title: fmt.Sprint("tin ", n), State: radio.Approved,
		Renditions: []radio.Rendition{{SHA256: radio.SHA256(fmt.Sprintf("%064x", n+1)), Kbps: radio.MainKbps, Bytes: int64(frames) * 209, Frames: frames,
			Samples: samples, Tail: int(int64(frames)*radio.FrameSamples - samples)}},
		Area: area, Signed: &radio.ApprovalRow{Area: area, SignedApproval: radio.SignedApproval{Protected: "header", At: 1, Signature: "signature"}}}
}

func (x *ruleset) date(r *rand.Rand) radio.Date { return x.cal.dates[r.IntN(asked+1)] }

func (x *ruleset) drawSchedule(r *rand.Rand, n int, ids []radio.BulletinID) radio.Schedule {
	// Nothing is from before the first day, of which a device that begins then knows nothing.
	s := radio.Schedule{ID: draw[radio.ScheduleID](r), Code: fmt.Sprint("lich-", n), Title: "Lịch", Version: 1, Priority: radio.Normal,
		Area: x.area(r), Targets: []radio.Target{{Area: x.area(r)}}, Zone: x.cal.zone, GraceSeconds: r.IntN(200), From: x.cal.dates[0]}
	if r.IntN(3) == 0 {
		s.Priority = radio.Prior
	}
	if r.IntN(6) == 0 {
		s.From = x.date(r)
	}
	if r.IntN(6) == 0 {
		s.Until = x.date(r)
	}
	if r.IntN(6) == 0 {
		s.Except = []radio.Date{x.date(r)}
	}
	if r.IntN(12) == 0 {
		s.WithdrawnAt = 1
	}
	if r.IntN(12) == 0 {
		s.Targets[0] = radio.Target{Device: x.place.Device.ID}
	}
	for k := range 1 + r.IntN(3) {
		sl := radio.Slot{ID: draw[radio.SlotID](r), Code: fmt.Sprint("khung-", k)}
		x.times[sl.ID] = drawTimes(r)
		sl.Cron = x.times[sl.ID].text
		if r.IntN(8) == 0 {
			sl.Dates = slices.Compact(slices.Sorted(slices.Values([]radio.Date{x.date(r), x.date(r)})))
		}
		for j := range 1 + r.IntN(3) {
			e := radio.Entry{ID: draw[radio.EntryID](r), Code: fmt.Sprint("muc-", j), Kind: radio.KindAudio, Bulletin: ids[r.IntN(len(ids))], Repeat: 1 + r.IntN(2), GapMS: r.IntN(9000)}
			for range r.IntN(8) / 6 {
				e.Variants = append(e.Variants, radio.Variant{Target: radio.Target{Area: x.area(r)}, Bulletin: ids[r.IntN(len(ids))]})
			}
			if r.IntN(15) == 0 {
				e = radio.Entry{ID: e.ID, Code: e.Code, Kind: radio.KindRelay, Repeat: 1}
			}
			sl.Items = append(sl.Items, e)
		}
		s.Slots = append(s.Slots, sl)
	}
	return s
}

// The centre's rooms, as preview asks for them.

func (x *ruleset) Plan(context.Context) (radio.Plan, error) {
	p := radio.Plan{Areas: x.areas, Devices: []radio.Device{x.place.Device}, Schedules: x.schedules, Policies: x.rules, Decided: x.decided()}
	for _, b := range x.bulletins {
		p.Bulletins = append(p.Bulletins, b)
	}
	return p, nil
}
func (x *ruleset) decided() radio.Decided                        { return radio.NewDecided(x.words, x.defaults) }
func (x *ruleset) Places(context.Context) ([]radio.Place, error) { return []radio.Place{x.place}, nil }
func (x *ruleset) WithdrawnHashes(context.Context, radio.Millis) ([]radio.SHA256, error) {
	return nil, nil
}
func (x *ruleset) Generation(context.Context) (int64, error) { return 1, nil }
func (x *ruleset) Views(context.Context) ([]radio.DeviceView, error) {
	return []radio.DeviceView{{Place: x.place}}, nil
}

// lived is of how many sets the agent lives through one: that takes longer than all else.
const lived = 8

// TestRuleSets: ten thousand random sets of schedules, variants, hours, weekdays, holidays,
// days of mourning, caps, profiles of hamlets and devices, rules that give way to others,
// mergers of communes and hamlets, and what communes answered, in zones with and without
// clock changes. What the centre previews and
// what the walker finds are the same airings with the same instants and ends, and so does
// the agent's own playout, which lives through one set of eight; nothing sounds in a minute
// that is not open; the sums of the week are those of the airings; the same rules in another
// order make the same bytes.
func TestRuleSets(t *testing.T) {
	sets, least := raced.Few(10_000), 40
	if testing.Short() {
		sets, least = 300, 50 // of few sets a share says less
	}
	var mu sync.Mutex
	seen := map[string]int{}
	t.Run("all", func(t *testing.T) {
		for lane := range lanes {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				mine := map[string]int{}
				for seed := lane; seed < sets && !t.Failed(); seed += lanes {
					oneSet(t, uint64(seed), mine)
				}
				mu.Lock()
				defer mu.Unlock()
				for k, n := range mine {
					seen[k] += n
				}
			})
		}
	})
	for _, kind := range []string{"aired", "shifted", "past midnight", "missed overlap", "refused policy", "refused expired", "refused not_yet", "refused unsupported", "by the agent",
		"declined commune", "declined held", "declined by the agent", "instead", "stages", "quiet", "merged", "moved", "order"} {
		if seen[kind] < sets/least {
			t.Errorf("%q only %d times in %d sets: they are too tame (%v)", kind, seen[kind], sets, seen)
		}
	}
}

// lanes run side by side.
const lanes = 4

func oneSet(t *testing.T, seed uint64, seen map[string]int) {
	r := rand.New(rand.NewPCG(seed, 61))
	x := drawRules(t, r)
	now := x.cal.begin.Add(-time.Minute)
	resolver := programme.Resolver{Stands: func(radio.Bulletin) error { return nil }}
	prog, _, err := resolver.Programme(x.place, x.schedules, x.decided(), x.bulletins, nil, now)
	if err != nil {
		t.Fatalf("set %d: %v", seed, err)
	}
	policy, err := resolver.Policy(x.rules, x.place, now)
	if err != nil {
		t.Fatalf("set %d: %v", seed, err)
	}
	x.sameBytes(t, seed, r, resolver, prog, policy, now)

	week, err := preview.New(x, x, resolver, func() time.Time { return now }).Week(t.Context(), radio.Target{Device: x.place.Device.ID}, x.cal.dates[0], asked)
	if err != nil {
		t.Fatalf("set %d: %v", seed, err)
	}
	prog.Revision, prog.IssuedAt, prog.NotAfter = 1, radio.At(now.Add(-time.Hour)), radio.At(now.AddDate(0, 0, 35))
	policy.Revision = 1
	settings := resolver.Settings(x.place)
	settings.Revision = 1
	until := x.cal.begin.AddDate(0, 0, asked).Add(4 * time.Hour)
	walked := x.walk()
	var ended map[radio.AiringID]radio.Confirmation
	if seed/lanes%lived == 0 {
		ended = map[radio.AiringID]radio.Confirmation{}
		var instants []time.Time
		for _, f := range walked {
			instants = append(instants, radio.Millis(f.planned/44100*1000).Time(), f.start().Time())
		}
		slices.SortFunc(instants, time.Time.Compare)
		synctest.Test(t, func(t *testing.T) {
			d := &idealDevice{clk: clock.NewFake(now), prog: prog, policy: policy, settings: settings, unchanged: make(chan struct{}), ended: ended, instants: instants}
			d.live(t, until)
		})
	}
	hours, err := timetable.NewHours(policy)
	if err != nil {
		t.Fatalf("set %d: %v", seed, err)
	}
	x.compare(t, seed, walked, week, hours, ended, seen)
	x.countRules(seen, policy, prog)
}

// sameBytes resolves the same rules in another order.
func (x *ruleset) sameBytes(t *testing.T, seed uint64, r *rand.Rand, resolver programme.Resolver, prog radio.Programme, policy radio.Policy, now time.Time) {
	again, words, defaults, rules := slices.Clone(x.schedules), slices.Clone(x.words), slices.Clone(x.defaults), slices.Clone(x.rules)
	r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
	r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	slices.Reverse(defaults)
	slices.Reverse(rules)
	for i := range again {
		again[i].Slots = slices.Clone(again[i].Slots)
		slices.Reverse(again[i].Slots)
	}
	otherProg, _, err1 := resolver.Programme(x.place, again, radio.NewDecided(words, defaults), x.bulletins, nil, now.Add(time.Second))
	otherPolicy, err2 := resolver.Policy(rules, x.place, now.Add(time.Second))
	if err1 != nil || err2 != nil {
		t.Fatalf("set %d: %v %v", seed, err1, err2)
	}
	type documents struct {
		Programme radio.Programme
		Declined  *radio.Programme
		Policy    radio.Policy
	}
	a, err1 := json.Marshal(documents{prog, prog.Declined, policy})
	b, err2 := json.Marshal(documents{otherProg, otherProg.Declined, otherPolicy})
	if err1 != nil || err2 != nil || string(a) != string(b) {
		t.Fatalf("set %d: the same rules make other documents\n%s\n%s", seed, a, b)
	}
}

func (x *ruleset) compare(t *testing.T, seed uint64, walked []fate, week radio.Preview, hours timetable.Hours, ended map[radio.AiringID]radio.Confirmation, seen map[string]int) {
	told := map[radio.AiringID]radio.PreviewRow{}
	for _, row := range week.Rows {
		told[row.ID] = row
	}
	open, sums := x.open(), map[radio.Date]int64{}
	for _, f := range walked {
		if !slices.Contains(x.cal.dates[:asked], f.day) {
			continue
		}
		row, ok := told[f.id]
		delete(told, f.id)
		outcome := row.Outcome
		if outcome == "" {
			outcome = radio.Aired
		}
		if !ok || outcome != f.outcome || row.Reason != f.reason || row.Start != f.start() || row.Samples != f.samples || row.Day != f.day || row.Bulletin != f.bulletin.ID || row.Instead != f.instead {
			t.Fatalf("set %d: the walker finds %s %s at %s, of %s; previewed %t %s %s at %s, of %s\n%s", seed, f.outcome, f.reason, f.start().Time(), f.day, ok, outcome, row.Reason, row.Start.Time(), row.Day, x)
		}
		count(seen, f, x)
		if f.outcome == radio.Aired {
			sums[f.day] += f.samples
			if !x.permitted(open, f) {
				t.Fatalf("set %d: sounds outside the hours at %s", seed, f.start().Time())
			}
			if db := hours.GainDB(f.start().Time()); db != x.gain(f.start()) {
				t.Fatalf("set %d: %g dB at %s, the walker finds %g\n%s", seed, db, f.start().Time(), x.gain(f.start()), x)
			}
		}
		if ended == nil {
			continue
		}
		c, ok := ended[f.id]
		if f.outcome == radio.Declined {
			if ok {
				t.Fatalf("set %d: the agent tells of what the commune keeps off: %+v\n%s", seed, c, x)
			}
			seen["declined by the agent"]++
			continue
		}
		if !ok || c.Outcome != f.outcome || c.Reason != f.reason || c.Start != f.start() || c.Expected != f.samples {
			t.Fatalf("set %d: the walker finds %s %s at %s; the agent did %t %+v\n%s", seed, f.outcome, f.reason, f.start().Time(), ok, c, x)
		}
		if c.Outcome == radio.Aired {
			if off := c.StartedAt - f.start(); off < -2 || off > 2 || c.Consumed != f.samples {
				t.Fatalf("set %d: %d samples sounded at %s, planned %d at %s", seed, c.Consumed, c.StartedAt.Time(), f.samples, f.start().Time())
			}
			seen["by the agent"]++
		} else if c.Consumed != 0 {
			t.Fatalf("set %d: %s %s has sounded: %+v", seed, c.Outcome, c.Reason, c)
		}
	}
	for _, row := range told {
		t.Fatalf("set %d: previewed and not in the plan: %+v", seed, row)
	}
	for id, c := range ended {
		at := x.cal.at(c.Key.SlotAt).date
		if slices.Contains(x.cal.dates[:asked], at) && !slices.ContainsFunc(walked, func(f fate) bool { return f.id == id }) {
			t.Fatalf("set %d: the agent did what nobody planned: %+v", seed, c)
		}
	}
	for _, day := range week.Days {
		if day.Samples != sums[day.Day] {
			t.Fatalf("set %d: the sum of %s is %d samples, its airings have %d", seed, day.Day, day.Samples, sums[day.Day])
		}
	}
}

func count(seen map[string]int, f fate, x *ruleset) {
	kind := string(f.outcome)
	if f.reason != "" {
		kind += " " + string(f.reason)
	}
	seen[kind]++
	if f.outcome == radio.Aired && f.begin != f.planned {
		seen["shifted"]++
	}
	if f.outcome == radio.Aired && x.cal.at(f.start()).date != f.day {
		seen["past midnight"]++
	}
	if f.instead != "" {
		seen["instead"]++
	}
}

// countRules tells what sets had, so that none is too tame.
func (x *ruleset) countRules(seen map[string]int, policy radio.Policy, prog radio.Programme) {
	had := map[string]bool{"stages": len(policy.Coming) > 0, "quiet": len(policy.Quiet) > 0, "merged": len(x.taken) > 0,
		"moved": slices.ContainsFunc(prog.Slots, func(s radio.ProgrammeSlot) bool { return len(s.At) > 0 }),
		"order": slices.ContainsFunc(prog.Slots, func(s radio.ProgrammeSlot) bool { return len(s.Behind) > 0 })}
	for what, has := range had {
		if has {
			seen[what]++
		}
	}
}
