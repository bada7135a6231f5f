package schedule

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"loaxa/internal/radio"
)

var testNow = time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)

func apply(t *testing.T, b bench, src *Source) Diff {
	t.Helper()
	d, err := b.Apply(t.Context(), src, "lan", "hoa", testNow)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFirstImportCreatesEverything(t *testing.T) {
	b := newBench()
	plan, err := b.Plan(t.Context(), whole(whatYAML))
	if err != nil {
		t.Fatal(err)
	}
	if b.intake.calls != 0 || len(b.store.applied) != 0 {
		t.Fatal("Plan made audio or wrote")
	}
	d := apply(t, b, whole(whatYAML))
	if plan.Summary() != d.Summary() || d.Count(Created) != 10 || len(d.Changes) != 10 {
		t.Errorf("planned %s, applied %s", plan.Summary(), d.Summary())
	}
	p := b.store.plan
	s := p.Schedules[0]
	if s.Version != 1 || s.Zone != "Asia/Ho_Chi_Minh" || s.GraceSeconds != 90 || s.Priority != radio.Normal ||
		s.Campaign != p.Campaigns[0].ID || s.From != "2026-01-01" || len(s.Except) != 1 || len(s.Targets) != 2 {
		t.Errorf("schedule %+v", s)
	}
	if s.Author == "" || s.Approver == "" || s.Author == s.Approver || s.ApprovedAt != radio.At(testNow) {
		t.Errorf("people of the schedule %+v", s)
	}
	e := s.Slots[0].Items[1]
	if e.Repeat != 2 || e.GapMS != 1500 || e.Kind != radio.KindAudio || !radio.ValidID(e.ID) || !radio.ValidID(s.Slots[0].ID) {
		t.Errorf("entry %+v", e)
	}
	for _, x := range p.Bulletins {
		if x.State != radio.Approved || x.CreatedBy != s.Author || x.DecidedBy != s.Approver || len(x.Renditions) != 2 || x.Version != 1 {
			t.Errorf("bulletin %+v", x)
		}
		// The last instant of 31 December in Hà Tĩnh is 16:59:59.999 UTC.
		if x.Code == "tin" && x.ValidUntil.Time() != time.Date(2026, 12, 31, 17, 0, 0, 0, time.UTC) {
			t.Errorf("valid until %s", x.ValidUntil.Time())
		}
	}
	r := p.Policies[0]
	if r.Zone != s.Zone || r.Target.Area != p.Areas[1].ID || r.Volume[0].GainDB != -6 || len(r.Mourning) != 1 || r.Approver == "" {
		t.Errorf("policy %+v", r)
	}
	if p.Devices[1].Rendition != 32 || p.Devices[0].Rendition != 64 || p.Areas[2].Parent != p.Areas[1].ID {
		t.Errorf("devices %+v areas %+v", p.Devices, p.Areas)
	}
}

func TestSecondImportChangesNothing(t *testing.T) {
	b := newBench()
	apply(t, b, whole(whatYAML))
	calls := b.intake.calls
	d := apply(t, b, whole(whatYAML))
	if d.Changed() || len(b.store.applied) != 1 || b.intake.calls != calls {
		t.Errorf("second import: %s, %d writes, %d intakes", d.Summary(), len(b.store.applied), b.intake.calls-calls)
	}
	var out strings.Builder
	if err := d.Write(&out); err != nil {
		t.Fatal(err)
	}
	if want := "Không có thay đổi. / No changes.\ntinh: 10 không đổi / unchanged\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestEditsKeepIdsAndShowFields(t *testing.T) {
	b := newBench()
	apply(t, b, whole(whatYAML))
	was := b.store.plan.Schedules[0]
	d := apply(t, b, whole(edit(
		`"0 5 * * 1-6"`, `"30 5 * * *"`,
		"          - {code: a, bulletin: nhac}\n", "          - {code: c, bulletin: tin}\n          - {code: a, bulletin: nhac}\n",
		"repeat: 2", "repeat: 3",
		"[{area: xa}, {device: loa-2}]", "[{area: thon}]",
		"grace: 90s", "grace: 2m",
		"from: 2026-01-01\n    until", "until",
	)))
	var out strings.Builder
	if err := d.Write(&out); err != nil {
		t.Fatal(err)
	}
	want := `~ lịch phát / schedule sang “Buổi sáng”
    targets: area xa, device loa-2 → area thon
    from: 2026-01-01 → (trống)
    grace: 90s → 120s
    slot s1 cron: 0 5 * * 1-6 → 30 5 * * *
    + slot s1 item c: tin ×1, gap 0ms
    slot s1 item b: tin ×2, gap 1500ms → tin ×3, gap 1500ms
    slot s1 order: a, b → c, a, b
tinh: 1 đổi / changed, 9 không đổi / unchanged
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	is := b.store.plan.Schedules[0]
	if is.ID != was.ID || is.Version != 2 || is.Slots[0].ID != was.Slots[0].ID ||
		is.Slots[0].Items[1].ID != was.Slots[0].Items[0].ID || is.Slots[0].Items[2].ID != was.Slots[0].Items[1].ID {
		t.Errorf("ids moved:\n%+v\n%+v", was, is)
	}
	if len(b.store.applied[1].Areas)+len(b.store.applied[1].Bulletins)+len(b.store.applied[1].Policies) != 0 {
		t.Errorf("unchanged things written again: %+v", b.store.applied[1])
	}
}

func TestBulletinVersions(t *testing.T) {
	b := newBench()
	apply(t, b, whole(whatYAML))
	calls := b.intake.calls

	apply(t, b, whole(edit("title: Bản tin", "title: Bản tin mới")))
	last := b.store.plan.Bulletins[len(b.store.plan.Bulletins)-1]
	if last.Version != 2 || last.Title != "Bản tin mới" || len(last.Renditions) != 2 || b.intake.calls != calls {
		t.Errorf("new words: %+v, %d intakes", last, b.intake.calls-calls)
	}

	src := source("1-where.yaml", whereYAML, "2-what.yaml", edit("title: Bản tin", "title: Bản tin mới"), "tin.mp3", "tin hai")
	d := apply(t, b, src)
	last = b.store.plan.Bulletins[len(b.store.plan.Bulletins)-1]
	if last.Version != 3 || last.SourceSHA256 != hashOf([]byte("tin hai")) || b.intake.calls != calls+1 || d.Count(Changed) != 1 {
		t.Errorf("new audio: %+v, %d intakes, %s", last, b.intake.calls-calls, d.Summary())
	}
}

func TestPendingBulletinIsApproved(t *testing.T) {
	b := newBench()
	apply(t, b, whole(whatYAML))
	x := &b.store.plan.Bulletins[1]
	x.State, x.DecidedBy, x.DecidedAt, x.Signed = radio.Pending, "", 0, nil
	d := apply(t, b, whole(whatYAML))
	if d.Count(Approved) != 1 || b.store.plan.Bulletins[1].State != radio.Approved || b.store.plan.Bulletins[1].Version != 1 {
		t.Errorf("%s: %+v", d.Summary(), b.store.plan.Bulletins[1])
	}
	// The approver made it: another person must approve.
	x = &b.store.plan.Bulletins[1]
	x.State, x.CreatedBy = radio.Pending, x.DecidedBy
	_, err := b.Apply(t.Context(), whole(whatYAML), "lan", "hoa", testNow)
	if !errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), "2-what.yaml:5:12: ") {
		t.Errorf("own bulletin approved: %v", err)
	}
}

// TestApproverSigns: what comes with approval is signed by the approver named; without
// their signature it waits, and an import with it approves what waits, and again what was
// approved under a key that counts no more.
func TestApproverSigns(t *testing.T) {
	b := newBench()
	signed := func(want ...string) {
		t.Helper()
		if got := b.approvals.signed; !slices.Equal(got, want) {
			t.Errorf("signed %q, want %q", got, want)
		}
		b.approvals.signed = nil
	}
	states := func(want radio.BulletinState, has bool) {
		t.Helper()
		for _, x := range b.store.plan.Bulletins {
			if x.State != want || (x.Signed != nil) != has || (x.DecidedBy != "") != has {
				t.Errorf("%s is %s, decided by %q, signed %+v", x.Code, x.State, x.DecidedBy, x.Signed)
			}
		}
	}
	b.approvals.silent = true
	d := apply(t, b, whole(whatYAML))
	states(radio.Pending, false)
	signed()
	if len(d.Notes) != 2 || !strings.Contains(d.Notes[0], "waits for approval") {
		t.Errorf("notes %q", d.Notes)
	}
	if d = apply(t, b, whole(whatYAML)); d.Changed() || len(d.Notes) != 2 || len(b.store.applied) != 1 {
		t.Errorf("a second run without a signature: %s, %q", d.Summary(), d.Notes)
	}
	b.approvals.silent = false
	if d = apply(t, b, whole(whatYAML)); d.Count(Approved) != 2 || len(d.Notes) != 0 {
		t.Errorf("approved: %s, %q", d.Summary(), d.Notes)
	}
	states(radio.Approved, true)
	signed("nhac 1 by hoa", "tin 1 by hoa")

	b.approvals.lapsed[b.store.plan.Bulletins[1].ID] = true
	b.approvals.silent = true
	if d = apply(t, b, whole(whatYAML)); d.Changed() || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "needs approval again") {
		t.Errorf("lapsed, and nobody signs: %s, %q", d.Summary(), d.Notes)
	}
	b.approvals.silent = false
	if d = apply(t, b, whole(whatYAML)); d.Count(Approved) != 1 {
		t.Errorf("approved again: %s", d.Summary())
	}
	signed("tin 1 by hoa")
	if got := b.store.applied[len(b.store.applied)-1].Decisions; len(got) != 1 || got[0].From != radio.Approved || got[0].To.State != radio.Approved {
		t.Errorf("decisions %+v", got)
	}
	// Who made it does not approve it again either.
	x := &b.store.plan.Bulletins[1]
	x.CreatedBy, b.approvals.lapsed[x.ID] = x.DecidedBy, true
	if _, err := b.Apply(t.Context(), whole(whatYAML), "lan", "hoa", testNow); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("own bulletin approved again: %v", err)
	}
	// No key: nothing of the import is written.
	b = newBench()
	b.approvals.fail = fmt.Errorf("%w: no key", radio.ErrForbidden)
	if _, err := b.Apply(t.Context(), whole(whatYAML), "lan", "hoa", testNow); !errors.Is(err, radio.ErrForbidden) || len(b.store.applied) != 0 {
		t.Errorf("without a key: %v, %d written", err, len(b.store.applied))
	}
}

func TestWithdraw(t *testing.T) {
	b := newBench()
	apply(t, b, whole(whatYAML))
	apply(t, b, whole(edit("title: Bản tin", "title: Bản tin mới"))) // a second approved version
	gone := edit("title: Bản tin, field: 3, file: tin.mp3", "title: Bản tin mới, field: 3, withdrawn: true", "title: Buổi sáng", "title: Buổi sáng\n    withdrawn: true")
	for round, want := range []string{"2 thu hồi / withdrawn, 8 không đổi / unchanged", "10 không đổi / unchanged"} {
		if d := apply(t, b, whole(gone)); d.Summary() != want {
			t.Errorf("round %d: %s", round, d.Summary())
		}
	}
	for _, x := range b.store.plan.Bulletins {
		if x.Code == "tin" && (x.State != radio.Withdrawn || x.DecidedWhy == "") {
			t.Errorf("version %d is %s", x.Version, x.State)
		}
	}
	s := b.store.plan.Schedules[0]
	if s.WithdrawnAt != radio.At(testNow) || s.Version != 2 || len(s.Slots) != 1 {
		t.Errorf("schedule %+v", s)
	}
	// Files that still speak of it do not bring a withdrawn bulletin back, but a
	// schedule laid down again runs again.
	d := apply(t, b, whole(edit("title: Bản tin", "title: Bản tin mới")))
	if d.Count(Left) != 1 || d.Count(Changed) != 1 || b.store.plan.Schedules[0].WithdrawnAt != 0 {
		t.Errorf("laid down again: %s", d.Summary())
	}
	// A withdrawal of what never was is nothing.
	if d := apply(t, newBench(), whole(replaced(gone, "bulletin: tin", "bulletin: nhac"))); d.Count(Ended) != 0 {
		t.Errorf("withdrawn out of nothing: %s", d.Summary())
	}
}

func TestWhatFilesNoLongerHoldIsLeftAlone(t *testing.T) {
	b := newBench()
	apply(t, b, whole(whatYAML))
	d := apply(t, b, source("1-where.yaml", whereYAML[:strings.Index(whereYAML, "policies:")]))
	if d.Changed() || d.Count(Left) != 2 || len(b.store.plan.Schedules) != 1 {
		t.Errorf("%s", d.Summary())
	}
	var out strings.Builder
	if err := d.Write(&out); err != nil || !strings.Contains(out.String(), "· lịch phát / schedule sang") {
		t.Errorf("%v %s", err, out.String())
	}
	// Another province's files say nothing about this one.
	other := `areas: [{code: khac, kind: province, name: Tỉnh khác, zone: Asia/Ho_Chi_Minh}]`
	if d := apply(t, b, source("a.yaml", other)); d.Count(Left) != 0 {
		t.Errorf("other province: %s", d.Summary())
	}
}

func TestPartOfTheFilesMayReferToWhatIsStored(t *testing.T) {
	b := newBench()
	apply(t, b, whole(whatYAML))
	part := `schedules:
  - code: chieu
    title: Buổi chiều
    targets: [{area: tinh}]
    slots: [{code: s, cron: "0 17 * * *", items: [{code: a, bulletin: tin}]}]
`
	if d := apply(t, b, source("chieu.yaml", part)); d.Count(Created) != 1 || d.Count(Left) != 2 {
		t.Errorf("%s", d.Summary())
	}
}

func TestTwoPeople(t *testing.T) {
	for name, c := range map[string]struct {
		author, approver string
		kind             error
	}{
		"the same name":             {"lan", "lan", radio.ErrForbidden},
		"two names of one account":  {"lan", "lan-2", radio.ErrForbidden},
		"no author":                 {"", "hoa", radio.ErrInvalid},
		"no approver":               {"lan", "", radio.ErrInvalid},
		"an author nobody knows":    {"ai", "hoa", radio.ErrNotFound},
		"an approver nobody knows":  {"lan", "ai", radio.ErrNotFound},
		"two different known users": {"lan", "hoa", nil},
		"roles the wrong way round": {"hoa", "lan", radio.ErrForbidden},
		"an author of one commune":  {"xa", "hoa", radio.ErrForbidden},
	} {
		b := newBench()
		_, err := b.Apply(t.Context(), whole(whatYAML), c.author, c.approver, testNow)
		if !errors.Is(err, c.kind) || (c.kind != nil) == (len(b.store.applied) != 0) {
			t.Errorf("%s: %v, %d writes", name, err, len(b.store.applied))
		}
	}
}

func TestAllOrNothing(t *testing.T) {
	b := newBench()
	b.intake.refuse = "tin một"
	_, err := b.Apply(t.Context(), whole(whatYAML), "lan", "hoa", testNow)
	if want := "tinh/2-what.yaml:5:49: tệp im lặng / the file is silent"; err == nil || err.Error() != want || len(b.store.applied) != 0 {
		t.Errorf("got %v, want %s", err, want)
	}
	b = newBench()
	b.store.fail = radio.ErrConflict
	if _, err := b.Apply(t.Context(), whole(whatYAML), "lan", "hoa", testNow); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("store's conflict became %v", err)
	}
}

func TestOneFileIsMadeIntoSoundOnce(t *testing.T) {
	b := newBench()
	apply(t, b, whole(edit(`file: "audio:tune"`, `file: tin.mp3`)))
	if b.intake.calls != 1 {
		t.Errorf("%d intakes", b.intake.calls)
	}
}

func TestOpenSource(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	outside := filepath.Join(t.TempDir(), "secret.mp3")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	write("a.yaml", whereYAML)
	one := write("b.yaml", whatYAML)
	write("tin.mp3", "tin một")
	write(".hidden.yaml", "nonsense: [")
	write("notes.txt", "nonsense: [")

	check := func(path string) error {
		t.Helper()
		src, err := OpenSource(path)
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close() // only read from
		return check(t.Context(), src, nil)
	}
	if err := check(dir); err != nil {
		t.Errorf("folder: %v", err)
	}
	if err := check(one); err == nil || !strings.Contains(err.Error(), "no area has the code") {
		t.Errorf("one file without the areas: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "tin.mp3")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "tin.mp3")); err != nil {
		t.Fatal(err)
	}
	if err := check(dir); err == nil {
		t.Error("a link out of the folder was followed")
	}
	// To open a named pipe would wait for a writer that never comes.
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := check(pipe); !errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a pipe for a file: %v", err)
	}
	write("b.yaml", strings.Replace(whatYAML, "tin.mp3", "pipe", 1))
	if err := check(dir); !errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a pipe for audio: %v", err)
	}
	if _, err := OpenSource(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
}
