package radio

import (
	"fmt"
	"slices"
)

// ScheduleForm is a schedule as people write it down: things are named by their codes.
// Pages, the JSON API and files of every kind come to this one form.
type ScheduleForm struct {
	Code  string `json:"code"`
	Title string `json:"title"`
	// Area is the code of the owner, the province or a commune; empty is the province.
	Area     string       `json:"area,omitempty"`
	Campaign string       `json:"campaign,omitempty"`
	Priority Priority     `json:"priority,omitempty"` // normal when empty; emergency is refused
	Targets  []FormTarget `json:"targets"`
	From     Date         `json:"from,omitempty"`
	Until    Date         `json:"until,omitempty"`
	Except   []Date       `json:"except,omitempty"`
	// GraceSeconds is DefaultGraceSeconds when it is missing.
	GraceSeconds *int       `json:"grace_seconds,omitempty"`
	Slots        []FormSlot `json:"slots"`
}

// FormTarget is an area with all below it, or one device, by code.
type FormTarget struct {
	Area   string `json:"area,omitempty"`
	Device string `json:"device,omitempty"`
}

// FormSlot is when, and what then. Times with at most one kind of day say when; Cron
// says it where they are missing. When both stand there and mean the same, the rule is
// kept as it is written.
type FormSlot struct {
	Code  string   `json:"code"`
	Times []string `json:"times,omitempty"` // HH:MM
	// Weekdays are 1 Monday to 7 Sunday, MonthDays 1 to 31, Day one date, Dates several;
	// none of them is every day.
	Weekdays  []int  `json:"weekdays,omitempty"`
	MonthDays []int  `json:"month_days,omitempty"`
	Day       Date   `json:"day,omitempty"`
	Dates     []Date `json:"dates,omitempty"`
	// Each of Times comes Again times more, EveryMinutes after the one before.
	Again        int        `json:"again,omitempty"`
	EveryMinutes int        `json:"every_minutes,omitempty"`
	Cron         string     `json:"cron,omitempty"`
	Items        []FormItem `json:"items"`
	// Now: once, as soon as the draft is published (phát ngay); with it stands no time, day
	// or rule.
	Now bool `json:"now,omitempty"`
	// Seconds is how long the slot sounds where it sounds the longest, and Ends when each
	// of Starts is over; both are reckoned, and not read.
	Seconds float64  `json:"seconds,omitempty"`
	Ends    []string `json:"ends,omitempty"`
}

// FormItem is one position in a slot.
type FormItem struct {
	Code     string `json:"code"`
	Bulletin string `json:"bulletin"`
	Repeat   int    `json:"repeat,omitempty"` // 1 when 0
	GapMS    int    `json:"gap_ms,omitempty"`
	// Variants are what some clusters play in its place.
	Variants []FormVariant `json:"variants,omitempty"`
}

// DraftState is where a draft stands on its way to air.
type DraftState string

const (
	DraftOpen      DraftState = "draft"     // bản nháp: is being written
	DraftSubmitted DraftState = "submitted" // chờ duyệt
	DraftReturned  DraftState = "returned"  // trả lại, with a reason
)

// ScheduleDraft is a version of a schedule that is not on the air. There is at most
// one of a schedule.
type ScheduleDraft struct {
	// Doc is the whole version: Doc.Version is one above Base, Doc.Author wrote last.
	Doc Schedule `json:"doc"`
	// Base is the version it was made from; 0 for a schedule that is new.
	Base int `json:"base"`
	// Revision grows with everything done to the draft, and over a draft that went
	// before: who acts on it names the one they saw.
	Revision int64      `json:"revision"`
	State    DraftState `json:"state"`
	// Authors are all who wrote it. None of them may publish it.
	Authors []UserID `json:"authors"`
	SavedAt Millis   `json:"saved_at"`
	Note    string   `json:"note,omitempty"` // of the author, for the approver
	// ReturnedBy sent it back, and ReturnedWhy.
	ReturnedBy  UserID `json:"returned_by,omitempty"`
	ReturnedWhy string `json:"returned_why,omitempty"`
}

// DraftSave is a draft as somebody saves it. Schedule is "" for a new one. Base and
// Revision are what the person saw: the version on the air and the draft's revision, 0
// where there was none.
type DraftSave struct {
	Schedule ScheduleID
	Base     int
	Revision int64
	Form     ScheduleForm
	Note     string
}

// DraftWrite is one thing done to a draft.
type DraftWrite struct {
	Draft ScheduleDraft
	Was   int64 // revision of the draft it replaces; 0 for none
}

// DeskAct says who did something at the desk, when, and what of it the audit keeps. Code
// and title of the schedule are added where it is kept.
type DeskAct struct {
	At     Millis
	By     UserID
	Action string // schedule.draft, schedule.submit, …
	Facts  AuditFacts
	// Uncoded: published by a person who showed no code of a second factor.
	Uncoded bool
}

// ScheduleState is where a schedule stands as a whole.
type ScheduleState string

const (
	ScheduleNew       ScheduleState = "new"       // only a draft yet
	ScheduleOnAir     ScheduleState = "on_air"    // đang áp dụng
	ScheduleEnded     ScheduleState = "ended"     // past its last day
	ScheduleWithdrawn ScheduleState = "withdrawn" // thu hồi
)

// ScheduleCard is one schedule of a list: its newest version, its draft, or both.
type ScheduleCard struct {
	Schedule Schedule       `json:"schedule"` // the newest version; of a new one the draft's
	State    ScheduleState  `json:"state"`
	Draft    *ScheduleDraft `json:"draft,omitempty"`
	// Next is the next instant of one of its slots; 0 when there is none within a year.
	Next Millis `json:"next,omitempty"`
	// Form is Schedule as people write it, for pages.
	Form ScheduleForm `json:"-"`
}

// ScheduleView is all there is of one schedule.
type ScheduleView struct {
	ScheduleCard
	// OnAir and Pending are the newest version and the draft as people write them.
	OnAir   *ScheduleForm `json:"on_air,omitempty"`
	Pending *ScheduleForm `json:"pending,omitempty"`
	Changes []FieldChange `json:"changes"` // what the draft changes
	// TakesCode: the draft reaches the whole province, alone or together with what its reader
	// has published within a day, so that its publication takes a code of a second factor.
	TakesCode bool         `json:"takes_code,omitempty"`
	Versions  []Schedule   `json:"versions"`
	History   []AuditEntry `json:"history"`
	// Names are those of the people who stand in it.
	Names map[UserID]string `json:"names"`
}

// People lists who stands in it.
func (v ScheduleView) People() []UserID {
	var out []UserID
	for _, s := range v.Versions {
		out = append(out, s.Author, s.Approver)
	}
	for _, h := range v.History {
		out = append(out, UserID(h.Actor))
	}
	if v.Draft != nil {
		out = append(out, v.Draft.Doc.Author, v.Draft.ReturnedBy)
		out = append(out, v.Draft.Authors...)
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(u UserID) bool { return u == "" })
}

// FieldChange is one part of a schedule that moved. Slot and Item are codes, "" where
// the schedule or the slot as a whole is meant.
type FieldChange struct {
	Field string `json:"field"`
	Slot  string `json:"slot,omitempty"`
	Item  string `json:"item,omitempty"`
	Was   string `json:"was"`
	Is    string `json:"is"`
}

// ScheduleUpload is what a file of schedules would change.
type ScheduleUpload struct {
	Name string `json:"name"`
	// Seen names this difference: saving asks for it, so that nothing else is saved
	// than what was shown.
	Seen    string           `json:"seen"`
	Changes []ScheduleChange `json:"changes"`
	Forms   []ScheduleForm   `json:"-"`
}

// Changed counts the schedules that would get another draft.
func (u ScheduleUpload) Changed() int {
	n := 0
	for _, c := range u.Changes {
		if c.Action != "unchanged" {
			n++
		}
	}
	return n
}

// ScheduleChange is what a file changes of one schedule.
type ScheduleChange struct {
	Action   string        `json:"action"` // created, changed, unchanged
	Schedule ScheduleID    `json:"schedule"`
	Code     string        `json:"code"`
	Title    string        `json:"title"`
	Fields   []FieldChange `json:"fields"`
}

// ScheduleClash is why a schedule cannot be published, or not without a person who
// accepts what stands against it. Its kind is ErrConflict.
type ScheduleClash struct{ Conflicts []Conflict }

// Blocking says whether nobody may accept it.
func (c *ScheduleClash) Blocking() bool {
	for _, x := range c.Conflicts {
		if x.Blocking {
			return true
		}
	}
	return false
}

func (c *ScheduleClash) Error() string {
	return fmt.Sprintf("%v: %d conflicts stand against it", ErrConflict, len(c.Conflicts))
}

// Is makes errors.Is(err, ErrConflict) true.
func (c *ScheduleClash) Is(target error) bool { return target == ErrConflict }

// HoldState is how far a device is with a schedule.
type HoldState string

const (
	HoldSynced  HoldState = "synced"  // đã đồng bộ: holds this version and all its audio
	HoldAudio   HoldState = "audio"   // holds this version, audio is still missing
	HoldWaiting HoldState = "waiting" // has not reported the programme with this version
	HoldCentre  HoldState = "centre"  // the centre has not made that programme yet
	HoldNever   HoldState = "never"   // has never reported
)

// ScheduleHolder is one device a schedule is for, and how far it is.
type ScheduleHolder struct {
	Device  DeviceID  `json:"device"`
	Code    string    `json:"code"`
	Name    string    `json:"name"`
	Commune AreaID    `json:"commune"`
	Place   string    `json:"place"` // hamlet and commune, for people
	State   HoldState `json:"state"`
	// Issued is the programme the centre issued, Reported the one that runs.
	Issued   int64  `json:"issued"`
	Reported int64  `json:"reported"`
	Ready    int    `json:"ready"` // audio of this schedule that is there, of Audio
	Audio    int    `json:"audio"`
	Alive    bool   `json:"alive"`
	LastSeen Millis `json:"last_seen,omitempty"`
}
