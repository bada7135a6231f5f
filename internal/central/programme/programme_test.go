package programme

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

const zone = "Asia/Ho_Chi_Minh"

var resolver = Resolver{Stands: ring.CheckBulletin}

var now = time.Date(2026, time.March, 2, 3, 0, 0, 0, time.UTC)

func id[T ~string](kind byte, n int) T {
	return radio.IDFromBytes[T]([16]byte{1, kind, byte(n >> 8), byte(n)})
}

func area(n int) radio.AreaID         { return id[radio.AreaID]('a', n) }
func device(n int) radio.DeviceID     { return id[radio.DeviceID]('d', n) }
func bulletin(n int) radio.BulletinID { return id[radio.BulletinID]('b', n) }
func hash(n int) radio.SHA256         { return radio.SHA256(fmt.Sprintf("%064x", 0xabcdef0000+n)) }

// place: province 1 > commune 10·c > hamlet 10·c+1 > device n.
func place(c, n int) radio.Place {
	return radio.Place{
		Device: radio.Device{ID: device(n), Code: fmt.Sprintf("cum-%d", n), Name: fmt.Sprintf("Cụm %d", n), Hamlet: area(10*c + 1), Rendition: 64},
		Chain: []radio.Area{
			{ID: area(1), Kind: radio.Province, Code: "ha-tinh", Name: "Hà Tĩnh", Zone: zone},
			{ID: area(10 * c), Kind: radio.Commune, Code: fmt.Sprintf("xa-%d", c), Name: fmt.Sprintf("Xã %d", c), Parent: area(1)},
			{ID: area(10*c + 1), Kind: radio.Hamlet, Code: fmt.Sprintf("thon-%d", c), Name: fmt.Sprintf("Thôn %d", c), Parent: area(10 * c)},
		},
	}
}

func approved(n int, length time.Duration) radio.Bulletin {
	frames := int(radio.DurationSamples(length)+1151) / radio.FrameSamples
	b := radio.Bulletin{ID: bulletin(n), Code: fmt.Sprintf("tin-%d", n), Version: 1, Title: fmt.Sprintf("Bản tin %d", n), State: radio.Approved}
	for i, kbps := range []int{64, 32} {
		b.Renditions = append(b.Renditions, radio.Rendition{SHA256: hash(2*n + i), Kbps: kbps, Bytes: int64(frames) * 209 / int64(1+i), Frames: frames,
			Samples: int64(frames)*1152 - 1105 - 700, Head: 1105, Tail: 700})
	}
	return signed(b)
}

func schedule(n int, target radio.Target, slots ...radio.Slot) radio.Schedule {
	return radio.Schedule{ID: id[radio.ScheduleID]('s', n), Code: fmt.Sprintf("lich-%d", n), Version: 1, Priority: radio.Normal,
		Targets: []radio.Target{target}, Zone: zone, GraceSeconds: 120, Slots: slots}
}

func slot(n int, rule string, bulletins ...int) radio.Slot {
	s := radio.Slot{ID: id[radio.SlotID]('l', n), Code: fmt.Sprintf("khung-%d", n), Cron: rule}
	for i, b := range bulletins {
		s.Items = append(s.Items, radio.Entry{ID: id[radio.EntryID]('e', 64*n+i), Code: fmt.Sprintf("muc-%d", i), Kind: radio.KindAudio, Bulletin: bulletin(b), Repeat: 1})
	}
	return s
}

func bulletins(all ...radio.Bulletin) map[radio.BulletinID]radio.Bulletin {
	return resolver.Current(all)
}

type input struct {
	Place     radio.Place
	Schedules []radio.Schedule
	Decided   radio.Decided
	Bulletins map[radio.BulletinID]radio.Bulletin
	Withdrawn []radio.SHA256
	Now       time.Time
}

func resolve(in input) (radio.Programme, []radio.Exclusion, error) {
	return resolver.Programme(in.Place, in.Schedules, in.Decided, in.Bulletins, in.Withdrawn, in.Now)
}

func shape(p radio.Programme) []string {
	var out []string
	for _, s := range p.Slots {
		line := s.Cron + " " + string(s.Priority)
		for _, it := range s.Items {
			for n := range 100 {
				if it.Bulletin == bulletin(n) {
					line += fmt.Sprintf(" %d.%d", n, it.Version)
				}
			}
			if it.Kind != radio.KindAudio {
				line += " " + string(it.Kind)
			}
		}
		out = append(out, line)
	}
	return out
}

func TestResolve(t *testing.T) {
	here := radio.Target{Area: area(10)}
	stock := bulletins(approved(1, time.Minute), approved(2, time.Minute))
	with := func(s radio.Schedule, change func(*radio.Schedule)) radio.Schedule { change(&s); return s }
	cases := []struct {
		name      string
		schedules []radio.Schedule
		want      []string
		left      []radio.ExclusionReason
	}{
		{"nothing planned", nil, nil, nil},
		{"province, commune, hamlet and device", []radio.Schedule{
			schedule(1, radio.Target{Area: area(1)}, slot(1, "0 5 * * *", 1)), schedule(2, here, slot(2, "1 5 * * *", 1)),
			schedule(3, radio.Target{Area: area(11)}, slot(3, "2 5 * * *", 1)), schedule(4, radio.Target{Device: device(1)}, slot(4, "3 5 * * *", 1)),
		}, []string{"0 5 * * * normal 1.1", "1 5 * * * normal 1.1", "2 5 * * * normal 1.1", "3 5 * * * normal 1.1"}, nil},
		{"other places", []radio.Schedule{
			schedule(1, radio.Target{Area: area(20)}, slot(1, "0 5 * * *", 1)), schedule(2, radio.Target{Area: area(21)}, slot(2, "1 5 * * *", 1)),
			schedule(3, radio.Target{Device: device(2)}, slot(3, "2 5 * * *", 1)), schedule(4, radio.Target{}, slot(4, "3 5 * * *", 1)),
		}, nil, nil},
		{"order of ids, whatever order they come in", []radio.Schedule{
			schedule(2, here, slot(4, "4 5 * * *", 2, 1), slot(3, "3 5 * * *", 1)), schedule(1, here, slot(5, "5 5 * * *", 1)),
		}, []string{"5 5 * * * normal 1.1", "3 5 * * * normal 1.1", "4 5 * * * normal 2.1 1.1"}, nil},
		{"without an approved bulletin", []radio.Schedule{schedule(1, here, slot(1, "0 5 * * *", 1, 7), slot(2, "0 6 * * *", 7))},
			[]string{"0 5 * * * normal 1.1"}, []radio.ExclusionReason{radio.Unapproved, radio.Unapproved, radio.NothingLeftInIt}},
		{"emergency", []radio.Schedule{with(schedule(1, here, slot(1, "0 5 * * *", 1)), func(s *radio.Schedule) { s.Priority = radio.Emergency })},
			nil, []radio.ExclusionReason{radio.ClaimsEmergency}},
		{"priority", []radio.Schedule{with(schedule(1, here, slot(1, "0 5 * * *", 1)), func(s *radio.Schedule) { s.Priority = radio.Prior })},
			[]string{"0 5 * * * priority 1.1"}, nil},
		{"withdrawn, and ended long ago", []radio.Schedule{
			with(schedule(1, here, slot(1, "0 5 * * *", 1)), func(s *radio.Schedule) { s.WithdrawnAt = 5 }),
			with(schedule(2, here, slot(2, "1 5 * * *", 1)), func(s *radio.Schedule) { s.Until = "2026-02-20" }),
			with(schedule(3, here, slot(3, "2 5 * * *", 1)), func(s *radio.Schedule) { s.Until = "2026-02-23" }),
		}, []string{"2 5 * * * normal 1.1"}, nil},
		{"a slot that cannot be expanded does not silence the rest", []radio.Schedule{schedule(1, here, slot(1, "@daily", 1), slot(2, "0 5 * * *", 2))},
			[]string{"0 5 * * * normal 2.1"}, []radio.ExclusionReason{radio.UnplayableSlot}},
		{"unknown kinds pass", []radio.Schedule{with(schedule(1, here, slot(1, "0 5 * * *", 1, 2)), func(s *radio.Schedule) {
			s.Slots[0].Items[0].Kind, s.Slots[0].Items[0].Bulletin = radio.KindRelay, ""
		})}, []string{"0 5 * * * normal relay 2.1"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, out, err := resolve(input{Place: place(1, 1), Schedules: c.schedules, Bulletins: stock, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			if got := shape(p); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			var left []radio.ExclusionReason
			for _, x := range out {
				if x.Schedule == "" || x.VI == "" || x.EN == "" {
					t.Errorf("exclusion without words: %+v", x)
				}
				left = append(left, x.Reason)
			}
			if !slices.Equal(left, c.left) {
				t.Errorf("left out %q, want %q", left, c.left)
			}
			issued(t, p)
		})
	}
}

// issued proves that the programme passes the checks of the device once it has a
// revision and times.
func issued(t *testing.T, p radio.Programme) []radio.Airing {
	t.Helper()
	p.Revision, p.IssuedAt, p.NotAfter = 1, radio.At(now), radio.At(now.AddDate(0, 0, 35))
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	tt, err := timetable.New(&p)
	if err != nil {
		t.Fatal(err)
	}
	as, err := tt.Airings(now, now.AddDate(0, 0, 3))
	if err != nil {
		t.Fatal(err)
	}
	return as
}

func TestResolveRefuses(t *testing.T) {
	ok := schedule(1, radio.Target{Area: area(1)}, slot(1, "0 5 * * *", 1))
	stock := bulletins(approved(1, time.Minute))
	foreign := ok
	foreign.Zone = "Asia/Tokyo"
	many := ok
	many.Slots = nil
	for i := range radio.MaxSlots + 1 {
		many.Slots = append(many.Slots, slot(i, "0 5 * * *", 1))
	}
	nowhere := place(1, 1)
	nowhere.Chain = nil
	for name, in := range map[string]input{
		"another zone":   {Place: place(1, 1), Schedules: []radio.Schedule{foreign}, Bulletins: stock, Now: now},
		"no province":    {Place: nowhere, Schedules: []radio.Schedule{ok}, Bulletins: stock, Now: now},
		"too many slots": {Place: place(1, 1), Schedules: []radio.Schedule{many}, Bulletins: stock, Now: now},
	} {
		if p, _, err := resolve(in); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v %+v", name, err, p)
		}
	}
}

func TestCurrentIsTheHighestApproved(t *testing.T) {
	v1, v2, v3, v4 := approved(1, time.Minute), approved(1, time.Minute), approved(1, time.Minute), approved(1, time.Minute)
	v2.Version, v3.Version, v4.Version = 2, 3, 4
	v3.State, v4.State = radio.Pending, radio.Rejected
	for range 3 {
		got := resolver.Current([]radio.Bulletin{v2, v4, v1, v3})
		if len(got) != 1 || got[bulletin(1)].Version != 2 {
			t.Fatalf("current: %+v", got)
		}
	}
	v2.State = radio.Withdrawn
	if got := resolver.Current([]radio.Bulletin{v2, v3}); len(got) != 0 {
		t.Fatalf("current: %+v", got)
	}
	// A review found it: withdrawing the newest put the version before it back on the air.
	if got := resolver.Current([]radio.Bulletin{v1, v2, v3, v4}); len(got) != 0 {
		t.Fatalf("an older version comes back: %+v", got)
	}
}

// Withdrawn audio is named for deletion, but never what the programme plays.
func TestWithdrawn(t *testing.T) {
	p, _, err := resolve(input{Place: place(1, 1), Now: now, Bulletins: bulletins(approved(1, time.Minute)),
		Schedules: []radio.Schedule{schedule(1, radio.Target{Area: area(1)}, slot(1, "0 5 * * *", 1))},
		Withdrawn: []radio.SHA256{hash(9), hash(2), hash(8), hash(9)}})
	if err != nil || !slices.Equal(p.Withdrawn, []radio.SHA256{hash(8), hash(9)}) {
		t.Fatalf("withdrawn %v, %v", p.Withdrawn, err)
	}
}

// Random schedules: nothing for other places, nothing unapproved, and the same
// input in any order gives the same bytes.
func TestResolveProperties(t *testing.T) {
	targets := []radio.Target{{Area: area(1)}, {Area: area(10)}, {Area: area(11)}, {Area: area(20)}, {Area: area(21)}, {Device: device(1)}, {Device: device(2)}}
	mine := map[radio.Target]bool{targets[0]: true, targets[1]: true, targets[2]: true, targets[5]: true}
	states := []radio.BulletinState{radio.Pending, radio.Approved, radio.Approved, radio.Rejected, radio.Withdrawn}
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 5))
		var stock []radio.Bulletin
		may := map[radio.SHA256]bool{}
		for n := range 8 {
			b := approved(n, time.Duration(1+r.IntN(300))*time.Second)
			b.State = states[r.IntN(len(states))]
			stock = append(stock, b)
			for _, x := range b.Renditions {
				may[x.SHA256] = b.State == radio.Approved
			}
		}
		var all []radio.Schedule
		for n := range r.IntN(8) {
			s := schedule(n, targets[r.IntN(len(targets))])
			for range 1 + r.IntN(3) {
				s.Slots = append(s.Slots, slot(10*n+len(s.Slots), fmt.Sprintf("%d %d * * *", r.IntN(60), r.IntN(24)), r.IntN(8), r.IntN(8)))
			}
			all = append(all, s)
		}
		in := input{Place: place(1, 1), Schedules: all, Bulletins: resolver.Current(stock), Now: now}
		if seed%3 == 0 { // a careless caller
			in.Bulletins = map[radio.BulletinID]radio.Bulletin{}
			for _, b := range stock {
				in.Bulletins[b.ID] = b
			}
		}
		p, _, err := resolve(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Slots {
			i := slices.IndexFunc(all, func(x radio.Schedule) bool { return x.ID == s.Schedule })
			if !mine[all[i].Targets[0]] {
				t.Fatalf("seed %d: slot of a schedule for %+v", seed, all[i].Targets[0])
			}
		}
		for _, a := range p.Audio {
			for _, x := range a.Renditions {
				if !may[x.SHA256] {
					t.Fatalf("seed %d: audio of an unapproved bulletin", seed)
				}
			}
		}
		for _, a := range issued(t, p) {
			if a.Device != device(1) {
				t.Fatalf("seed %d: airing for device %s", seed, a.Device)
			}
		}
		want, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		again, _, err := resolve(in)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(again); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("seed %d: %s, then %s (%v)", seed, want, got, err)
		}
	}
}

func TestResolvePolicy(t *testing.T) {
	rule := func(n int, target radio.Target) radio.PolicyRule {
		return radio.PolicyRule{ID: id[radio.PolicyID]('p', n), Target: target, Zone: zone, Label: fmt.Sprint(n), Windows: []radio.Window{{From: 300, To: 420}}}
	}
	all := []radio.PolicyRule{rule(1, radio.Target{Area: area(1)}), rule(2, radio.Target{Area: area(10)}), rule(3, radio.Target{Area: area(11)}),
		rule(4, radio.Target{Device: device(1)}), rule(5, radio.Target{Device: device(2)}), rule(6, radio.Target{Area: area(20)})}
	for _, c := range []struct {
		name  string
		rules []radio.PolicyRule
		want  string
	}{
		{"device", all, "2; 3; 4"}, {"hamlet", all[:3], "2; 3"}, {"commune", all[:2], "2"}, {"province", all[:1], "1"}, {"none covers it", all[4:], "default"}, {"none", nil, "default"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := resolver.Policy(c.rules, place(1, 1), now)
			if err != nil || p.Label != c.want || p.Device != device(1) || p.Zone != zone || len(p.Windows) != 1 {
				t.Fatalf("%+v %v, want %s", p, err, c.want)
			}
		})
	}
	p, err := resolver.Policy(nil, place(1, 1), now)
	if err != nil {
		t.Fatal(err)
	}
	h, err := timetable.NewHours(p)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := h.Permits(time.Date(2026, 3, 1, 20, 15, 0, 0, time.UTC), time.Date(2026, 3, 1, 20, 16, 0, 0, time.UTC)); ok {
		t.Error("the default policy permits 03:15")
	}
	never := rule(7, radio.Target{Device: device(1)})
	never.Windows = nil
	p, err = resolver.Policy([]radio.PolicyRule{never}, place(1, 1), now)
	if b, jerr := json.Marshal(p); err != nil || jerr != nil || !bytes.Contains(b, []byte(`"quiet":[{"from":"00:00","to":"24:00"}]`)) {
		t.Errorf("a device that never may: %s %v %v", b, err, jerr)
	}
	bad := rule(8, radio.Target{Device: device(1)})
	bad.Windows = []radio.Window{{From: 5, To: 5}}
	if _, err := resolver.Policy([]radio.PolicyRule{bad}, place(1, 1), now); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("an empty window: %v", err)
	}
}

func TestResolveSettings(t *testing.T) {
	siren := []radio.EmergencyAudio{{Role: radio.RoleSiren, Rendition: radio.Rendition{Kbps: 32}}}
	s := Resolver{Tuning: Tuning{JitterMS: 60000, FetchFrom: 0, FetchTo: 300, Emergency: siren}}.Settings(place(1, 1))
	if s.Device != device(1) || s.Name != "Cụm 1" || s.Rendition != 64 || len(s.Areas) != 3 || s.Areas[0].Kind != radio.Province || s.Areas[2].ID != area(11) || s.JitterMS != 60000 || s.FetchTo != 300 ||
		!slices.Equal(s.Emergency, siren) || s.OffsetMS != 0 || s.StaggerMS != 0 {
		t.Fatalf("%+v", s)
	}
	shifted := place(1, 1)
	shifted.Device.Setup = radio.Setup{OffsetMS: -250, StaggerMS: 2500}
	if s := (Resolver{}).Settings(shifted); s.OffsetMS != -250 || s.StaggerMS != 2500 {
		t.Errorf("shifted: %+v", s)
	}
}

// Audio that was taken as it came carries the gain that its measures ask for.
func TestGainOfAudio(t *testing.T) {
	house, loud := approved(1, time.Minute), approved(2, time.Minute)
	house.LUFS, house.TruePeak = -16.4, -1.1
	loud.Renditions, loud.LUFS, loud.TruePeak = loud.Renditions[:1], -11.2, 0.3
	loud = signed(loud)
	p, _, err := resolve(input{Place: place(1, 1), Schedules: []radio.Schedule{schedule(1, radio.Target{Area: area(1)}, slot(1, "0 5 * * *", 1, 2))},
		Bulletins: bulletins(house, loud), Now: now})
	if err != nil || len(p.Audio) != 2 {
		t.Fatalf("%d audio, %v", len(p.Audio), err)
	}
	if p.Audio[0].GainDB != 0 || p.Audio[1].GainDB != -4.8 {
		t.Errorf("gains %g and %g, want 0 and -4.8", p.Audio[0].GainDB, p.Audio[1].GainDB)
	}
}
