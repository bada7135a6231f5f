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
)

// ruleset is one random set of rules for one device, as people lay it down.
type ruleset struct {
	cal       *calendar
	place     radio.Place
	areas     []radio.Area
	bulletins map[radio.BulletinID]radio.Bulletin
	schedules []radio.Schedule
	times     map[radio.SlotID]times
	rule      radio.PolicyRule
	opened    []bool // see open
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

func drawRules(r *rand.Rand) *ruleset {
	all := calendars()
	x := &ruleset{cal: all[r.IntN(len(all))], bulletins: map[radio.BulletinID]radio.Bulletin{}, times: map[radio.SlotID]times{}}
	province := radio.Area{ID: draw[radio.AreaID](r), Code: "tinh", Name: "Tỉnh", Kind: radio.Province, Zone: x.cal.zone}
	commune := radio.Area{ID: draw[radio.AreaID](r), Code: "xa", Name: "Xã", Kind: radio.Commune, Parent: province.ID}
	hamlet := radio.Area{ID: draw[radio.AreaID](r), Code: "thon", Name: "Thôn", Kind: radio.Hamlet, Parent: commune.ID}
	x.areas = []radio.Area{province, commune, hamlet}
	x.place = radio.Place{Device: radio.Device{ID: draw[radio.DeviceID](r), Code: "cum", Name: "Cụm", Hamlet: hamlet.ID, Rendition: radio.MainKbps, Enrolled: 1},
		Chain: []radio.Area{province, commune, hamlet}}
	var ids []radio.BulletinID
	for n := range 2 + r.IntN(3) {
		b := drawBulletin(r, n, province.ID)
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
	x.drawPolicy(r)
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
		Targets: []radio.Target{{Area: x.place.Chain[0].ID}}, Zone: x.cal.zone, GraceSeconds: r.IntN(200), From: x.cal.dates[0]}
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
		s.Targets[0].Area = draw[radio.AreaID](r) // elsewhere
	}
	for k := range 1 + r.IntN(3) {
		sl := radio.Slot{ID: draw[radio.SlotID](r), Code: fmt.Sprint("khung-", k)}
		x.times[sl.ID] = drawTimes(r)
		sl.Cron = x.times[sl.ID].text
		for j := range 1 + r.IntN(3) {
			e := radio.Entry{ID: draw[radio.EntryID](r), Code: fmt.Sprint("muc-", j), Kind: radio.KindAudio, Bulletin: ids[r.IntN(len(ids))], Repeat: 1 + r.IntN(2), GapMS: r.IntN(9000)}
			if r.IntN(15) == 0 {
				e = radio.Entry{ID: e.ID, Code: e.Code, Kind: radio.KindRelay, Repeat: 1}
			}
			sl.Items = append(sl.Items, e)
		}
		s.Slots = append(s.Slots, sl)
	}
	return s
}

func (x *ruleset) drawPolicy(r *rand.Rand) {
	windows := func(n int) (out []radio.Window) {
		for range n {
			w := radio.Window{From: radio.TimeOfDay(r.IntN(1440)), To: radio.TimeOfDay(1 + r.IntN(1440))}
			if r.IntN(3) == 0 {
				w = radio.Window{From: radio.TimeOfDay(22*60 + r.IntN(119)), To: radio.TimeOfDay(1 + r.IntN(120))} // over midnight
			}
			if w.From != w.To {
				out = append(out, w)
			}
		}
		return out
	}
	x.rule = radio.PolicyRule{ID: draw[radio.PolicyID](r), Version: 1, Target: radio.Target{Area: x.place.Chain[1].ID}, Zone: x.cal.zone, Label: "x", Windows: windows(r.IntN(4))}
	for i := range x.rule.Windows {
		for d := 1; d <= 7 && r.IntN(3) == 0; d++ {
			x.rule.Windows[i].Days = append(x.rule.Windows[i].Days, d)
		}
	}
	if r.IntN(2) == 0 {
		x.rule.Windows = append(x.rule.Windows, radio.Window{From: radio.TimeOfDay(r.IntN(6 * 60)), To: radio.TimeOfDay(20*60 + r.IntN(4*60))})
	}
	if r.IntN(4) == 0 {
		x.rule.Windows = []radio.Window{{From: 0, To: 24 * 60}}
	}
	for d := 0; d <= asked; d++ {
		switch r.IntN(10) {
		case 0:
			x.rule.Mourning = append(x.rule.Mourning, x.cal.dates[d])
		case 1, 2:
			last := min(d+r.IntN(2), asked)
			x.rule.Exceptions = append(x.rule.Exceptions, radio.PolicyException{From: x.cal.dates[d], Until: x.cal.dates[last], Label: "lễ", Windows: windows(r.IntN(3))})
			d = last
		}
	}
	if r.IntN(3) == 0 {
		x.rule.MaxSessions = 1 + r.IntN(4)
	}
	if r.IntN(3) == 0 {
		x.rule.MaxMinutes = 1 + r.IntN(8)
	}
}

// The centre's rooms, as preview asks for them.

func (x *ruleset) Plan(context.Context) (radio.Plan, error) {
	p := radio.Plan{Areas: x.areas, Devices: []radio.Device{x.place.Device}, Schedules: x.schedules, Policies: []radio.PolicyRule{x.rule}}
	for _, b := range x.bulletins {
		p.Bulletins = append(p.Bulletins, b)
	}
	return p, nil
}
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

// TestRuleSets: ten thousand random sets of schedules, hours, weekdays, holidays, days of
// mourning and caps, in zones with and without clock changes. What the centre previews and
// what the walker finds are the same airings with the same instants and ends, and so does
// the agent's own playout, which lives through one set of eight; nothing sounds in a minute
// that is not open; the sums of the week are those of the airings; the same rules in another
// order make the same bytes.
func TestRuleSets(t *testing.T) {
	sets := raced.Some(10_000)
	if testing.Short() {
		sets = 300
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
	for _, kind := range []string{"aired", "shifted", "past midnight", "missed overlap", "refused policy", "refused expired", "refused not_yet", "refused unsupported", "by the agent"} {
		if seen[kind] < sets/25 {
			t.Errorf("%q only %d times in %d sets: they are too tame (%v)", kind, seen[kind], sets, seen)
		}
	}
}

// lanes run side by side.
const lanes = 4

func oneSet(t *testing.T, seed uint64, seen map[string]int) {
	r := rand.New(rand.NewPCG(seed, 61))
	x := drawRules(r)
	now := x.cal.begin.Add(-time.Minute)
	resolver := programme.Resolver{Stands: func(radio.Bulletin) error { return nil }}
	prog, _, err := resolver.Programme(x.place, x.schedules, radio.Decided{}, x.bulletins, nil, now)
	if err != nil {
		t.Fatalf("set %d: %v", seed, err)
	}
	policy, err := resolver.Policy([]radio.PolicyRule{x.rule}, x.place, now)
	if err != nil {
		t.Fatalf("set %d: %v", seed, err)
	}
	x.sameBytes(t, seed, r, resolver, prog, now)

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
	x.compare(t, seed, walked, week, ended, seen)
}

// sameBytes resolves the same rules in another order.
func (x *ruleset) sameBytes(t *testing.T, seed uint64, r *rand.Rand, resolver programme.Resolver, prog radio.Programme, now time.Time) {
	again := slices.Clone(x.schedules)
	r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
	for i := range again {
		again[i].Slots = slices.Clone(again[i].Slots)
		slices.Reverse(again[i].Slots)
	}
	other, _, err := resolver.Programme(x.place, again, x.bulletins, nil, now.Add(time.Second))
	if err != nil {
		t.Fatalf("set %d: %v", seed, err)
	}
	a, err1 := json.Marshal(prog)
	b, err2 := json.Marshal(other)
	if err1 != nil || err2 != nil || string(a) != string(b) {
		t.Fatalf("set %d: the same rules make another programme\n%s\n%s", seed, a, b)
	}
}

func (x *ruleset) compare(t *testing.T, seed uint64, walked []fate, week radio.Preview, ended map[radio.AiringID]radio.Confirmation, seen map[string]int) {
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
		if !ok || outcome != f.outcome || row.Reason != f.reason || row.Start != f.start() || row.Samples != f.samples || row.Day != f.day {
			t.Fatalf("set %d: the walker finds %s %s at %s, of %s; previewed %t %s %s at %s, of %s\n%+v", seed, f.outcome, f.reason, f.start().Time(), f.day, ok, outcome, row.Reason, row.Start.Time(), row.Day, x)
		}
		count(seen, f, x)
		if f.outcome == radio.Aired {
			sums[f.day] += f.samples
			if !x.permitted(open, f) {
				t.Fatalf("set %d: sounds outside the hours at %s", seed, f.start().Time())
			}
		}
		if ended == nil {
			continue
		}
		c, ok := ended[f.id]
		if !ok || c.Outcome != f.outcome || c.Reason != f.reason || c.Start != f.start() || c.Expected != f.samples {
			t.Fatalf("set %d: the walker finds %s %s at %s; the agent did %t %+v\n%+v", seed, f.outcome, f.reason, f.start().Time(), ok, c, x)
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
}
