package radio

import (
	"fmt"
	"unicode/utf8"
)

// Priority is one of the three legal levels (mức độ ưu tiên, Thông tư
// 39/2020/TT-BTTTT): khẩn cấp, ưu tiên, thông thường.
type Priority string

const (
	Emergency Priority = "emergency" // khẩn cấp: only as an Alert, never in a schedule
	Prior     Priority = "priority"  // ưu tiên
	Normal    Priority = "normal"    // thông thường
)

// Rank orders the levels; a higher one goes first.
func (p Priority) Rank() int {
	switch p {
	case Emergency:
		return 3
	case Prior:
		return 2
	case Normal:
		return 1
	}
	return 0
}

// Field is the legal content field (loại lĩnh vực), 1 to 6.
type Field int

// fieldNames holds the six legal values with their Vietnamese names.
var fieldNames = [...]string{
	"",
	"Thông tin chung",
	"Thông tin đột xuất",
	"Đường lối, chủ trương của Đảng, chính sách, pháp luật của Nhà nước",
	"Chỉ đạo, điều hành của cấp ủy, chính quyền cơ sở",
	"Kiến thức khoa học kỹ thuật, kinh tế, văn hóa, xã hội",
	"Gương người tốt, việc tốt, điển hình tiên tiến",
}

// Valid says whether f is one of the six.
func (f Field) Valid() bool { return f >= 1 && int(f) < len(fieldNames) }

// Name in Vietnamese; "" when not one of the six.
func (f Field) Name() string {
	if !f.Valid() {
		return ""
	}
	return fieldNames[f]
}

// BulletinState is where a bulletin stands on its way to air.
type BulletinState string

const (
	Pending   BulletinState = "pending"   // chờ duyệt
	Approved  BulletinState = "approved"  // đã duyệt
	Rejected  BulletinState = "rejected"  // từ chối
	Withdrawn BulletinState = "withdrawn" // thu hồi
)

// Bulletin (bản tin) is metadata with approved audio. Code and version name one
// immutable audio; a changed audio is a new version with its own approval.
type Bulletin struct {
	ID       BulletinID    `json:"id"`
	Code     string        `json:"code"`
	Version  int           `json:"version"`
	Title    string        `json:"title"`
	Field    Field         `json:"field"`
	Author   string        `json:"author"` // the writer shown in the log (tác giả), not the account
	Unit     string        `json:"unit"`   // producing unit
	Language string        `json:"language"`
	State    BulletinState `json:"state"`
	// ValidUntil is the first instant at which it may not start any more; 0 is open.
	ValidUntil   Millis      `json:"valid_until,omitempty"`
	Renditions   []Rendition `json:"renditions"` // 64 kbit/s first, then 32
	LUFS         float64     `json:"lufs"`
	TruePeak     float64     `json:"true_peak_dbtp"`
	Seconds      float64     `json:"seconds"`
	SourceSHA256 SHA256      `json:"source_sha256"`
	Warnings     []string    `json:"warnings"`
	CreatedBy    UserID      `json:"created_by"`
	CreatedAt    Millis      `json:"created_at"`
	DecidedBy    UserID      `json:"decided_by,omitempty"` // who approved, rejected or withdrew
	DecidedAt    Millis      `json:"decided_at,omitempty"`
	DecidedWhy   string      `json:"decided_why,omitempty"`
}

// Rendition of the bit rate asked for, or of the main one when that is missing.
func (b Bulletin) Rendition(kbps int) (Rendition, bool) { return pickRendition(b.Renditions, kbps) }

func pickRendition(rs []Rendition, kbps int) (Rendition, bool) {
	for _, r := range rs {
		if r.Kbps == kbps {
			return r, true
		}
	}
	if len(rs) > 0 {
		return rs[0], true
	}
	return Rendition{}, false
}

// Decide moves the bulletin to approved, rejected or withdrawn. The author never
// approves (design §6: author ≠ approver); the reason is needed to reject or
// withdraw.
func (b Bulletin) Decide(to BulletinState, by UserID, at Millis, why string) (Bulletin, error) {
	switch {
	case by == "":
		return b, fmt.Errorf("%w: a decision needs a person", ErrInvalid)
	case to == Approved && b.State != Pending:
		return b, fmt.Errorf("%w: bulletin %s is %s, only a pending one can be approved", ErrConflict, b.Code, b.State)
	case to == Approved && by == b.CreatedBy:
		return b, fmt.Errorf("%w: the author of bulletin %s cannot approve it", ErrForbidden, b.Code)
	case to == Rejected && b.State != Pending:
		return b, fmt.Errorf("%w: bulletin %s is %s, only a pending one can be rejected", ErrConflict, b.Code, b.State)
	case to == Withdrawn && b.State != Approved:
		return b, fmt.Errorf("%w: bulletin %s is %s, only an approved one can be withdrawn", ErrConflict, b.Code, b.State)
	case (to == Rejected || to == Withdrawn) && why == "":
		return b, fmt.Errorf("%w: say why bulletin %s is %s", ErrInvalid, b.Code, to)
	case to != Approved && to != Rejected && to != Withdrawn:
		return b, fmt.Errorf("%w: bulletin state %q", ErrInvalid, to)
	}
	b.State, b.DecidedBy, b.DecidedAt, b.DecidedWhy = to, by, at, why
	return b, nil
}

// Check lists the broken rules of the metadata a person gives.
func (b Bulletin) Check() error {
	var e Invalid
	if !ValidCode(b.Code) {
		e.Add("code", "mã chỉ gồm a–z, 0–9, dấu chấm, gạch nối, dài 1–64", "use 1-64 of a-z, 0-9, dot and hyphen")
	}
	checkText(&e, "title", b.Title, 1, 200)
	checkText(&e, "author", b.Author, 0, 100)
	checkText(&e, "unit", b.Unit, 0, 200)
	if !b.Field.Valid() {
		e.Add("field", "lĩnh vực phải từ 1 đến 6", "field must be one of the six legal values, 1 to 6")
	}
	if b.Language != "" && (len(b.Language) < 2 || len(b.Language) > 35) {
		e.Add("language", "mã ngôn ngữ không đúng", "language must be a BCP 47 tag such as vi")
	}
	return e.Err()
}

func checkText(e *Invalid, field, s string, min, max int) {
	n := utf8.RuneCountInString(s)
	switch {
	case !utf8.ValidString(s):
		e.Add(field, "chữ không đúng mã UTF-8", "not valid UTF-8")
	case n < min:
		e.Add(field, "không được để trống", "must not be empty")
	case n > max:
		e.Add(field, fmt.Sprintf("dài quá %d ký tự", max), fmt.Sprintf("longer than %d characters", max))
	}
}

// Campaign (đợt tuyên truyền) groups schedules under a governing document.
type Campaign struct {
	ID       CampaignID `json:"id"`
	Code     string     `json:"code"`
	Title    string     `json:"title"`
	Document string     `json:"document"` // number of the governing document (văn bản chỉ đạo)
	Issued   Date       `json:"issued,omitempty"`
	Issuer   string     `json:"issuer,omitempty"`
	From     Date       `json:"from,omitempty"`
	Until    Date       `json:"until,omitempty"`
	// Version goes up by one with each change.
	Version int `json:"version"`
	// Area is whose campaign it is: the province. "" in files of before the desk.
	Area    AreaID          `json:"area,omitempty"`
	Summary string          `json:"summary"`
	Units   []string        `json:"units"` // who takes part (đơn vị tham gia)
	Themes  []CampaignTheme `json:"themes"`
	// Target is how many airings (lượt phát) the whole campaign is to have, CommuneTarget
	// how many each commune; 0 where none was set.
	Target        int64 `json:"target"`
	CommuneTarget int64 `json:"commune_target"`
	// ClosedAt is when somebody ended it; 0 while it is open.
	ClosedAt Millis `json:"closed_at,omitempty"`
}
