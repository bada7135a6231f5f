package explain_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/explain"
	"loaxa/internal/radio"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestExplain holds explanations of one device against golden files: every way in which
// an airing ends, before and after, and an instant at which nothing is planned.
func TestExplain(t *testing.T) {
	at := local(0, 5, 0)
	clashing := func(p *radio.PlanChange, grace int) {
		other := p.Schedules[0]
		other.ID, other.Code, other.Title, other.Priority = radio.NewID[radio.ScheduleID](), "bao", "Tin bão", radio.Prior
		other.Slots = []radio.Slot{other.Slots[0]}
		other.Slots[0].ID, other.Slots[0].Cron = radio.NewID[radio.SlotID](), "58 16 * * *"
		other.Slots[0].Items = []radio.Entry{other.Slots[0].Items[0]}
		other.Slots[0].Items[0].ID = radio.NewID[radio.EntryID]()
		p.Schedules[0].GraceSeconds = grace
		p.Schedules = append(p.Schedules, other)
	}
	once := func(p *radio.PlanChange) { p.Schedules[0].Slots[0].Cron = "0 5 * * *" }
	cases := []struct {
		name   string
		change func(*radio.PlanChange)
		lay    func(h *house)
		at     radio.Millis
	}{
		{"aired", nil, func(h *house) {
			h.record(radio.Record{At: local(-1, 6, 0), Kind: radio.RecordBoot, Booted: &radio.BootRecord{Version: "1", Why: "start"}})
			w := word(at, radio.Aired, "", 300)
			w.Journal, w.Seq = h.journal, 44
			h.put(h.row(at), w)
		}, at},
		{"aired in spite of a fault", nil, func(h *house) {
			h.put(h.row(at), word(at, radio.Aired, "", 300))
			h.fault(radio.Fault{Kind: radio.FaultDisk, OpenedAt: at.Add(-time.Hour), ClosedAt: at.Add(time.Hour)})
		}, at},
		{"in the middle", nil, func(h *house) { h.put(h.row(at), word(at, radio.Aired, "", 300)) }, at.Add(150 * time.Second)},
		{"refused by the permitted hours", func(p *radio.PlanChange) { p.Policies[0].Windows[0].From = 6 * 60 }, func(h *house) {
			h.put(h.row(at), word(at, radio.Refused, radio.ReasonPolicy, 0))
		}, at},
		{"refused by a cap", nil, func(h *house) { h.put(h.row(at), word(at, radio.Refused, radio.ReasonPolicy, 0)) }, at},
		{"missed because something else sounded", nil, func(h *house) {
			h.put(h.row(at), word(at, radio.Missed, radio.ReasonOverlap, 0))
			other := h.row(at)
			other.Key.Schedule, other.Priority, other.Title, other.ScheduleCode = radio.NewID[radio.ScheduleID](), radio.Prior, "Thông báo bão", "bao"
			other.Airing, other.Start = other.Key.ID(), at.Add(-time.Minute)
			other.Key.SlotAt = other.Start
			h.put(other, word(other.Start, radio.Aired, "", 300))
		}, at},
		{"not synced", nil, func(h *house) {
			h.must(h.db.AddIssued(h.t.Context(), radio.Issued{Device: h.place.Device.ID, Document: "programme", Revision: 9, IssuedAt: at.Add(-time.Hour), Digest: "y", Payload: []byte("{}"), Envelope: []byte("{}")}))
			r := h.row(at)
			r.Revision, r.Held = 9, 9
			h.put(r, centreWord(at, radio.Missed, radio.ReasonNotSynced))
		}, at},
		{"clock", nil, func(h *house) {
			h.record(radio.Record{At: at.Add(-5 * time.Minute), Kind: radio.RecordClock, Step: &radio.ClockRecord{From: "holdover", To: "untrusted"}})
			h.put(h.row(at), word(at, radio.Missed, radio.ReasonClock, 0))
			h.fault(radio.Fault{Kind: radio.FaultClock, OpenedAt: at.Add(-3 * time.Minute)})
			h.view(true, func(s *radio.Status) { s.Clock.State = "untrusted" })
		}, at},
		{"power cut", nil, func(h *house) {
			h.record(radio.Record{At: at.Add(2 * time.Minute), Kind: radio.RecordBoot, Booted: &radio.BootRecord{Version: "1", Why: "start"}})
			r := word(at, radio.Partial, radio.ReasonOff, 40)
			r.AtLeast, r.StartedAt = true, 0
			h.put(h.row(at), r)
		}, at},
		{"no output twice", nil, func(h *house) {
			h.put(h.row(local(-1, 17, 0)), word(local(-1, 17, 0), radio.Failed, radio.ReasonOutput, 0))
			h.record(radio.Record{At: at.Add(time.Second), Kind: radio.RecordFault, Fault: &radio.FaultRecord{Code: "output", Open: true, Text: "no such device"}})
			h.put(h.row(at), word(at, radio.Failed, radio.ReasonOutput, 0))
			h.fault(radio.Fault{Kind: radio.FaultOutput, OpenedAt: at.Add(time.Minute), ClosedAt: at.Add(time.Hour)})
		}, at},
		{"silent", nil, func(h *house) {
			day := local(-2, 5, 0)
			h.put(h.row(day), centreWord(day.Add(24*time.Hour), radio.Silent, ""))
			h.fault(radio.Fault{Kind: radio.FaultOffline, OpenedAt: day.Add(-time.Hour)})
			h.view(false, func(*radio.Status) {})
		}, local(-2, 5, 0)},
		{"overdue", nil, func(h *house) { h.put(h.row(at)) }, at},
		{"emergency cuts it", nil, func(h *house) {
			h.put(h.row(at), word(at, radio.Preempted, radio.ReasonPriority, 60))
			alert := radio.AsRun{Origin: radio.FromAlert, Key: (radio.Alert{ID: radio.NewID[radio.AlertID]()}).CycleKey(h.place.Device.ID, 1, at.Add(time.Minute)), Priority: radio.Emergency,
				Start: at.Add(time.Minute), Samples: 30 * radio.SampleRate, Title: "Xả lũ khẩn cấp", Hamlet: h.place.Hamlet().ID, Commune: h.place.Commune().ID, Province: h.place.Province().ID,
				Outcome: radio.PendingOutcome, Day: "2026-11-23"}
			alert.Airing = alert.Key.ID()
			h.put(alert, word(alert.Start, radio.Aired, "", 300))
		}, at},
		{"left out, not approved then", func(p *radio.PlanChange) { p.Bulletins[0].DecidedAt = local(0, 8, 0) }, func(h *house) {
			h.send("programme", 8, local(-1, 8, 0), radio.Programme{Device: h.place.Device.ID, Zone: "Asia/Ho_Chi_Minh"})
		}, at},
		{"withdrawn", nil, func(h *house) {
			gone := h.plan.Schedules[0]
			gone.Version, gone.ApprovedAt, gone.WithdrawnAt = 2, local(-1, 20, 0), local(-1, 20, 0)
			h.must(h.db.AddScheduleVersion(h.t.Context(), gone, radio.DeskAct{At: gone.WithdrawnAt, By: gone.Approver, Action: "schedule.withdraw"}))
			h.put(h.row(at), centreWord(local(-1, 20, 0), radio.Cancelled, radio.ReasonWithdrawn))
		}, at},
		{"moved to another commune since", nil, func(h *house) {
			r := h.row(at)
			r.Commune, r.Hamlet, r.CommuneName, r.HamletName = radio.NewID[radio.AreaID](), radio.NewID[radio.AreaID](), "Xã Cẩm Bình", "Thôn Bình Tân"
			h.put(r, word(at, radio.Aired, "", 300))
		}, at},
		{"will sound", nil, func(*house) {}, local(0, 17, 0)},
		{"will sound next week", nil, func(*house) {}, local(9, 5, 2)},
		{"will be refused on a mourning day", func(p *radio.PlanChange) { p.Policies[0].Mourning = []radio.Date{"2026-11-24"} }, func(*house) {}, local(1, 5, 0)},
		{"will be refused by a cap", func(p *radio.PlanChange) { p.Policies[0].MaxMinutes = 4 }, func(*house) {}, local(1, 5, 0)},
		{"left out by a version changed since", func(p *radio.PlanChange) { p.Bulletins[0].DecidedAt = local(0, 8, 0) }, func(h *house) {
			later := h.plan.Schedules[0]
			later.Version, later.ApprovedAt, later.Slots = 2, local(0, 9, 0), append([]radio.Slot{}, later.Slots...)
			later.Slots[0].Cron = "0 6 * * *"
			h.must(h.db.AddScheduleVersion(h.t.Context(), later, radio.DeskAct{At: later.ApprovedAt, By: later.Approver, Action: "schedule.publish"}))
		}, at},
		{"will give way", func(p *radio.PlanChange) { clashing(p, 600) }, func(*house) {}, local(0, 17, 4)},
		{"decided ahead that it will be left out", func(p *radio.PlanChange) { clashing(p, 30) }, func(h *house) {
			h.put(h.row(local(0, 17, 0)), centreWord(local(-1, 17, 0), radio.Missed, radio.ReasonOverlap))
		}, local(0, 17, 0)},
		{"left out for what did not sound either", nil, func(h *house) {
			h.put(h.row(at), centreWord(at.Add(-time.Hour), radio.Missed, radio.ReasonOverlap))
			other := h.row(at)
			other.Key.Schedule, other.Key.Slot, other.Priority, other.Title, other.ScheduleCode = radio.NewID[radio.ScheduleID](), radio.NewID[radio.SlotID](), radio.Prior, "Thông báo bão", "bao"
			other.Airing, other.Start = other.Key.ID(), at.Add(-time.Minute)
			other.Key.SlotAt = other.Start
			h.put(other, word(other.Start, radio.Missed, radio.ReasonOff, 0))
		}, at},
		{"may be refused by a cap today", func(p *radio.PlanChange) { p.Policies[0].MaxMinutes = 8 }, func(*house) {}, local(0, 17, 0)},
		{"rules changed since", nil, func(h *house) {
			next := h.plan.Policies[0]
			next.Version, next.Label, next.Windows, next.ApprovedAt = 2, "QĐ 40/QĐ-UBND", []radio.Window{{From: 6 * 60, To: 20 * 60}}, local(0, 8, 0)
			h.must(h.db.ApplyPlan(h.t.Context(), radio.PlanChange{Author: h.plan.Author, Approver: h.plan.Approver, At: local(0, 8, 0), Policies: []radio.PolicyRule{next}}))
			h.put(h.row(at), word(at, radio.Aired, "", 300))
		}, at},
		{"retired since", nil, func(h *house) {
			h.put(h.row(at), word(at, radio.Failed, radio.ReasonOutput, 0))
			h.retire(local(0, 8, 0))
		}, at},
		{"retired", nil, func(h *house) {
			h.retire(local(0, 8, 0))
		}, local(0, 17, 0)},
		{"held by a default that was changed since", nil, func(h *house) {
			h.must(h.db.PutOfferRule(h.t.Context(), radio.OfferRule{Area: h.place.Commune().ID, Default: radio.OfferHold, Hours: 24, By: h.plan.Author, At: local(-12, 9, 0)}))
			h.put(h.row(at), centreWord(local(-1, 9, 0), radio.Declined, radio.ReasonHeld))
			h.must(h.db.PutOfferRule(h.t.Context(), radio.OfferRule{Area: h.place.Commune().ID, Default: radio.OfferAccept, Hours: 24, By: h.plan.Author, At: local(0, 9, 0)}))
		}, at},
		{"will be left out", func(p *radio.PlanChange) {
			p.Bulletins[0].State, p.Bulletins[0].DecidedBy, p.Bulletins[0].DecidedAt = radio.Pending, "", 0
		}, func(*house) {}, local(0, 17, 0)},
		{"not enrolled", func(p *radio.PlanChange) { p.Devices[0].Enrolled = 0 }, func(*house) {}, local(0, 17, 0)},
		{"the documents it held are kept no more", nil, func(h *house) {
			for n, what := range []string{"programme", "policy"} {
				h.record(radio.Record{At: local(-1, 8, n), Kind: radio.RecordRevision, Revision: &radio.RevisionRecord{Document: what, Revision: 5}})
			}
			h.put(h.row(at), word(at, radio.Aired, "", 300))
		}, at},
		{"so long ago that documents are gone", nil, func(h *house) {
			day := local(-130, 5, 0)
			h.put(h.row(day), word(day, radio.Refused, radio.ReasonPolicy, 0))
		}, local(-130, 5, 0)},
		{"its month is archived", nil, func(h *house) {
			h.must(h.db.BeginArchive(h.t.Context(), radio.ArchivedMonth{Month: "2025-11", File: "2025-11.jsonl", SHA256: strings.Repeat("a", 64), VerifiedAt: local(-1, 0, 0)}))
		}, local(-365, 5, 0)},
		{"hours of weekdays", func(p *radio.PlanChange) {
			p.Policies[0].Windows = []radio.Window{{From: 4 * 60, To: 20 * 60, Days: []int{2, 3, 4, 5, 6, 7}}, {From: 6 * 60, To: 20 * 60, Days: []int{1}}}
		}, func(h *house) { h.put(h.row(at), word(at, radio.Refused, radio.ReasonPolicy, 0)) }, at},
		{"will be refused on a holiday", func(p *radio.PlanChange) {
			p.Policies[0].Exceptions = []radio.PolicyException{{From: "2026-11-24", Until: "2026-11-24", Label: "Ngày hội", Windows: []radio.Window{{From: 7 * 60, To: 9 * 60}}}}
		}, func(*house) {}, local(1, 5, 0)},
		{"an alert itself", nil, func(h *house) {
			alert := radio.AsRun{Origin: radio.FromAlert, Key: (radio.Alert{ID: radio.NewID[radio.AlertID]()}).CycleKey(h.place.Device.ID, 1, local(0, 2, 0)), Priority: radio.Emergency,
				Start: local(0, 2, 0), Samples: 30 * radio.SampleRate, Title: "Xả lũ khẩn cấp", Hamlet: h.place.Hamlet().ID, Commune: h.place.Commune().ID, Province: h.place.Province().ID,
				Outcome: radio.PendingOutcome, Day: "2026-11-23"}
			alert.Airing = alert.Key.ID()
			h.put(alert, word(alert.Start, radio.Aired, "", 30))
		}, local(0, 2, 0)},
		{"beyond the end of the schedule", func(p *radio.PlanChange) { p.Schedules[0].Until = "2026-11-30" }, func(*house) {}, local(60, 5, 0)},
		{"nothing planned", nil, func(h *house) { h.put(h.row(at), word(at, radio.Aired, "", 300)) }, local(0, 9, 0)},
		{"nothing planned at night", nil, func(*house) {}, local(0, 23, 30)},
		{"own of the commune", func(p *radio.PlanChange) { p.Schedules[0].Area = p.Areas[1].ID }, func(*house) {}, local(0, 17, 0)},
		{"accepted by the commune", nil, func(h *house) {
			h.say(radio.Decision{Do: radio.DecideAccept, At: local(-3, 9, 0)})
			h.put(h.row(at), word(at, radio.Aired, "", 300))
		}, at},
		{"declined only after it had aired", nil, func(h *house) {
			h.say(radio.Decision{Do: radio.DecideDecline, Reason: "Đám tang", At: at.Add(time.Hour)})
			h.put(h.row(at), word(at, radio.Aired, "", 300))
		}, at},
		{"declined by the commune", nil, func(h *house) {
			h.say(radio.Decision{Do: radio.DecideAccept, At: local(-3, 9, 0)}, radio.Decision{Do: radio.DecideDecline, Date: "2026-11-23", Reason: "Đám tang", At: local(-1, 9, 0)})
			h.put(h.row(at), centreWord(local(-1, 9, 0), radio.Declined, radio.ReasonCommune))
		}, at},
		{"held until the commune accepts", nil, func(h *house) {
			h.must(h.db.PutOfferRule(h.t.Context(), radio.OfferRule{Area: h.place.Commune().ID, Default: radio.OfferHold, Hours: 24, By: h.plan.Author, At: local(-12, 9, 0)}))
			h.put(h.row(at), centreWord(local(-1, 9, 0), radio.Declined, radio.ReasonHeld))
		}, at},
		{"held by a default that was changed since", nil, func(h *house) {
			for _, r := range []radio.OfferRule{{Default: radio.OfferHold, Hours: 36, At: local(-12, 9, 0)}, {Default: radio.OfferAccept, Hours: 6, At: local(0, 9, 0)}} {
				r.Area, r.By = h.place.Commune().ID, h.plan.Author
				h.must(h.db.PutOfferRule(h.t.Context(), r))
			}
			h.put(h.row(at), centreWord(local(-1, 9, 0), radio.Declined, radio.ReasonHeld))
		}, at},
		{"one airing moved", nil, func(h *house) {
			h.say(radio.Decision{Do: radio.DecideMove, Date: "2026-11-24", Time: "17:00", To: 18*60 + 30, Reason: "Lễ hội", At: local(0, 9, 0)})
		}, local(1, 17, 0)},
		{"moved to the same time of another day", nil, func(h *house) {
			h.say(radio.Decision{Do: radio.DecideMove, Date: "2026-11-23", Time: "05:00", To: 5 * 60, ToDate: "2026-11-22", At: local(-3, 9, 0)})
			h.put(h.row(at), centreWord(local(-1, 9, 0), radio.Cancelled, radio.ReasonMoved))
		}, at},
		{"cancelled where it stood before the commune moved it", once, func(h *house) {
			h.say(radio.Decision{Do: radio.DecideMove, To: 18*60 + 30, Reason: "Lễ hội", At: local(-1, 9, 0)})
			h.put(h.row(at), centreWord(local(-1, 9, 0), radio.Cancelled, ""))
		}, at},
		{"will sound where the commune moved it", once, func(h *house) {
			h.say(radio.Decision{Do: radio.DecideMove, To: 18*60 + 30, At: local(0, 9, 0)})
		}, local(0, 18, 30)},
		{"nothing where it stood before the commune moved it", once, func(h *house) {
			h.say(radio.Decision{Do: radio.DecideMove, To: 18*60 + 30, At: local(0, 9, 0)})
		}, local(1, 5, 0)},
		{"will be kept off by the commune", nil, func(h *house) {
			h.say(radio.Decision{Do: radio.DecideDecline, Reason: "Trùng hội nghị", At: local(0, 9, 0)})
		}, local(0, 17, 0)},
		{"order of the commune", func(p *radio.PlanChange) {
			p.Schedules[0].Priority = radio.Prior
			other := p.Schedules[0]
			other.ID, other.Code, other.Title = radio.NewID[radio.ScheduleID](), "bao", "Tin bão"
			other.Slots = []radio.Slot{other.Slots[0]}
			other.Slots[0].ID, other.Slots[0].Cron = radio.NewID[radio.SlotID](), "0 17 * * *"
			other.Slots[0].Items = []radio.Entry{other.Slots[0].Items[0]}
			other.Slots[0].Items[0].ID = radio.NewID[radio.EntryID]()
			p.Schedules[0].GraceSeconds = 600
			p.Schedules = append(p.Schedules, other)
		}, func(h *house) {
			h.must(h.db.AddDecisions(h.t.Context(), []radio.Decision{{Area: h.place.Commune().ID, Schedule: h.plan.Schedules[1].ID, Other: h.plan.Schedules[0].ID, Do: radio.DecideOrder, By: h.plan.Author, At: local(0, 9, 0)}}))
		}, local(0, 17, 5)},
		{"rules that begin at midnight", func(p *radio.PlanChange) {
			next := p.Policies[0]
			next.Version, next.Number, next.Issued, next.Issuer, next.From = 2, "31/QĐ-UBND", "2026-11-10", "UBND xã Cẩm Xuyên", "2026-11-24"
			next.Windows = []radio.Window{{From: 6 * 60, To: 20 * 60}}
			p.Policies = append(p.Policies, next)
		}, func(*house) {}, local(1, 5, 0)},
		{"quiet hours of a hamlet and mourning of the province", func(p *radio.PlanChange) {
			r := p.Policies[0]
			r.ID, r.Label, r.Number, r.Issued, r.Windows, r.Volume = radio.NewID[radio.PolicyID](), "", "15/QĐ-UBND", "2026-10-01", nil, nil
			place := r
			place.ID, place.Target, place.Profile, place.Number, place.Label = radio.NewID[radio.PolicyID](), radio.Target{Area: p.Areas[2].ID}, true, "", "Gần trường học"
			place.Quiet = []radio.Window{{From: 16 * 60, To: 18 * 60}}
			r.Target, r.Windows, r.Mourning = radio.Target{Area: p.Areas[0].ID}, []radio.Window{{From: 5 * 60, To: 21 * 60}}, []radio.Date{"2026-11-23"}
			p.Policies = append(p.Policies, r, place)
		}, func(*house) {}, local(0, 17, 0)},
		{"quiet hours of a hamlet", func(p *radio.PlanChange) {
			place := p.Policies[0]
			place.ID, place.Target, place.Profile, place.Label, place.Windows, place.Volume = radio.NewID[radio.PolicyID](), radio.Target{Area: p.Areas[2].ID}, true, "Gần trường học", nil, nil
			place.Quiet = []radio.Window{{From: 16 * 60, To: 18 * 60}}
			p.Policies = append(p.Policies, place)
		}, func(*house) {}, local(0, 17, 0)},
		{"no rules of its own", func(p *radio.PlanChange) { p.Policies[0].Target = radio.Target{Area: p.Areas[0].ID} }, func(*house) {}, local(0, 17, 0)},
		{"renamed since", nil, func(h *house) {
			h.put(h.row(at), word(at, radio.Aired, "", 300))
			h.change(radio.AreaChange{Kind: radio.RenameArea, From: "2026-11-24", Areas: []radio.AreaID{h.place.Commune().ID}, Name: "Phường Cẩm Xuyên", Number: "NQ 15/NQ-HĐND"})
		}, at},
		{"merged, before", nil, func(h *house) {
			r := h.row(at) // while the commune stood
			h.merge("2026-11-24")
			h.put(r, word(at, radio.Aired, "", 300))
		}, at},
		{"merged, and the old word goes on", nil, func(h *house) {
			h.say(radio.Decision{Do: radio.DecideDecline, Reason: "Trùng hội nghị", At: local(-5, 9, 0)})
			h.merge("2026-11-21")
		}, local(0, 17, 0)},
		{"priority from above, audio on its way", func(p *radio.PlanChange) { p.Schedules[0].Priority = radio.Prior }, func(h *house) {
			h.view(true, func(s *radio.Status) { s.Audio[0].Ready, s.Audio[0].Have = false, 1_000_000 })
		}, local(0, 17, 0)},
		{"audio that cannot be fetched", nil, func(h *house) {
			h.view(true, func(s *radio.Status) {
				s.Audio[0].Ready, s.Audio[0].Have, s.Faults = false, 1_000_000, []radio.FaultStatus{{Code: "fetch", Since: local(0, 8, 0)}}
			})
		}, local(0, 17, 0)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var change []func(*radio.PlanChange)
			if c.change != nil {
				change = append(change, c.change)
			}
			h := newHouse(t, change...)
			c.lay(h)
			x, err := h.explainer(explain.Tellers(h.db)).Explain(t.Context(), h.place.Device.ID, c.at)
			if err != nil {
				t.Fatal(err)
			}
			got := told(x)
			if strings.Contains(got, "%!") {
				t.Errorf("words with holes:\n%s", got)
			}
			for _, a := range x.Airings {
				for _, l := range a.Links {
					if len(l.Sources) == 0 {
						t.Errorf("no row stands behind %q", l.EN)
					}
				}
			}
			file := filepath.Join("testdata", strings.ReplaceAll(strings.ReplaceAll(c.name, ",", ""), " ", "-")+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestTellers: what other rooms know of a kind of link stands in its place in the chain,
// and instead of what was only supposed.
func TestTellers(t *testing.T) {
	h := newHouse(t)
	at := local(0, 17, 0)
	link := func(k radio.ChainKind, text string) explain.Teller {
		return func(_ context.Context, c explain.Case) ([]radio.ChainLink, error) {
			if c.Schedule == nil || c.SlotAt != at || c.Place.Device.ID != h.place.Device.ID {
				t.Errorf("case %+v", c)
			}
			return []radio.ChainLink{{Kind: k, Verdict: radio.ChainStops, VI: text, EN: text}}, nil
		}
	}
	silent := func(context.Context, explain.Case) ([]radio.ChainLink, error) { return nil, nil }
	links := func(more map[radio.ChainKind]explain.Teller) map[radio.ChainKind][]string {
		x, err := h.explainer(more).Explain(t.Context(), h.place.Device.ID, at)
		if err != nil || len(x.Airings) != 1 {
			t.Fatal(err, len(x.Airings))
		}
		out := map[radio.ChainKind][]string{}
		for _, l := range x.Airings[0].Links {
			out[l.Kind] = append(out[l.Kind], l.EN)
		}
		return out
	}
	plain := links(nil)
	if len(plain[radio.ChainDecision]) != 1 || len(plain[radio.ChainPolicy]) != 1 {
		t.Fatalf("%v", plain)
	}
	told := links(map[radio.ChainKind]explain.Teller{radio.ChainDecision: link(radio.ChainDecision, "declined by Xã A"), radio.ChainPolicy: link(radio.ChainPolicy, "Quy chế số 3")})
	if got := told[radio.ChainDecision]; len(got) != 1 || got[0] != "declined by Xã A" {
		t.Errorf("decision: %q", got)
	}
	if got := told[radio.ChainPolicy]; len(got) != 2 || got[0] != plain[radio.ChainPolicy][0] || got[1] != "Quy chế số 3" {
		t.Errorf("policy: %q", got)
	}
	if got := links(map[radio.ChainKind]explain.Teller{radio.ChainDecision: silent})[radio.ChainDecision]; len(got) != 1 || got[0] != plain[radio.ChainDecision][0] {
		t.Errorf("a teller without a word: %q", got)
	}
	failing := func(context.Context, explain.Case) ([]radio.ChainLink, error) { return nil, radio.ErrUnavailable }
	if _, err := h.explainer(map[radio.ChainKind]explain.Teller{radio.ChainPlace: failing}).Explain(t.Context(), h.place.Device.ID, at); !errors.Is(err, radio.ErrUnavailable) {
		t.Errorf("a teller that fails: %v", err)
	}
}

func TestExplainRefuses(t *testing.T) {
	h := newHouse(t)
	e := h.explainer(nil)
	if _, err := e.Explain(t.Context(), radio.NewID[radio.DeviceID](), local(0, 5, 0)); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("no such device: %v", err)
	}
	for _, at := range []radio.Millis{0, -1, local(0, 5, 0).Add(11 * 366 * 24 * time.Hour)} {
		if _, err := e.Explain(t.Context(), h.place.Device.ID, at); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("at %d: %v", at, err)
		}
	}
	if _, err := e.Diagnose(t.Context(), radio.NewID[radio.DeviceID]()); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("diagnosis of no device: %v", err)
	}
}

// TestDiagnose: signs are read from what the device said and what became of its airings.
func TestDiagnose(t *testing.T) {
	h := newHouse(t)
	rules := func() string {
		x, err := h.explainer(nil).Diagnose(t.Context(), h.place.Device.ID)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range x.Findings {
			out = append(out, f.Rule)
		}
		return strings.Join(out, " ")
	}
	want := func(what, want string) {
		t.Helper()
		if got := rules(); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	want("in order", "")
	lacks := func(due radio.Millis, faults ...radio.FaultStatus) {
		h.view(true, func(s *radio.Status) { s.Audio[0].Ready, s.Audio[0].Due, s.Faults = false, due, faults })
	}
	lacks(0)
	want("audio for a day that is far, not fetched yet", "")
	lacks(local(0, 17, 0))
	want("audio for the evening, not fetched yet", "")
	lacks(local(0, 10, 30))
	want("half an hour before, and not there", "no_audio")
	lacks(local(0, 17, 0), radio.FaultStatus{Code: "fetch", Since: local(0, 9, 0)})
	want("fetching does not work", "no_audio")
	h.view(true, func(*radio.Status) {})
	h.put(h.row(local(0, 9, 54)))
	h.put(h.row(local(0, 9, 48)))
	want("word may still be on its way", "")
	h.put(h.row(local(0, 5, 0)), word(local(0, 5, 0), radio.Failed, radio.ReasonOutput, 0))
	want("one without output", "")
	h.put(h.row(local(-1, 17, 0)), word(local(-1, 17, 0), radio.Failed, radio.ReasonOutput, 0))
	want("two without output", "no_output")
	for n := range 4 {
		h.record(radio.Record{At: local(0, 6+n/2, 0), Kind: radio.RecordBoot, Booted: &radio.BootRecord{Why: "start"}})
	}
	want("and four starts", "no_output restarts")
	h.view(true, func(s *radio.Status) {
		s.Clock.State, s.Paused, s.VolumeDB, s.Disk.FreeBytes = "untrusted", true, -30, 10
		s.Output = radio.OutputStatus{Driver: "null", State: "idle", Amplifier: radio.AmplifierFailed}
		s.Audio[0].Ready, s.Audio[0].Refused = false, true
		s.Last = []radio.Confirmation{{Consumed: 10 * radio.SampleRate, SilenceMS: 6000}}
	})
	h.views[0].Issued["programme"] = radio.DocumentRevision{Revision: 8, IssuedAt: local(0, 9, 0)}
	h.views[0].Certified = local(3, 0, 0)
	want("much at once", "soundless amplifier clock restarts disk_full unproven not_synced paused quiet mute_audio certificate")
	h.view(false, func(*radio.Status) {})
	h.views[0].Certified = 0
	want("away, and no others to tell by", "offline")
}
