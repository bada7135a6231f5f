package library

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/fault"
	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// fakePreparer measures nothing: ten seconds of sound of every text, cut off when the
// text says so.
type fakePreparer struct{ calls int }

func (p *fakePreparer) Ready() error { return nil }

func (p *fakePreparer) Prepare(_ context.Context, src io.Reader) (*Prepared, error) {
	p.calls++
	text, err := io.ReadAll(src)
	if err != nil {
		return nil, err
	}
	sum := func(of string) radio.SHA256 {
		h := sha256.Sum256([]byte(of + string(text)))
		return radio.SHA256(hex.EncodeToString(h[:]))
	}
	const frames = 383 // ten seconds
	r := radio.Rendition{SHA256: sum("64"), Kbps: 64, Bytes: 80_000, Frames: frames, Samples: frames*radio.FrameSamples - 1105, Head: 1105}
	light := r
	light.SHA256, light.Kbps, light.Bytes = sum("32"), 32, 40_000
	out := &Prepared{Seconds: 10, Renditions: []radio.Rendition{r, light}, LUFS: -16, TruePeakDBTP: -1.5, SourceSHA256: sum(""), Peaks: []byte("bars"), Warnings: []string{}}
	if strings.Contains(string(text), "cut") {
		out.Warnings = []string{WarnCutOff}
	}
	return out, nil
}

type fakeKeeper struct {
	kept    []radio.SHA256
	touched []Kept
}

func (k *fakeKeeper) Touch(files ...Kept) error {
	k.touched = append(k.touched, files...)
	return nil
}

func (k *fakeKeeper) Put(_ context.Context, p *Prepared) error {
	k.kept = append(k.kept, p.SourceSHA256)
	return nil
}

// deskBench is a desk over a real database.
type deskBench struct {
	*Desk
	t       *testing.T
	store   *store.Store
	intake  *fakePreparer
	keeper  *fakeKeeper
	pens    *pens
	clock   time.Time
	changes int
	lan     radio.UserID // writes
	hoa     radio.UserID // decides
}

// shelfOf is a store with the view of all devices, as the centre joins them.
type shelfOf struct {
	*store.Store
	*fault.Fleet
}

func newDeskBench(t *testing.T) *deskBench {
	t.Helper()
	s, err := store.Open(t.Context(), storetest.File(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &deskBench{t: t, store: s, intake: &fakePreparer{}, keeper: &fakeKeeper{}, clock: time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC),
		lan: radio.NewID[radio.UserID](), hoa: radio.NewID[radio.UserID]()}
	clock := func() time.Time { return b.clock }
	b.pens = newPens(t, clock, map[radio.UserID]radio.AreaID{b.lan: "P", b.hoa: "P"})
	looks := 0
	fleet := fault.NewFleet(s, func() time.Time { // a view serves for a second: every look is another one's
		looks++
		return b.clock.Add(time.Duration(looks) * 2 * time.Second)
	}, slog.New(slog.DiscardHandler))
	b.Desk = NewDesk(b.intake, b.keeper, shelfOf{s, fleet}, NewApprovals(b.pens, b.pens, clock), clock, slog.New(slog.DiscardHandler), func() { b.changes++ })
	return b
}

func (b *deskBench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *deskBench) refused(what string, err, kind error) {
	b.t.Helper()
	if !errors.Is(err, kind) {
		b.t.Errorf("%s: %v, want %v", what, err, kind)
	}
}

// create makes a draft of lan's.
func (b *deskBench) create(title, audio string) radio.Bulletin {
	b.t.Helper()
	x, err := b.Create(b.t.Context(), radio.Bulletin{Title: title, Field: 1, Language: "vi", Area: "P"}, strings.NewReader(audio), b.lan)
	b.ok(err)
	return x
}

// hear plays all of it, in real time.
func (b *deskBench) hear(x radio.Bulletin, by radio.UserID) {
	b.t.Helper()
	sha := x.Renditions[0].SHA256
	_, err := b.Listened(b.t.Context(), x.ID, x.Version, sha, nil, by)
	b.ok(err)
	b.clock = b.clock.Add(10 * time.Second)
	h, err := b.Listened(b.t.Context(), x.ID, x.Version, sha, []radio.Span{{From: 0, To: 9950}}, by)
	b.ok(err)
	if !h.Done || h.Percent < 98 {
		b.t.Fatalf("heard: %+v", h)
	}
}

// air brings a draft on the air.
func (b *deskBench) air(x radio.Bulletin) radio.Bulletin {
	b.t.Helper()
	x, err := b.Submit(b.t.Context(), x.ID, x.Version, false, b.lan)
	b.ok(err)
	b.hear(x, b.hoa)
	x, err = b.Decide(b.t.Context(), x.ID, x.Version, radio.Verdict{To: radio.Approved, Seen: x.SubmittedAt}, b.hoa)
	b.ok(err)
	return x
}

// TestDeskWalk carries one bulletin from draft to withdrawal, through two versions.
func TestDeskWalk(t *testing.T) {
	b, ctx := newDeskBench(t), t.Context()
	x := b.create("  Nghị quyết\tsố 57  ", "một")
	if x.Code != "nghi-quyet-so-57" || x.Title != "Nghị quyết số 57" || x.State != radio.Draft || x.Version != 1 || x.CreatedBy != b.lan || x.Priority != radio.Normal || len(b.keeper.kept) != 1 {
		t.Fatalf("created %+v", x)
	}
	form := x
	form.Title, form.Transcript, form.Code, form.State = "Nghị quyết 57", "Lời đọc", "khac", radio.Approved
	x, err := b.Save(ctx, x.ID, 1, form, nil, b.lan)
	b.ok(err)
	if x.Title != "Nghị quyết 57" || x.Transcript != "Lời đọc" || x.Code != "nghi-quyet-so-57" || x.State != radio.Draft || b.intake.calls != 1 {
		t.Fatalf("edited %+v", x)
	}
	x, err = b.Save(ctx, x.ID, 1, x, strings.NewReader("hai"), b.lan)
	b.ok(err)
	if b.intake.calls != 2 || len(b.keeper.kept) != 2 || x.SourceSHA256 != b.keeper.kept[1] {
		t.Fatalf("other audio %+v", x)
	}

	x, err = b.Submit(ctx, x.ID, 1, false, b.lan)
	b.ok(err)
	_, err = b.Save(ctx, x.ID, 1, x, nil, b.lan)
	b.refused("edit what waits", err, radio.ErrConflict)
	x, err = b.TakeBack(ctx, x.ID, 1, b.lan)
	b.ok(err)
	x, err = b.Submit(ctx, x.ID, 1, false, b.lan)
	b.ok(err)
	x, err = b.Decide(ctx, x.ID, 1, radio.Verdict{To: radio.Rejected, Why: " sai\nsố liệu "}, b.hoa)
	b.ok(err)
	if x.State != radio.Rejected || x.DecidedWhy != "sai số liệu" {
		t.Errorf("rejected %+v", x)
	}

	second, err := b.Revise(ctx, x.ID, 1, b.lan)
	b.ok(err)
	if second.Version != 2 || second.State != radio.Draft || second.SourceSHA256 != x.SourceSHA256 || second.Transcript != "Lời đọc" || b.intake.calls != 2 {
		t.Errorf("revised %+v", second)
	}
	_, err = b.Revise(ctx, x.ID, 1, b.lan)
	b.refused("a third beside a draft", err, radio.ErrConflict)
	b.changes = 0
	second = b.air(second)
	if second.State != radio.Approved || b.changes != 1 {
		t.Errorf("approved %+v, %d changes told", second, b.changes)
	}
	// An approved one is changed only by a new version.
	_, err = b.Save(ctx, second.ID, 2, second, nil, b.lan)
	b.refused("edit on the air", err, radio.ErrConflict)
	third, err := b.Revise(ctx, second.ID, 2, b.lan)
	b.ok(err)
	b.ok(b.Delete(ctx, third.ID, 3, b.lan))
	gone, err := b.Decide(ctx, second.ID, 2, radio.Verdict{To: radio.Withdrawn, Why: "hết đợt"}, b.hoa)
	b.ok(err)
	if gone.State != radio.Withdrawn || b.changes != 2 {
		t.Errorf("withdrawn %+v", gone)
	}

	log, err := b.store.Audit(ctx, string(x.ID), 100)
	b.ok(err)
	var did []string
	for _, e := range slices.Backward(log) {
		who := map[string]string{string(b.lan): "lan", string(b.hoa): "hoa"}[e.Actor]
		did = append(did, fmt.Sprintf("%s %s %s %d %s%s", strings.TrimPrefix(e.Action, "bulletin."), who, strings.Replace(e.Facts.Code, x.Code, "tin", 1), e.Facts.Version, e.Facts.Why, strings.Join(e.Facts.Fields, " ")))
	}
	want := []string{"add lan tin 1 ", "edit lan tin 1 title transcript", "edit lan tin 1 audio", "submit lan tin 1 ", "take_back lan tin 1 ", "submit lan tin 1 ", "reject hoa tin 1 sai số liệu",
		"add lan tin 2 ", "submit lan tin 2 ", "approve hoa tin 2 ", "add lan tin 3 ", "delete lan tin 3 ", "withdraw hoa tin 2 hết đợt"}
	if !slices.Equal(did, want) {
		t.Errorf("history\n%s\nwant\n%s", strings.Join(did, "\n"), strings.Join(want, "\n"))
	}
}

func TestDeskRefusals(t *testing.T) {
	b, ctx := newDeskBench(t), t.Context()
	x := b.create("Tin", "một")
	_, err := b.Create(ctx, radio.Bulletin{Code: "tin", Title: "Tin khác", Field: 1}, strings.NewReader("x"), b.lan)
	b.refused("a code twice", err, radio.ErrConflict)
	_, err = b.Create(ctx, radio.Bulletin{Code: "tin-9", Title: "a\x00", Field: 9}, strings.NewReader("x"), b.lan)
	b.refused("bad words", err, radio.ErrInvalid)
	if b.intake.calls != 1 {
		t.Errorf("audio was taken in for nothing: %d", b.intake.calls)
	}
	other := x
	other.Title = "Của người khác"
	_, err = b.Save(ctx, x.ID, 1, other, nil, b.hoa)
	b.refused("another person's draft", err, radio.ErrForbidden)
	_, err = b.Submit(ctx, x.ID, 1, false, b.hoa)
	b.refused("submit another's draft", err, radio.ErrForbidden)
	b.refused("delete another's draft", b.Delete(ctx, x.ID, 1, b.hoa), radio.ErrForbidden)
	stale := x
	x, err = b.Save(ctx, x.ID, 1, x, nil, b.lan)
	b.ok(err)
	_, err = b.Save(ctx, x.ID, 1, stale, nil, b.lan)
	b.refused("from an older window", err, radio.ErrConflict)
	_, err = b.Decide(ctx, x.ID, 1, radio.Verdict{To: radio.Approved}, b.hoa)
	b.refused("approve a draft", err, radio.ErrConflict)
	_, err = b.Decide(ctx, x.ID, 1, radio.Verdict{To: radio.Draft}, b.hoa)
	b.refused("decide for a draft", err, radio.ErrInvalid)
	x, err = b.Submit(ctx, x.ID, 1, false, b.lan)
	b.ok(err)
	b.hear(x, b.lan)
	_, err = b.Decide(ctx, x.ID, 1, radio.Verdict{To: radio.Approved}, b.lan)
	b.refused("author approves", err, radio.ErrForbidden)
	_, err = b.Decide(ctx, x.ID, 1, radio.Verdict{To: radio.Rejected}, b.hoa)
	b.refused("rejected without a reason", err, radio.ErrInvalid)
	_, err = b.Decide(ctx, x.ID, 2, radio.Verdict{To: radio.Approved}, b.hoa)
	b.refused("no such version", err, radio.ErrNotFound)
	b.refused("delete what waits", b.Delete(ctx, x.ID, 1, b.lan), radio.ErrConflict)

	// Taken back, changed and handed in anew: not what the approver saw.
	seen := x.SubmittedAt
	b.hear(x, b.hoa)
	_, err = b.TakeBack(ctx, x.ID, 1, b.lan)
	b.ok(err)
	again, err := b.Submit(ctx, x.ID, 1, false, b.lan)
	b.ok(err)
	_, err = b.Decide(ctx, x.ID, 1, radio.Verdict{To: radio.Approved, Seen: seen}, b.hoa)
	b.refused("handed in anew", err, radio.ErrConflict)
	// A program that leaves out what it saw would approve whatever stands there by then.
	_, err = b.Decide(ctx, x.ID, 1, radio.Verdict{To: radio.Approved}, b.hoa)
	b.refused("without what was seen", err, radio.ErrConflict)
	var not *radio.NotSeen
	if !errors.As(err, &not) || not.Submitted != again.SubmittedAt {
		t.Errorf("the reason does not name the submission: %v", err)
	}
	_, err = b.Decide(ctx, x.ID, 1, radio.Verdict{To: radio.Approved, Seen: again.SubmittedAt}, b.hoa)
	b.ok(err)
}

// TestApproverListens: no approval before the end was heard, of exactly this audio, in
// no less than its time.
func TestApproverListens(t *testing.T) {
	b, ctx := newDeskBench(t), t.Context()
	x, err := b.Submit(ctx, b.create("Tin", "một").ID, 0, false, b.lan)
	b.refused("no version 0", err, radio.ErrNotFound)
	x = b.create("Tin", "một")
	x, err = b.Submit(ctx, x.ID, 1, false, b.lan)
	b.ok(err)
	sha := x.Renditions[0].SHA256
	approve := func(what string, percent int, wait time.Duration) {
		t.Helper()
		_, err := b.Decide(ctx, x.ID, 1, radio.Verdict{To: radio.Approved, Seen: x.SubmittedAt}, b.hoa)
		var not *radio.NotHeard
		if !errors.As(err, &not) || !errors.Is(err, radio.ErrConflict) || not.Percent != percent || not.Wait.Round(time.Second) != wait {
			t.Errorf("%s: %v", what, err)
		}
	}
	hear := func(after time.Duration, spans ...radio.Span) {
		t.Helper()
		b.clock = b.clock.Add(after)
		_, err := b.Listened(ctx, x.ID, 1, sha, spans, b.hoa)
		b.ok(err)
	}
	approve("not heard at all", 0, 0)
	hear(0)
	hear(3*time.Second, radio.Span{From: 0, To: 3000})
	approve("heard a third", 30, 0)
	hear(time.Second, radio.Span{From: 9000, To: 9950})
	approve("skipped forward", 39, 0)
	hear(time.Second, radio.Span{From: 0, To: 9950})
	approve("a program claims it", 52, 0)
	b.hear(x, b.lan) // somebody else's listening does not help
	b.clock = b.clock.Add(-10 * time.Second)
	approve("heard by another", 52, 0)
	b.clock = b.clock.Add(5 * time.Second)

	// Other audio under the same version: listened to from the beginning.
	_, err = b.TakeBack(ctx, x.ID, 1, b.lan)
	b.ok(err)
	_, err = b.Save(ctx, x.ID, 1, x, strings.NewReader("hai"), b.lan)
	b.ok(err)
	x, err = b.Submit(ctx, x.ID, 1, false, b.lan)
	b.ok(err)
	approve("other audio", 0, 0)
	_, err = b.Listened(ctx, x.ID, 1, sha, nil, b.hoa)
	b.refused("a report about the old audio", err, radio.ErrConflict)
	_, err = b.Listened(ctx, x.ID, 1, x.Renditions[0].SHA256, []radio.Span{{From: -1, To: 5}}, b.hoa)
	b.refused("nonsense", err, radio.ErrInvalid)
	b.hear(x, b.hoa)
	_, err = b.Decide(ctx, x.ID, 1, radio.Verdict{To: radio.Approved, Seen: x.SubmittedAt}, b.hoa)
	b.ok(err)
}

// A review found it: a second person's revision of a rejected version let its author
// approve the own audio.
func TestRevisionKeepsFourEyes(t *testing.T) {
	b, ctx := newDeskBench(t), t.Context()
	x := b.create("Tin", "một")
	x, err := b.Submit(ctx, x.ID, 1, false, b.lan)
	b.ok(err)
	_, err = b.Decide(ctx, x.ID, 1, radio.Verdict{To: radio.Rejected, Why: "nói nhầm"}, b.hoa)
	b.ok(err)
	next, err := b.Revise(ctx, x.ID, 1, b.hoa)
	b.ok(err)
	next, err = b.Submit(ctx, next.ID, 2, false, b.hoa)
	b.ok(err)
	b.hear(next, b.lan)
	_, err = b.Decide(ctx, next.ID, 2, radio.Verdict{To: radio.Approved, Seen: next.SubmittedAt}, b.lan)
	b.refused("approve the own audio in another's revision", err, radio.ErrForbidden)
}

// TestRevisionWithOtherAudio: in somebody else's revision of an approved version the audio
// is still its maker's; with other audio it is not. What was rejected stays its maker's
// whatever the audio: the words are, too.
func TestRevisionWithOtherAudio(t *testing.T) {
	for name, c := range map[string]struct {
		first radio.Verdict
		audio string // "" keeps it
		want  error
	}{
		"approved, the same audio": {radio.Verdict{To: radio.Approved}, "", radio.ErrForbidden},
		"approved, other audio":    {radio.Verdict{To: radio.Approved}, "hai", nil},
		"rejected, other audio":    {radio.Verdict{To: radio.Rejected, Why: "nói nhầm"}, "hai", radio.ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			b, ctx := newDeskBench(t), t.Context()
			x := b.create("Tin", "một")
			x, err := b.Submit(ctx, x.ID, 1, false, b.lan)
			b.ok(err)
			b.hear(x, b.hoa)
			c.first.Seen = x.SubmittedAt
			_, err = b.Decide(ctx, x.ID, 1, c.first, b.hoa)
			b.ok(err)
			next, err := b.Revise(ctx, x.ID, 1, b.hoa)
			b.ok(err)
			if c.audio != "" {
				_, err = b.Save(ctx, x.ID, 2, radio.Bulletin{Title: "Tin", Field: 1, Language: "vi"}, strings.NewReader(c.audio), b.hoa)
				b.ok(err)
			}
			next, err = b.Submit(ctx, next.ID, 2, false, b.hoa)
			b.ok(err)
			b.hear(next, b.lan)
			_, err = b.Decide(ctx, next.ID, 2, radio.Verdict{To: radio.Approved, Seen: next.SubmittedAt}, b.lan)
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestCutOffIsConfirmed(t *testing.T) {
	b, ctx := newDeskBench(t), t.Context()
	x := b.create("Tin", "cut one")
	_, err := b.Submit(ctx, x.ID, 1, false, b.lan)
	b.refused("unconfirmed", err, radio.ErrInvalid)
	x, err = b.Submit(ctx, x.ID, 1, true, b.lan)
	b.ok(err)
	stored, err := b.store.Bulletin(ctx, x.ID, 1)
	b.ok(err)
	if stored.CutOffBy != b.lan || stored.CutOffAt != radio.At(b.clock) {
		t.Errorf("confirmation %+v", stored)
	}
	// Taken back with the same audio it stays confirmed; with other cut-off audio not.
	_, err = b.TakeBack(ctx, x.ID, 1, b.lan)
	b.ok(err)
	_, err = b.Save(ctx, x.ID, 1, radio.Bulletin{Title: "Tin", Field: 1, Language: "vi"}, strings.NewReader("cut two"), b.lan)
	b.ok(err)
	_, err = b.Submit(ctx, x.ID, 1, false, b.lan)
	b.refused("other audio unconfirmed", err, radio.ErrInvalid)
	// A confirmation of what is whole says nothing.
	whole, err := b.Submit(ctx, b.create("Nguyên vẹn", "whole").ID, 1, true, b.lan)
	b.ok(err)
	if whole.CutOffBy != "" {
		t.Error("whole audio confirmed as cut off")
	}
}

func TestCodes(t *testing.T) {
	b := newDeskBench(t)
	for _, c := range []struct{ title, want string }{
		{"Nghị quyết 57-NQ/TW", "nghi-quyet-57-nq-tw"}, {"NGHỊ QUYẾT 57 NQ TW", "nghi-quyet-57-nq-tw-2"}, {"nghị quyết 57 nq, tw!", "nghi-quyet-57-nq-tw-3"},
		{"🎙", "tin"}, {"日本", "tin-2"}, {"Đường lối chủ trương của Đảng chính sách pháp luật của Nhà nước", "duong-loi-chu-truong-cua-dang-chinh-sach-phap"},
		{strings.Repeat("a", 100), strings.Repeat("a", 48)},
	} {
		if x := b.create(c.title, c.title); x.Code != c.want {
			t.Errorf("%q: %q, want %q", c.title, x.Code, c.want)
		}
	}
}

// TestReach: who follows a decision, by the devices' own words.
func TestReach(t *testing.T) {
	b, ctx := newDeskBench(t), t.Context()
	province := radio.Area{ID: radio.NewID[radio.AreaID](), Code: "tinh", Kind: radio.Province, Name: "Tỉnh", Zone: "Asia/Ho_Chi_Minh"}
	areas := []radio.Area{province}
	var devices []radio.Device
	for i := range 2 {
		commune := radio.Area{ID: radio.NewID[radio.AreaID](), Code: fmt.Sprintf("xa-%d", i), Kind: radio.Commune, Name: fmt.Sprintf("Xã %d", i), Parent: province.ID}
		hamlet := radio.Area{ID: radio.NewID[radio.AreaID](), Code: fmt.Sprintf("thon-%d", i), Kind: radio.Hamlet, Name: "Thôn", Parent: commune.ID}
		areas = append(areas, commune, hamlet)
		for k := range 2 {
			devices = append(devices, radio.Device{ID: radio.NewID[radio.DeviceID](), Code: fmt.Sprintf("loa-%d-%d", i, k), Name: fmt.Sprintf("Cụm %d.%d", i, k), Hamlet: hamlet.ID, Rendition: 64})
		}
	}
	b.ok(b.store.ApplyPlan(ctx, radio.PlanChange{At: 1, Author: b.lan, Approver: b.hoa, Areas: areas, Devices: devices}))
	x := b.create("Tin", "một")
	issue := func(d radio.Device, revision int64, plays bool) {
		t.Helper()
		payload := `{"audio":[]}`
		if plays {
			payload = fmt.Sprintf(`{"audio":[{"bulletin":%q,"version":1}]}`, x.ID)
		}
		b.ok(b.store.AddIssued(ctx, radio.Issued{Device: d.ID, Document: "programme", Revision: revision, IssuedAt: radio.At(b.clock), Digest: "x", Payload: []byte(payload), Envelope: []byte{}}))
	}
	report := func(d radio.Device, revision int64, ready bool) {
		t.Helper()
		s := radio.Status{Device: d.ID, Revisions: radio.RevisionStatus{Programme: revision}, Audio: []radio.AudioStatus{{SHA256: x.Renditions[1].SHA256, Ready: ready}}}
		text, err := json.Marshal(s)
		b.ok(err)
		b.clock = b.clock.Add(time.Second)
		b.ok(b.store.Log(ctx, func(tx *store.LogTx) error {
			return tx.PutNews(ctx, []radio.DeviceNews{{Device: d.ID, Received: radio.At(b.clock), Reported: text}})
		}))
	}
	reach := func(what string, of radio.Bulletin, communes []radio.AreaID, synced int, waiting ...string) {
		t.Helper()
		got, err := b.Reach(ctx, of, communes)
		b.ok(err)
		var names []string
		for _, w := range got.Waiting {
			names = append(names, w.Commune+" "+w.Name)
			if w.Device == devices[3].ID != (w.LastSeen == 0) {
				t.Errorf("%s: last seen %+v", what, w)
			}
		}
		if got.Synced != synced || !slices.Equal(names, waiting) {
			t.Errorf("%s: %d synced, waiting for %v", what, got.Synced, names)
		}
	}
	reach("a draft", x, nil, 0)
	x = b.air(x)
	reach("on the air, in no programme", x, nil, 0)
	for i, d := range devices {
		issue(d, 10, true)
		if i < 3 {
			report(d, 10, i == 0)
		}
	}
	reach("one has the audio", x, nil, 1, "Xã 0 Cụm 0.1", "Xã 1 Cụm 1.0", "Xã 1 Cụm 1.1")
	reach("as a commune sees it", x, []radio.AreaID{areas[1].ID}, 1, "Xã 0 Cụm 0.1")
	issue(devices[2], 11, false)
	reach("one airs it no more", x, nil, 1, "Xã 0 Cụm 0.1", "Xã 1 Cụm 1.1")

	gone, err := b.Decide(ctx, x.ID, 1, radio.Verdict{To: radio.Withdrawn, Why: "sai"}, b.hoa)
	b.ok(err)
	reach("before the new programmes", gone, nil, 0, "Xã 0 Cụm 0.0", "Xã 0 Cụm 0.1", "Xã 1 Cụm 1.0", "Xã 1 Cụm 1.1")
	for _, d := range devices {
		issue(d, 20, false)
	}
	report(devices[0], 20, false)
	report(devices[2], 11, false)
	reach("two run one without it", gone, nil, 2, "Xã 0 Cụm 0.1", "Xã 1 Cụm 1.1")
	reach("seen from nowhere", gone, []radio.AreaID{}, 0)
}

// What a draft gives up is marked, before it is given up, as needed until now: a backup
// that began before must still find it.
func TestGivenUpAudioHasItsTime(t *testing.T) {
	b, ctx := newDeskBench(t), t.Context()
	x := b.create("Tin", "một")
	first := keptOf(x)
	x, err := b.Save(ctx, x.ID, 1, x, nil, b.lan)
	b.ok(err)
	if len(b.keeper.touched) != 0 {
		t.Errorf("other words give up %v", b.keeper.touched)
	}
	x, err = b.Save(ctx, x.ID, 1, x, strings.NewReader("hai"), b.lan)
	b.ok(err)
	second := keptOf(x)
	renditions, originals, err := b.store.AudioInUse(ctx)
	if err != nil || !slices.Equal(originals, []radio.SHA256{x.SourceSHA256}) || !slices.Contains(renditions, x.Renditions[0].SHA256) {
		t.Errorf("in use %v %v, %v", renditions, originals, err)
	}
	b.ok(b.Delete(ctx, x.ID, 1, b.lan))
	if want := slices.Concat(first, second); len(first) < 2 || !slices.Equal(b.keeper.touched, want) {
		t.Errorf("marked %v, want %v", b.keeper.touched, want)
	}
	renditions, originals, err = b.store.AudioInUse(ctx)
	if err != nil || len(renditions)+len(originals) != 0 {
		t.Errorf("in use %v %v, %v", renditions, originals, err)
	}
}
