package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func deskSuites() []Suite {
	return []Suite{
		{"desk: a draft is kept, edited, dropped", draftLife},
		{"desk: steps move what was read, and are told", deskSteps},
		{"desk: every word comes back as it was written", deskNaughtyStrings},
		{"desk: lists show what the reader may see", deskLists},
		{"desk: search", deskSearch},
		{"desk: pages of a list", deskPages},
		{"desk: who heard what", deskListening},
		{"desk: which devices played a version", deskHolders},
		{"desk: imports leave histories", deskImported},
	}
}

// decision moves a bulletin from one state to a decided one.
func decision(from, to radio.Bulletin) radio.BulletinMove {
	step, _ := radio.DecisionStep(to.State)
	return radio.BulletinMove{Step: step, From: from, To: to, By: to.DecidedBy, At: to.DecidedAt, Why: to.DecidedWhy}
}

func draft(code string, by radio.UserID) radio.Bulletin {
	b := SampleBulletin(code, 1, by)
	b.State, b.SubmittedAt = radio.Draft, 0
	return b
}

func draftLife(t *testing.T, s *store.Store) {
	ctx, lan := t.Context(), radio.NewID[radio.UserID]()
	v1 := draft("tin", lan)
	v1.Transcript, v1.Peaks = "Kính thưa bà con.\nHết.", []byte{0, 7, 255}
	must(t, s.AddBulletin(ctx, v1))
	got, err := s.Bulletin(ctx, v1.ID, 1)
	must(t, err)
	v1.TranscriptSHA256, v1.Peaks = radio.TranscriptHash(v1.Transcript), nil
	same(t, "draft", got, v1)
	peaks, err := s.Waveform(ctx, v1.Renditions[0].SHA256)
	must(t, err)
	same(t, "waveform", peaks, []byte{0, 7, 255})
	_, err = s.Waveform(ctx, v1.Renditions[1].SHA256)
	wantKind(t, err, radio.ErrNotFound)

	newer := v1
	newer.Title, newer.Renditions, newer.EditedAt, newer.Transcript = "Bản tin đã sửa", SampleBulletin("x", 9, lan).Renditions, planAt+5, ""
	newer.ValidFrom, newer.Campaign, newer.Warnings = 0, radio.NewID[radio.CampaignID](), []string{radio.WarnCutOff}
	must(t, s.SaveDraft(ctx, v1, newer, lan, planAt+5))
	wantKind(t, s.SaveDraft(ctx, v1, newer, lan, planAt+6), radio.ErrConflict) // two windows open
	wantKind(t, s.DropDraft(ctx, v1, lan, planAt+6), radio.ErrConflict)
	got, err = s.Bulletin(ctx, v1.ID, 1)
	must(t, err)
	newer.TranscriptSHA256 = ""
	same(t, "edited", got, newer)

	must(t, s.DropDraft(ctx, newer, lan, planAt+7))
	_, err = s.BulletinByCode(ctx, "tin")
	wantKind(t, err, radio.ErrNotFound)
	must(t, s.AddPerson(ctx, radio.Account{ID: lan, Login: "lan", Name: "Nguyễn Thị Lan"}, "test"))
	history, err := s.BulletinHistory(ctx, v1.ID)
	must(t, err)
	event := func(at radio.Millis, step radio.BulletinStep, fields ...string) radio.BulletinEvent {
		return radio.BulletinEvent{At: at, By: lan, Name: "Nguyễn Thị Lan", Step: step, Version: 1, Fields: fields}
	}
	same(t, "history", history, []radio.BulletinEvent{event(planAt+7, radio.StepDelete),
		event(planAt+5, radio.StepEdit, "title", "campaign", "valid_from", "transcript"), event(planAt, "add")})

	// The code is free again, and a dropped second version leaves the first as it is.
	first := SampleBulletin("tin", 1, lan)
	must(t, s.AddBulletin(ctx, first))
	second := draft("tin", lan)
	second.ID, second.Version = first.ID, 2
	must(t, s.AddBulletin(ctx, second))
	wantKind(t, s.DropDraft(ctx, first, lan, planAt), radio.ErrConflict)
	must(t, s.DropDraft(ctx, second, lan, planAt))
	newest, err := s.BulletinByCode(ctx, "tin")
	must(t, err)
	same(t, "the first version", newest, first)
	must(t, s.AddBulletin(ctx, second))
	foreign := second
	foreign.Version, foreign.Area = 3, radio.NewID[radio.AreaID]()
	wantKind(t, s.AddBulletin(ctx, foreign), radio.ErrConflict) // a bulletin stays with its desk
}

func deskSteps(t *testing.T, s *store.Store) {
	ctx, lan, hoa := t.Context(), radio.NewID[radio.UserID](), radio.NewID[radio.UserID]()
	b := draft("tin", lan)
	must(t, s.AddBulletin(ctx, b))
	at := planAt
	take := func(step radio.BulletinStep, by radio.UserID, why string) (was radio.Bulletin) {
		t.Helper()
		at++
		was = b
		next, err := b.Take(step, by, at, why)
		must(t, err)
		must(t, s.MoveBulletin(ctx, radio.BulletinMove{Step: step, From: b, To: next, By: by, At: at, Why: why}))
		got, err := s.Bulletin(ctx, b.ID, 1)
		must(t, err)
		same(t, string(step), got, next)
		b = next
		return was
	}
	take(radio.StepSubmit, lan, "")
	seen := b
	take(radio.StepTakeBack, lan, "")
	take(radio.StepSubmit, lan, "")
	// An approval of what was handed in before, whatever was changed since.
	old, err := seen.Take(radio.StepApprove, hoa, at, "")
	must(t, err)
	wantKind(t, s.MoveBulletin(ctx, radio.BulletinMove{Step: radio.StepApprove, From: seen, To: old, By: hoa, At: at}), radio.ErrConflict)
	take(radio.StepApprove, hoa, "")
	take(radio.StepWithdraw, hoa, "sai số liệu")
	log, err := s.Audit(ctx, string(b.ID), 1)
	must(t, err)
	if len(log) != 1 || log[0].Action != "bulletin.withdraw" || log[0].Actor != string(hoa) || log[0].Facts == nil || !reflect.DeepEqual(*log[0].Facts, radio.AuditFacts{Code: "tin", Title: b.Title, Version: 1, Why: "sai số liệu"}) {
		t.Errorf("audit %+v", log)
	}
}

// NaughtyStrings are texts that have broken programs: quotes, markup, directions, marks
// in heaps, the edge of the planes.
var NaughtyStrings = []string{
	`'; DROP TABLE bulletin; --`, `"><script>alert(1)</script>`, `{{.Person}} ${x} %s %d %n`, `\`, `%_\%`, `null`, `NaN`, `0`, `-1e999`,
	"Nghị quyết 57-NQ/TW", "ĐƯỜNG LỐI ưỡn ẹo", "﷽", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L", "العربية abc", "a\u200db", "👩‍👩‍👧‍👦🏴", "𝒳\U0010FFFD",
	"a\u2028b", "../../etc/passwd", "=cmd|' /C calc'!A0", "Ω≈ç√∫˜µ≤≥÷",
}

func deskNaughtyStrings(t *testing.T, s *store.Store) {
	ctx, lan := t.Context(), radio.NewID[radio.UserID]()
	for i, text := range NaughtyStrings {
		b := draft(fmt.Sprintf("tin-%d", i), lan)
		b.Title, b.Summary, b.Author, b.PenName, b.Unit, b.Transcript = text, text+"\n"+text, text, text, text, text
		b = b.Tidied()
		if err := b.Check(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		must(t, s.AddBulletin(ctx, b))
		got, err := s.Bulletin(ctx, b.ID, 1)
		must(t, err)
		b.TranscriptSHA256 = radio.TranscriptHash(b.Transcript)
		same(t, text, got, b)
		found, err := s.ListBulletins(ctx, radio.BulletinView{Everything: true}, radio.BulletinFilter{Text: text}, radio.BulletinCursor{}, 100)
		must(t, err)
		if !slices.ContainsFunc(found, func(x radio.Bulletin) bool { return x.ID == b.ID }) {
			t.Errorf("%q is not found by itself", text)
		}
	}
}

func deskLists(t *testing.T, s *store.Store) {
	ctx, lan, hoa := t.Context(), radio.NewID[radio.UserID](), radio.NewID[radio.UserID]()
	areas := SamplePlan().Areas
	other := radio.Area{ID: radio.NewID[radio.AreaID](), Code: "xa-hai", Kind: radio.Commune, Parent: areas[0].ID}
	tree := radio.NewAreaTree(append(slices.Clone(areas), other))
	province, commune := areas[0].ID, areas[1].ID
	add := func(code string, version int, area radio.AreaID, state radio.BulletinState, by radio.UserID, like ...radio.Bulletin) radio.Bulletin {
		t.Helper()
		b := SampleBulletin(code, version, by)
		b.Area, b.State = area, state
		b.CreatedAt += radio.Millis(version) // so that lists have an order
		if len(like) > 0 {
			b.ID = like[0].ID
		}
		must(t, s.AddBulletin(ctx, b))
		return b
	}
	p1 := add("p-tin", 1, province, radio.Approved, lan)
	add("p-tin", 2, province, radio.Draft, lan, p1)
	add("p-nhap", 1, province, radio.Draft, lan)
	add("p-cho", 1, province, radio.Pending, hoa)
	add("p-thu", 1, province, radio.Withdrawn, lan)
	c1 := add("c-tin", 1, commune, radio.Rejected, hoa)
	add("c-tin", 2, commune, radio.Approved, hoa, c1)
	add("o-tin", 1, other.ID, radio.Approved, hoa)
	add("o-nhap", 1, other.ID, radio.Draft, hoa)

	person := func(id radio.UserID, grants ...radio.Grant) radio.Person { return radio.Person{ID: id, Grants: grants} }
	none := radio.NewID[radio.UserID]()
	for name, c := range map[string]struct {
		who  radio.Person
		f    radio.BulletinFilter
		want []string
	}{
		"everywhere":               {person(none, radio.Grant{Role: radio.RoleViewer, Area: radio.Everywhere}), radio.BulletinFilter{}, []string{"c-tin 2", "o-nhap 1", "o-tin 1", "p-cho 1", "p-nhap 1", "p-thu 1", "p-tin 2"}},
		"province":                 {person(none, radio.Grant{Role: radio.RoleEditor, Area: province}), radio.BulletinFilter{}, []string{"c-tin 2", "o-nhap 1", "o-tin 1", "p-cho 1", "p-nhap 1", "p-thu 1", "p-tin 2"}},
		"commune":                  {person(none, radio.Grant{Role: radio.RoleApprover, Area: commune}), radio.BulletinFilter{}, []string{"c-tin 2", "p-thu 1", "p-tin 1"}},
		"two communes":             {person(none, radio.Grant{Role: radio.RoleEditor, Area: commune}, radio.Grant{Role: radio.RoleOperator, Area: other.ID}), radio.BulletinFilter{}, []string{"c-tin 2", "o-nhap 1", "o-tin 1", "p-thu 1", "p-tin 1"}},
		"provider of the province": {person(none, radio.Grant{Role: radio.RoleProvider, Area: province}), radio.BulletinFilter{}, []string{"c-tin 2", "o-tin 1", "p-thu 1", "p-tin 1"}},
		"provider of a commune":    {person(hoa, radio.Grant{Role: radio.RoleProvider, Area: commune}), radio.BulletinFilter{}, []string{"c-tin 2", "p-thu 1", "p-tin 1"}},
		"provider, own ones too":   {person(hoa, radio.Grant{Role: radio.RoleProvider, Area: province}), radio.BulletinFilter{}, []string{"c-tin 2", "o-nhap 1", "o-tin 1", "p-cho 1", "p-thu 1", "p-tin 1"}},
		"mine":                     {person(hoa, radio.Grant{Role: radio.RoleEditor, Area: radio.Everywhere}), radio.BulletinFilter{Author: hoa}, []string{"c-tin 2", "o-nhap 1", "o-tin 1", "p-cho 1"}},
		"by state":                 {person(none, radio.Grant{Role: radio.RoleEditor, Area: province}), radio.BulletinFilter{State: radio.Approved}, []string{"c-tin 2", "o-tin 1"}},
		"by area":                  {person(none, radio.Grant{Role: radio.RoleEditor, Area: province}), radio.BulletinFilter{Area: commune}, []string{"c-tin 2"}},
		"by field":                 {person(none, radio.Grant{Role: radio.RoleEditor, Area: province}), radio.BulletinFilter{Field: 4}, nil},
		"by campaign":              {person(none, radio.Grant{Role: radio.RoleEditor, Area: province}), radio.BulletinFilter{Campaign: "x"}, nil},
		"no right at all":          {person(lan), radio.BulletinFilter{}, nil},
	} {
		view := c.who.BulletinView(tree)
		list, err := s.ListBulletins(ctx, view, c.f, radio.BulletinCursor{}, 100)
		must(t, err)
		var got []string
		for _, b := range list {
			got = append(got, fmt.Sprintf("%s %d", b.Code, b.Version))
			// The list and the rule about one bulletin never disagree.
			if !c.who.MaySee(b, tree.Chain(b.Area)...) {
				t.Errorf("%s: lists %s version %d, which they may not see", name, b.Code, b.Version)
			}
		}
		slices.Sort(got)
		same(t, name, got, c.want)
		if c.f == (radio.BulletinFilter{}) {
			counts, err := s.CountBulletins(ctx, view)
			must(t, err)
			total := 0
			for _, n := range counts {
				total += n
			}
			if total != len(got) {
				t.Errorf("%s: counts %v of %d", name, counts, len(got))
			}
		}
	}
	list, err := s.Bulletins(ctx)
	must(t, err)
	if slices.ContainsFunc(list, func(b radio.Bulletin) bool { return b.State == radio.Draft }) || len(list) != 5 {
		t.Errorf("drafts in the list for everybody: %d", len(list))
	}
	if p := readPlan(t, s); !slices.ContainsFunc(p.Bulletins, func(b radio.Bulletin) bool { return b.Code == "p-tin" && b.Version == 1 }) {
		t.Error("the plan lacks the version on the air under a draft")
	}
	found, err := s.BulletinsOfSource(ctx, p1.SourceSHA256)
	must(t, err)
	if len(found) != 7 {
		t.Errorf("%d bulletins of one upload", len(found))
	}
	none7, err := s.BulletinsOfSource(ctx, radio.SHA256(strings.Repeat("9", 64)))
	must(t, err)
	same(t, "an upload nobody made", none7, []radio.Bulletin(nil))
}

func deskSearch(t *testing.T, s *store.Store) {
	ctx, lan := t.Context(), radio.NewID[radio.UserID]()
	b := draft("nq57-1", lan)
	b.Title, b.Summary, b.Unit = "Nghị quyết số 57-NQ/TW", "Đẩy mạnh 100% chuyển đổi số", "Sở Khoa học và Công nghệ"
	must(t, s.AddBulletin(ctx, b))
	must(t, s.AddBulletin(ctx, draft("khac", lan)))
	for text, want := range map[string]int{
		"nghi quyet": 1, "NGHỊ QUYẾT": 1, "quyet nghi": 1, "day manh khoa hoc": 1, "nq57": 1, "100%": 1, "%": 1, "_": 0, `\`: 0,
		"nghi quyet 58": 0, "": 2, "   ": 2, "ban tin so 1": 1, "nguyen van a": 2,
	} {
		list, err := s.ListBulletins(ctx, radio.BulletinView{Everything: true}, radio.BulletinFilter{Text: text}, radio.BulletinCursor{}, 100)
		must(t, err)
		if len(list) != want {
			t.Errorf("%q finds %d, want %d", text, len(list), want)
		}
	}
}

func deskPages(t *testing.T, s *store.Store) {
	ctx, lan := t.Context(), radio.NewID[radio.UserID]()
	states := []radio.BulletinState{radio.Draft, radio.Pending, radio.Approved}
	for i := range 13 {
		b := SampleBulletin(fmt.Sprintf("tin-%02d", i), 1, lan)
		b.State, b.CreatedAt = states[i%3], planAt+radio.Millis(i/4) // several of one instant
		must(t, s.AddBulletin(ctx, b))
	}
	all, err := s.ListBulletins(ctx, radio.BulletinView{Everything: true}, radio.BulletinFilter{}, radio.BulletinCursor{}, 100)
	must(t, err)
	var paged []radio.Bulletin
	for after := (radio.BulletinCursor{}); ; {
		page, err := s.ListBulletins(ctx, radio.BulletinView{Everything: true}, radio.BulletinFilter{}, after, 3)
		must(t, err)
		paged = append(paged, page...)
		if len(page) < 3 {
			break
		}
		after = page[2].Cursor()
	}
	same(t, "pages", paged, all)
	for i, b := range all {
		if (i < 4) != (b.State == radio.Pending) {
			t.Errorf("place %d: %s", i, b.State)
		}
	}
}

func deskListening(t *testing.T, s *store.Store) {
	ctx, lan, hoa := t.Context(), radio.NewID[radio.UserID](), radio.NewID[radio.UserID]()
	b := SampleBulletin("tin", 1, lan)
	key := radio.Listening{Person: hoa, Bulletin: b.ID, Version: 1, SHA256: b.Renditions[0].SHA256}
	got, err := s.Listening(ctx, hoa, b.ID, 1, key.SHA256)
	must(t, err)
	key.Spans = []radio.Span{}
	same(t, "nothing yet", got, key)
	hear := func(at radio.Millis, spans ...radio.Span) radio.Listening {
		t.Helper()
		l, err := s.Listen(ctx, key, func(l radio.Listening) (radio.Listening, error) { return l.Heard(spans, 10*time.Second, at) })
		must(t, err)
		return l
	}
	hear(planAt)
	l := hear(planAt+5000, radio.Span{From: 0, To: 5000})
	got, err = s.Listening(ctx, hoa, b.ID, 1, key.SHA256)
	must(t, err)
	same(t, "heard", got, l)
	if l.FirstAt != planAt || l.LastAt != planAt+5000 || len(l.Spans) != 1 {
		t.Errorf("heard %+v", l)
	}
	// A refused report changes nothing; other audio is another thing.
	_, err = s.Listen(ctx, key, func(l radio.Listening) (radio.Listening, error) { return l, radio.ErrInvalid })
	wantKind(t, err, radio.ErrInvalid)
	got, err = s.Listening(ctx, hoa, b.ID, 1, b.Renditions[1].SHA256)
	must(t, err)
	if got.FirstAt != 0 {
		t.Errorf("heard other audio: %+v", got)
	}
}

func deskHolders(t *testing.T, s *store.Store) {
	ctx := t.Context()
	b := radio.NewID[radio.BulletinID]()
	one, two := radio.DeviceID("01J0000000000000000000000A"), radio.DeviceID("01J0000000000000000000000B")
	issue := func(d radio.DeviceID, revision int64, at radio.Millis, versions ...int) {
		t.Helper()
		i := issuedSample(d, "programme", revision)
		var audio []string
		for _, v := range versions {
			audio = append(audio, fmt.Sprintf(`{"bulletin":%q,"version":%d}`, b, v))
		}
		i.Payload, i.IssuedAt = []byte(`{"audio":[`+strings.Join(audio, ",")+`]}`), at
		addIssued(t, s, i)
	}
	issue(one, 10, issuedAt, 1)
	issue(one, 11, issuedAt, 1)
	issue(two, 10, issuedAt, 1)
	issue(one, 12, issuedAt, 2)
	addIssued(t, s, issuedSample(one, "policy", 99))
	holders := func(version int) []radio.BulletinHolder {
		t.Helper()
		h, err := s.BulletinHolders(ctx, b, version)
		must(t, err)
		return h
	}
	same(t, "version 1", holders(1), []radio.BulletinHolder{{Device: one, Last: 11, Current: 12}, {Device: two, Last: 10, Current: 10}})
	same(t, "version 2", holders(2), []radio.BulletinHolder{{Device: one, Last: 12, Current: 12}})
	same(t, "version 3", holders(3), []radio.BulletinHolder(nil))
	issue(two, 11, issuedAt.Add(101*24*time.Hour))
	same(t, "forgotten with the issued documents", holders(1), []radio.BulletinHolder{{Device: one, Last: 11, Current: 12}})
	bad := issuedSample(one, "programme", 13)
	bad.Payload = []byte(`{`)
	if err := s.AddIssued(ctx, bad); err == nil || errors.Is(err, radio.ErrConflict) {
		t.Errorf("a programme that is no JSON: %v", err)
	}
}

func deskImported(t *testing.T, s *store.Store) {
	c := SamplePlan()
	must(t, s.ApplyPlan(t.Context(), c))
	gone, err := c.Bulletins[0].Decide(radio.Withdrawn, c.Approver, planAt+1, "thu hồi khi nhập")
	must(t, err)
	must(t, s.ApplyPlan(t.Context(), radio.PlanChange{At: planAt + 1, Author: c.Author, Approver: c.Approver, Facts: radio.AuditFacts{File: "again"},
		Decisions: []radio.BulletinDecision{{From: radio.Approved, To: gone}}}))
	log, err := s.Audit(t.Context(), string(c.Bulletins[0].ID), 10)
	must(t, err)
	var said []string
	for _, e := range slices.Backward(log) {
		said = append(said, e.Action+": "+e.Actor)
	}
	same(t, "history", said, []string{"bulletin.add: " + string(c.Author), "bulletin.approve: " + string(c.Approver), "bulletin.withdraw: " + string(c.Approver)})
}
