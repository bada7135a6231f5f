package radio

// ItemKind tells what an item is. The union is open: an agent refuses a kind it
// does not know as refused: unsupported, and plays the rest.
type ItemKind string

const (
	KindAudio ItemKind = "audio"
	KindRelay ItemKind = "relay" // tiếp âm
	KindLive  ItemKind = "live"  // phát trực tiếp
)

// Schedule (lịch phát) is the rule people approve: where, when, what.
type Schedule struct {
	ID      ScheduleID `json:"id"`
	Code    string     `json:"code"`
	Version int        `json:"version"`
	Title   string     `json:"title"`
	// Area is the owner: the province or the commune whose desk it is; empty, in
	// documents written before there were desks, is the province. Targets lie in it.
	Area     AreaID     `json:"area,omitempty"`
	Campaign CampaignID `json:"campaign,omitempty"`
	Priority Priority   `json:"priority"` // normal or priority; emergency is refused
	Targets  []Target   `json:"targets"`
	// Zone is the IANA name in which the slots' cron rules are read.
	Zone string `json:"zone"`
	// From is the first local date, Until the last; empty is open.
	From   Date   `json:"from,omitempty"`
	Until  Date   `json:"until,omitempty"`
	Except []Date `json:"except,omitempty"`
	// GraceSeconds is how late an item may still be joined; default 120 (design §5).
	GraceSeconds int    `json:"grace_seconds"`
	Slots        []Slot `json:"slots"`
	Author       UserID `json:"author"`
	Approver     UserID `json:"approver"`
	ApprovedAt   Millis `json:"approved_at"`
	// WithdrawnAt is when this version took the schedule off the air; 0 while it runs.
	WithdrawnAt Millis `json:"withdrawn_at,omitempty"`
}

// Slot is a cron rule with ordered items. Code names it in files and is unique
// in its schedule; the id survives edits.
type Slot struct {
	ID    SlotID  `json:"id"`
	Code  string  `json:"code"`
	Cron  string  `json:"cron"` // five fields, no descriptors, no TZ= prefix
	Items []Entry `json:"items"`
}

// Entry is one position in a slot. Its id is given once and survives edits, so
// that an airing keeps its name when a slot is re-timed around it.
type Entry struct {
	ID       EntryID    `json:"id"`
	Code     string     `json:"code"` // unique in its slot
	Kind     ItemKind   `json:"kind"`
	Bulletin BulletinID `json:"bulletin,omitempty"`
	Repeat   int        `json:"repeat"` // times it sounds, 1 to 10
	GapMS    int        `json:"gap_ms"` // silence between repeats
}

const (
	// DefaultGraceSeconds of a schedule that does not say (design §5).
	DefaultGraceSeconds = 120
	MaxGraceSeconds     = 3600
	MaxRepeat           = 10
	MaxGapMS            = 10 * 60 * 1000
	MaxSlotItems        = 64
	MaxSlots            = 128
)
