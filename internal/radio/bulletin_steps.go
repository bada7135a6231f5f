package radio

import (
	"fmt"
	"slices"
)

// BulletinStep is something a person does to one version of a bulletin.
type BulletinStep string

const (
	StepEdit     BulletinStep = "edit"      // sửa: words or audio of a draft
	StepDelete   BulletinStep = "delete"    // xóa: a draft
	StepSubmit   BulletinStep = "submit"    // trình duyệt
	StepTakeBack BulletinStep = "take_back" // rút lại để sửa
	StepApprove  BulletinStep = "approve"   // duyệt
	StepReject   BulletinStep = "reject"    // từ chối
	StepWithdraw BulletinStep = "withdraw"  // thu hồi
	StepRevise   BulletinStep = "revise"    // tạo phiên bản mới: a draft beside this version
	// StepReapprove signs again for what stays on the desk as approved (duyệt lại): nobody
	// has signed for it, or the key that did counts no more.
	StepReapprove BulletinStep = "reapprove"
)

// BulletinSteps lists every step.
func BulletinSteps() []BulletinStep {
	return []BulletinStep{StepEdit, StepDelete, StepSubmit, StepTakeBack, StepApprove, StepReject, StepWithdraw, StepRevise, StepReapprove}
}

// stepRule is one row of the state table.
type stepRule struct {
	from []BulletinState
	to   BulletinState // "" when the version itself does not move
	who  actorRule
	why  bool // a reason must be given
}

type actorRule int

const (
	anybody    actorRule = iota // who has the right in the area
	authorOnly                  // who made this version
	notAuthor                   // four eyes (design §6)
)

// stepRules is the whole life of a bulletin. What is not in it cannot be done.
var stepRules = map[BulletinStep]stepRule{
	StepEdit:     {from: []BulletinState{Draft}, to: Draft, who: authorOnly},
	StepDelete:   {from: []BulletinState{Draft}, who: authorOnly},
	StepSubmit:   {from: []BulletinState{Draft}, to: Pending, who: authorOnly},
	StepTakeBack: {from: []BulletinState{Pending}, to: Draft, who: authorOnly},
	StepApprove:  {from: []BulletinState{Pending}, to: Approved, who: notAuthor},
	StepReject:   {from: []BulletinState{Pending}, to: Rejected, why: true},
	StepWithdraw: {from: []BulletinState{Approved}, to: Withdrawn, why: true},
	StepRevise:   {from: []BulletinState{Approved, Rejected, Withdrawn}},

	StepReapprove: {from: []BulletinState{Approved}, to: Approved, who: notAuthor},
}

// Take does a step and gives the version as it stands then. It does not know who has
// which right in which area, nor who has listened: the desk does.
//
// ErrConflict: the state is another one. ErrForbidden: the author must, or must not, do
// this. ErrInvalid: no person, no reason, no such step.
func (b Bulletin) Take(step BulletinStep, by UserID, at Millis, why string) (Bulletin, error) {
	rule, known := stepRules[step]
	switch {
	case !known:
		return b, fmt.Errorf("%w: bulletin step %q", ErrInvalid, clip(string(step)))
	case by == "":
		return b, fmt.Errorf("%w: a step needs a person", ErrInvalid)
	case !slices.Contains(rule.from, b.State):
		return b, fmt.Errorf("%w: bulletin %s version %d is %s: it cannot %s", ErrConflict, b.Code, b.Version, b.State, step)
	case rule.who == authorOnly && by != b.CreatedBy:
		return b, fmt.Errorf("%w: only the author of bulletin %s version %d can %s it", ErrForbidden, b.Code, b.Version, step)
	case rule.who == notAuthor && by == b.CreatedBy:
		return b, fmt.Errorf("%w: the author of bulletin %s cannot approve it", ErrForbidden, b.Code)
	case rule.why && why == "":
		return b, fmt.Errorf("%w: say why bulletin %s is to %s", ErrInvalid, b.Code, step)
	}
	switch step {
	case StepEdit:
		b.EditedAt = at
	case StepSubmit:
		if b.CutOff() && b.CutOffBy == "" {
			var e Invalid
			e.Add("cut_off", "tệp âm thanh bị cụt; tác giả phải xác nhận vẫn dùng", "the audio is cut off; its author must confirm that it is to be used")
			return b, e.Err()
		}
		b.SubmittedAt = at
	case StepApprove, StepReapprove, StepReject, StepWithdraw:
		b.DecidedBy, b.DecidedAt, b.DecidedWhy = by, at, why
	}
	if rule.to != "" {
		b.State = rule.to
	}
	return b, nil
}

// Can says whether the state and the authorship let this person take the step.
func (b Bulletin) Can(step BulletinStep, by UserID) bool {
	rule, known := stepRules[step]
	return known && by != "" && slices.Contains(rule.from, b.State) &&
		(rule.who != authorOnly || by == b.CreatedBy) && (rule.who != notAuthor || by != b.CreatedBy)
}

// Decide moves the bulletin to approved, rejected or withdrawn. The author never
// approves (design §6: author ≠ approver); the reason is needed to reject or
// withdraw.
func (b Bulletin) Decide(to BulletinState, by UserID, at Millis, why string) (Bulletin, error) {
	step, ok := DecisionStep(to)
	if !ok {
		return b, fmt.Errorf("%w: bulletin state %q", ErrInvalid, clip(string(to)))
	}
	return b.Take(step, by, at, why)
}

// DecisionStep is the step that decides for a state.
func DecisionStep(to BulletinState) (BulletinStep, bool) {
	switch to {
	case Approved:
		return StepApprove, true
	case Rejected:
		return StepReject, true
	case Withdrawn:
		return StepWithdraw, true
	}
	return "", false
}

// Verdict is a decision about one version. Seen names what was decided about, by its
// SubmittedAt. Who approves must name it: between listening and approving, the author may
// have taken it back and handed in something else. Elsewhere 0 is whatever stands now.
type Verdict struct {
	To   BulletinState `json:"to"`
	Why  string        `json:"why,omitempty"`
	Seen Millis        `json:"seen,omitempty"`
	// Sign is how who approves signs for the audio.
	Sign *SignWith `json:"sign,omitempty"`
}

// NotSeen refuses a decision that names another submission than the one that waits, or an
// approval that names none; it is an ErrConflict.
type NotSeen struct {
	Code      string
	Version   int
	Submitted Millis // of what waits now
}

// Error says what to do next.
func (e *NotSeen) Error() string {
	return fmt.Sprintf("conflict: seen names not the submission that waits: read bulletin %s version %d, submitted_at %d, and decide about that", e.Code, e.Version, e.Submitted)
}

// Is makes errors.Is(err, ErrConflict) true.
func (e *NotSeen) Is(target error) bool { return target == ErrConflict }

// Revised is a new draft with the words and the audio of this version; the next
// version's number is the desk's to give.
func (b Bulletin) Revised(by UserID, at Millis) (Bulletin, error) {
	if _, err := b.Take(StepRevise, by, at, ""); err != nil {
		return b, err
	}
	b.State, b.CreatedBy, b.CreatedAt, b.EditedAt, b.SubmittedAt = Draft, by, at, at, 0
	b.CutOffBy, b.CutOffAt = "", 0 // the new author answers for it anew
	b.DecidedBy, b.DecidedAt, b.DecidedWhy, b.Signed = "", 0, "", nil
	return b, nil
}

// WarnCutOff is the warning of audio that decodes to less than 98 % of what its header
// declares: a person must confirm that it is meant so.
const WarnCutOff = "cut_off"

// CutOff says whether the audio carries that warning.
func (b Bulletin) CutOff() bool { return slices.Contains(b.Warnings, WarnCutOff) }

// SetAudio replaces what was measured; a confirmation given for other audio is void.
func (b *Bulletin) SetAudio(renditions []Rendition, source SHA256, seconds, lufs, truePeak float64, warnings []string, peaks []byte) {
	b.Renditions, b.SourceSHA256, b.Seconds, b.LUFS, b.TruePeak = renditions, source, seconds, lufs, truePeak
	b.Warnings, b.Peaks = warnings, peaks
	b.CutOffBy, b.CutOffAt = "", 0
}

// MaxTranscript bounds a transcript, in characters.
const MaxTranscript = 20_000

// Tidied gives the words of a person one form; see TidyLine and TidyText.
func (b Bulletin) Tidied() Bulletin {
	for _, s := range []*string{&b.Code, &b.Title, &b.Author, &b.PenName, &b.Unit, &b.Language} {
		*s = TidyLine(*s)
	}
	b.Summary, b.Transcript = TidyText(b.Summary), TidyText(b.Transcript)
	return b
}

// Check lists the broken rules of the metadata a person gives.
func (b Bulletin) Check() error {
	var e Invalid
	if !ValidCode(b.Code) {
		e.Add("code", "mã chỉ gồm a–z, 0–9, dấu chấm, gạch nối, dài 1–64", "use 1-64 of a-z, 0-9, dot and hyphen")
	}
	CheckLine(&e, "title", b.Title, 1, 200)
	CheckText(&e, "summary", b.Summary, 0, 2000)
	CheckLine(&e, "author", b.Author, 0, 100)
	CheckLine(&e, "pen_name", b.PenName, 0, 100)
	CheckLine(&e, "unit", b.Unit, 0, 200)
	CheckText(&e, "transcript", b.Transcript, 0, MaxTranscript)
	if !b.Field.Valid() {
		e.Add("field", "lĩnh vực phải từ 1 đến 6", "field must be one of the six legal values, 1 to 6")
	}
	switch b.Priority {
	case "", Normal, Prior:
	case Emergency:
		e.Add("priority", "bản tin không được mang mức khẩn cấp; tin khẩn cấp đi bằng lệnh phát khẩn cấp",
			"a bulletin cannot be an emergency; emergencies go as alerts")
	default:
		e.Add("priority", "mức ưu tiên là normal (thông thường) hoặc priority (ưu tiên)", "priority is normal or priority")
	}
	if b.Language != "" && !validLanguage(b.Language) {
		e.Add("language", "mã ngôn ngữ không đúng", "language must be a BCP 47 tag such as vi")
	}
	if b.ValidFrom != 0 && b.ValidUntil != 0 && b.ValidFrom >= b.ValidUntil {
		e.Add("valid_until", "hết hiệu lực trước khi có hiệu lực", "ends before it begins (valid_from)")
	}
	return e.Err()
}

// validLanguage checks the form of a BCP 47 tag, not whether anybody speaks it.
func validLanguage(s string) bool {
	for _, r := range s {
		if !(r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return false
		}
	}
	return len(s) >= 2 && len(s) <= 35
}

// MaySee says whether the person may see this version of a bulletin, whose place in the
// area tree is chain. What is decided for the air (approved, and withdrawn, which those
// who aired it must learn of) can be read like everything finished. What is still at
// the desk is seen by its author and by those of the same area, or above, who do not
// only hand in bulletins of their own.
func (p Person) MaySee(b Bulletin, chain ...AreaID) bool {
	switch {
	case b.CreatedBy == p.ID && p.May(ReadBulletins, chain...):
		return true
	case b.State == Approved || b.State == Withdrawn:
		return p.MayRead(ReadBulletins, chain...)
	}
	return slices.ContainsFunc(p.Grants, func(g Grant) bool {
		return g.Role != RoleProvider && g.Role.May(ReadBulletins) && (g.Area == Everywhere || slices.Contains(chain, g.Area))
	})
}

// MayRevise says whether the person may begin a new version of this one: content
// providers only of their own.
func (p Person) MayRevise(b Bulletin, chain ...AreaID) bool {
	return slices.ContainsFunc(p.Grants, func(g Grant) bool {
		return g.Role.May(WriteBulletins) && (g.Area == Everywhere || slices.Contains(chain, g.Area)) &&
			(g.Role != RoleProvider || b.CreatedBy == p.ID)
	})
}

// DeskAreas says whose bulletins at work the person sees: the areas of MaySee's last
// rule, with everything below them.
func (p Person) DeskAreas() []AreaID {
	var out []AreaID
	for _, g := range p.Grants {
		if g.Role != RoleProvider && g.Role.May(ReadBulletins) && !slices.Contains(out, g.Area) {
			out = append(out, g.Area)
		}
	}
	return out
}
