package radio

import (
	"cmp"
	"slices"
)

type (
	// FaultID names one fault: one trouble, opened once and closed once.
	FaultID string
	// OutageID names one outage: devices lost together.
	OutageID string
)

// FaultKind is what is wrong with a device, as the centre judges it.
type FaultKind string

const (
	FaultOffline     FaultKind = "offline"       // no signed word for too long
	FaultNotReady    FaultKind = "not_ready"     // will not play an airing of the next 30 minutes as planned
	FaultSilent      FaultKind = "silent"        // two planned airings on end without a word
	FaultClock       FaultKind = "clock"         // its clock is not trusted, or only assumed
	FaultOutput      FaultKind = "output"        // its sound output failed
	FaultDisk        FaultKind = "disk"          // hardly any room left
	FaultReported    FaultKind = "reported"      // another trouble it reports itself; Code says which
	FaultCloned      FaultKind = "cloned"        // two controllers use its identity
	FaultRefused     FaultKind = "refused"       // the centre cannot make its documents; Code says which
	FaultEmergency   FaultKind = "emergency_set" // sounds of its emergency set are not on it
	FaultCertificate FaultKind = "certificate"   // its certificate ends soon, or has ended
	FaultCentre      FaultKind = "centre"        // the centre itself was away; Code says how: stopped, broker
)

// FaultKinds lists every kind in the order screens show them.
func FaultKinds() []FaultKind {
	return []FaultKind{FaultCentre, FaultOffline, FaultNotReady, FaultSilent, FaultOutput, FaultClock, FaultEmergency, FaultDisk,
		FaultReported, FaultCloned, FaultRefused, FaultCertificate}
}

// Valid says whether k is one of the kinds.
func (k FaultKind) Valid() bool { return slices.Contains(FaultKinds(), k) }

// The codes of FaultCentre.
const (
	CentreStopped = "stopped" // the centre did not run
	CentreBroker  = "broker"  // the centre had no broker
)

// The causes of FaultNotReady.
const (
	CauseRevision = "revision" // it runs an older programme than the one issued
	CauseAudio    = "audio"    // audio of the airing is not on it
	CauseNoWord   = "no_word"  // it has not said anything, or not for too long
)

// FaultKey is what can be wrong at most once at a time.
type FaultKey struct {
	Device DeviceID // "" for the centre itself
	Kind   FaultKind
	Code   string
}

// FaultCause is what is known of why, as values: screens and messages make words of
// them. What does not apply is zero.
type FaultCause struct {
	// Why is, of not_ready, one of the causes; of emergency_set the roles that are missing,
	// with blanks between them.
	Why string `json:"why,omitempty"`
	// At is the instant the fault is about: since when the device is lost, the airing
	// it is not ready for, the end of its certificate.
	At     Millis `json:"at,omitempty"`
	Title  string `json:"title,omitempty"`  // of the airing
	Count  int    `json:"count,omitempty"`  // airings or audio files
	Has    int64  `json:"has,omitempty"`    // revision it runs, bytes it has free
	Wanted int64  `json:"wanted,omitempty"` // revision issued, bytes there are
	Text   string `json:"text,omitempty"`   // words of the device or of the centre's own check
}

// Fault is one trouble of one device, or of the centre (no device).
type Fault struct {
	ID       FaultID   `json:"fault"`
	Device   DeviceID  `json:"device,omitempty"`
	Commune  AreaID    `json:"commune,omitempty"` // where the device stood when it opened
	Kind     FaultKind `json:"kind"`
	Code     string    `json:"code,omitempty"`
	OpenedAt Millis    `json:"opened_at"`
	ClosedAt Millis    `json:"closed_at,omitempty"` // 0 while it is open
	// ChangedAt is when its cause was last found to be another one.
	ChangedAt Millis     `json:"changed_at"`
	Cause     FaultCause `json:"cause"`
	// Outage is the outage of which the fault is a part or a consequence.
	Outage OutageID `json:"outage,omitempty"`
}

// Key says what is wrong, whenever it began.
func (f Fault) Key() FaultKey { return FaultKey{f.Device, f.Kind, f.Code} }

// Open says whether the fault still holds.
func (f Fault) Open() bool { return f.ClosedAt == 0 }

// Outage is devices of one commune, or of the whole province, that were lost within a
// few minutes of each other: one line to people, however many they are.
type Outage struct {
	ID       OutageID `json:"outage"`
	Area     AreaID   `json:"area"`
	OpenedAt Millis   `json:"opened_at"` // when the first was lost
	ClosedAt Millis   `json:"closed_at,omitempty"`
	// AnnouncedAt is when people were told; 0 while it is still gathering.
	AnnouncedAt Millis `json:"announced_at,omitempty"`
	Devices     int    `json:"devices"` // ever a part of it
	Lost        int    `json:"lost"`    // still away
}

// FaultChange is what one look at the devices changes, all or nothing.
type FaultChange struct {
	At      Millis // of the look
	Opened  []Fault
	Closed  []Fault // with ClosedAt
	Updated []Fault // another cause or outage
	Outages []Outage
	Notices []Notice
	// Summed is the local day of the daily summary that is among the notices; "" for none.
	Summed Date
	// Forget drops what was over before it; 0 for nothing.
	Forget Millis
}

// Empty says whether nothing but the instant of the look would be written.
func (c FaultChange) Empty() bool {
	return len(c.Opened)+len(c.Closed)+len(c.Updated)+len(c.Outages)+len(c.Notices) == 0 && c.Summed == ""
}

// FaultEvent is what news tells.
type FaultEvent string

const (
	FaultOpened    FaultEvent = "opened"
	FaultClosed    FaultEvent = "closed"
	FaultStillOpen FaultEvent = "still_open" // once a day
)

// FaultNews is what people are told: one kind of trouble in one area, however many
// devices have it.
type FaultNews struct {
	// Key is the same whenever the same is told again.
	Key   string     `json:"key"`
	Event FaultEvent `json:"event"`
	Kind  FaultKind  `json:"kind"`
	Code  string     `json:"code,omitempty"`
	// Area is the commune or the province; Within its chain of codes, province first.
	Area     AreaID   `json:"area,omitempty"`
	AreaName string   `json:"area_name,omitempty"`
	Within   []string `json:"within,omitempty"`
	Outage   OutageID `json:"outage,omitempty"`
	// From is when it began, To when it was over; 0 while it is not.
	From  Millis     `json:"from"`
	To    Millis     `json:"to,omitempty"`
	Cause FaultCause `json:"cause"` // of the first device
	Count int        `json:"count"` // devices
	// Devices names at most MaxNamed of them.
	Devices []NamedDevice `json:"devices,omitempty"`
}

// MaxNamed bounds the devices one piece of news names.
const MaxNamed = 30

// NamedDevice is a device as messages name it.
type NamedDevice struct {
	ID     DeviceID `json:"device"`
	Code   string   `json:"code"`
	Name   string   `json:"name"`
	Hamlet string   `json:"hamlet_name"`
}

// Notice is one piece of news on its way to one recipient: a row of the outbox. It is
// delivered at least once; Key tells a repetition.
type Notice struct {
	ID        string    `json:"notice"`
	Recipient string    `json:"recipient"` // as the configuration names it
	News      FaultNews `json:"news"`
	CreatedAt Millis    `json:"created_at"`
	// NextAt is when it is tried next.
	NextAt Millis `json:"next_at"`
	Tries  int    `json:"tries"`
	// SentAt or FailedAt end it; FailedAt: given up.
	SentAt   Millis `json:"sent_at,omitempty"`
	FailedAt Millis `json:"failed_at,omitempty"`
	Error    string `json:"error,omitempty"`
}

// FaultFilter narrows the list of faults; empty fields do not narrow.
type FaultFilter struct {
	Device   DeviceID
	Communes []AreaID // nil for all; the centre's own are told whatever stands here
	Kind     FaultKind
	Outage   OutageID
	Closed   bool // closed ones instead of open ones
}

// FaultPage is part of the faults, the newest first. Next is the id of the last one
// when there are more.
type FaultPage struct {
	Faults []Fault
	Next   FaultID
}

// DocumentRevision is the newest revision of a document and when it was issued.
type DocumentRevision struct {
	Revision int64  `json:"revision"`
	IssuedAt Millis `json:"issued_at"`
	NotAfter Millis `json:"not_after,omitempty"`
}

// ComingAirings is one audio that a device is to play soon, however often.
type ComingAirings struct {
	Device DeviceID
	Start  Millis // of the first
	Count  int
	Title  string
	SHA256 SHA256
}

// QuietAirings tells about the last planned airings of a device that are over.
type QuietAirings struct {
	Device DeviceID
	// Quiet is how many on end, up to the last one, have no word; at most 2 are counted.
	Quiet int
	// First is the start of the first of them, Title its name.
	First Millis
	Title string
}

// DeviceView is all that lists, pages and the judging of faults need to know of a
// device: where it stands, what it said, what it should hold.
type DeviceView struct {
	Place     Place
	State     DeviceState // without its JSON documents; zero while it has said nothing
	Status    *Status     // its last report; nil before the first. Shared: read only
	Issued    map[string]DocumentRevision
	Certified Millis // end of its certificate; 0 while it has none
	// Online: connected by its presence, and its signed words are not too old.
	Online bool
}

// CompareFaults orders by the instant of opening, the newest first.
func CompareFaults(a, b Fault) int {
	return cmp.Or(cmp.Compare(b.OpenedAt, a.OpenedAt), cmp.Compare(b.ID, a.ID))
}
