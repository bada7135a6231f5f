package central

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/report"
	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// chained is a database in which one bulletin was scheduled, approved, sent and cut.
type chained struct {
	t     *testing.T
	db    *store.Store
	plan  radio.PlanChange
	row   radio.AsRun
	names map[string]radio.UserID
}

func chainOfRows(t *testing.T) *chained {
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
	c := &chained{t: t, db: db, plan: storetest.SamplePlan(), names: map[string]radio.UserID{}}
	for login, id := range map[string]radio.UserID{"author": c.plan.Author, "approver": c.plan.Approver, "an": radio.NewID[radio.UserID](), "binh": radio.NewID[radio.UserID]()} {
		c.names[login] = id
		c.must(db.AddPerson(t.Context(), radio.Account{ID: id, Login: login, Name: "Ông " + login, PasswordHash: "x", CreatedAt: 1}, "test"))
	}
	c.must(db.ApplyPlan(t.Context(), c.plan))
	b, s, device := c.plan.Bulletins[0], c.plan.Schedules[0], c.plan.Devices[0]
	start := s.ApprovedAt.Add(48 * time.Hour)
	p := radio.Programme{Device: device.ID, Revision: 7, Audio: []radio.ProgrammeAudio{{Bulletin: b.ID, Version: b.Version, Title: b.Title, Renditions: b.Renditions}}}
	p.Approve(0, radio.SignedApproval{Protected: base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"KEY-OF-APPROVER"}`)), At: b.DecidedAt, Signature: "x"})
	payload, err := json.Marshal(p)
	c.must(err)
	envelope := `{"payload":"","signatures":[{"protected":"` + base64.RawURLEncoding.EncodeToString([]byte(`{"kid":"ONLINE"}`)) + `"}]}`
	c.must(db.AddIssued(t.Context(), radio.Issued{Device: device.ID, Document: "programme", Revision: 7, IssuedAt: s.ApprovedAt + 5, NotAfter: start.Add(time.Hour), Digest: "x", Payload: payload, Envelope: []byte(envelope)}))
	key := radio.AiringKey{Device: device.ID, Schedule: s.ID, Slot: s.Slots[0].ID, SlotAt: start, Entry: s.Slots[0].Items[0].ID, Repeat: 1}
	c.row = radio.AsRun{Airing: key.ID(), Key: key, Origin: radio.FromSchedule, Day: "2026-06-03", Start: start, Samples: 60 * radio.SampleRate, Priority: radio.Normal,
		Revision: 7, Held: 7, FrozenAt: start - 1, Bulletin: b.ID, Version: b.Version, Title: b.Title, Outcome: radio.Partial, From: radio.WordDevice,
		StartedAt: start, Consumed: 20 * radio.SampleRate, Expected: 60 * radio.SampleRate, KnownAt: start + 1, Hamlet: "H", Commune: "C", Province: "P"}
	return c
}

func (c *chained) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *chained) put(rows ...radio.AsRun) {
	c.t.Helper()
	var changes []radio.AsRunChange
	for _, r := range rows {
		changes = append(changes, radio.AsRunChange{Row: r})
	}
	c.must(c.db.Log(c.t.Context(), func(tx *store.LogTx) error { return tx.PutAsRuns(c.t.Context(), changes) }))
}

// steps tells who answers for a row: "act who (key)".
func (c *chained) steps(row radio.AsRun) string {
	c.t.Helper()
	steps, err := report.NewTrail(c.db).Steps(c.t.Context(), row)
	c.must(err)
	var out []string
	for _, s := range steps {
		text := string(s.Act)
		if s.Name != "" {
			text += " " + s.Name
		}
		if s.Key != "" {
			text += " by " + s.Key
		}
		if s.Do != "" {
			text += " " + string(s.Do) + " " + string(s.Came)
		}
		out = append(out, text)
	}
	return strings.Join(out, "\n")
}

func (c *chained) want(row radio.AsRun, lines ...string) {
	c.t.Helper()
	if got, want := c.steps(row), strings.Join(lines, "\n"); got != want {
		c.t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

var planned = []string{"bulletin_made Ông author", "bulletin_approved Ông approver by KEY-OF-APPROVER", "schedule_written Ông author", "schedule_published Ông approver", "programme_issued by ONLINE"}

// TestTrailOfAPlannedAiring: from the bulletin to the programme; a version of the schedule
// that was published after the programme was issued did not make it sound.
func TestTrailOfAPlannedAiring(t *testing.T) {
	c := chainOfRows(t)
	c.row.Outcome, c.row.Reason = radio.Aired, ""
	c.put(c.row)
	c.want(c.row, planned...)
	later := c.plan.Schedules[0]
	later.Version, later.Author, later.Approver, later.ApprovedAt = 2, c.names["an"], c.names["binh"], c.row.Start-1
	c.must(c.db.AddScheduleVersion(t.Context(), later, radio.DeskAct{At: later.ApprovedAt, By: later.Approver, Action: "schedule.publish"}))
	c.want(c.row, planned...)
	// A document that is kept no more takes its step with it, and the rest is told.
	old := c.row
	old.Revision, old.Held = 3, 3
	if got := c.steps(old); strings.Contains(got, "programme_issued") || !strings.Contains(got, "bulletin_approved Ông approver") || !strings.Contains(got, "schedule_published Ông binh") {
		t.Error(got)
	}
}

// TestTrailOfAStop: the command that stopped it, by whom; not one that failed, that was for
// another airing, for another device or for another time.
func TestTrailOfAStop(t *testing.T) {
	c := chainOfRows(t)
	c.row.Reason = radio.ReasonStopped
	c.put(c.row)
	order := func(do radio.CommandKind, by string, at radio.Millis, device radio.DeviceID, airing radio.AiringID, state radio.ReceiptState) {
		b := radio.CommandBatch{ID: radio.NewID[radio.BatchID](), Do: do, Airing: airing, Area: c.plan.Areas[1].ID, By: c.names[by], IssuedAt: at, ExpiresAt: at.Add(time.Minute)}
		target := radio.CommandTarget{ID: radio.NewID[radio.CommandID](), Device: device}
		c.must(c.db.AddCommands(t.Context(), b, []radio.CommandTarget{target}, "x", radio.AuditFacts{}))
		c.must(c.db.Log(t.Context(), func(tx *store.LogTx) error {
			return tx.PutReceipts(t.Context(), []radio.Receipt{{Device: device, ID: string(target.ID), State: state, At: at + 100, Received: at + 200}})
		}))
	}
	device, in := c.row.Key.Device, c.row.Start.Add(20*time.Second)
	order(radio.CommandStop, "binh", in.Add(-time.Hour), device, "", radio.ReceiptDone)
	order(radio.CommandVolume, "binh", in, device, "", radio.ReceiptDone)
	order(radio.CommandStop, "binh", in, device, "", radio.ReceiptExpired)
	order(radio.CommandStop, "binh", in, device, radio.NewID[radio.AiringID](), radio.ReceiptDone)
	order(radio.CommandStop, "an", in, device, c.row.Airing, radio.ReceiptDone)
	c.want(c.row, append(planned, "commanded Ông an stop done")...)
}

// TestTrailOfAnAlert: what cut it was an alert; who composed and signed that stands with
// the airing it cut and with its own cycle; a stop at the pole names the PIN, not a person.
func TestTrailOfAnAlert(t *testing.T) {
	c := chainOfRows(t)
	c.row.Outcome, c.row.Reason = radio.Preempted, radio.ReasonPriority
	at := c.row.Start.Add(-time.Minute)
	a := radio.AlertRecord{ID: radio.NewID[radio.AlertID](), Version: 1, State: radio.AlertDraft, ComposedBy: c.names["an"], ComposedName: "Ông an", ComposedAt: at,
		Wish: radio.AlertWish{Area: c.plan.Areas[1].ID, Headline: "Lũ về"}}
	c.must(c.db.ComposeAlert(t.Context(), a, a.ComposedBy, at))
	a.Paper = radio.AlertPaper{Envelope: []byte("x"), ExpiresAt: at.Add(time.Hour), SentAt: at + 2, Signatures: []radio.AlertSignature{{Person: c.names["binh"], KID: "KEY-OF-BINH", At: at + 2}}}
	c.must(c.db.SignAlert(t.Context(), a, 0, nil))
	signed := []string{"alert_composed Ông an", "alert_signed Ông binh by KEY-OF-BINH"}

	cycle := radio.AsRun{Origin: radio.FromAlert, Key: (radio.Alert{ID: a.ID}).CycleKey(c.row.Key.Device, 1, c.row.Start.Add(20*time.Second)), Priority: radio.Emergency,
		Start: c.row.Start.Add(20 * time.Second), StartedAt: c.row.Start.Add(20 * time.Second), Samples: 30 * radio.SampleRate, Consumed: 30 * radio.SampleRate,
		Outcome: radio.Aired, From: radio.WordDevice, Hamlet: "H", Commune: "C", Province: "P"}
	cycle.Airing = cycle.Key.ID()
	long := cycle // one of a week ago
	long.Key = (radio.Alert{ID: radio.NewID[radio.AlertID]()}).CycleKey(c.row.Key.Device, 1, c.row.Start.Add(-7*24*time.Hour))
	long.Airing, long.Start, long.StartedAt = long.Key.ID(), long.Key.SlotAt, long.Key.SlotAt
	c.put(c.row, cycle, long)
	c.want(c.row, append(planned, signed...)...)
	c.want(cycle, signed...)

	local := cycle
	local.Origin, local.Reason, local.Outcome = radio.FromLocal, radio.ReasonLocalStop, radio.Partial
	c.want(local, append(signed, "local_start", "local_stop")...)

	tone := radio.AsRun{Origin: radio.FromLocal, Key: radio.AiringKey{Device: c.row.Key.Device}, StartedAt: at}
	c.want(tone, "local_start")

	a.State = radio.AlertIssued
	a.Tomb = radio.AlertPaper{Envelope: []byte("y"), ExpiresAt: at.Add(time.Hour), SentAt: at + 9, Signatures: []radio.AlertSignature{{Person: c.names["an"], KID: "KEY-OF-AN", At: at + 9}}}
	c.must(c.db.SignTomb(t.Context(), a, 0))
	cancelled := cycle
	cancelled.Outcome, cancelled.Reason = radio.Partial, radio.ReasonCancelled
	c.want(cancelled, append(signed, "alert_cancelled Ông an by KEY-OF-AN")...)
}

// TestTrailOfAWithdrawal: who took the schedule off the air before it could sound.
func TestTrailOfAWithdrawal(t *testing.T) {
	c := chainOfRows(t)
	c.row.Outcome, c.row.Reason, c.row.StartedAt, c.row.Consumed = radio.Cancelled, radio.ReasonWithdrawn, 0, 0
	c.put(c.row)
	gone := c.plan.Schedules[0]
	gone.Version, gone.Approver, gone.ApprovedAt, gone.WithdrawnAt = 2, c.names["an"], c.row.Start-5, c.row.Start-5
	c.must(c.db.AddScheduleVersion(t.Context(), gone, radio.DeskAct{At: gone.WithdrawnAt, By: gone.Approver, Action: "schedule.withdraw"}))
	c.want(c.row, append(planned, "schedule_withdrawn Ông an")...)
}
