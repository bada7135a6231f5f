package radio

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// SubmissionID names one handing of a bulletin up to the province.
type SubmissionID string

// SubmissionState is how far the handing up of a bulletin has come.
type SubmissionState string

const (
	SubmissionWaiting   SubmissionState = "waiting"   // chờ tỉnh xem
	SubmissionTaken     SubmissionState = "taken"     // tỉnh đã nhận
	SubmissionReturned  SubmissionState = "returned"  // tỉnh trả lại, with a reason
	SubmissionWithdrawn SubmissionState = "withdrawn" // địa phương rút lại
)

// SubmissionAct is one thing a person does about a submission.
type SubmissionAct string

const (
	SubmissionSend     SubmissionAct = "send"     // gửi lên
	SubmissionTake     SubmissionAct = "take"     // nhận vào thư viện của tỉnh
	SubmissionReturn   SubmissionAct = "return"   // trả lại
	SubmissionWithdraw SubmissionAct = "withdraw" // rút lại
)

// SubmissionStep is one step; steps are only added.
type SubmissionStep struct {
	N  int           `json:"n"` // from 1
	Do SubmissionAct `json:"do"`
	By UserID        `json:"by"`
	At Millis        `json:"at"`
	// Why is the reason of a return, and what a sender or withdrawer has to say.
	Why string `json:"why,omitempty"`
	// Became is the province's own draft, of a step that took it.
	Became BulletinID `json:"became,omitempty"`
}

// Submission is an approved bulletin of a commune that it hands up to the province's library
// (bài địa phương gửi lên): for a contest, or because others should hear it.
type Submission struct {
	ID       SubmissionID `json:"id"`
	Bulletin BulletinID   `json:"bulletin"`
	Version  int          `json:"version"`
	// Turn counts the times this version was handed up, from 1.
	Turn    int    `json:"turn"`
	Commune AreaID `json:"commune"`
	// Code, Title, Author and Seconds are the version's own.
	Code    string  `json:"code"`
	Title   string  `json:"title"`
	Author  string  `json:"author"`
	Seconds float64 `json:"seconds"`
	// State is what the last of Steps has led to.
	State SubmissionState  `json:"state"`
	Steps []SubmissionStep `json:"steps"`
	// Names are those of the persons in Steps; filled in where people read.
	Names map[UserID]string `json:"names,omitempty"`
}

const (
	// MaxSubmissionWhy is how long a reason may be, in characters.
	MaxSubmissionWhy = 500
	// MaxSubmissionsWaiting of one commune at once; the province has to listen to each.
	MaxSubmissionsWaiting = 50
)

// State that an act leads to; "" for no act.
func (a SubmissionAct) State() SubmissionState {
	switch a {
	case SubmissionSend:
		return SubmissionWaiting
	case SubmissionTake:
		return SubmissionTaken
	case SubmissionReturn:
		return SubmissionReturned
	case SubmissionWithdraw:
		return SubmissionWithdrawn
	}
	return ""
}

// Step does an act on a submission and gives it as it stands then. Only what waits can be
// taken, returned or withdrawn: ErrConflict. A return says why: ErrInvalid. Who may do what
// is asked before.
func (s Submission) Step(do SubmissionAct, by UserID, at Millis, why string) (Submission, error) {
	to := do.State()
	switch {
	case to == "":
		return s, fmt.Errorf("%w: submission act %q", ErrInvalid, clip(string(do)))
	case by == "":
		return s, fmt.Errorf("%w: a step needs a person", ErrInvalid)
	case do == SubmissionSend && len(s.Steps) > 0, do != SubmissionSend && s.State != SubmissionWaiting:
		return s, Refuse(ErrConflict, "Bài này đã được nhận, trả lại hoặc rút lại. Hãy mở lại trang để xem.", fmt.Sprintf("the submission is %s: it cannot %s", s.State, do))
	}
	var e Invalid
	least := 0
	if do == SubmissionReturn {
		least = 1
	}
	why = TidyLine(why)
	CheckLine(&e, "why", why, least, MaxSubmissionWhy)
	if err := e.Err(); err != nil {
		return s, err
	}
	s.State = to
	s.Steps = append(slices.Clip(s.Steps), SubmissionStep{N: len(s.Steps) + 1, Do: do, By: by, At: at, Why: why})
	return s, nil
}

// Last is the newest step; the zero one when there is none.
func (s Submission) Last() SubmissionStep {
	if len(s.Steps) == 0 {
		return SubmissionStep{}
	}
	return s.Steps[len(s.Steps)-1]
}

// MayHandUp says whether the person speaks for the commune towards the province: as an
// editor of the commune itself.
func (p Person) MayHandUp(commune AreaID) bool {
	return p.Token.allows(WriteBulletins) && slices.ContainsFunc(p.Grants, func(g Grant) bool { return g.Area == commune && g.Role == RoleEditor })
}

// MayTakeUp says whether the person decides what enters the province's library: as an editor
// of the province.
func (p Person) MayTakeUp(province AreaID) bool {
	return p.Token.allows(WriteBulletins) && slices.ContainsFunc(p.Grants, func(g Grant) bool {
		return (g.Area == province || g.Area == Everywhere) && g.Role == RoleEditor
	})
}

// TakenUp makes the province's own draft of an approved bulletin of a commune: the same
// audio, words and author; the producing unit names the commune.
func (b Bulletin) TakenUp(province AreaID, commune, code string, by UserID, at Millis) (Bulletin, error) {
	if b.State != Approved {
		return b, Refuse(ErrConflict, "Bản tin này không còn được duyệt ở địa phương nên không nhận được.", fmt.Sprintf("version %d of bulletin %s is %s", b.Version, b.Code, b.State))
	}
	c, err := b.Revised(by, at)
	if err != nil {
		return b, err
	}
	c.ID, c.Code, c.Version, c.Area = NewID[BulletinID](), code, 1, province
	if !strings.Contains(Fold(c.Unit), Fold(commune)) {
		unit := commune
		if c.Unit != "" && utf8.RuneCountInString(c.Unit)+utf8.RuneCountInString(commune)+3 <= 200 {
			unit = c.Unit + " – " + commune
		}
		c.Unit = unit
	}
	return c, c.Check()
}
