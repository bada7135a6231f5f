package radio

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
	Draft     BulletinState = "draft"     // bản nháp: its author still works on it
	Pending   BulletinState = "pending"   // chờ duyệt
	Approved  BulletinState = "approved"  // đã duyệt
	Rejected  BulletinState = "rejected"  // từ chối
	Withdrawn BulletinState = "withdrawn" // thu hồi
)

// BulletinStates lists every state in the order of a bulletin's life.
func BulletinStates() []BulletinState {
	return []BulletinState{Draft, Pending, Approved, Rejected, Withdrawn}
}

// Bulletin (bản tin) is metadata with approved audio. Code and version name one
// immutable audio; a changed audio is a new version with its own approval. Only a
// draft may still be edited.
type Bulletin struct {
	ID      BulletinID `json:"id"`
	Code    string     `json:"code"`
	Version int        `json:"version"`
	// Area is the desk it belongs to, the province or a commune: the same for every
	// version.
	Area    AreaID `json:"area"`
	Title   string `json:"title"`
	Summary string `json:"summary"` // nội dung tóm tắt
	Field   Field  `json:"field"`
	// Priority is the legal level the bulletin is meant for. Schedules have their own;
	// an emergency goes only as an alert.
	Priority Priority      `json:"priority"`
	Author   string        `json:"author"`   // the writer shown in the log (tác giả), not the account
	PenName  string        `json:"pen_name"` // bút danh
	Unit     string        `json:"unit"`     // producing unit
	Language string        `json:"language"`
	Campaign CampaignID    `json:"campaign,omitempty"`
	State    BulletinState `json:"state"`
	// ValidFrom is the first instant at which it may start; 0 is open.
	ValidFrom Millis `json:"valid_from,omitempty"`
	// ValidUntil is the first instant at which it may not start any more; 0 is open.
	ValidUntil Millis `json:"valid_until,omitempty"`
	// Transcript (lời bản tin) is filled in where one version is read, not in lists;
	// TranscriptSHA256 stands for it there, "" for none.
	Transcript       string      `json:"transcript,omitempty"`
	TranscriptSHA256 SHA256      `json:"transcript_sha256,omitempty"`
	Renditions       []Rendition `json:"renditions"` // 64 kbit/s first, then 32
	LUFS             float64     `json:"lufs"`
	TruePeak         float64     `json:"true_peak_dbtp"`
	Seconds          float64     `json:"seconds"`
	SourceSHA256     SHA256      `json:"source_sha256"`
	Warnings         []string    `json:"warnings"`
	// Peaks are the bars of the waveform; only set when audio is handed to the store.
	Peaks     []byte `json:"-"`
	CreatedBy UserID `json:"created_by"`
	CreatedAt Millis `json:"created_at"`
	EditedAt  Millis `json:"edited_at,omitempty"` // of the last edit while a draft
	// SubmittedAt is when it was last handed in for approval; a decision can name it, so
	// that nobody decides about other words than those they read.
	SubmittedAt Millis `json:"submitted_at,omitempty"`
	// CutOffBy confirmed, at CutOffAt, that audio which ends before its declared length
	// is meant to be as it is.
	CutOffBy   UserID `json:"cut_off_by,omitempty"`
	CutOffAt   Millis `json:"cut_off_at,omitempty"`
	DecidedBy  UserID `json:"decided_by,omitempty"` // who approved, rejected or withdrew
	DecidedAt  Millis `json:"decided_at,omitempty"`
	DecidedWhy string `json:"decided_why,omitempty"`
	// Signed is the signature under which the version was approved; nil when nobody has
	// signed: it was approved before approvals were signed, or never.
	Signed *ApprovalRow `json:"-"`
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
