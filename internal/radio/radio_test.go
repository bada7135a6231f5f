package radio

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestAiringIDIsFixed holds the id of a known key: changing how ids are made would
// let an updated device play everything twice.
func TestAiringIDIsFixed(t *testing.T) {
	k := AiringKey{Device: "01JD0000000000000000000DEV", Schedule: "01JD0000000000000000000SC1",
		Slot: "01JD0000000000000000000SR1", SlotAt: 1795305600000, Entry: "01JD0000000000000000000EN1", Repeat: 1}
	if got, want := k.ID(), AiringID("0PG21AZTE6H7591FQ490TCNKYQ"); got != want || !ValidID(got) {
		t.Fatalf("%s, want %s", got, want)
	}
	seen := map[AiringID]string{k.ID(): "itself"}
	for name, change := range map[string]func(*AiringKey){
		"device": func(k *AiringKey) { k.Device = "01JD0000000000000000000DE2" },
		"slot":   func(k *AiringKey) { k.Slot += "1" },
		"at":     func(k *AiringKey) { k.SlotAt++ },
		"entry":  func(k *AiringKey) { k.Entry = "" },
		"repeat": func(k *AiringKey) { k.Repeat = 2 },
		// The parts are length-prefixed, so moving a character between them counts.
		"border": func(k *AiringKey) { k.Schedule, k.Slot = k.Schedule+"0", k.Slot[1:] },
	} {
		other := k
		change(&other)
		if was, ok := seen[other.ID()]; ok {
			t.Errorf("%s gives the same id as %s", name, was)
		}
		seen[other.ID()] = name
	}
}

// TestDecide is the total table of outcomes (design §3), one row a test.
func TestDecide(t *testing.T) {
	const y = 441000
	cases := map[string]struct {
		consumed int64
		joined   bool
		end      Ending
		outcome  Outcome
		reason   Reason
	}{
		"all of it":                          {y, false, EndComplete, Aired, NoReason},
		"99.5 percent":                       {y * 995 / 1000, false, EndComplete, Aired, NoReason},
		"just under":                         {y*995/1000 - 1, false, EndComplete, Partial, ReasonOutput},
		"cut within the last half percent":   {y - 100, false, EndPriority, Aired, NoReason},
		"joined late by a moment":            {y - 100, true, EndComplete, Aired, NoReason},
		"joined late":                        {y / 2, true, EndComplete, Partial, ReasonLate},
		"joined too late for a sample":       {0, true, EndComplete, Missed, ReasonLate},
		"complete, but the device took few":  {y / 2, false, EndComplete, Partial, ReasonOutput},
		"complete, but the device took none": {0, false, EndComplete, Failed, ReasonOutput},
		"pre-empted inside":                  {y / 2, false, EndPriority, Preempted, ReasonPriority},
		"pre-empted before":                  {0, false, EndPriority, Preempted, ReasonPriority},
		"faded at the window's end":          {y / 2, false, EndPolicy, Partial, ReasonPolicy},
		"not begun for the window":           {0, false, EndPolicy, Refused, ReasonPolicy},
		"stopped inside":                     {y / 2, false, EndStopped, Partial, ReasonStopped},
		"stopped before":                     {0, false, EndStopped, Cancelled, ReasonStopped},
		"stopped with the PIN inside":        {y / 2, false, EndLocal, Partial, ReasonLocalStop},
		"stopped with the PIN before":        {0, false, EndLocal, Cancelled, ReasonLocalStop},
		"its alert cancelled inside":         {y / 2, false, EndCancelled, Partial, ReasonCancelled},
		"its alert cancelled before":         {0, false, EndCancelled, Cancelled, ReasonCancelled},
		"withdrawn inside":                   {y / 2, false, EndWithdrawn, Partial, ReasonWithdrawn},
		"withdrawn before":                   {0, false, EndWithdrawn, Refused, ReasonWithdrawn},
		"output lost inside":                 {y / 2, false, EndOutput, Partial, ReasonOutput},
		"output lost before":                 {0, false, EndOutput, Failed, ReasonOutput},
		"decoder inside":                     {y / 2, false, EndDecoder, Partial, ReasonDecoder},
		"decoder before":                     {0, false, EndDecoder, Failed, ReasonDecoder},
		"damaged inside":                     {y / 2, false, EndAudio, Partial, ReasonNoAudio},
		"damaged before":                     {0, false, EndAudio, Missed, ReasonNoAudio},
		"all that is here of a cycle":        {y, false, EndLacking, Partial, ReasonNoAudio},
		"nothing of such a cycle":            {0, false, EndLacking, Missed, ReasonNoAudio},
		"power cut inside":                   {y / 2, false, EndPower, Partial, ReasonOff},
		"power cut before a checkpoint":      {0, false, EndPower, Missed, ReasonOff},
		"an ending nobody wrote down":        {y / 2, false, Ending("new"), Partial, ReasonOutput},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o, r := Decide(y, c.consumed, c.joined, c.end)
			if o != c.outcome || r != c.reason {
				t.Fatalf("%s: %s, want %s: %s", o, r, c.outcome, c.reason)
			}
		})
	}
	if o, _ := Decide(0, 0, false, EndComplete); o == Aired {
		t.Fatal("nothing at all counts as aired")
	}
}

func local(t *testing.T, s string) time.Time {
	t.Helper()
	zone := time.FixedZone("ICT", 7*3600)
	v, err := time.ParseInLocation("2006-01-02 15:04:05", s, zone)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPolicyHours(t *testing.T) {
	day := func(h, m int) TimeOfDay { return TimeOfDay(h*60 + m) }
	normal := DefaultPolicy("Asia/Ho_Chi_Minh")
	overnight := Policy{Windows: []Window{{From: day(22, 0), To: day(2, 0)}}}
	touching := Policy{Windows: []Window{{From: day(5, 0), To: day(7, 0)}, {From: day(7, 0), To: day(8, 0)}}}
	mondays := Policy{Windows: []Window{{Days: []int{1}, From: day(22, 0), To: day(2, 0)}}}
	mourning := Policy{Windows: []Window{{From: 0, To: day(24, 0)}}, Mourning: []Date{"2026-11-24"}}
	cases := map[string]struct {
		p          Policy
		start, end string
		want       bool
	}{
		"the default at 03:15":         {normal, "2026-11-23 03:15:00", "2026-11-23 03:16:00", false},
		"the default at 05:00":         {normal, "2026-11-23 05:00:00", "2026-11-23 05:30:00", true},
		"ends at the boundary":         {normal, "2026-11-23 20:30:00", "2026-11-23 21:00:00", true},
		"ends a second past it":        {normal, "2026-11-23 20:30:00", "2026-11-23 21:00:01", false},
		"before midnight":              {overnight, "2026-11-23 23:00:00", "2026-11-24 01:59:59", true},
		"after midnight":               {overnight, "2026-11-24 01:00:00", "2026-11-24 02:00:00", true},
		"past its end":                 {overnight, "2026-11-24 01:00:00", "2026-11-24 02:00:01", false},
		"over two windows that touch":  {touching, "2026-11-23 06:30:00", "2026-11-23 07:30:00", true},
		"Monday night into Tuesday":    {mondays, "2026-11-24 01:00:00", "2026-11-24 01:30:00", true},
		"Tuesday night":                {mondays, "2026-11-24 23:00:00", "2026-11-24 23:30:00", false},
		"a mourning day":               {mourning, "2026-11-24 12:00:00", "2026-11-24 12:01:00", false},
		"into a mourning day":          {mourning, "2026-11-23 23:59:00", "2026-11-24 00:01:00", false},
		"up to a mourning day":         {mourning, "2026-11-23 23:59:00", "2026-11-24 00:00:00", true},
		"after a mourning day":         {mourning, "2026-11-25 00:00:00", "2026-11-25 00:01:00", true},
		"whole day over midnight":      {Policy{Windows: []Window{{From: 0, To: day(24, 0)}}}, "2026-11-23 23:00:00", "2026-11-24 01:00:00", true},
		"a policy without any windows": {Policy{}, "2026-11-23 12:00:00", "2026-11-23 12:00:01", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.p.Allows(local(t, c.start), local(t, c.end)); got != c.want {
				t.Fatalf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestPolicyVolume(t *testing.T) {
	p := Policy{Volume: []VolumeSpan{{From: 21 * 60, To: 6 * 60, GainDB: -9}}}
	for at, want := range map[string]float64{"2026-11-23 05:59:00": -9, "2026-11-23 06:00:00": 0, "2026-11-23 23:00:00": -9} {
		if got := p.GainDB(local(t, at)); got != want {
			t.Errorf("%s: %g dB, want %g", at, got, want)
		}
	}
}

func TestDecisionsAboutBulletins(t *testing.T) {
	b := Bulletin{Code: "tin-1", State: Pending, CreatedBy: "U"}
	if _, err := b.Decide(Approved, "U", 1, ""); !errors.Is(err, ErrForbidden) {
		t.Fatalf("the author approved: %v", err)
	}
	ok, err := b.Decide(Approved, "V", 1, "")
	if err != nil || ok.State != Approved || ok.DecidedBy != "V" {
		t.Fatalf("%+v %v", ok, err)
	}
	if _, err := ok.Decide(Approved, "V", 2, ""); !errors.Is(err, ErrConflict) {
		t.Fatalf("approved twice: %v", err)
	}
	if _, err := ok.Decide(Withdrawn, "V", 2, ""); !errors.Is(err, ErrInvalid) {
		t.Fatalf("withdrawn without a reason: %v", err)
	}
	if _, err := ok.Decide(Withdrawn, "V", 2, "sai số liệu"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Decide("aired", "V", 2, "x"); !errors.Is(err, ErrInvalid) {
		t.Fatalf("an unknown state: %v", err)
	}
}

func TestDurations(t *testing.T) {
	for _, n := range []int64{0, 1, 44, 441, 44100, 44099, 3600*44100 + 7} {
		if got := DurationSamples(SamplesDuration(n)); got != n {
			t.Errorf("%d samples came back as %d", n, got)
		}
	}
}

func TestRecordsAreChecked(t *testing.T) {
	key := AiringKey{Device: NewID[DeviceID](), Schedule: NewID[ScheduleID](), Slot: NewID[SlotID](), Entry: NewID[EntryID](), Repeat: 1}
	good := Record{Seq: 1, Kind: RecordResult, Result: &Confirmation{ID: key.ID(), Key: key, Origin: FromSchedule, Outcome: Aired}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(r *Record, c *Confirmation){
		"no seq":              func(r *Record, _ *Confirmation) { r.Seq = 0 },
		"no kind":             func(r *Record, _ *Confirmation) { r.Kind = "" },
		"no part":             func(r *Record, _ *Confirmation) { r.Result = nil },
		"another airing's id": func(_ *Record, c *Confirmation) { c.Key.Repeat = 2 },
		"pending":             func(_ *Record, c *Confirmation) { c.Outcome = PendingOutcome },
		"silent":              func(_ *Record, c *Confirmation) { c.Outcome = Silent },
		"an invented outcome": func(_ *Record, c *Confirmation) { c.Outcome = "heard" },
		"negative samples":    func(_ *Record, c *Confirmation) { c.Consumed = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			r, c := good, *good.Result
			r.Result = &c
			spoil(&r, &c)
			if err := r.Check(); !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
		})
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"seq":1,"kind":"boot","booted":{}}`))
	f.Add([]byte(`{"seq":1,"kind":"result","result":{"id":"","outcome":"aired"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseRecord(b); err == nil && (r.Seq == 0 || len(b) > MaxRecordBytes) {
			t.Fatalf("%+v", r)
		}
	})
}

func FuzzCivil(f *testing.F) {
	f.Add("05:00", "2026-11-22", "01JD0000000000000000000DEV", "ha-tinh")
	f.Add("24:01", "2026-02-30", "", "-")
	f.Fuzz(func(t *testing.T, clock, date, id, code string) {
		if v, err := ParseTimeOfDay(clock); err == nil && v.String() != clock {
			t.Fatalf("%q came back as %q", clock, v)
		}
		if d, err := ParseDate(date); err == nil && string(d) != date {
			t.Fatalf("%q came back as %q", date, d)
		}
		if ValidID(DeviceID(id)) && strings.ToUpper(id) != id {
			t.Fatalf("id %q", id)
		}
		if ValidCode(code) && strings.ContainsAny(code, " /\\\n") {
			t.Fatalf("code %q", code)
		}
	})
}

func FuzzProgramme(f *testing.F) {
	f.Add([]byte(`{"device":"01JD0000000000000000000DEV","revision":1,"not_after":2,"slots":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Programme
		if json.Unmarshal(b, &p) != nil || p.Check() != nil {
			return
		}
		for _, s := range p.Slots {
			for _, it := range s.Items {
				if a, ok := p.Find(it.Bulletin, it.Version); it.Kind == KindAudio && (!ok || a.Renditions[0].Samples < 1) {
					t.Fatalf("an item without audio passed: %+v", it)
				}
			}
		}
	})
}
