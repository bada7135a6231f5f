package library

import (
	"testing"

	"loaxa/internal/radio"
)

// TestHandedUpKeepsFourEyes: what the province takes of a commune's is not approved by who
// made it there, whoever took it; with other audio it is the province's own.
func TestHandedUpKeepsFourEyes(t *testing.T) {
	b, ctx := newDeskBench(t), t.Context()
	x := b.air(b.create("Gương người tốt", "một"))
	taker := radio.NewID[radio.UserID]()
	own, err := x.TakenUp("P", "Xã Đồng Tâm", "guong-tinh", taker, radio.At(b.clock))
	b.ok(err)
	s := radio.Submission{ID: radio.NewID[radio.SubmissionID](), Bulletin: x.ID, Version: 1, Turn: 1, Commune: "P", Code: x.Code}
	s, err = s.Step(radio.SubmissionSend, taker, radio.At(b.clock), "")
	b.ok(err)
	b.ok(b.store.AddSubmission(ctx, s))
	s, err = s.Step(radio.SubmissionTake, taker, radio.At(b.clock), "")
	b.ok(err)
	s.Steps[1].Became = own.ID
	b.ok(b.store.AddSubmissionStep(ctx, s, &own))
	own, err = b.Submit(ctx, own.ID, 1, false, taker)
	b.ok(err)
	b.hear(own, b.lan)
	_, err = b.Decide(ctx, own.ID, 1, radio.Verdict{To: radio.Approved, Seen: own.SubmittedAt}, b.lan)
	b.refused("the maker approves what the province took", err, radio.ErrForbidden)
	b.hear(own, b.hoa)
	own, err = b.Decide(ctx, own.ID, 1, radio.Verdict{To: radio.Approved, Seen: own.SubmittedAt}, b.hoa)
	b.ok(err)
	if own.State != radio.Approved || own.Author != x.Author || own.SourceSHA256 != x.SourceSHA256 || own.Signed == nil {
		t.Errorf("%+v", own)
	}
}
