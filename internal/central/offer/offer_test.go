package offer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/preview"
	"loaxa/internal/central/programme"
	"loaxa/internal/radio"
)

const zone = "Asia/Ho_Chi_Minh"

var now = time.Date(2026, time.November, 23, 1, 0, 0, 0, time.UTC) // Monday 08:00

func id[T ~string](kind byte, n int) T {
	return radio.IDFromBytes[T]([16]byte{1, kind, byte(n >> 8), byte(n)})
}

func area(n int) radio.AreaID { return id[radio.AreaID]('a', n) }

// town is a province of two communes with a cluster each, kept in memory.
type town struct {
	*Desk
	plan    radio.Plan
	places  []radio.Place
	words   []radio.Decision
	rules   []radio.OfferRule
	changed int
}

func newTown() *town {
	h := &town{}
	province := radio.Area{ID: area(1), Kind: radio.Province, Code: "tinh", Name: "Tỉnh", Zone: zone}
	h.plan.Areas = []radio.Area{province}
	for n := 10; n <= 20; n += 10 {
		commune := radio.Area{ID: area(n), Kind: radio.Commune, Code: fmt.Sprint("xa-", n), Name: fmt.Sprint("Xã ", n), Parent: area(1)}
		hamlet := radio.Area{ID: area(n + 1), Kind: radio.Hamlet, Code: fmt.Sprint("thon-", n), Name: fmt.Sprint("Thôn ", n), Parent: area(n)}
		h.plan.Areas = append(h.plan.Areas, commune, hamlet)
		h.places = append(h.places, radio.Place{Device: radio.Device{ID: id[radio.DeviceID]('d', n), Code: fmt.Sprint("cum-", n), Hamlet: hamlet.ID, Rendition: 64, Enrolled: 1}, Chain: []radio.Area{province, commune, hamlet}})
	}
	samples := int64(300 * radio.SampleRate)
	frames := int(samples/radio.FrameSamples) + 1
	h.plan.Bulletins = []radio.Bulletin{{ID: id[radio.BulletinID]('b', 1), Version: 1, Title: "Phòng cháy", State: radio.Approved, Area: area(1),
		Signed:     &radio.ApprovalRow{Area: area(1), SignedApproval: radio.SignedApproval{Protected: "header", At: 1, Signature: "signature"}},
		Renditions: []radio.Rendition{{SHA256: radio.SHA256(strings.Repeat("a", 64)), Kbps: 64, Bytes: int64(frames) * 209, Frames: frames, Samples: samples, Tail: int(int64(frames)*radio.FrameSamples - samples)}}}}
	resolver := programme.Resolver{Stands: func(radio.Bulletin) error { return nil }}
	h.Desk = NewDesk(h, h, preview.New(h, h, resolver, func() time.Time { return now }), func() time.Time { return now }, func() { h.changed++ })
	return h
}

func (h *town) Plan(context.Context) (radio.Plan, error) {
	p := h.plan
	p.Decided = radio.NewDecided(h.words, h.rules)
	return p, nil
}
func (h *town) Places(context.Context) ([]radio.Place, error) { return h.places, nil }
func (h *town) Generation(context.Context) (int64, error) {
	return int64(len(h.words) + len(h.rules) + 1), nil
}
func (h *town) Views(context.Context) ([]radio.DeviceView, error) { return nil, nil }
func (h *town) PersonNames(context.Context) (map[radio.UserID]string, error) {
	return map[radio.UserID]string{"an": "An"}, nil
}
func (h *town) WithdrawnHashes(context.Context, radio.Millis) ([]radio.SHA256, error) {
	return nil, nil
}
func (h *town) AddDecisions(_ context.Context, words []radio.Decision) error {
	for _, w := range words {
		w.N = int64(len(h.words) + 1)
		h.words = append(h.words, w)
	}
	return nil
}
func (h *town) PutOfferRule(_ context.Context, r radio.OfferRule) error {
	r.N = int64(len(h.rules) + 1)
	h.rules = append(h.rules, r)
	return nil
}
func (h *town) Decisions(context.Context, []radio.AreaID, radio.ScheduleID, int) ([]radio.Decision, error) {
	return h.words, nil
}

// lay puts a schedule of one slot on the air, of the province unless it is said otherwise.
func (h *town) lay(n int, rule string, change ...func(*radio.Schedule)) (radio.ScheduleID, radio.SlotID) {
	s := radio.Schedule{ID: id[radio.ScheduleID]('s', n), Code: fmt.Sprint("lich-", n), Title: fmt.Sprint("Lịch ", n), Version: 1, Area: area(1), Priority: radio.Normal,
		Targets: []radio.Target{{Area: area(1)}}, Zone: zone, GraceSeconds: 120, ApprovedAt: radio.At(now),
		Slots: []radio.Slot{{ID: id[radio.SlotID]('l', n), Code: "a", Cron: rule, Items: []radio.Entry{{ID: id[radio.EntryID]('e', n), Kind: radio.KindAudio, Bulletin: id[radio.BulletinID]('b', 1), Repeat: 1}}}}}
	for _, c := range change {
		c(&s)
	}
	h.plan.Schedules = append(h.plan.Schedules, s)
	return s.ID, s.Slots[0].ID
}

func prior(s *radio.Schedule)  { s.Priority = radio.Prior }
func ofXa(s *radio.Schedule)   { s.Area, s.Targets = area(10), []radio.Target{{Area: area(10)}} }
func toXa20(s *radio.Schedule) { s.Targets = []radio.Target{{Area: area(20)}} }

var an = radio.Person{ID: "an", Grants: []radio.Grant{{Role: radio.RoleEditor, Area: area(10)}}}

func (h *town) inbox(t *testing.T) radio.Inbox {
	t.Helper()
	b, err := h.Inbox(t.Context(), area(10))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// states tells the inbox in short.
func states(b radio.Inbox) string {
	var out []string
	for _, o := range b.Offers {
		out = append(out, fmt.Sprint(o.Code, " ", o.State, " ", o.Sounds))
	}
	return strings.Join(out, ", ")
}

func TestInbox(t *testing.T) {
	h := newTown()
	far, _ := h.lay(1, "0 17 * * *", func(s *radio.Schedule) { s.From = "2026-11-25" })
	h.lay(2, "0 17 * * *", toXa20)
	h.lay(3, "30 5 * * *", ofXa)
	h.lay(4, "0 6 * * *", prior)
	soon, soonSlot := h.lay(5, "0 9 * * *")
	h.lay(6, "0 9 * * *", func(s *radio.Schedule) { s.Until = "2026-11-20" })
	// Number 5 sounds within the hour: the twelve hours to answer are over.
	if got := states(h.inbox(t)); got != "lich-1 waiting true, lich-5 by_default true, lich-4 stands true" {
		t.Fatal(got)
	}
	b := h.inbox(t)
	if want := radio.At(time.Date(2026, 11, 24, 22, 0, 0, 0, time.UTC)); b.Offers[0].Schedule != far || b.Offers[0].Deadline != want || b.Waiting() != 1 {
		t.Errorf("deadline %s, want %s", b.Offers[0].Deadline.Time(), want.Time())
	}
	if fmt.Sprint(b.Times) != "[05:30]" || b.Offers[1].Devices != 1 || len(b.Offers[1].Coming) != 14 || b.Offers[1].Items[0] != "Phòng cháy" {
		t.Errorf("times %v, offer %+v", b.Times, b.Offers[1])
	}
	if err := h.SetRule(t.Context(), an, radio.OfferRule{Area: area(10), Default: radio.OfferHold, Hours: 100}); err != nil {
		t.Fatal(err)
	}
	if got := states(h.inbox(t)); got != "lich-5 by_default false, lich-1 by_default false, lich-4 stands true" {
		t.Error("held:", got)
	}
	day := radio.Decision{Schedule: soon, Slot: soonSlot, Date: "2026-11-24", Do: radio.DecideMove, To: 10 * 60, ToDate: "2026-11-26"}
	if err := h.Decide(t.Context(), an, area(10), []radio.Decision{day, {Schedule: far, Do: radio.DecideAccept}}); err != nil {
		t.Fatal(err)
	}
	b = h.inbox(t)
	if got := states(b); got != "lich-5 by_default false, lich-1 accepted true, lich-4 stands true" || h.changed != 2 {
		t.Errorf("%s, %d changes told", got, h.changed)
	}
	first, moved := b.Offers[0].Coming[0], b.Offers[0].Coming[1]
	if first.SoundsAt != 0 || moved.State != radio.OfferMoved || moved.SoundsAt != radio.At(time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)) {
		t.Errorf("held %+v, moved %+v", first, moved)
	}
	if b.Names["an"] != "An" || b.Titles[soon] != "Lịch 5" || len(b.Words) != 2 {
		t.Errorf("words %+v %v %v", b.Words, b.Names, b.Titles)
	}
	if _, err := h.Inbox(t.Context(), area(11)); !errors.Is(err, radio.ErrNotFound) {
		t.Error("a hamlet has an inbox:", err)
	}
	// The same rule again: nothing is written, nobody is named.
	if err := h.SetRule(t.Context(), an, radio.OfferRule{Area: area(10), Default: radio.OfferHold, Hours: 100}); err != nil || len(h.rules) != 1 {
		t.Error(err, h.rules)
	}
}

// What the inbox says of a time is what the planner does with it.
func TestInboxIsWhatIsPlanned(t *testing.T) {
	h := newTown()
	s, sl := h.lay(1, "0 17 * * *")
	for _, w := range [][]radio.Decision{
		{{Schedule: s, Slot: sl, Do: radio.DecideMove, To: 18 * 60}},
		{{Schedule: s, Slot: sl, Date: "2026-11-24", Do: radio.DecideDecline, Reason: "Lễ hội"}},
		{{Schedule: s, Slot: sl, Date: "2026-11-25", Do: radio.DecideAccept}},
		{{Schedule: s, Slot: sl, Date: "2026-11-26", Do: radio.DecideMove, To: 5*60 + 30, ToDate: "2026-11-28"}},
	} {
		if err := h.Decide(t.Context(), an, area(10), w); err != nil {
			t.Fatal(err)
		}
	}
	want := map[radio.Millis]bool{}
	for _, c := range h.inbox(t).Offers[0].Coming {
		if c.SoundsAt != 0 {
			want[c.SoundsAt] = true
		}
	}
	week, err := h.weeks.Week(t.Context(), radio.Target{Area: area(10)}, "2026-11-23", Days)
	if err != nil {
		t.Fatal(err)
	}
	n, declined := 0, 0
	for _, r := range week.Rows {
		switch {
		case r.Outcome == "":
			if n++; !want[r.SlotAt] {
				t.Errorf("planned at %s, the inbox does not say so", r.SlotAt.Time())
			}
		case r.Outcome == radio.Declined && r.Reason == radio.ReasonCommune:
			declined++
		}
	}
	if n != len(want) || n < 10 || declined != 1 {
		t.Errorf("%d planned, %d in the inbox, %d declined", n, len(want), declined)
	}
}

func TestClashes(t *testing.T) {
	h := newTown()
	a, _ := h.lay(1, "0 17 * * *", prior)
	b, _ := h.lay(2, "3 17 * * *", prior, ofXa)
	h.lay(3, "0 6 * * *", prior)
	got := h.inbox(t).Clashes
	if len(got) != 1 || got[0].A != a || got[0].B != b || got[0].Word != nil || got[0].Times != 14 {
		t.Fatalf("clashes %+v", got)
	}
	if err := h.Decide(t.Context(), an, area(10), []radio.Decision{{Schedule: b, Other: a, Do: radio.DecideOrder}}); err != nil {
		t.Fatal(err)
	}
	if got = h.inbox(t).Clashes; len(got) != 1 || got[0].Word == nil || got[0].Word.Schedule != b {
		t.Fatalf("after the word: %+v", got)
	}
}

// TestRefused: what means nothing, and who does not speak for the commune.
func TestRefused(t *testing.T) {
	h := newTown()
	s, sl := h.lay(1, "0 17 * * 1-5")
	p, pl := h.lay(2, "0 6 * * *", prior)
	o, ol := h.lay(3, "0 5 * * *", ofXa)
	e, el := h.lay(4, "0 18 * * *", toXa20)
	m, ml := h.lay(5, "*/5 9-17 * * *")
	for _, c := range []struct {
		name string
		by   radio.Person
		word radio.Decision
		kind error
		say  string
	}{
		{"the province's editor", radio.Person{ID: "s", Grants: []radio.Grant{{Role: radio.RoleEditor, Area: area(1)}}}, radio.Decision{Schedule: s, Slot: sl, Do: radio.DecideAccept}, radio.ErrForbidden, "commune itself"},
		{"everywhere", radio.Person{ID: "s", Grants: []radio.Grant{{Role: radio.RoleApprover, Area: radio.Everywhere}}}, radio.Decision{Schedule: s, Slot: sl, Do: radio.DecideAccept}, radio.ErrForbidden, ""},
		{"priority is not declined", an, radio.Decision{Schedule: p, Slot: pl, Do: radio.DecideDecline, Reason: "x"}, radio.ErrInvalid, "priority"},
		{"its own", an, radio.Decision{Schedule: o, Slot: ol, Do: radio.DecideAccept}, radio.ErrInvalid, "own"},
		{"of another commune", an, radio.Decision{Schedule: e, Slot: el, Do: radio.DecideAccept}, radio.ErrNotFound, ""},
		{"unknown", an, radio.Decision{Schedule: id[radio.ScheduleID]('s', 99), Do: radio.DecideAccept}, radio.ErrNotFound, ""},
		{"unknown slot", an, radio.Decision{Schedule: s, Slot: el, Do: radio.DecideAccept}, radio.ErrNotFound, ""},
		{"no reason", an, radio.Decision{Schedule: s, Slot: sl, Do: radio.DecideDecline, Reason: " "}, radio.ErrInvalid, "reason"},
		{"many times a day", an, radio.Decision{Schedule: m, Slot: ml, Do: radio.DecideMove, To: 60}, radio.ErrInvalid, "more than once"},
		{"one day of many times", an, radio.Decision{Schedule: m, Slot: ml, Date: "2026-11-24", Do: radio.DecideAccept}, radio.ErrInvalid, "too often"},
		{"a past date", an, radio.Decision{Schedule: s, Slot: sl, Date: "2026-11-22", Do: radio.DecideAccept}, radio.ErrInvalid, "date"},
		{"far off", an, radio.Decision{Schedule: s, Slot: sl, Date: "2027-11-22", Do: radio.DecideAccept}, radio.ErrInvalid, "date"},
		{"a Saturday", an, radio.Decision{Schedule: s, Slot: sl, Date: "2026-11-28", Do: radio.DecideAccept}, radio.ErrInvalid, "nothing of the slot"},
		{"to an hour that has passed", an, radio.Decision{Schedule: s, Slot: sl, Date: "2026-11-23", Do: radio.DecideMove, To: 7 * 60}, radio.ErrInvalid, "passed"},
		{"to a date far off", an, radio.Decision{Schedule: s, Slot: sl, Date: "2026-11-24", ToDate: "2026-12-24", Do: radio.DecideMove, To: 7 * 60}, radio.ErrInvalid, "days before or after"},
		{"onto itself", an, radio.Decision{Schedule: s, Slot: sl, Date: "2026-11-24", ToDate: "2026-11-25", Do: radio.DecideMove, To: 17 * 60}, radio.ErrInvalid, "would both come"},
		{"an airing there is not", an, radio.Decision{Schedule: s, Slot: sl, Date: "2026-11-24", Time: "05:00", Do: radio.DecideMove, To: 7 * 60}, radio.ErrInvalid, "time nothing of the slot is still to come at 05:00"},
		{"one of many times", an, radio.Decision{Schedule: m, Slot: ml, Date: "2026-11-24", Time: "09:05", Do: radio.DecideMove, To: 7 * 60}, radio.ErrInvalid, "too often"},
		{"order with a normal one", an, radio.Decision{Schedule: p, Other: s, Do: radio.DecideOrder}, radio.ErrInvalid, "only priority"},
		{"order with a foreign one", an, radio.Decision{Schedule: p, Other: e, Do: radio.DecideOrder}, radio.ErrNotFound, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := h.Decide(t.Context(), c.by, area(10), []radio.Decision{c.word})
			var bad *radio.Invalid
			text := fmt.Sprint(err)
			if errors.As(err, &bad) {
				text = bad.Problems[0].Field + " " + bad.Problems[0].EN
			}
			if !errors.Is(err, c.kind) || !strings.Contains(text, c.say) {
				t.Errorf("%v %q, want %v %q", err, text, c.kind, c.say)
			}
		})
	}
	good := radio.Decision{Schedule: s, Slot: sl, Do: radio.DecideAccept}
	if err := h.Decide(t.Context(), an, area(10), []radio.Decision{good, {Schedule: e, Do: radio.DecideAccept}}); !errors.Is(err, radio.ErrNotFound) {
		t.Error("one of two:", err)
	}
	for _, n := range []int{0, maxWords + 1} {
		if err := h.Decide(t.Context(), an, area(10), make([]radio.Decision, n)); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%d words: %v", n, err)
		}
	}
	if err := h.SetRule(t.Context(), radio.Person{ID: "s", Grants: []radio.Grant{{Role: radio.RoleEditor, Area: area(1)}}}, radio.OfferRule{Area: area(10), Default: radio.OfferHold}); !errors.Is(err, radio.ErrForbidden) {
		t.Error("the province sets the commune's rule:", err)
	}
	if err := h.SetRule(t.Context(), an, radio.OfferRule{Area: area(10), Default: "maybe"}); !errors.Is(err, radio.ErrInvalid) {
		t.Error("a rule of nothing:", err)
	}
	if len(h.words)+len(h.rules)+h.changed != 0 {
		t.Errorf("refused, but kept %+v %+v", h.words, h.rules)
	}
}

// TestInboxOfMerged: the clusters of a commune that was merged stand in the inbox of the
// one that took it as their old commune had decided, until the new one speaks; the programme
// has it the same way.
func TestInboxOfMerged(t *testing.T) {
	h := newTown()
	s, sl := h.lay(1, "0 17 * * *")
	said := func(n int, do radio.DecisionKind, at time.Time) {
		h.words = append(h.words, radio.Decision{N: int64(len(h.words) + 1), Area: area(n), Schedule: s, Slot: sl, Do: do, Reason: "x", By: "an", At: radio.At(at)})
	}
	said(20, radio.DecideDecline, now.AddDate(0, 0, -9))
	said(10, radio.DecideAccept, now.AddDate(0, 0, -8))
	// Commune 20 lies in commune 10 since Saturday.
	p := &h.places[1]
	old := p.Chain[1]
	old.Parent, old.ValidTo = area(10), "2026-11-20"
	p.Chain = []radio.Area{p.Chain[0], h.places[0].Chain[1], old, p.Chain[2]}
	h.plan.Areas[3] = old
	agrees := func(want string, sounding int) {
		t.Helper()
		got := ""
		for _, o := range h.inbox(t).Offers {
			got += fmt.Sprintf("%s %s %d; ", o.Part, o.State, o.Devices)
		}
		week, err := h.weeks.Week(t.Context(), radio.Target{Area: area(10)}, "2026-11-24", 1)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range week.Rows {
			if r.Outcome == "" {
				n += r.DeviceCount
			}
		}
		if got != want || n != sounding {
			t.Errorf("%q, %d sounding; want %q, %d", got, n, want, sounding)
		}
	}
	agrees("Xã 10 accepted 1; Xã 20 declined 1; ", 1)
	if words := h.inbox(t).Words; len(words) != 2 {
		t.Errorf("words %+v", words)
	}
	if err := h.Decide(t.Context(), an, area(10), []radio.Decision{{Schedule: s, Slot: sl, Do: radio.DecideAccept}}); err != nil {
		t.Fatal(err)
	}
	agrees(" accepted 2; ", 2)
	// The old commune's rule goes on in its clusters, and the page says so.
	h.rules = []radio.OfferRule{{N: 1, Area: area(20), Default: radio.OfferHold, Hours: 48, At: radio.At(now.AddDate(0, 0, -9))}}
	if b := h.inbox(t); b.Rule.Hours != radio.DefaultOfferHours || len(b.Parts) != 1 || b.Parts[0].Name != "Xã 20" || b.Parts[0].Rule.Hours != 48 || b.Parts[0].Rule.Default != radio.OfferHold {
		t.Errorf("rules %+v %+v", b.Rule, b.Parts)
	}
	all := h.places
	h.places = h.places[1:] // all of it is the old one's
	if b := h.inbox(t); b.Rule.Hours != 48 || len(b.Parts) != 0 {
		t.Errorf("rules of the old one alone %+v %+v", b.Rule, b.Parts)
	}
	h.places = all
	// A rule that the commune had is set anew for the clusters it took.
	h.rules = []radio.OfferRule{{N: 1, Area: area(10), Default: radio.OfferHold, Hours: 5, At: radio.At(now.AddDate(0, 0, -9))}}
	if err := h.SetRule(t.Context(), an, radio.OfferRule{Area: area(10), Default: radio.OfferHold, Hours: 5}); err != nil || len(h.rules) != 2 {
		t.Error(err, h.rules)
	}
	// Whoever still has a role in the commune of before no longer speaks for its clusters.
	binh := radio.Person{ID: "binh", Grants: []radio.Grant{{Role: radio.RoleEditor, Area: area(20)}}}
	for what, err := range map[string]error{
		"a rule": h.SetRule(t.Context(), binh, radio.OfferRule{Area: area(20), Default: radio.OfferHold, Hours: 5}),
		"a word": h.Decide(t.Context(), binh, area(20), []radio.Decision{{Schedule: s, Slot: sl, Do: radio.DecideDecline, Reason: "x"}}),
	} {
		var told interface{ Vietnamese() string }
		if !errors.Is(err, radio.ErrConflict) || !errors.As(err, &told) || !strings.Contains(told.Vietnamese(), "Xã 10") {
			t.Errorf("%s of a commune that was merged: %v", what, err)
		}
	}
	if len(h.rules) != 2 {
		t.Errorf("kept %+v", h.rules)
	}
}

// TestAnswers: how one schedule stands with every commune to which it is sent, also before
// it is published.
func TestAnswers(t *testing.T) {
	h := newTown()
	s, sl := h.lay(1, "0 17 * * *", func(s *radio.Schedule) { s.From = "2026-11-26" })
	tell := func(doc radio.Schedule) string {
		t.Helper()
		a, err := h.Answers(t.Context(), doc)
		if err != nil {
			t.Fatal(err)
		}
		out := fmt.Sprintf("%d:%d/%d/%d", a.Communes, a.Declined, a.Held, a.Unanswered)
		for _, x := range a.Answers {
			out += fmt.Sprintf(" %s %s %v %v %d %s", x.Name, x.State, x.Sounds, x.Slots, x.Devices, x.Reason)
		}
		return out
	}
	doc := h.plan.Schedules[0]
	code := doc.Slots[0].Code
	for _, c := range []struct{ what, got, want string }{
		{"nobody", tell(doc), "2:0/0/2 Xã 10 waiting true [" + code + "] 1  Xã 20 waiting true [" + code + "] 1 "},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	h.words = []radio.Decision{{N: 1, Area: area(10), Schedule: s, Slot: sl, Do: radio.DecideDecline, Reason: "Lễ hội", At: 1}}
	h.rules = []radio.OfferRule{{N: 1, Area: area(20), Default: radio.OfferHold, Hours: 1, At: 1}}
	if got, want := tell(doc), "2:1/1/0 Xã 10 declined false ["+code+"] 1 Lễ hội Xã 20 waiting false ["+code+"] 1 "; got != want {
		t.Errorf("declined and held: %q, want %q", got, want)
	}
	// A draft that reaches one commune only, with a slot more.
	draft := doc
	draft.ApprovedAt, draft.Targets = 0, []radio.Target{{Area: area(10)}}
	more := doc.Slots[0]
	more.ID, more.Code, more.Cron = id[radio.SlotID]('l', 77), "them", "0 6 * * *"
	draft.Slots = append(append([]radio.Slot{}, doc.Slots...), more)
	if got, want := tell(draft), "1:1/0/1 Xã 10 declined false ["+code+"] 1 Lễ hội Xã 10 waiting true [them] 1 "; got != want {
		t.Errorf("a draft: %q, want %q", got, want)
	}
	own, first := doc, doc
	own.Area, own.Targets = area(10), []radio.Target{{Area: area(10)}}
	first.Priority = radio.Prior
	for _, x := range []radio.Schedule{own, first} {
		if got := tell(x); got != "0:0/0/0" {
			t.Errorf("nobody is asked: %q", got)
		}
	}
}
