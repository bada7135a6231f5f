package reconcile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// airings lists what a programme plans from one instant to another.
func airings(t testing.TB, p radio.Programme, from, to time.Time) []radio.Airing {
	t.Helper()
	tt, err := timetable.New(&p)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tt.Airings(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tell gives rows in short: local hour and outcome.
func tell(rows []radio.AsRun) string {
	var parts []string
	for _, r := range rows {
		s := r.Start.Time().Add(7*time.Hour).Format("02T15:04") + " " + string(r.Outcome)
		if r.Reason != "" {
			s += ":" + string(r.Reason)
		}
		if r.Stale {
			s += " stale"
		}
		if !r.Planned() {
			s += " unplanned"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

func (d *device) want(want string) {
	d.h.t.Helper()
	if got := tell(d.rows()); got != want {
		d.h.t.Errorf("rows: %s\nwant: %s", got, want)
	}
}

func TestFrozenRowCopiesThePlan(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	slot := h.slot(17, 30)
	p := h.publish(d, slot)
	a := airings(t, p, noon, noon.Add(24*time.Hour))[0]
	place, s := h.places[d.id], h.schedules[0]
	got, words := d.row(a.ID)
	want := radio.AsRun{
		Airing: a.ID, Key: a.AiringKey, Origin: radio.FromSchedule, Day: "2026-11-23", SlotTime: 17*60 + 30, Start: radio.At(a.Start()), Samples: a.Samples, Priority: radio.Normal,
		Revision: 1, Held: 1, FrozenAt: radio.At(noon), Deadline: radio.At(a.End()).Add(24 * time.Hour), Campaign: s.Campaign,
		Province: place.Province().ID, Commune: place.Commune().ID, Hamlet: place.Hamlet().ID, DeviceCode: "cum-1", DeviceName: "Cụm 1",
		CommuneName: "Xã 1", HamletName: "Thôn 1", Bulletin: a.Bulletin, Version: 1, Title: "Bản tin v1", Author: "Trần Thị B", Unit: "Sở VHTTDL",
		SHA256: sha(slot.Items[0], radio.LightKbps), ScheduleCode: "lich", ScheduleTitle: "Lịch phát",
		Outcome: radio.PendingOutcome, Expected: a.Samples, KnownAt: radio.At(noon),
	}
	if got != want || len(words) != 0 {
		t.Errorf("got  %+v\nwant %+v\nwords %v", got, want, words)
	}
	// The same programme again, and an older one late, change nothing.
	for _, again := range []radio.Programme{p, {Device: d.id, Revision: 0}} {
		if err := h.Published(t.Context(), place, again, again.IssuedAt); err != nil {
			t.Fatal(err)
		}
	}
	d.want("23T17:30 pending")
}

func TestFreezingAsTimePasses(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	h.publish(d, h.slot(6, 0), h.slot(11, 0)) // 11:00 today is past: never created
	d.want("24T06:00 pending, 24T11:00 pending")
	h.pass(18*time.Hour - time.Minute)
	h.sweep()
	d.want("24T06:00 pending, 24T11:00 pending")
	h.pass(time.Minute)
	h.sweep()
	d.want("24T06:00 pending, 24T11:00 pending, 25T06:00 pending")
	// A new life of the centre goes on where the old one stopped.
	h.restart()
	h.sweep()
	d.want("24T06:00 pending, 24T11:00 pending, 25T06:00 pending")
	h.pass(5 * time.Hour)
	h.sweep()
	d.want("24T06:00 pending, 24T11:00 pending, 25T06:00 pending, 25T11:00 pending")
}

// The centre died between storing a programme and freezing: the sweep makes up for it.
func TestSweepFreezesWhatPublishedDidNot(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	h.issue(d, h.slot(12, 1))
	h.pass(2 * time.Minute)
	h.sweep()
	d.want("23T12:01 pending, 24T12:01 pending")
}

// The centre was off for three days; devices played on and said so. At its return a new
// programme is published before anything else.
func TestCentreWasOff(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	slot := h.slot(13, 0)
	p := h.publish(d, slot)
	d.activates(noon, p.Revision)
	h.pass(72 * time.Hour)
	for _, a := range airings(t, p, noon, h.now()) {
		d.ends(a, p.Revision, radio.Aired, "", a.Samples)
	}
	d.sends(1, 0)
	d.want("23T13:00 aired, 24T13:00 aired unplanned, 25T13:00 aired unplanned")
	h.publish(d, slot)
	d.want("23T13:00 aired, 24T13:00 aired, 25T13:00 aired, 26T13:00 pending")
	row, _ := d.row(airings(t, p, noon.Add(48*time.Hour), h.now())[0].ID)
	if row.FrozenAt != radio.At(h.now()) || row.Title == "" || row.Deadline < radio.At(h.now()) || row.Commune == "" {
		t.Errorf("row %+v", row)
	}
}

func TestCancelledAndBack(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	morning, evening := h.slot(12, 30), h.slot(18, 0)
	p := h.publish(d, morning, evening)
	h.pass(time.Hour) // 12:30 is over, without word so far
	h.publish(d, morning)
	d.want("23T12:30 pending, 23T18:00 cancelled, 24T12:30 pending")
	h.pass(time.Hour)
	h.publish(d, morning, evening)
	d.want("23T12:30 pending, 23T18:00 pending, 24T12:30 pending")
	h.pass(time.Hour)
	h.publish(d, morning)
	// The device did not get the last one in time.
	a := airings(t, p, noon.Add(time.Hour), noon.Add(12*time.Hour))[0]
	d.ends(a, p.Revision, radio.Aired, "", a.Samples)
	h.pass(4 * time.Hour)
	d.sends(1, 0)
	d.want("23T12:30 pending, 23T18:00 aired stale, 24T12:30 pending")
	row, words := d.row(a.ID)
	var told []string
	for _, w := range words {
		told = append(told, fmt.Sprintf("%d %s %s", w.N, w.From, w.Outcome))
	}
	if got := strings.Join(told, ", "); got != "1 centre cancelled, 2 centre pending, 3 centre cancelled, 4 device aired" || row.Words != 4 {
		t.Errorf("history: %s", got)
	}
	// What comes later takes nothing back.
	h.publish(d, evening)
	d.want("23T12:30 pending, 23T18:00 aired stale, 24T12:30 cancelled, 24T18:00 pending")
}

func TestExclusionsAreFrozenWithTheCentresWord(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	first, second, relay := h.slot(13, 0), h.slot(13, 0), h.slot(14, 0)
	second.GraceSeconds = 0
	first.GraceSeconds = 0
	relay.Items[0].Kind, relay.Items[0].Bulletin, relay.Items[0].Version = radio.KindRelay, "", 0
	p := h.publish(d, first, second, relay)
	var overlapped radio.Airing
	for _, a := range airings(t, p, noon, noon.Add(2*time.Hour)) {
		if a.Excluded == radio.ReasonOverlap {
			overlapped = a
		}
	}
	row, _ := d.row(overlapped.ID)
	if row.Outcome != radio.Missed || row.Reason != radio.ReasonOverlap || row.From != radio.WordCentre {
		t.Errorf("row %+v", row)
	}
	rows := d.rows()
	if last := rows[len(rows)-1]; len(rows) != 3 || last.Outcome != radio.Refused || last.Reason != radio.ReasonUnsupported {
		t.Errorf("rows: %s", tell(rows))
	}
	// The device knows better.
	d.ends(overlapped, 1, radio.Partial, radio.ReasonLate, 44100)
	d.sends(1, 0)
	if row, _ := d.row(overlapped.ID); row.Outcome != radio.Partial {
		t.Errorf("row %+v", row)
	}
}

func TestSilentAndLateWord(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	p := h.publish(d, h.slot(13, 0))
	a := airings(t, p, noon, noon.Add(2*time.Hour))[0]
	h.pass(a.End().Sub(noon) + 24*time.Hour - time.Millisecond)
	h.sweep()
	if row, _ := d.row(a.ID); row.Outcome != radio.PendingOutcome {
		t.Fatalf("row %+v", row)
	}
	h.pass(2 * time.Millisecond)
	h.sweep()
	if row, words := d.row(a.ID); row.Outcome != radio.Silent || len(words) != 1 {
		t.Fatalf("row %+v, words %v", row, words)
	}
	h.pass(48 * time.Hour)
	d.ends(a, p.Revision, radio.Partial, radio.ReasonOff, a.Samples/2)
	d.sends(1, 0)
	row, words := d.row(a.ID)
	if row.Outcome != radio.Partial || row.KnownAt != radio.At(h.now()) || len(words) != 2 || words[1].Journal != d.journal || words[1].Seq != 1 {
		t.Errorf("row %+v, words %+v", row, words)
	}
}

func TestNotSyncedByTheJournal(t *testing.T) {
	for name, c := range map[string]struct {
		journal func(d *device, old, fresh radio.Programme, at time.Time)
		silent  bool // judged only after the deadline
		want    string
	}{
		"nothing heard": {func(*device, radio.Programme, radio.Programme, time.Time) {}, false, "pending"},
		"the old one was active": {func(d *device, old, _ radio.Programme, at time.Time) {
			d.activates(noon, old.Revision)
			d.record(at.Add(time.Hour), radio.Record{Kind: radio.RecordClock, Step: &radio.ClockRecord{}})
		}, false, "missed:not_synced"},
		"it came after the instant": {func(d *device, _, fresh radio.Programme, at time.Time) {
			d.activates(at.Add(time.Hour), fresh.Revision)
		}, false, "missed:not_synced"},
		"told too little yet": {func(d *device, old, _ radio.Programme, at time.Time) {
			d.activates(noon, old.Revision)
			d.record(at.Add(time.Minute), radio.Record{Kind: radio.RecordClock, Step: &radio.ClockRecord{}})
		}, false, "pending"},
		"the right one was active": {func(d *device, _, fresh radio.Programme, at time.Time) {
			d.activates(at.Add(-time.Minute), fresh.Revision)
			d.record(at.Add(time.Hour), radio.Record{Kind: radio.RecordClock, Step: &radio.ClockRecord{}})
		}, false, "pending"},
		"one this centre does not know": {func(d *device, _, fresh radio.Programme, at time.Time) {
			d.activates(at.Add(-time.Minute), fresh.Revision+10)
			d.record(at.Add(time.Hour), radio.Record{Kind: radio.RecordClock, Step: &radio.ClockRecord{}})
		}, false, "missed:not_synced"},
		"no revision was ever told": {func(d *device, _, _ radio.Programme, at time.Time) {
			d.record(at.Add(time.Hour), radio.Record{Kind: radio.RecordClock, Step: &radio.ClockRecord{}})
		}, false, "pending"},
		"heard after it was called silent": {func(d *device, old, _ radio.Programme, at time.Time) {
			d.activates(noon, old.Revision)
			d.record(at.Add(time.Hour), radio.Record{Kind: radio.RecordClock, Step: &radio.ClockRecord{}})
		}, true, "missed:not_synced"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			d := h.device()
			old := h.publish(d)
			h.pass(time.Minute)
			fresh := h.publish(d, h.slot(13, 0))
			a := airings(t, fresh, noon, noon.Add(2*time.Hour))[0]
			h.pass(2 * time.Hour)
			if c.silent {
				h.pass(48 * time.Hour)
				h.sweep()
			}
			c.journal(d, old, fresh, a.Start())
			if len(d.records) > 0 {
				d.sends(1, 0)
			}
			h.sweep()
			row, _ := d.row(a.ID)
			if got := strings.TrimSuffix(string(row.Outcome)+":"+string(row.Reason), ":"); got != c.want {
				t.Fatalf("outcome %s, want %s", got, c.want)
			}
			// The device's word wins all the same.
			d.ends(a, fresh.Revision, radio.Aired, "", a.Samples)
			d.sends(len(d.records), 0)
			if row, _ := d.row(a.ID); row.Outcome != radio.Aired {
				t.Errorf("row %+v", row)
			}
		})
	}
}

func TestSoundNobodyPlanned(t *testing.T) {
	h := newHouse(t)
	d, other := h.device(), h.device()
	p := h.publish(d, h.slot(13, 0))
	planned := airings(t, p, noon, noon.Add(2*time.Hour))[0]
	alert := radio.Confirmation{ID: radio.NewID[radio.AiringID](), Origin: radio.FromAlert, Start: radio.At(noon), Priority: radio.Emergency, Outcome: radio.Aired, Expected: 10, Consumed: 10}
	d.record(noon, radio.Record{Kind: radio.RecordResult, Result: &alert})
	// A device cannot speak of another's airing, nor under the name of its own plan about
	// other sound.
	for _, liar := range []*device{other, d} {
		c := radio.Confirmation{ID: planned.ID, Origin: radio.FromLocal, Key: planned.AiringKey, Start: radio.At(planned.Start()), Outcome: radio.Aired, Expected: 10, Consumed: 10}
		c.Key.Device = liar.id
		liar.record(noon, radio.Record{Kind: radio.RecordResult, Result: &c})
		liar.sends(1, 0)
	}
	d.want("23T12:00 aired unplanned, 23T13:00 pending")
	row, _ := d.row(alert.ID)
	if row.Origin != radio.FromAlert || row.CommuneName != "Xã 1" || row.DeviceCode != "cum-1" || row.Day != "2026-11-23" || row.Priority != radio.Emergency {
		t.Errorf("row %+v", row)
	}
	other.want("23T13:00 aired unplanned")
}

// A cycle of an alert is called what the alert was called, and a drill a drill; sound that
// only claims to be one is not.
func TestAlertInTheLog(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	real, drill := radio.Alert{ID: newID[radio.AlertID](h)}, radio.Alert{ID: newID[radio.AlertID](h)}
	h.alerts = map[radio.AlertID]radio.AlertRecord{
		real.ID:  {ID: real.ID, ComposedName: "Trần Thị B", Wish: radio.AlertWish{Headline: "Lũ quét"}},
		drill.ID: {ID: drill.ID, Wish: radio.AlertWish{Headline: "Lũ quét", Drill: true}},
	}
	sounds := func(a radio.Alert, origin radio.Origin, known bool) radio.AsRun {
		t.Helper()
		key := a.CycleKey(d.id, 1, radio.At(noon))
		c := radio.Confirmation{ID: key.ID(), Origin: origin, Key: key, Start: radio.At(noon), Priority: radio.Emergency, Outcome: radio.Aired, Expected: 10, Consumed: 10}
		if !known {
			c.ID = newID[radio.AiringID](h)
		}
		d.record(noon, radio.Record{Kind: radio.RecordResult, Result: &c})
		d.sends(1, 0)
		row, _ := d.row(c.ID)
		return row
	}
	if row := sounds(real, radio.FromAlert, true); row.Title != "Lũ quét" || row.Author != "Trần Thị B" {
		t.Errorf("row %+v", row)
	}
	if row := sounds(drill, radio.FromLocal, true); row.Title != "Diễn tập: Lũ quét" {
		t.Errorf("row %+v", row)
	}
	if row := sounds(real, radio.FromAlert, false); row.Airing == "" || row.Title != "" {
		t.Errorf("row %+v", row)
	}
	if row := sounds(radio.Alert{ID: newID[radio.AlertID](h)}, radio.FromAlert, true); row.Airing == "" || row.Title != "" {
		t.Errorf("an alert nobody knows: %+v", row)
	}
}

// The log says what sounded, also when it was another version than planned.
func TestAnotherVersionSounded(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	slot := h.slot(13, 0)
	old := h.publish(d, slot)
	a := airings(t, old, noon, noon.Add(2*time.Hour))[0]
	h.pass(time.Minute)
	edited := slot
	edited.Items = []radio.Item{slot.Items[0]}
	edited.Items[0].Version = 2
	h.publish(d, edited)
	if row, _ := d.row(a.ID); row.Version != 2 || row.Title != "Bản tin v2" || row.SHA256 != sha(edited.Items[0], radio.LightKbps) || row.Samples == a.Samples {
		t.Errorf("row after the edit: %+v", row)
	}
	d.ends(a, old.Revision, radio.Aired, "", a.Samples)
	d.sends(1, 0)
	if row, _ := d.row(a.ID); row.Version != 1 || row.Title != "Bản tin v1" || row.SHA256 != sha(slot.Items[0], radio.LightKbps) || row.Consumed != row.Expected {
		t.Errorf("row after the old one sounded: %+v", row)
	}
}

// A centre set back to an older copy gets the journal again and knows what it knew.
func TestRestoredCopy(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	slot := h.slot(13, 0)
	p := h.publish(d, slot)
	copied := filepath.Join(t.TempDir(), "old.db")
	if err := h.db.Snapshot(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	h.pass(50 * time.Hour)
	h.sweep()
	for _, a := range airings(t, p, noon, h.now()) {
		d.ends(a, p.Revision, radio.Aired, "", a.Samples)
	}
	d.sends(1, 0)
	const want = "23T13:00 aired, 24T13:00 aired, 25T13:00 aired, 26T13:00 pending"
	d.want(want)
	h.restore(copied)
	d.want("23T13:00 pending")
	d.sends(1, 0)
	h.sweep()
	d.want(want)
}

func TestPlanNotReadable(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	h.planDown = errors.New("down")
	p := h.issue(d, h.slot(13, 0))
	if err := h.Published(t.Context(), h.places[d.id], p, p.IssuedAt); !errors.Is(err, h.planDown) {
		t.Fatalf("error %v", err)
	}
	d.want("")
	h.planDown = nil
	h.sweep()
	d.want("23T13:00 pending")
}

// One programme that cannot be expanded does not hold up the others.
func TestBrokenProgramme(t *testing.T) {
	h := newHouse(t)
	bad, good := h.device(), h.device()
	broken := h.slot(13, 0)
	broken.Cron = "never"
	h.issue(bad, broken)
	h.issue(good, h.slot(13, 0))
	if err := h.Sweep(t.Context()); !errors.Is(err, radio.ErrInvalid) {
		t.Fatalf("error %v", err)
	}
	good.want("23T13:00 pending")
	h.sweep() // told once an hour, not every minute
	h.pass(time.Hour)
	if err := h.Sweep(t.Context()); !errors.Is(err, radio.ErrInvalid) {
		t.Fatalf("error %v", err)
	}
}

// nothing is a Log and Programmes without anything in them.
type nothing struct{ asked chan time.Time }

func (n nothing) IssuedRevisions(context.Context, string) (map[radio.DeviceID]int64, error) {
	n.asked <- time.Now()
	return nil, errors.New("away")
}

func (n nothing) Issued(context.Context, radio.DeviceID, string, int64) (radio.Issued, error) {
	return radio.Issued{}, radio.ErrNotFound
}

func TestRunSweepsEveryMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := nothing{asked: make(chan time.Time)}
		r := New(quiet, func(context.Context, func(Tx) error) error { return errors.New("away") }, nil, n, time.Now, 0)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		first := <-n.asked
		if second := <-n.asked; second.Sub(first) != time.Minute {
			t.Errorf("sweeps %v apart", second.Sub(first))
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestAssumedClock: a device that only assumes its time calls its clock trusted; the log
// does not.
func TestAssumedClock(t *testing.T) {
	for stamp, want := range map[radio.ClockStamp]string{
		{State: "trusted", Source: "kernel"}:   "trusted",
		{State: "holdover", Source: "centre"}:  "holdover",
		{State: "trusted", Source: "assumed"}:  radio.ClockAssumed,
		{State: "Trusted!", Source: "assumed"}: "",
		{}:                                     "",
	} {
		if got := (radio.Heard{Record: radio.Record{Clock: stamp, Result: &radio.Confirmation{}}}).Word(1).Clock; got != want {
			t.Errorf("%+v is %q, want %q", stamp, got, want)
		}
	}
}
