// Package submission is the desk over which communes hand approved bulletins of their own up
// to the province's library (bài địa phương gửi lên). It receives bulletins from store and
// what was listened to from library; what the province takes becomes a draft of its own,
// which library carries on to its approval.
package submission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// Keeper keeps submissions and bulletins (store).
type Keeper interface {
	Submissions(ctx context.Context, communes []radio.AreaID, of radio.BulletinID) ([]radio.Submission, error)
	Submission(ctx context.Context, id radio.SubmissionID) (radio.Submission, error)
	AddSubmission(ctx context.Context, x radio.Submission) error
	AddSubmissionStep(ctx context.Context, x radio.Submission, taken *radio.Bulletin) error
	Bulletin(ctx context.Context, id radio.BulletinID, version int) (radio.Bulletin, error)
	BulletinByCode(ctx context.Context, code string) (radio.Bulletin, error)
	Areas(ctx context.Context) ([]radio.Area, error)
	PersonNames(ctx context.Context) (map[radio.UserID]string, error)
}

// Ears know how far a person has listened to a bulletin (library).
type Ears interface {
	Heard(ctx context.Context, b radio.Bulletin, by radio.UserID) (radio.Hearing, error)
}

// Desk is safe for concurrent use.
type Desk struct {
	keeper Keeper
	ears   Ears
	now    func() time.Time
}

// New stores what it is given.
func New(keeper Keeper, ears Ears, now func() time.Time) *Desk {
	return &Desk{keeper: keeper, ears: ears, now: now}
}

// maxCodes bounds the search for a free code.
const maxCodes = 100

// List gives what communes have handed up, what waits first, then the newest: of some
// communes, or of all with nil; of one bulletin, or of all with "".
func (d *Desk) List(ctx context.Context, communes []radio.AreaID, of radio.BulletinID) ([]radio.Submission, error) {
	all, err := d.keeper.Submissions(ctx, communes, of)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b radio.Submission) int { return cmp.Compare(rank(a), rank(b)) })
	return all, d.name(ctx, all)
}

func rank(s radio.Submission) int {
	if s.State == radio.SubmissionWaiting {
		return 0
	}
	return 1
}

// Get gives one; ErrNotFound.
func (d *Desk) Get(ctx context.Context, id radio.SubmissionID) (radio.Submission, error) {
	if !radio.ValidID(id) {
		return radio.Submission{}, fmt.Errorf("submission: %w", radio.ErrNotFound)
	}
	s, err := d.keeper.Submission(ctx, id)
	if err != nil {
		return s, err
	}
	all := []radio.Submission{s}
	err = d.name(ctx, all)
	return all[0], err
}

// name fills in who took the steps.
func (d *Desk) name(ctx context.Context, all []radio.Submission) error {
	names, err := d.keeper.PersonNames(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		all[i].Names = map[radio.UserID]string{}
		for _, x := range all[i].Steps {
			all[i].Names[x.By] = cmp.Or(names[x.By], string(x.By))
		}
	}
	return nil
}

// place finds the province above a commune.
func (d *Desk) place(ctx context.Context, commune radio.AreaID) (province, here radio.Area, err error) {
	areas, err := d.keeper.Areas(ctx)
	if err != nil {
		return province, here, err
	}
	tree := radio.NewAreaTree(areas)
	here, ok := tree.Area(commune)
	chain := tree.Chain(commune)
	if !ok || here.Kind != radio.Commune || len(chain) < 2 {
		return province, here, radio.Refuse(radio.ErrInvalid, "Chỉ bản tin của xã, phường mới gửi lên tỉnh được.", "only a bulletin of a commune is handed up")
	}
	province, _ = tree.Area(chain[0])
	return province, here, nil
}

// Send hands an approved version up. Only an editor of the commune itself does: ErrForbidden.
// ErrConflict when it is not approved, waits already or was taken before.
func (d *Desk) Send(ctx context.Context, by radio.Person, id radio.BulletinID, version int, why string) (radio.Submission, error) {
	var none radio.Submission
	b, err := d.keeper.Bulletin(ctx, id, version)
	if err != nil {
		return none, err
	}
	if _, _, err := d.place(ctx, b.Area); err != nil {
		return none, err
	}
	if !by.MayHandUp(b.Area) {
		return none, radio.Refuse(radio.ErrForbidden, "Chỉ biên tập viên của chính xã, phường mới gửi bài lên tỉnh hoặc rút lại.", "only an editor of the commune itself hands up or withdraws")
	}
	if b.State != radio.Approved {
		return none, radio.Refuse(radio.ErrConflict, "Chỉ gửi lên tỉnh bản tin đã được duyệt ở địa phương.", fmt.Sprintf("version %d of bulletin %s is %s: only an approved one is handed up", version, b.Code, b.State))
	}
	all, err := d.keeper.Submissions(ctx, []radio.AreaID{b.Area}, "")
	if err != nil {
		return none, err
	}
	waiting := 0
	for _, s := range all {
		if s.State == radio.SubmissionWaiting {
			waiting++
		}
	}
	// Asked for by itself: the list of the commune is cut.
	if all, err = d.keeper.Submissions(ctx, []radio.AreaID{b.Area}, id); err != nil {
		return none, err
	}
	turn := 1
	for _, s := range all {
		if s.Version != version {
			continue
		}
		turn = max(turn, s.Turn+1)
		switch s.State {
		case radio.SubmissionWaiting:
			return none, radio.Refuse(radio.ErrConflict, "Bản tin này đã gửi lên tỉnh và đang chờ.", "this version waits with the province already")
		case radio.SubmissionTaken:
			return none, radio.Refuse(radio.ErrConflict, "Tỉnh đã nhận bản tin này.", "the province has taken this version")
		}
	}
	if waiting >= radio.MaxSubmissionsWaiting {
		return none, radio.Refuse(radio.ErrConflict, fmt.Sprintf("Đang có %d bài chờ tỉnh xem. Hãy đợi hoặc rút bớt.", waiting), fmt.Sprintf("%d submissions of the commune wait already", waiting))
	}
	s := radio.Submission{ID: radio.NewID[radio.SubmissionID](), Bulletin: id, Version: version, Turn: turn, Commune: b.Area, Code: b.Code, Title: b.Title, Author: b.Author, Seconds: b.Seconds}
	if s, err = s.Step(radio.SubmissionSend, by.ID, radio.At(d.now()), why); err != nil {
		return none, err
	}
	if err := d.keeper.AddSubmission(ctx, s); err != nil {
		return none, err
	}
	return d.Get(ctx, s.ID)
}

// Withdraw takes back what still waits, by an editor of the commune itself.
func (d *Desk) Withdraw(ctx context.Context, by radio.Person, id radio.SubmissionID, why string) (radio.Submission, error) {
	s, err := d.Get(ctx, id)
	if err != nil {
		return s, err
	}
	if !by.MayHandUp(s.Commune) {
		return s, radio.Refuse(radio.ErrForbidden, "Chỉ biên tập viên của chính xã, phường mới gửi bài lên tỉnh hoặc rút lại.", "only an editor of the commune itself hands up or withdraws")
	}
	return d.step(ctx, s, radio.SubmissionWithdraw, by.ID, why)
}

// Return sends back what waits, with a reason, by an editor of the province.
func (d *Desk) Return(ctx context.Context, by radio.Person, id radio.SubmissionID, why string) (radio.Submission, error) {
	s, _, _, err := d.forProvince(ctx, by, id)
	if err != nil {
		return s, err
	}
	return d.step(ctx, s, radio.SubmissionReturn, by.ID, why)
}

func (d *Desk) step(ctx context.Context, s radio.Submission, do radio.SubmissionAct, by radio.UserID, why string) (radio.Submission, error) {
	next, err := s.Step(do, by, radio.At(d.now()), why)
	if err != nil {
		return s, err
	}
	if err := d.keeper.AddSubmissionStep(ctx, next, nil); err != nil {
		return s, err
	}
	return d.Get(ctx, s.ID)
}

// forProvince finds a submission for an editor of the province: ErrForbidden for others.
func (d *Desk) forProvince(ctx context.Context, by radio.Person, id radio.SubmissionID) (s radio.Submission, province, commune radio.Area, err error) {
	if s, err = d.Get(ctx, id); err != nil {
		return s, province, commune, err
	}
	if province, commune, err = d.place(ctx, s.Commune); err != nil {
		return s, province, commune, err
	}
	if !by.MayTakeUp(province.ID) {
		err = radio.Refuse(radio.ErrForbidden, "Chỉ biên tập viên của tỉnh mới nhận hoặc trả lại bài địa phương gửi lên.", "only an editor of the province takes or returns what communes hand up")
	}
	return s, province, commune, err
}

// Take makes a draft of the province's own of what waits: the same audio and author, naming
// the commune. Who takes it has listened to the end (*radio.NotHeard); the draft is theirs,
// and is approved and signed anew by somebody else.
func (d *Desk) Take(ctx context.Context, by radio.Person, id radio.SubmissionID, why string) (radio.Submission, error) {
	s, province, commune, err := d.forProvince(ctx, by, id)
	if err != nil {
		return s, err
	}
	at := radio.At(d.now())
	next, err := s.Step(radio.SubmissionTake, by.ID, at, why)
	if err != nil {
		return s, err
	}
	b, err := d.keeper.Bulletin(ctx, s.Bulletin, s.Version)
	if err != nil {
		return s, err
	}
	heard, err := d.ears.Heard(ctx, b, by.ID)
	if err != nil {
		return s, err
	}
	if !heard.Done {
		return s, &radio.NotHeard{Percent: heard.Percent, Wait: time.Duration(heard.WaitMS) * time.Millisecond}
	}
	code, err := d.freeCode(ctx, b.Code)
	if err != nil {
		return s, err
	}
	taken, err := b.TakenUp(province.ID, commune.Name, code, by.ID, at)
	if err != nil {
		return s, err
	}
	next.Steps[len(next.Steps)-1].Became = taken.ID
	if err := d.keeper.AddSubmissionStep(ctx, next, &taken); err != nil {
		return s, err
	}
	return d.Get(ctx, s.ID)
}

// freeCode makes a code of the commune's one: tin-lua becomes tin-lua-tinh.
func (d *Desk) freeCode(ctx context.Context, code string) (string, error) {
	stem := code[:min(len(code), 52)] + "-tinh"
	for n := 1; n <= maxCodes; n++ {
		try := stem
		if n > 1 {
			try = fmt.Sprintf("%s-%d", stem, n)
		}
		switch _, err := d.keeper.BulletinByCode(ctx, try); {
		case errors.Is(err, radio.ErrNotFound):
			return try, nil
		case err != nil:
			return "", err
		}
	}
	return "", fmt.Errorf("%w: %d bulletins are called %s", radio.ErrConflict, maxCodes, stem)
}
