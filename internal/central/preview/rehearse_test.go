package preview_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"loaxa/internal/central/programme"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

func rehearse(t *testing.T, h *house, of radio.Target, from, to radio.Date) radio.Rehearsal {
	t.Helper()
	r, err := h.preview().Rehearse(t.Context(), of, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What sounds when, for how long in each hamlet, at night, and what is dropped.
func TestRehearse(t *testing.T) {
	h := newHouse()
	// The commune permits every hour, hamlet 11 tightens that to its days.
	h.plan.Policies = []radio.PolicyRule{
		{ID: id[radio.PolicyID]('p', 1), Version: 1, Target: inCommune, Zone: zone, Windows: []radio.Window{{From: 0, To: 1440}}},
		{ID: id[radio.PolicyID]('p', 2), Version: 1, Target: radio.Target{Area: area(11)}, Zone: zone, Windows: []radio.Window{{From: 5 * 60, To: 21 * 60}}},
	}
	h.plan.Schedules = []radio.Schedule{
		schedule(1, inCommune, slot(1, everyday, 1, 2)),                          // 1 + 2 minutes each day
		schedule(2, radio.Target{Area: area(11)}, slot(2, "0 6 * * 2", 3)),       // 3 minutes on Tuesday
		schedule(3, radio.Target{Area: area(10)}, slot(3, "15 3 * * 3", 1)),      // Wednesday night: only hamlet 12 permits it
		schedule(4, radio.Target{Device: device(211)}, slot(4, "0 6 * * 2", 77)), // not in the library
	}
	h.places[1].Device.Enrolled = 0
	r := rehearse(t, h, radio.Target{}, "", "")
	const minute = 60 * radio.SampleRate
	if r.From != "2026-11-23" || r.To != "2026-11-29" || r.Begin != radio.At(now) || r.Devices != 7 || r.Idle != 1 || len(r.Days) != 7 {
		t.Errorf("%s to %s from %d, %d devices, %d idle, %d days", r.From, r.To, r.Begin, r.Devices, r.Idle, len(r.Days))
	}
	// Three devices of commune 10: seven evenings of two bulletins; one in hamlet 11 on
	// Tuesday; at night two sound, one is refused.
	want := radio.RehearsalSum{Airings: 3*14 + 1 + 2, Samples: (3*7*3 + 3 + 2) * minute, Night: 2, Dropped: 1}
	if r.Sum != want {
		t.Errorf("sum\n got %+v\nwant %+v", r.Sum, want)
	}
	if d := r.Days[1]; d.Day != "2026-11-24" || d.Airings != 3*2+1 || d.Longest != 6*minute || d.Samples != (3*3+3)*minute {
		t.Errorf("Tuesday: %+v", d)
	}
	if d := r.Days[2]; d.Night != 2 || d.Dropped != 1 || d.Longest != 4*minute {
		t.Errorf("Wednesday: %+v", d)
	}
	got := map[radio.AreaID][3]int64{}
	for _, a := range r.Hamlets {
		got[a.Area] = [3]int64{int64(a.Devices), a.Samples / minute, a.Longest / minute}
	}
	if want := (map[radio.AreaID][3]int64{area(11): {1, 24, 24}, area(12): {2, 44, 22}, area(21): {2, 0, 0}, area(22): {2, 0, 0}}); len(got) != 4 || got[area(11)] != want[area(11)] || got[area(12)] != want[area(12)] || got[area(21)] != want[area(21)] {
		t.Errorf("hamlets (devices, minutes, longest)\n got %v\nwant %v", got, want)
	}
	if len(r.Night) != 1 || !r.Night[0].Odd || r.Night[0].DeviceCount != 2 || r.Night[0].Outcome != "" {
		t.Errorf("night: %+v", r.Night)
	}
	kinds := []radio.ConflictKind{}
	for _, c := range r.Conflicts {
		kinds = append(kinds, c.Kind)
	}
	if !slices.Equal(kinds, []radio.ConflictKind{radio.ConflictAudio, radio.ConflictHours}) {
		t.Errorf("conflicts: %v", r.Conflicts)
	}
	var samples, day int64
	for _, l := range r.Loads {
		samples += l.Samples
	}
	for _, d := range r.Days {
		day += d.Samples
	}
	if samples != r.Sum.Samples || day != r.Sum.Samples {
		t.Errorf("devices have %d samples, days %d, the sum %d", samples, day, r.Sum.Samples)
	}

	one := rehearse(t, h, radio.Target{Device: device(121)}, "2026-11-25", "2026-11-25")
	if one.Devices != 1 || one.Sum.Airings != 3 || len(one.Rows) != 3 || one.Rows[0].Device != device(121) || !one.Rows[0].Odd {
		t.Errorf("one device, one day: %+v", one)
	}
	past := rehearse(t, h, inCommune, "2026-11-20", "2026-11-22")
	if past.Sum.Airings != 0 || len(past.Rows) != 0 || past.Devices != 3 || len(past.Days) != 3 {
		t.Errorf("what has been is the log's to say: %+v", past)
	}
}

func TestRehearsalIsBounded(t *testing.T) {
	h := newHouse()
	for _, c := range []struct {
		of       radio.Target
		from, to radio.Date
		want     error
	}{
		{radio.Target{Area: area(99)}, "", "", radio.ErrNotFound},
		{radio.Target{Device: device(9)}, "", "", radio.ErrNotFound},
		{radio.Target{}, "23/11/2026", "", radio.ErrInvalid},
		{radio.Target{}, "2026-11-23", "2026-11-22", radio.ErrInvalid},
		{radio.Target{}, "2026-11-23", "2026-12-24", radio.ErrInvalid},
		{radio.Target{}, "2026-11-23", "bốn", radio.ErrInvalid},
		{radio.Target{}, "0001-01-01", "", radio.ErrInvalid},
		{radio.Target{}, "2026-11-23", "2026-12-23", nil},
	} {
		if _, err := h.preview().Rehearse(t.Context(), c.of, c.from, c.to); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%v %s %s: %v, want %v", c.of, c.from, c.to, err, c.want)
		}
	}
	// A refusal gives the turn back.
	p := h.preview()
	for range 3 {
		if _, err := p.Rehearse(t.Context(), radio.Target{Area: area(99)}, "", ""); !errors.Is(err, radio.ErrNotFound) {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := p.Rehearse(ctx, radio.Target{}, "", ""); err != nil {
		t.Error(err)
	}
}

// published is what a device would make, alone, of the documents issued to it.
func published(t testing.TB, h *house, place radio.Place, from, to time.Time) []string {
	r := programme.Resolver{Stands: h.stands}
	p, _, err := r.Programme(place, h.plan.Schedules, radio.Decided{}, r.Current(h.plan.Bulletins), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	p.NotAfter = radio.At(now.AddDate(0, 0, 35))
	table, err := timetable.New(&p)
	if err != nil {
		t.Fatal(err)
	}
	all, err := table.Airings(from, to)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, a := range all {
		out = append(out, fmt.Sprintf("%s %d %d %s", a.ID, radio.At(a.Start()), a.Samples, a.Bulletin))
	}
	return out
}

// TestRehearsalIsThePublishedPlan: every device's rehearsal is what its own programme,
// resolved by itself and expanded as the device does, says: ids and instants.
func TestRehearsalIsThePublishedPlan(t *testing.T) {
	for seed := range 20 {
		r := rand.New(rand.NewPCG(uint64(seed), 6))
		h := newHouse()
		for n := range 8 {
			target := []radio.Target{{Area: area(1)}, inCommune, {Area: area(21)}, {Device: device(111)}}[r.IntN(4)]
			s := schedule(n+1, target)
			for k := range 1 + r.IntN(3) {
				s.Slots = append(s.Slots, slot(10*n+k, fmt.Sprintf("%d %d * * %d", r.IntN(20), []int{5, 17, 20, 23}[r.IntN(4)], r.IntN(7)), 1+r.IntN(5), 1+r.IntN(5)))
			}
			if r.IntN(3) == 0 {
				s.Priority = radio.Prior
			}
			if r.IntN(4) == 0 {
				s.Except = []radio.Date{"2026-11-25"}
			}
			h.plan.Schedules = append(h.plan.Schedules, s)
		}
		h.plan.Bulletins[2].ValidUntil = radio.At(now.AddDate(0, 0, r.IntN(8)))
		for i := range h.places {
			h.places[i].Device.Setup.StaggerMS = r.IntN(2) * 400
		}
		got := map[radio.DeviceID][]string{}
		if err := h.preview().Airings(t.Context(), radio.Target{}, "", "", func(a radio.PreviewAiring) error {
			got[a.Device] = append(got[a.Device], fmt.Sprintf("%s %d %d %s", a.ID, a.Start, a.Samples, a.Bulletin))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		end := time.Date(2026, 11, 29, 17, 0, 0, 0, time.UTC) // midnight in Hanoi
		for _, pl := range h.places {
			if want := published(t, h, pl, now, end); !slices.Equal(got[pl.Device.ID], want) || len(want) == 0 && pl.Hamlet().ID == area(11) && len(got) == 0 {
				t.Fatalf("seed %d, %s\n got %v\nwant %v", seed, pl.Device.Code, got[pl.Device.ID], want)
			}
		}
	}
}

// An airing near the end of the permitted hours is refused only where the device adds to
// its planned start: its neighbours in the same group sound.
func TestRehearsalKnowsEachDevicesDelay(t *testing.T) {
	h := newHouse()
	h.plan.Schedules = []radio.Schedule{schedule(1, inCommune, slot(1, "59 20 24 11 *", 1))} // ends at 21:00 sharp
	h.places[0].Device.Setup.StaggerMS = 300
	r := rehearse(t, h, inCommune, "", "")
	if r.Sum.Airings != 3 || r.Sum.Dropped != 1 || r.Loads[slices.IndexFunc(r.Loads, func(l radio.RehearsalLoad) bool { return l.Device == device(111) })].Dropped != 1 {
		t.Errorf("%+v", r.Sum)
	}
}

// The week, the conflict list and the effect of new rules know each device's delay, too:
// one of the group's devices was taken for all of them once.
func TestEachDevicesDelay(t *testing.T) {
	for _, late := range []int{111, 112} { // the first of its group, and another
		h := newHouse()
		sharp := schedule(1, inCommune, slot(1, "59 20 24 11 *", 1)) // ends at 21:00 sharp
		h.plan.Schedules = []radio.Schedule{sharp}
		for i := range h.places {
			if h.places[i].Device.ID == device(late) {
				h.places[i].Device.Setup.StaggerMS = 300
			}
		}
		w, err := h.preview().Week(t.Context(), inCommune, "2026-11-24", 1)
		if err != nil {
			t.Fatal(err)
		}
		got := rows(w)
		slices.Sort(got)
		if want := []string{"2026-11-24 1 Bản tin số 1 refused policy", "2026-11-24 3 Bản tin số 1"}; !slices.Equal(got, want) {
			t.Errorf("week, %d late: %q", late, got)
		}
		n, devices := 0, []radio.DeviceID(nil)
		for _, c := range conflicts(t, h, sharp) {
			if c.Kind == radio.ConflictHours {
				n, devices = n+c.Times, append(devices, c.Devices...)
			}
		}
		if n != 1 || !slices.Equal(devices, []radio.DeviceID{device(late)}) {
			t.Errorf("conflicts, %d late: %d airings on %v", late, n, devices)
		}
		// Rules under which the hour before ends: on three it falls silent; on one it is already.
		rule := radio.PolicyRule{ID: id[radio.PolicyID]('p', 1), Target: inCommune, Zone: zone, Windows: []radio.Window{{From: 5 * 60, To: 20 * 60}}, Author: "a", Approver: "b"}
		if e, err := h.preview().Rules(t.Context(), rule); err != nil || e.Silent != 3 {
			t.Errorf("rules, %d late: %+v %v", late, e, err)
		}
	}
}

// link lays down the rate of a device's link, and its cap, over a report.
func (h *house) link(d radio.DeviceID, bps, most, used int64, have ...int) {
	h.says(d, h.issued[d], have...)
	h.change(d, func(s *radio.Status) { s.Link = radio.LinkStatus{DownBPS: bps, CapBytes: most, UsedBytes: used} })
}

func TestLoads(t *testing.T) {
	h := newHouse()
	h.plan.Schedules = []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1), slot(2, "30 10 23 11 *", 5))}
	b1, b5 := h.plan.Bulletins[0].Renditions[0].Bytes, h.plan.Bulletins[4].Renditions[0].Bytes
	h.link(device(111), 0, 0, 0)                  // nobody knows: 64 kbit/s, 300 s of audio in 30 minutes
	h.link(device(112), 1000, 0, 0)               // 1 kbit/s: five hours
	h.link(device(121), 1_000_000, b1, 0)         // metered, more than the cap
	h.link(device(122), 1_000_000, b1+b5+9, 9, 5) // metered, and enough; has bulletin 5
	r := rehearse(t, h, inCommune, "", "")
	got := map[radio.DeviceID]radio.RehearsalLoad{}
	for _, l := range r.Loads {
		got[l.Device] = l
	}
	if l := got[device(111)]; l.Bytes != b1+b5 || l.BPS != radio.UnknownLinkBPS || l.Measured || l.Late != nil || l.OverCap {
		t.Errorf("unknown link: %+v", l)
	}
	// Done in the order of the first airings: bulletin 5 at 10:30 comes first.
	begin := radio.At(now)
	if l := got[device(111)]; l.Done != begin.Add(time.Duration(float64(b1+b5)*8/64000*float64(time.Second))) {
		t.Errorf("done at %s", l.Done.Time())
	}
	if l := got[device(112)]; l.Late == nil || l.Late.Bulletin != bulletin(5) || l.Late.At != radio.At(now.Add(30*time.Minute)) ||
		l.Late.Ready != begin.Add(time.Duration(float64(b5)*8/1000*float64(time.Second))) || !l.Measured || r.Loads[0].Device != device(112) {
		t.Errorf("slow link: %+v, first %s", l, r.Loads[0].Code)
	}
	if l := got[device(121)]; !l.OverCap || l.Late != nil {
		t.Errorf("metered: %+v", l)
	}
	if l := got[device(122)]; l.OverCap || l.Bytes != b1 {
		t.Errorf("metered, and enough: %+v", l)
	}
	if r.Sum.Late != 1 || r.Sum.OverCap != 1 || r.Sum.Bytes != 3*(b1+b5)+b1 {
		t.Errorf("%+v", r.Sum)
	}
}

// A device fetches what is not urgent only in its hours: what airs today is fetched in
// the hour before, what airs tomorrow in the night.
func TestLoadsKeepTheFetchHours(t *testing.T) {
	h := newHouse()
	h.plan.Schedules = []radio.Schedule{schedule(1, inCommune, slot(1, "0 17 23 11 *", 1), slot(2, "0 6 24 11 *", 5))}
	h.tuning = programme.Tuning{FetchFrom: 22 * 60, FetchTo: 4 * 60}
	h.link(device(111), 64_000, 0, 0)
	r := rehearse(t, h, radio.Target{Device: device(111)}, "", "")
	l := r.Loads[0]
	b5 := h.plan.Bulletins[4].Renditions[0].Bytes
	// 22:00 in Hanoi is 15:00 UTC.
	if want := radio.At(time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)).Add(time.Duration(float64(b5) * 8 / 64000 * float64(time.Second))); l.Done != want || l.Late != nil {
		t.Errorf("done at %s, want %s; late %+v", l.Done.Time(), want.Time(), l.Late)
	}
	// At 1 kbit/s bulletin 1 takes an hour and more: it begins an hour before 17:00.
	h.link(device(111), 1000, 0, 0)
	b1 := h.plan.Bulletins[0].Renditions[0].Bytes
	l = rehearse(t, h, radio.Target{Device: device(111)}, "", "").Loads[0]
	if want := radio.At(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)).Add(time.Duration(float64(b1) * 8 / 1000 * float64(time.Second))); l.Late == nil || l.Late.Ready != want {
		t.Errorf("late %+v, want ready %s", l.Late, want.Time())
	}
	// One after the other: the second, urgent meanwhile, waits for the first.
	h.plan.Schedules = []radio.Schedule{schedule(1, inCommune, slot(1, "0 12 23 11 *", 1), slot(2, "5 12 23 11 *", 5))}
	l = rehearse(t, h, radio.Target{Device: device(111)}, "", "").Loads[0]
	if want := radio.At(time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)).Add(time.Duration(float64(b1+b5) * 8 / 1000 * float64(time.Second))); l.Done/1000 != want/1000 {
		t.Errorf("done at %s, want %s", l.Done.Time(), want.Time())
	}
	// A window that never opens ends, too.
	h.tuning = programme.Tuning{FetchFrom: 0, FetchTo: 24 * 60}
	if l := rehearse(t, h, radio.Target{Device: device(111)}, "", "").Loads[0]; l.Done == 0 {
		t.Errorf("%+v", l)
	}
}

// BenchmarkRehearsal: 69 communes × 50 devices × 7 days, every airing with its id, and
// the sums (design: below 30 s on two cores).
func BenchmarkRehearsal(b *testing.B) {
	h := province()
	for i := range h.places {
		h.places[i].Device.Setup.StaggerMS = i % 4 * 250 // against the echo of neighbours
		h.says(h.places[i].Device.ID, now.Add(-time.Hour).Unix(), 1, 2, 3)
	}
	h.still = true
	p := h.preview()
	n := 0
	b.ReportMetric(float64(len(h.places)), "devices")
	for b.Loop() {
		r, err := p.Rehearse(b.Context(), radio.Target{}, "", "")
		if err != nil || r.Sum.Airings == 0 || len(r.Loads) != len(h.places) {
			b.Fatal(err, r.Sum)
		}
		n = 0
		if err := p.Airings(b.Context(), radio.Target{}, "", "", func(a radio.PreviewAiring) error {
			if a.Outcome == "" {
				n++
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		if n != r.Sum.Airings {
			b.Fatalf("%d airings that sound, the sum says %d", n, r.Sum.Airings)
		}
	}
	b.ReportMetric(float64(n), "airings")
}
