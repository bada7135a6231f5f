package explain_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/explain"
	"loaxa/internal/central/preview"
	"loaxa/internal/central/programme"
	"loaxa/internal/central/report"
	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// now is Monday 23 November 2026, 10:00 in Hanoi.
var now = time.Date(2026, time.November, 23, 3, 0, 0, 0, time.UTC)

// local is an instant of 23 November (or days later) by the clock in Hanoi.
func local(days, hour, minute int) radio.Millis {
	return radio.At(time.Date(2026, time.November, 23+days, hour-7, minute, 0, 0, time.UTC))
}

// house is a real database in which people have laid down a plan for two clusters of one
// commune, with what was sent to the first of them and what it said.
type house struct {
	t    *testing.T
	db   *store.Store
	plan radio.PlanChange
	// The first cluster, and what it is to play: 05:00 and 17:00 every day.
	place   radio.Place
	views   []radio.DeviceView
	journal radio.JournalID
	seq     uint64
	looks   int64
	beside  radio.AreaID // another commune
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) Generation(context.Context) (int64, error)         { h.looks++; return h.looks, nil }
func (h *house) Plan(ctx context.Context) (radio.Plan, error)      { return h.db.Plan(ctx) }
func (h *house) Places(ctx context.Context) ([]radio.Place, error) { return h.db.Places(ctx) }
func (h *house) Views(context.Context) ([]radio.DeviceView, error) { return h.views, nil }
func (h *house) WithdrawnHashes(context.Context, radio.Millis) ([]radio.SHA256, error) {
	return nil, nil
}

func stands(radio.Bulletin) error { return nil }

func (h *house) explainer(more map[radio.ChainKind]explain.Teller) *explain.Explainer {
	clock := func() time.Time { return now }
	return explain.New(explain.Rooms{Plans: h.db, Log: h.db, Devices: h.db, Fleet: h, Trail: report.NewTrail(h.db), More: more,
		Coming: preview.New(h, h, programme.Resolver{Stands: stands}, clock)}, clock)
}

// newHouse: change alters the plan before it is laid down.
func newHouse(t *testing.T, change ...func(*radio.PlanChange)) *house {
	t.Helper()
	db, err := store.Open(t.Context(), storetest.File(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &house{t: t, db: db, plan: storetest.SamplePlan(), journal: radio.NewID[radio.JournalID]()}
	laid := local(-10, 8, 0)
	p := &h.plan
	p.At = laid
	for login, id := range map[string]radio.UserID{"lan": p.Author, "minh": p.Approver} {
		h.must(db.AddPerson(t.Context(), radio.Account{ID: id, Login: login, Name: map[string]string{"lan": "Trần Thị Lan", "minh": "Phạm Văn Minh"}[login], PasswordHash: "x", CreatedAt: 1}, "test"))
	}
	h.beside = radio.NewID[radio.AreaID]()
	p.Areas = append(p.Areas, radio.Area{ID: h.beside, Code: "cam-hung", Kind: radio.Commune, Name: "Xã Cẩm Hưng", Parent: p.Areas[0].ID})
	second := p.Devices[0]
	second.ID, second.Code, second.Name = radio.NewID[radio.DeviceID](), "cx-02", "Cụm chợ"
	p.Devices = append(p.Devices, second)
	for i := range p.Devices {
		p.Devices[i].Enrolled = local(-30, 9, 0)
	}
	b := &p.Bulletins[0]
	b.ValidFrom, b.ValidUntil, b.CreatedAt, b.DecidedAt = 0, 0, laid, laid
	b.Renditions[0].Frames, b.Renditions[0].Samples, b.Renditions[0].Head, b.Renditions[0].Tail = 11_486, 300*radio.SampleRate, 1105, 11_486*1152-1105-300*radio.SampleRate
	b.Renditions[1].Frames, b.Renditions[1].Samples, b.Renditions[1].Head, b.Renditions[1].Tail = 11_486, 300*radio.SampleRate, 1105, 11_486*1152-1105-300*radio.SampleRate
	b.Renditions[0].Bytes, b.Renditions[1].Bytes = 11_486*209, 11_486*104
	b.Area = p.Areas[0].ID
	b.Signed = &radio.ApprovalRow{KID: "KEY", Person: p.Approver, Area: b.Area, SignedApproval: radio.SignedApproval{Protected: "e30", At: laid, Signature: "x"}}
	o := &p.Schedules[0]
	o.Area, o.From, o.Except, o.ApprovedAt = p.Areas[0].ID, "", nil, laid
	o.Slots[0].Dates, o.Slots[0].Again, o.Slots[0].EveryMinutes, o.Slots[0].Items[0].Variants = nil, 0, 0, nil
	o.Slots[0].Cron, o.Slots[0].Items[0].Repeat, o.Slots[0].Items[0].GapMS = "0 5,17 * * *", 1, 0
	o.Targets = []radio.Target{{Area: p.Areas[0].ID}}
	rule := &p.Policies[0]
	rule.Label, rule.ApprovedAt, rule.Mourning = "QĐ 12/QĐ-UBND", laid, nil
	rule.Windows, rule.Volume = []radio.Window{{From: 5 * 60, To: 20 * 60}}, []radio.VolumeSpan{{From: 300, To: 330, GainDB: -6}}
	for _, c := range change {
		c(p)
	}
	h.must(db.ApplyPlan(t.Context(), *p))
	h.place, err = db.Place(t.Context(), p.Devices[0].ID)
	h.must(err)
	h.issue(7, local(-9, 8, 0))
	h.policy(3, local(-9, 8, 0))
	h.view(true, func(*radio.Status) {})
	return h
}

// view is what the first cluster said last; the second is connected.
func (h *house) view(online bool, change func(*radio.Status)) {
	s := &radio.Status{At: local(0, 9, 58), Clock: radio.ClockStatus{ClockStamp: radio.ClockStamp{State: "trusted", Source: "kernel"}}, Output: radio.OutputStatus{Driver: "alsa", State: "idle"},
		Link: radio.LinkStatus{Connected: true},
		Disk: radio.DiskStatus{FreeBytes: 1 << 30, TotalBytes: 4 << 30}, Revisions: radio.RevisionStatus{Programme: 7, Policy: 3},
		Audio: []radio.AudioStatus{{SHA256: h.plan.Bulletins[0].Renditions[0].SHA256, Title: "Bản tin số 1", Bytes: 2_400_574, Have: 2_400_574, Ready: true}}}
	s.Fill()
	change(s)
	second := h.place
	second.Device.ID, second.Device.Code = h.plan.Devices[1].ID, "cx-02"
	h.views = []radio.DeviceView{
		{Place: h.place, Status: s, Online: online, State: radio.DeviceState{LastSeen: local(0, 9, 58)}, Issued: map[string]radio.DocumentRevision{"programme": {Revision: 7, IssuedAt: local(-9, 8, 0)}}},
		{Place: second, Online: true},
	}
}

// issue sends the programme that the plan makes.
func (h *house) issue(revision int64, at radio.Millis) {
	h.t.Helper()
	plan, err := h.db.Plan(h.t.Context())
	h.must(err)
	r := programme.Resolver{Stands: stands}
	p, _, err := r.Programme(h.place, plan.Schedules, plan.Decided, r.Current(plan.Bulletins), nil, at.Time())
	h.must(err)
	p.Revision, p.IssuedAt = revision, at
	h.send("programme", revision, at, p)
}

func (h *house) policy(revision int64, at radio.Millis) {
	h.t.Helper()
	plan, err := h.db.Plan(h.t.Context())
	h.must(err)
	p, err := programme.Resolver{}.Policy(plan.Policies, h.place, at.Time())
	h.must(err)
	p.Revision, p.IssuedAt = revision, at
	h.send("policy", revision, at, p)
}

func (h *house) send(document string, revision int64, at radio.Millis, payload any) {
	h.t.Helper()
	b, err := json.Marshal(payload)
	h.must(err)
	h.must(h.db.AddIssued(h.t.Context(), radio.Issued{Device: h.place.Device.ID, Document: document, Revision: revision, IssuedAt: at, Digest: "x", Payload: b, Envelope: []byte("{}")}))
	h.record(radio.Record{At: at.Add(2 * time.Second), Kind: radio.RecordRevision, Revision: &radio.RevisionRecord{Document: document, Revision: revision}})
}

// record puts one into the journal; the centre has it ten seconds later.
func (h *house) record(r radio.Record) {
	h.t.Helper()
	h.seq++
	r.Seq = h.seq
	b, err := json.Marshal(r)
	h.must(err)
	ref := radio.JournalRef{Device: h.place.Device.ID, Journal: h.journal}
	link := [32]byte{byte(h.seq), byte(h.seq >> 8)}
	h.must(h.db.Log(h.t.Context(), func(tx *store.LogTx) error {
		return tx.WriteJournal(h.t.Context(), radio.JournalWrite{At: r.At.Add(10 * time.Second), Heads: []radio.JournalHead{{JournalRef: ref, Upto: h.seq, Link: link}},
			Entries: []radio.JournalEntry{{JournalRef: ref, Seq: h.seq, Link: link, Kind: r.Kind, At: r.At, Bytes: b}}})
	}))
}

// row is the frozen airing of the schedule's slot on the first cluster.
func (h *house) row(at radio.Millis) radio.AsRun {
	o, b := h.plan.Schedules[0], h.plan.Bulletins[0]
	key := radio.AiringKey{Device: h.place.Device.ID, Schedule: o.ID, Slot: o.Slots[0].ID, SlotAt: at, Entry: o.Slots[0].Items[0].ID, Repeat: 1}
	return radio.AsRun{Airing: key.ID(), Key: key, Origin: radio.FromSchedule, Day: radio.DateOf(at.Time().Add(7 * time.Hour)), Start: at, Samples: 300 * radio.SampleRate, Priority: o.Priority,
		Revision: 7, Held: 7, FrozenAt: at.Add(-24 * time.Hour), Deadline: at.Add(24 * time.Hour), Bulletin: b.ID, Version: b.Version, Title: b.Title, ScheduleCode: o.Code, ScheduleTitle: o.Title,
		Outcome: radio.PendingOutcome, Province: h.place.Province().ID, Commune: h.place.Commune().ID, Hamlet: h.place.Hamlet().ID,
		CommuneName: h.place.Commune().Name, HamletName: h.place.Hamlet().Name, DeviceCode: h.place.Device.Code}
}

// put writes a row with the words said about it.
func (h *house) put(r radio.AsRun, said ...radio.Word) {
	h.t.Helper()
	for i := range said {
		r.Expected = 300 * radio.SampleRate
		said[i].Expected = r.Expected
		said[i], _ = r.Take(said[i])
	}
	h.must(h.db.Log(h.t.Context(), func(tx *store.LogTx) error {
		return tx.PutAsRuns(h.t.Context(), []radio.AsRunChange{{Row: r, Words: said}})
	}))
}

// word is the device's, of seconds that sounded.
func word(at radio.Millis, o radio.Outcome, why radio.Reason, seconds int64) radio.Word {
	w := radio.Word{KnownAt: at.Add(6 * time.Minute), From: radio.WordDevice, Outcome: o, Reason: why, Consumed: seconds * radio.SampleRate, Proof: "consumed"}
	if seconds > 0 {
		w.StartedAt = at.Add(12 * time.Millisecond)
	}
	return w
}

func centreWord(at radio.Millis, o radio.Outcome, why radio.Reason) radio.Word {
	return radio.Word{KnownAt: at.Add(time.Minute), From: radio.WordCentre, Outcome: o, Reason: why}
}

// say puts down what the commune says of the schedule's slot.
func (h *house) say(words ...radio.Decision) {
	h.t.Helper()
	o := h.plan.Schedules[0]
	for i := range words {
		words[i].Area, words[i].Schedule, words[i].Slot, words[i].By = h.place.Commune().ID, o.ID, o.Slots[0].ID, h.plan.Author
	}
	h.must(h.db.AddDecisions(h.t.Context(), words))
}

// merge puts the commune into a new one, from a day on, when that has come.
func (h *house) merge(from radio.Date) {
	h.t.Helper()
	h.change(radio.AreaChange{Kind: radio.MergeAreas, From: from, Areas: []radio.AreaID{h.place.Commune().ID, h.beside}, Code: "cam-binh", Name: "Xã Cẩm Bình",
		New: radio.NewID[radio.AreaID](), Number: "NQ 12/NQ-HĐND"})
}

// retire takes the first cluster out of use.
func (h *house) retire(at radio.Millis) {
	h.t.Helper()
	h.must(h.db.EndDevice(h.t.Context(), radio.DeviceEnd{Device: h.place.Device.ID, Retire: true, At: at, Actor: string(h.plan.Author), Why: "Thay bằng cụm khác"}))
	var err error
	h.place, err = h.db.Place(h.t.Context(), h.place.Device.ID)
	h.must(err)
	h.view(true, func(*radio.Status) {})
}

// change records a change of areas, which takes effect on its day.
func (h *house) change(c radio.AreaChange) {
	h.t.Helper()
	c.ID, c.Author, c.At = radio.NewID[radio.AreaChangeID](), h.plan.Author, local(-20, 9, 0)
	h.must(h.db.RecordAreaChange(h.t.Context(), c))
	_, err := h.db.ApplyAreaChange(h.t.Context(), c.ID, c.From, "clock", local(0, 9, 0))
	h.must(err)
	h.place, err = h.db.Place(h.t.Context(), h.place.Device.ID)
	h.must(err)
	h.view(true, func(*radio.Status) {})
}

func (h *house) fault(f radio.Fault) {
	h.t.Helper()
	f.ID, f.Device, f.ChangedAt = radio.NewID[radio.FaultID](), h.place.Device.ID, f.OpenedAt
	closed := f.ClosedAt
	f.ClosedAt = 0
	h.must(h.db.PutFaults(h.t.Context(), radio.FaultChange{At: f.OpenedAt, Opened: []radio.Fault{f}}))
	if closed != 0 {
		f.ClosedAt = closed
		h.must(h.db.PutFaults(h.t.Context(), radio.FaultChange{At: closed, Closed: []radio.Fault{f}}))
	}
}

// told is an explanation as its golden file shows it.
func told(x radio.Explanation) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("= %s\n= %s", x.VI, x.EN)
	links := func(all []radio.ChainLink) {
		for _, l := range all {
			var rows []string
			for _, s := range l.Sources {
				row := s.Row
				switch {
				case s.Seq != 0:
					row += fmt.Sprintf("#%d", s.Seq)
				case s.Version != 0:
					row += fmt.Sprintf(".%d", s.Version)
				}
				rows = append(rows, row)
			}
			line("%s %s [%s]\n  %s\n  %s", l.Kind, l.Verdict, strings.Join(rows, " "), l.VI, l.EN)
		}
	}
	for _, a := range x.Airings {
		line("\n%s %s (%s%s)\n- %s\n- %s", a.Title, a.Start.Time().Add(7*time.Hour).Format("15:04:05"), a.Outcome, strings.TrimRight(" "+string(a.Reason), " "), a.VI, a.EN)
		links(a.Links)
	}
	links(x.Links)
	for _, f := range x.Diagnosis.Findings {
		line("\n! %s: %s → %s\n! %s → %s", f.Rule, f.VI, f.DoVI, f.EN, f.DoEN)
	}
	return b.String()
}
