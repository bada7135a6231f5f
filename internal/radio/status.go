package radio

import "slices"

// Status is what a device runs on. The same struct is shown by the agent's local
// page and `loaxa-agent status`, and goes up signed as up/reported (design §7).
type Status struct {
	Device  DeviceID `json:"device"`
	Name    string   `json:"name"`
	Zone    string   `json:"zone"` // IANA name of the device's civil time
	At      Millis   `json:"at"`
	Version string   `json:"version"`
	Boot    BootID   `json:"boot"`
	UpMS    int64    `json:"up_ms"` // since the agent started

	Link      LinkStatus      `json:"link"`
	Clock     ClockStatus     `json:"clock"`
	Output    OutputStatus    `json:"output"`
	Disk      DiskStatus      `json:"disk"`
	Journal   JournalStatus   `json:"journal"`
	Revisions RevisionStatus  `json:"revisions"`
	Policy    string          `json:"policy_label"`
	Rules     *PolicyStatus   `json:"policy_rules,omitempty"`
	Audio     []AudioStatus   `json:"audio"`
	Next      []NextAiring    `json:"next"`
	Last      []Confirmation  `json:"last"` // newest first
	Faults    []FaultStatus   `json:"faults"`
	Sounding  *SoundingStatus `json:"sounding,omitempty"`
	// VolumeDB is what a person far away has turned the volume down by; Paused: nothing
	// planned sounds because of one.
	VolumeDB float64 `json:"volume_db,omitempty"`
	Paused   bool    `json:"paused,omitempty"`
	// Emergency is the readiness of the emergency set, Alerts what the device holds of
	// alerts that are not long over, the newest first.
	Emergency []EmergencyStatus `json:"emergency,omitempty"`
	Alerts    []AlertStatus     `json:"alerts,omitempty"`
}

// EmergencyStatus is the readiness of one sound of the emergency set.
type EmergencyStatus struct {
	Role  EmergencyRole `json:"role"`
	Ready bool          `json:"ready"`
	// StandIn: without it the device has one built in that sounds in its place.
	StandIn bool `json:"stand_in,omitempty"`
}

// AlertStatus is how far an alert has come on the device.
type AlertStatus struct {
	ID       AlertID      `json:"id"`
	Headline string       `json:"headline"`
	Area     AreaID       `json:"area"`
	Drill    bool         `json:"drill,omitempty"`
	Standing bool         `json:"standing,omitempty"`
	State    ReceiptState `json:"state"`
	Reason   Reason       `json:"reason,omitempty"`
	// Cycle is how many of Repeats have sounded.
	Cycle   int    `json:"cycle"`
	Repeats int    `json:"repeats"`
	Running bool   `json:"running,omitempty"` // it sounds, or is between two cycles
	Next    Millis `json:"next,omitempty"`    // when the next cycle begins
	Expires Millis `json:"expires"`
}

// Fill makes empty lists of missing ones, so that JSON never says null.
func (s *Status) Fill() {
	if s.Audio == nil {
		s.Audio = []AudioStatus{}
	}
	if s.Next == nil {
		s.Next = []NextAiring{}
	}
	if s.Last == nil {
		s.Last = []Confirmation{}
	}
	if s.Faults == nil {
		s.Faults = []FaultStatus{}
	}
	if s.Rules != nil {
		for i := range s.Rules.Exceptions {
			if s.Rules.Exceptions[i].Windows == nil {
				s.Rules.Exceptions[i].Windows = []Window{}
			}
		}
	}
}

// LinkStatus is the connection to the centre.
type LinkStatus struct {
	Connected  bool   `json:"connected"`
	Since      Millis `json:"since,omitempty"`
	Connection uint64 `json:"connection"` // persisted connection number
	Broker     string `json:"broker"`
	Error      string `json:"error,omitempty"`
	// Refused: the broker has turned the device's identity away.
	Refused bool `json:"refused,omitempty"`
	// DownBPS is the rate of its own downloads of late, in bit/s; 0 before the first.
	DownBPS int64 `json:"down_bps,omitempty"`
	// CapBytes is what the contract of a metered link allows in a calendar month, by the
	// device's configuration; UsedBytes what the device has downloaded in this one. Both are
	// 0 on a link without a cap.
	CapBytes  int64 `json:"cap_bytes,omitempty"`
	UsedBytes int64 `json:"used_bytes,omitempty"`
}

// ClockStatus is the clock's trust.
type ClockStatus struct {
	ClockStamp
	OffsetMS int64  `json:"offset_ms"` // added to the system clock
	Since    Millis `json:"since,omitempty"`
}

// OutputStatus is the way sound leaves.
type OutputStatus struct {
	Driver string `json:"driver"`
	Device string `json:"device"`
	State  string `json:"state"` // idle, open, failed
	Error  string `json:"error,omitempty"`
	// Amplifier is "" on a device without a switch for it.
	Amplifier AmplifierState `json:"amplifier,omitempty"`
}

// AmplifierState is what is known of the amplifier before the loudspeakers.
type AmplifierState string

const (
	AmplifierOff       AmplifierState = "off"
	AmplifierOn        AmplifierState = "on"
	AmplifierSwitching AmplifierState = "switching"
	AmplifierFailed    AmplifierState = "failed" // the switch did not obey the last time
)

// DiskStatus is the room on the device.
type DiskStatus struct {
	FreeBytes  int64 `json:"free_bytes"`
	TotalBytes int64 `json:"total_bytes"`
	CacheBytes int64 `json:"cache_bytes"`
}

// JournalStatus is what waits for the centre's acknowledgement.
type JournalStatus struct {
	ID    JournalID `json:"id"`
	Head  uint64    `json:"head"`
	Acked uint64    `json:"acked"`
}

// RevisionStatus is which documents are active; 0 for none.
type RevisionStatus struct {
	Programme int64 `json:"programme"`
	Policy    int64 `json:"policy"`
	Settings  int64 `json:"settings"`
	Keys      int64 `json:"keys"`
	// Root is the number of the root key; 0 from agents that cannot walk to another.
	Root     int    `json:"root,omitempty"`
	NotAfter Millis `json:"programme_not_after,omitempty"`
}

// AudioStatus is the readiness of one audio of the programme.
type AudioStatus struct {
	SHA256 SHA256 `json:"sha256"`
	Title  string `json:"title"`
	Bytes  int64  `json:"bytes"`
	Have   int64  `json:"have"` // verified bytes in the cache
	Ready  bool   `json:"ready"`
	Due    Millis `json:"due,omitempty"` // of its next airing within two days
	Error  string `json:"error,omitempty"`
	// Refused: it must not sound, so that it is not ready, nor fetched; Error says why.
	Refused bool `json:"refused,omitempty"`
}

// NextAiring is one coming airing.
type NextAiring struct {
	ID       AiringID `json:"id"`
	Start    Millis   `json:"start"`
	Samples  int64    `json:"samples"`
	Title    string   `json:"title"`
	Priority Priority `json:"priority"`
	Ready    bool     `json:"ready"`
	Excluded Reason   `json:"excluded,omitempty"`
}

// FaultStatus is one open trouble.
type FaultStatus struct {
	Code  string `json:"code"`
	Since Millis `json:"since"`
	Text  string `json:"text"`
}

// SoundingStatus is what sounds now.
type SoundingStatus struct {
	ID       AiringID `json:"id"`
	Title    string   `json:"title"`
	Consumed int64    `json:"consumed"`
	Samples  int64    `json:"samples"`
}

// AudioWaits says whether audio that is not on the device, for an airing at due (0: none
// within two days), is only not fetched yet: that comes in the hours of fetching, or before
// the airing. It is not so when nothing can be fetched, or the device does not know what
// time it is.
func (s Status) AudioWaits(due Millis) bool {
	fetching := s.Link.Connected && s.Clock.State != "untrusted" && !slices.ContainsFunc(s.Faults, func(f FaultStatus) bool {
		return f.Code == "fetch" || f.Code == "disk" || f.Code == "cache"
	})
	return fetching && (due == 0 || due.Sub(s.At) > FetchUrgent)
}

// Unready lists the sounds of the emergency set that are not on the device, by its report.
func (s Status) Unready() (list []EmergencyRole) {
	for _, e := range s.Emergency {
		if !e.Ready && e.Role.valid() && !slices.Contains(list, e.Role) {
			list = append(list, e.Role)
		}
	}
	return list
}

// StandIn says whether a built-in siren sounds in place of the one that is not there.
func (s Status) StandIn() bool {
	return slices.ContainsFunc(s.Emergency, func(e EmergencyStatus) bool { return e.StandIn })
}
