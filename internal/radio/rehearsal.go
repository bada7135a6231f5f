package radio

import "time"

// Rehearsal is what would sound in some days at a place if nothing of the plan changed,
// by the code the devices run: what sounds when, for how long in each hamlet, what of it
// at night, and what each device must download for it.
type Rehearsal struct {
	Zone string `json:"zone"`
	// From and To are local dates, both rehearsed. Begin is the instant from which on it is
	// told: what lies before now is the log's to say.
	From  Date   `json:"from"`
	To    Date   `json:"to"`
	Begin Millis `json:"begin"`
	// Devices is how many stand there and are enrolled; Idle are the others, which play
	// nothing and count nowhere else.
	Devices int             `json:"device_count"`
	Idle    int             `json:"not_enrolled_count"`
	Sum     RehearsalSum    `json:"sum"`
	Days    []RehearsalDay  `json:"days"`
	Hamlets []RehearsalArea `json:"hamlets"` // by commune and code
	// Loads tells of every device, those that get something too late first, then by what
	// they must download.
	Loads []RehearsalLoad `json:"devices"`
	// Rows are the airings in order of time, at most MaxRehearsalRows; More are those left
	// out. Night holds those that would sound in the quiet hours, at most MaxRehearsalNight,
	// whether they stand in Rows or not.
	Rows  []PreviewRow `json:"airings"`
	More  int          `json:"more_airings"`
	Night []PreviewRow `json:"night_airings"`
	// Conflicts tells what of the plan is left out of programmes or will not sound.
	Conflicts []Conflict `json:"conflicts"`
}

// Behind says whether all of its days, or a part of them, had passed when it was made: of
// these it tells nothing. zone is the rehearsal's.
func (r Rehearsal) Behind(zone *time.Location) (all, some bool) {
	begin := r.Begin.Time().In(zone)
	if DateOf(begin) > r.To {
		return true, true
	}
	first, err := time.ParseInLocation(time.DateOnly, string(r.From), zone)
	return false, err == nil && begin.After(first)
}

// Bounds of what one rehearsal lists; its sums count everything.
const (
	MaxRehearsalRows  = 2000
	MaxRehearsalNight = 200
)

// RehearsalSum counts airings on devices: one bulletin on three devices is three.
type RehearsalSum struct {
	Airings int   `json:"airings"` // that would sound
	Samples int64 `json:"samples"` // of those
	Night   int   `json:"night"`   // of those, in the quiet hours 21:00–05:00
	Dropped int   `json:"dropped"` // planned, but refused or without room
	Bytes   int64 `json:"bytes"`   // of audio that is not on the devices yet
	Late    int   `json:"late"`    // devices that get some audio after its first airing
	OverCap int   `json:"over_cap"`
}

// Add takes another sum in.
func (s *RehearsalSum) Add(o RehearsalSum) {
	s.Airings += o.Airings
	s.Samples += o.Samples
	s.Night += o.Night
	s.Dropped += o.Dropped
	s.Bytes += o.Bytes
	s.Late += o.Late
	s.OverCap += o.OverCap
}

// RehearsalDay is one local day: of the place, and of the device that sounds the longest.
type RehearsalDay struct {
	Day Date `json:"day"`
	// Airings, Samples, Night and Dropped are of the day; the other fields are 0.
	RehearsalSum
	Longest int64 `json:"longest_samples"`
}

// RehearsalArea is one hamlet.
type RehearsalArea struct {
	Area        AreaID `json:"area"`
	Name        string `json:"name"`
	Commune     AreaID `json:"commune"`
	CommuneName string `json:"commune_name"`
	Devices     int    `json:"device_count"`
	RehearsalSum
	// Longest is what sounds on the device of the hamlet that sounds the longest, in
	// samples: what people there can hear at most.
	Longest int64 `json:"longest_samples"`
}

// RehearsalLoad is what one device would play and must download.
type RehearsalLoad struct {
	Device  DeviceID `json:"device"`
	Code    string   `json:"code"`
	Name    string   `json:"name"`
	Hamlet  AreaID   `json:"hamlet"`
	Commune AreaID   `json:"commune"`
	Airings int      `json:"airings"`
	Samples int64    `json:"samples"`
	Night   int      `json:"night"`
	Dropped int      `json:"dropped"`
	// Bytes of audio that the device has not reported as there.
	Bytes int64 `json:"bytes"`
	// BPS is the rate of its link in bit/s, Measured by the device itself; else it is
	// UnknownLinkBPS.
	BPS      int64 `json:"link_bps"`
	Measured bool  `json:"link_measured"`
	// CapBytes is what its contract allows in a month, UsedBytes what it has downloaded of
	// that; 0 without a cap.
	CapBytes  int64 `json:"cap_bytes,omitempty"`
	UsedBytes int64 `json:"used_bytes,omitempty"`
	OverCap   bool  `json:"over_cap,omitempty"`
	// Done is when all of it would be there, fetched as devices do: what airs first first,
	// in the hours for fetching, or in the hour before it airs; 0 when nothing is missing.
	Done Millis `json:"done,omitempty"`
	// Late is the first airing whose audio would not be there.
	Late *LateAudio `json:"late,omitempty"`
	// Unheard, offline or behind: nobody knows when it hears of the plan; "" otherwise.
	State string `json:"state,omitempty"`
}

// LateAudio is an airing that comes before its audio.
type LateAudio struct {
	Bulletin BulletinID `json:"bulletin"`
	Title    string     `json:"title"`
	At       Millis     `json:"at"`    // the airing
	Ready    Millis     `json:"ready"` // when the audio would be there
}

// UnknownLinkBPS is the rate taken for a link nobody has measured: 64 kbit/s.
const UnknownLinkBPS = 64_000

// RehearsalDifference is what a publication changes: of the devices the schedules reach
// now or would reach, in a span of days.
type RehearsalDifference struct {
	Zone    string       `json:"zone"`
	From    Date         `json:"from"`
	To      Date         `json:"to"`
	Devices int          `json:"device_count"`
	Before  RehearsalSum `json:"before"`
	After   RehearsalSum `json:"after"`
	// Most is the longest any one device would sound in the span, before and after.
	MostBefore int64 `json:"most_samples_before"`
	MostAfter  int64 `json:"most_samples_after"`
}
