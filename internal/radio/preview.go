package radio

// PreviewAiring is one airing that a device would play, or would not, if nothing of the
// plan changed: made by the agent's own code (timetable) from the programme and policy
// the device is to get.
type PreviewAiring struct {
	Device   DeviceID   `json:"device,omitempty"` // "" when it stands for several
	ID       AiringID   `json:"airing,omitempty"` // "" when it stands for several
	Start    Millis     `json:"start"`            // computed, after shifts
	SlotAt   Millis     `json:"slot_at"`
	Samples  int64      `json:"samples"`
	Priority Priority   `json:"priority"`
	Schedule ScheduleID `json:"schedule"`
	Slot     SlotID     `json:"slot"`
	Entry    EntryID    `json:"entry"`
	Repeat   int        `json:"repeat"`
	Kind     ItemKind   `json:"kind"`
	Bulletin BulletinID `json:"bulletin,omitempty"`
	Version  int        `json:"version,omitempty"`
	Title    string     `json:"title"`
	// Instead is the bulletin that was meant for the place, when this one stands in for it.
	Instead BulletinID `json:"instead,omitempty"`
	// ShiftMS: it begins so much later than planned because something sounds before it.
	ShiftMS int64 `json:"shift_ms,omitempty"`
	// With names the schedules that shift it or keep it from sounding, the one in its
	// way first; ClearAt is when they have ended.
	With    []ScheduleID `json:"with,omitempty"`
	ClearAt Millis       `json:"clear_at,omitempty"`
	// Outcome and Reason are set when it will not sound, with the words a device would
	// report: missed overlap, refused policy, refused expired, refused unsupported.
	Outcome Outcome `json:"outcome,omitempty"`
	Reason  Reason  `json:"reason,omitempty"`
	// Veto names the part of the policy, where that is the reason.
	Veto Veto `json:"veto,omitempty"`
}

// End is the instant after its last sample.
func (a PreviewAiring) End() Millis { return a.Start.Add(SamplesDuration(a.Samples)) }

// Preview is what would sound on one device, or on the devices of an area, in some days.
type Preview struct {
	Zone string `json:"zone"`
	From Date   `json:"from"`
	// Devices is how many stand there and are enrolled; Idle are the others, which play
	// nothing and count nowhere else.
	Devices int          `json:"device_count"`
	Idle    int          `json:"not_enrolled_count"`
	Days    []PreviewDay `json:"days"`
	Rows    []PreviewRow `json:"airings"`
	// Conflicts tells what of the plan cannot enter the programme of these devices.
	Conflicts []Conflict `json:"conflicts"`
}

// PreviewDay sums one local day.
type PreviewDay struct {
	Day Date `json:"day"`
	// Samples that would sound on the device that sounds the longest.
	Samples int64 `json:"samples"`
}

// PreviewRow is one airing on some of the devices.
type PreviewRow struct {
	PreviewAiring
	Day Date `json:"day"` // local date on which its slot begins
	Odd bool `json:"odd"` // it would sound in the quiet hours 21:00–05:00
	// DeviceCount of all; Devices names them, at most MaxConflictDevices, when they are
	// not all there are.
	DeviceCount int        `json:"device_count"`
	Devices     []DeviceID `json:"devices,omitempty"`
}

// MaxPreviewDays bounds what is previewed at once.
const MaxPreviewDays = 31

// ConflictKind names what stands between a schedule and the air.
type ConflictKind string

const (
	ConflictOverlap   ConflictKind = "overlap"    // another airing sounds then: shifted or dropped
	ConflictHours     ConflictKind = "hours"      // outside the permitted hours of the place
	ConflictAudio     ConflictKind = "no_audio"   // no approved version of the bulletin
	ConflictValidity  ConflictKind = "validity"   // the bulletin is not valid at the airing
	ConflictNotInTime ConflictKind = "not_synced" // the device will not have programme or audio in time
	ConflictSlot      ConflictKind = "slot"       // the slot cannot be expanded, or has no airing
	ConflictPriority  ConflictKind = "priority"   // a schedule must not claim to be an emergency
	ConflictTarget    ConflictKind = "target"     // no device, or a place outside the author's areas
	ConflictLimit     ConflictKind = "limit"      // the device's programme grows beyond its bounds
)

// Conflict is one clash, told once for all devices it touches. Blocking ones must be
// mended; others may be accepted by the person who publishes.
type Conflict struct {
	Kind     ConflictKind `json:"kind"`
	Blocking bool         `json:"blocking"`
	Schedule ScheduleID   `json:"schedule"`
	Slot     SlotID       `json:"slot,omitempty"`
	Entry    EntryID      `json:"entry,omitempty"`
	// With is the other schedule of an overlap.
	With ScheduleID `json:"with,omitempty"`
	// At is the first instant at which it happens; 0 when it has none.
	At Millis `json:"at,omitempty"`
	// Times counts the airings touched within the days looked at, on all devices.
	Times int `json:"times,omitempty"`
	// Devices are those touched, at most MaxConflictDevices of DeviceCount.
	Devices     []DeviceID `json:"devices,omitempty"`
	DeviceCount int        `json:"device_count,omitempty"`
	VI          string     `json:"reason_vi"`
	EN          string     `json:"reason_en"`
	// FixVI and FixEN say what a person can do about it; never empty.
	FixVI string `json:"fix_vi"`
	FixEN string `json:"fix_en"`
}

// MaxConflictDevices bounds the devices one conflict names.
const MaxConflictDevices = 20
