package schedule

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

func TestDraftToAir(t *testing.T) {
	b := newDesk(t)
	was := b.onAir("sang")
	form := b.formOf(t, "sang")
	form.Title, form.Slots[0].Times = "Buổi sáng mới", []string{"05:00", "17:00"}
	x := b.save(t, b.editor, radio.DraftSave{Schedule: was.ID, Base: 1, Form: form, Note: "thêm\nbuổi chiều"})
	if x.Doc.Version != 2 || x.Base != 1 || x.State != radio.DraftOpen || x.Doc.Approver != "" || x.Note != "thêm\nbuổi chiều" {
		t.Fatalf("draft %+v", x)
	}
	if s := b.onAir("sang"); s.Version != 1 || s.Title != "Buổi sáng" || b.changed != 0 {
		t.Fatalf("a draft is on the air: %+v", s)
	}
	v, err := b.View(t.Context(), b.approver, was.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fieldNames(v.Changes), "[title//: Buổi sáng → Buổi sáng mới cron/s1/: 0 5 * * 1-6 → 0 5,17 * * 1-6]"; got != want {
		t.Errorf("difference\n got %s\nwant %s", got, want)
	}
	_, err = b.Publish(t.Context(), b.approver, was.ID, x.Revision, false, goodCode)
	wantKind(t, "publish what was not handed in", err, radio.ErrConflict)
	x, err = b.Submit(t.Context(), b.editor, was.ID, x.Revision)
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Publish(t.Context(), b.approver, was.ID, x.Revision, false, goodCode)
	if err != nil {
		t.Fatal(err)
	}
	s := b.onAir("sang")
	if got.Version != 2 || s.Version != 2 || s.Author != b.editor.ID || s.Approver != b.approver.ID || s.ApprovedAt != radio.At(b.now) || b.changed != 1 {
		t.Errorf("on the air %+v, dispatch told %d times", s, b.changed)
	}
	if s.Slots[0].ID != was.Slots[0].ID || s.Slots[0].Items[0].ID != was.Slots[0].Items[0].ID {
		t.Error("ids moved: airings would change their names")
	}
	if len(b.drafts.drafts) != 0 {
		t.Error("the draft stays")
	}
	var actions []string
	for _, a := range b.drafts.acts {
		actions = append(actions, a.Action+" "+string(a.By))
	}
	want := []string{"schedule.draft " + string(b.editor.ID), "schedule.submit " + string(b.editor.ID), "schedule.publish " + string(b.approver.ID)}
	if !slices.Equal(actions, want) {
		t.Errorf("audit %v", actions)
	}
}

func TestNobodyPublishesWhatTheyWrote(t *testing.T) {
	b := newDesk(t)
	both := b.editor
	both.Grants = append(both.Grants, radio.Grant{Role: radio.RoleApprover, Area: radio.Everywhere})
	// both writes, another editor only touches it: it stays both's work.
	form := b.formOf(t, "sang")
	form.Title = "Một"
	x := b.save(t, both, radio.DraftSave{Schedule: b.onAir("sang").ID, Base: 1, Form: form})
	form.Title = "Hai"
	other := someone("khac", radio.RoleEditor, radio.Everywhere)
	x = b.submitted(t, other, radio.DraftSave{Schedule: x.Doc.ID, Base: 1, Revision: x.Revision, Form: form})
	_, err := b.Publish(t.Context(), both, x.Doc.ID, x.Revision, true, goodCode)
	wantKind(t, "publish own work", err, radio.ErrForbidden)
	if _, err := b.Publish(t.Context(), b.approver, x.Doc.ID, x.Revision, true, goodCode); err != nil {
		t.Fatal(err)
	}
}

func TestClashesStandAgainstPublication(t *testing.T) {
	b := newDesk(t)
	x := b.submitted(t, b.communeEditor, radio.DraftSave{Form: communeForm("xa-1")})
	for _, c := range []struct {
		name             string
		found            []radio.Conflict
		accept, goes     bool
		blocking, unsafe bool
	}{
		{name: "a clash", found: []radio.Conflict{{Kind: radio.ConflictOverlap}}},
		{name: "a blocking clash, accepted", found: []radio.Conflict{{Kind: radio.ConflictSlot, Blocking: true}}, accept: true, blocking: true},
		{name: "a clash, accepted", found: []radio.Conflict{{Kind: radio.ConflictOverlap}}, accept: true, goes: true},
	} {
		b.clashes.found = c.found
		_, err := b.Publish(t.Context(), b.communeApprover, x.Doc.ID, x.Revision, c.accept, goodCode)
		var clash *radio.ScheduleClash
		if c.goes != (err == nil) || !c.goes && (!errors.As(err, &clash) || clash.Blocking() != c.blocking || !errors.Is(err, radio.ErrConflict)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if asked := b.clashes.asked[0]; asked.Version != 1 || asked.Code != "xa-1" || asked.Approver != b.communeApprover.ID {
		t.Errorf("asked about %+v", asked)
	}
	if last := b.drafts.acts[len(b.drafts.acts)-1]; last.Facts.Conflicts != 1 || last.Facts.Version != 1 {
		t.Errorf("audit does not tell that clashes were accepted: %+v", last)
	}
}

func TestReturnedAndWithdrawn(t *testing.T) {
	b := newDesk(t)
	x := b.submitted(t, b.communeEditor, radio.DraftSave{Form: communeForm("xa-1")})
	_, err := b.Return(t.Context(), b.communeApprover, x.Doc.ID, x.Revision, " ")
	wantKind(t, "return without a reason", err, radio.ErrInvalid)
	_, err = b.Return(t.Context(), b.communeEditor, x.Doc.ID, x.Revision, "vì thế")
	wantKind(t, "return by an editor", err, radio.ErrForbidden)
	x, err = b.Return(t.Context(), b.communeApprover, x.Doc.ID, x.Revision, "sai giờ")
	if err != nil || x.State != radio.DraftReturned || x.ReturnedWhy != "sai giờ" || x.ReturnedBy != b.communeApprover.ID {
		t.Fatalf("%+v, %v", x, err)
	}
	_, err = b.Publish(t.Context(), b.communeApprover, x.Doc.ID, x.Revision, true, goodCode)
	wantKind(t, "publish what was sent back", err, radio.ErrConflict)

	s := b.onAir("sang")
	_, err = b.Withdraw(t.Context(), b.approver, s.ID, 1, "")
	wantKind(t, "withdraw without a reason", err, radio.ErrInvalid)
	_, err = b.Withdraw(t.Context(), b.approver, s.ID, 7, "vì thế")
	wantKind(t, "withdraw another version", err, radio.ErrConflict)
	_, err = b.Withdraw(t.Context(), b.editor, s.ID, 1, "vì thế")
	wantKind(t, "withdraw by an editor", err, radio.ErrForbidden)
	_, err = b.Withdraw(t.Context(), b.communeApprover, s.ID, 1, "vì thế")
	wantKind(t, "withdraw the province's by a commune", err, radio.ErrForbidden)
	s, err = b.Withdraw(t.Context(), b.approver, s.ID, 1, "nội dung đã cũ")
	if err != nil || s.WithdrawnAt == 0 || s.Version != 2 || b.changed != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	// A draft made of it brings it back.
	form := b.formOf(t, "sang")
	x = b.submitted(t, b.editor, radio.DraftSave{Schedule: s.ID, Base: 2, Form: form})
	if s, err = b.Publish(t.Context(), b.approver, s.ID, x.Revision, false, goodCode); err != nil || s.WithdrawnAt != 0 || s.Version != 3 {
		t.Fatalf("brought back: %+v, %v", s, err)
	}
}

func TestStaleSavesAreConflicts(t *testing.T) {
	b := newDesk(t)
	s := b.onAir("sang")
	form := b.formOf(t, "sang")
	form.Title = "Một"
	x := b.save(t, b.editor, radio.DraftSave{Schedule: s.ID, Base: 1, Form: form})
	form.Title = "Hai"
	_, err := b.Save(t.Context(), b.editor, radio.DraftSave{Schedule: s.ID, Base: 1, Form: form})
	wantKind(t, "over a draft not seen", err, radio.ErrConflict)
	_, err = b.Save(t.Context(), b.editor, radio.DraftSave{Schedule: s.ID, Base: 0, Revision: x.Revision, Form: form})
	wantKind(t, "over a version not seen", err, radio.ErrConflict)
	_, err = b.Submit(t.Context(), b.editor, s.ID, x.Revision-1)
	wantKind(t, "submit another draft", err, radio.ErrConflict)
	wantKind(t, "drop another draft", b.Drop(t.Context(), b.editor, s.ID, x.Revision-1), radio.ErrConflict)

	// An import came in between: the draft's base moved.
	x, err = b.Submit(t.Context(), b.editor, s.ID, x.Revision)
	if err != nil {
		t.Fatal(err)
	}
	moved := s
	moved.Version = 2
	b.drafts.put(moved)
	_, err = b.Publish(t.Context(), b.approver, s.ID, x.Revision, false, goodCode)
	wantKind(t, "publish over a version not seen", err, radio.ErrConflict)
	if err := b.Drop(t.Context(), b.editor, s.ID, x.Revision); err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: %v, want kind %v", what, err, kind)
	}
}

func TestRightsByArea(t *testing.T) {
	b := newDesk(t)
	ctx := t.Context()
	province := b.onAir("sang").ID
	x := b.submitted(t, b.communeEditor, radio.DraftSave{Form: communeForm("xa-1")})
	own := x.Doc.ID

	reached := someone("thon-bt", radio.RoleViewer, b.area("thon")) // a hamlet of the commune the schedule is for
	reached.Grants = append(reached.Grants, radio.Grant{Role: radio.RoleViewer, Area: b.area("xa")})
	codes := func(by radio.Person) string {
		list, err := b.List(ctx, by)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, c := range list {
			out = append(out, c.Schedule.Code)
		}
		return strings.Join(out, " ")
	}
	for who, want := range map[*radio.Person]string{
		&b.editor: "sang xa-1", &b.communeEditor: "sang xa-1", &b.communeApprover: "sang xa-1", &b.stranger: "", {}: "", &reached: "sang xa-1",
	} {
		if got := codes(*who); got != want {
			t.Errorf("%s sees %q, want %q", who.Login, got, want)
		}
	}
	_, err := b.View(ctx, b.stranger, own)
	wantKind(t, "a stranger looks", err, radio.ErrNotFound)
	_, err = b.Submit(ctx, b.stranger, own, x.Revision)
	wantKind(t, "a stranger hands in", err, radio.ErrNotFound)
	_, _, err = b.Export(ctx, b.stranger, own, true, FormatYAML)
	wantKind(t, "a stranger exports", err, radio.ErrNotFound)
	_, err = b.Clashes(ctx, b.stranger, own)
	wantKind(t, "a stranger asks for conflicts", err, radio.ErrNotFound)
	_, err = b.Holders(ctx, b.stranger, own)
	wantKind(t, "a stranger asks who has it", err, radio.ErrNotFound)
	_, err = b.Save(ctx, b.communeEditor, radio.DraftSave{Schedule: province, Base: 1, Form: b.formOf(t, "sang")})
	wantKind(t, "a commune edits the province's", err, radio.ErrForbidden)
	_, err = b.Publish(ctx, b.editor, own, x.Revision, true, goodCode)
	wantKind(t, "an editor publishes", err, radio.ErrForbidden)

	// A draft of the province is not shown to a commune, what is on the air is.
	form := b.formOf(t, "sang")
	form.Title = "Kín"
	b.save(t, b.editor, radio.DraftSave{Schedule: province, Base: 1, Form: form})
	v, err := b.View(ctx, b.communeEditor, province)
	if err != nil || v.Draft != nil || v.Pending != nil || len(v.Changes) != 0 || v.OnAir == nil || v.Schedule.Title != "Buổi sáng" {
		t.Errorf("a commune sees the province's draft: %+v, %v", v, err)
	}

	// What a form cannot reach over.
	for name, edit := range map[string]func(*radio.ScheduleForm){
		"slots for another commune":   func(f *radio.ScheduleForm) { f.Area = "khac"; f.Targets = []radio.FormTarget{{Area: "khac"}} },
		"targets in another commune":  func(f *radio.ScheduleForm) { f.Targets = []radio.FormTarget{{Area: "thon"}, {Device: "loa-khac"}} },
		"targets in all the province": func(f *radio.ScheduleForm) { f.Targets = []radio.FormTarget{{Area: "tinh"}} },
		"a schedule of the province":  func(f *radio.ScheduleForm) { f.Area = "tinh" },
		"a hamlet as owner":           func(f *radio.ScheduleForm) { f.Area = "thon" },
		"a code that is taken":        func(f *radio.ScheduleForm) { f.Code = "sang" },
		"an emergency":                func(f *radio.ScheduleForm) { f.Priority = radio.Emergency },
	} {
		f := communeForm("xa-2")
		edit(&f)
		if _, err := b.Save(ctx, b.communeEditor, radio.DraftSave{Form: f}); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Another commune's bulletin is not there for this one; the province may air it.
	for i := range b.store.plan.Bulletins {
		b.store.plan.Bulletins[i].Area = b.area("khac")
	}
	_, err = b.Save(ctx, b.communeEditor, radio.DraftSave{Form: communeForm("xa-2")})
	if got, want := english(err), `slots[0].items[0].bulletin: no bulletin has the code "tin"`; got != want {
		t.Errorf("another's bulletin: %s, want %s", got, want)
	}
	f2 := communeForm("tinh-2")
	f2.Area = "tinh"
	b.save(t, b.editor, radio.DraftSave{Form: f2})
	for i := range b.store.plan.Bulletins {
		b.store.plan.Bulletins[i].Area = b.area("tinh")
	}

	// Without an owner a commune's form is the commune's.
	f := communeForm("xa-3")
	f.Area = ""
	if x := b.save(t, b.communeEditor, radio.DraftSave{Form: f}); x.Doc.Area != b.area("xa") {
		t.Errorf("owner %s", x.Doc.Area)
	}
}

func TestHolders(t *testing.T) {
	b := newDesk(t)
	s := b.onAir("sang")
	devices := map[string]radio.Device{}
	for _, d := range b.store.plan.Devices {
		devices[d.Code] = d
	}
	report := func(code string, revision int64, ready ...radio.SHA256) {
		st := radio.Status{Revisions: radio.RevisionStatus{Programme: revision}}
		for _, h := range ready {
			st.Audio = append(st.Audio, radio.AudioStatus{SHA256: h, Ready: true})
		}
		b.holdings.states = append(b.holdings.states, radio.DeviceState{Device: devices[code].ID, Reported: mustJSON(t, st), LastSeen: 7})
	}
	states := func() map[string]radio.ScheduleHolder {
		hs, err := b.Holders(t.Context(), b.editor, s.ID)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]radio.ScheduleHolder{}
		for _, h := range hs {
			out[h.Code] = h
		}
		return out
	}
	if h := states(); len(h) != 2 || h["loa-1"].State != radio.HoldCentre || h["loa-1"].Place != "Xã, Thôn" {
		t.Fatalf("nothing issued yet: %+v", h)
	}
	b.holdings.issue(t, devices["loa-1"].ID, 10, s)
	b.holdings.issue(t, devices["loa-2"].ID, 20, s)
	if h := states()["loa-1"]; h.State != radio.HoldNever || h.Audio != 2 {
		t.Errorf("issued: %+v", h)
	}
	hash := func(kbps int) (out []radio.SHA256) {
		for _, x := range b.store.plan.Bulletins {
			r, _ := x.Rendition(kbps)
			out = append(out, r.SHA256)
		}
		return out
	}
	report("loa-1", 9, hash(64)...)
	if h := states()["loa-1"]; h.State != radio.HoldWaiting {
		t.Errorf("runs the programme before: %+v", h)
	}
	b.holdings.states = nil
	report("loa-1", 10, hash(64)[:1]...)
	report("loa-2", 20, hash(32)...)
	h := states()
	if h["loa-1"].State != radio.HoldAudio || h["loa-1"].Ready != 1 || h["loa-2"].State != radio.HoldSynced || h["loa-2"].LastSeen != 7 {
		t.Errorf("audio: %+v", h)
	}
	reads := b.holdings.reads
	if states(); b.holdings.reads != reads {
		t.Error("programmes that did not change are read again")
	}
	// A new version: until its programme is issued nobody has it.
	next := s
	next.Version, next.Slots = 2, slices.Clone(s.Slots)
	next.Slots[0].Cron = "0 6 * * *"
	b.drafts.put(next)
	if h := states()["loa-2"]; h.State != radio.HoldCentre {
		t.Errorf("another version is in the programme: %+v", h)
	}
	b.holdings.issue(t, devices["loa-2"].ID, 21, next)
	if h := states()["loa-2"]; h.State != radio.HoldWaiting {
		t.Errorf("issued, not reported: %+v", h)
	}
	// Withdrawn: who has it is who dropped it.
	next.Version, next.WithdrawnAt = 3, 5
	b.drafts.put(next)
	b.holdings.issue(t, devices["loa-2"].ID, 22)
	b.holdings.states = nil
	report("loa-2", 22)
	if h := states(); h["loa-2"].State != radio.HoldSynced || h["loa-1"].State != radio.HoldCentre {
		t.Errorf("withdrawn: %+v", h)
	}
}

func TestNext(t *testing.T) {
	b := newDesk(t)
	list, err := b.List(t.Context(), b.editor)
	if err != nil {
		t.Fatal(err)
	}
	// Sunday 2026-03-01 09:03 in Hà Tĩnh; the slot is 05:00 from Monday to Saturday.
	if at := list[0].Next.Time().Format("2006-01-02T15:04Z07:00"); at != "2026-03-01T22:00Z" || list[0].State != radio.ScheduleOnAir {
		t.Errorf("next %s, %s", at, list[0].State)
	}
	b.now = b.now.AddDate(1, 0, 0)
	if list, err = b.List(t.Context(), b.editor); err != nil || list[0].State != radio.ScheduleEnded || list[0].Next != 0 {
		t.Errorf("a year later: %+v, %v", list[0], err)
	}
}

// An outside walk found it: a schedule whose bulletin was withdrawn still named its next
// time, as if it would sound.
func TestNothingToAirHasNoNextTime(t *testing.T) {
	b := newDesk(t)
	s := b.onAir("sang")
	next := func() radio.Millis {
		t.Helper()
		v, err := b.View(t.Context(), b.editor, s.ID)
		if err != nil {
			t.Fatal(err)
		}
		return v.Next
	}
	if next() == 0 {
		t.Fatal("an approved bulletin has no next time")
	}
	for i := range b.store.plan.Bulletins {
		b.store.plan.Bulletins[i].State = radio.Withdrawn
	}
	if at := next(); at != 0 {
		t.Errorf("next %v although everything was withdrawn", at.Time())
	}
}

// TestLookingIsCheap: a page asks for one world and one list of clashes while nothing
// changes; a draft's new revision, a change of the plan and a minute make it ask anew.
func TestLookingIsCheap(t *testing.T) {
	b := newDesk(t)
	x := b.save(t, b.editor, radio.DraftSave{Form: communeForm("moi")})
	ctx, id := t.Context(), x.Doc.ID
	b.store.generation++
	b.store.still = true
	b.clashes.found = []radio.Conflict{{Kind: radio.ConflictOverlap, Schedule: id}}
	look := func(reads, asked int) {
		t.Helper()
		for range 2 {
			if _, err := b.View(ctx, b.editor, id); err != nil {
				t.Fatal(err)
			}
			if found, err := b.Clashes(ctx, b.editor, id); err != nil || len(found) != 1 {
				t.Fatalf("%+v, %v", found, err)
			}
			if _, err := b.Area(ctx, id); err != nil {
				t.Fatal(err)
			}
			if d, err := b.Difference(ctx, b.editor, id); err != nil || d.Devices != 1 || b.clashes.rehearsed != asked {
				t.Fatalf("%+v, rehearsed %d times, %v", d, b.clashes.rehearsed, err)
			}
			if _, err := b.Difference(ctx, b.stranger, id); !errors.Is(err, radio.ErrNotFound) {
				t.Fatalf("a stranger is told what it changes: %v", err)
			}
			if _, err := b.Clashes(ctx, b.stranger, id); !errors.Is(err, radio.ErrNotFound) {
				t.Fatalf("a stranger is told what is kept: %v", err)
			}
		}
		if b.drafts.reads != reads || len(b.clashes.asked) != asked {
			t.Errorf("world read %d times, want %d; clashes asked for %d times, want %d", b.drafts.reads, reads, len(b.clashes.asked), asked)
		}
	}
	b.drafts.reads = 0
	look(1, 1)
	b.store.generation++
	look(2, 2)
	b.now = b.now.Add(clashLife)
	look(2, 3)
	for n := range 3 * maxClashes {
		b.Desk.clashes.put(clashKey{id, int64(n), 99}, nil, b.now)
	}
	if n := len(b.Desk.clashes.of); n > maxClashes {
		t.Errorf("%d answers are kept", n)
	}
}
