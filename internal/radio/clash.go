package radio

import "time"

// Class of a sound: what decides when two want the loudspeaker (design §6).
type Class string

// Classes, highest first.
const (
	ClassEmergency Class = "emergency" // a cycle of an alert
	ClassLocal     Class = "local"     // a cycle of a standing alert, started at the device
	ClassPriority  Class = "priority"
	ClassNormal    Class = "normal"
	ClassCommand   Class = "command" // a test tone
)

// Classes lists them.
func Classes() []Class {
	return []Class{ClassEmergency, ClassLocal, ClassPriority, ClassNormal, ClassCommand}
}

// Class of a planned airing. A schedule that claims to be an emergency is refused
// where it is made; here it counts as normal.
func (p Priority) Class() Class {
	if p == Prior {
		return ClassPriority
	}
	return ClassNormal
}

// Clash is what becomes of two sounds that meet.
type Clash string

const (
	// Cuts: what sounds stops within a second; when the other is over it goes on from
	// two seconds before the cut.
	Cuts Clash = "cuts"
	// Ends: what sounds stops within a second and does not come back.
	Ends Clash = "ends"
	// Waits: the newcomer begins when what sounds is over, if it still fits then. Cycles
	// of several alerts alternate that way, the earliest due first.
	Waits Clash = "waits"
	// Refuses: the newcomer is turned away.
	Refuses Clash = "refuses"
)

// clashes is the table of all pairs: first what sounds, then what arrives. Same
// priority never cuts. In the silence between two cycles an alert counts as sounding.
//
// A priority airing that is planned over a normal one never meets it: timetable has
// placed the normal one behind it, or excluded it (missed: overlap), and that is what
// a preview shows. It cuts a normal one only when that sounds where no plan put it:
// delayed by an alert or a pause, or because the plan changed while it sounded.
var clashes = map[Class]map[Class]Clash{
	ClassEmergency: {ClassEmergency: Waits, ClassLocal: Waits, ClassPriority: Waits, ClassNormal: Waits, ClassCommand: Refuses},
	ClassLocal:     {ClassEmergency: Waits, ClassLocal: Waits, ClassPriority: Waits, ClassNormal: Waits, ClassCommand: Refuses},
	ClassPriority:  {ClassEmergency: Cuts, ClassLocal: Cuts, ClassPriority: Waits, ClassNormal: Waits, ClassCommand: Refuses},
	ClassNormal:    {ClassEmergency: Cuts, ClassLocal: Cuts, ClassPriority: Cuts, ClassNormal: Waits, ClassCommand: Refuses},
	ClassCommand:   {ClassEmergency: Ends, ClassLocal: Ends, ClassPriority: Ends, ClassNormal: Ends, ClassCommand: Refuses},
}

// Meet looks a pair up in the one table of who outranks whom.
func Meet(sounding, arriving Class) Clash {
	if c, ok := clashes[sounding][arriving]; ok {
		return c
	}
	return Waits
}

// Cycle is one round of an alert on one device: agent/emergency orders it, agent/playout
// makes it sound. It is one airing.
type Cycle struct {
	ID       AiringID
	Key      AiringKey
	Origin   Origin // alert; local when a person started it at the device
	At       Millis // when it was ordered: its planned instant
	Headline string
	// Drill: its first sound says so, and without that nothing of it sounds.
	Drill  bool
	Sounds []Rendition
	// Lacks counts sounds the alert wants and this device does not have at all: nobody
	// here knows how long they are, and without them the cycle is not whole.
	Lacks int
	// Voice follows them if it is there by then.
	Voice *Rendition
}

// Duty is what the alerts of a device want of its desk at one moment.
type Duty struct {
	// Cycle is to sound now, or sounds; nil for none.
	Cycle *Cycle
	// Hold: nothing else may sound, because a cycle sounds, or it is the silence
	// between two.
	Hold bool
	// Wake is when, on the monotonic clock, the answer changes by itself; 0 for never.
	Wake time.Duration
}

// ReceiptRecord tells how far an alert or a command has come on a device: a journal record
// and, as the latest of each id, a message.
type ReceiptRecord struct {
	ID     string       `json:"id"`
	State  ReceiptState `json:"state"`
	Reason Reason       `json:"reason,omitempty"`
	At     Millis       `json:"at"`
	// Who is local when a person did it at the device.
	Who string `json:"who,omitempty"`
}

// WhoLocal is a person with the PIN at the device.
const WhoLocal = "local"

// KeptAlert is what a device keeps of one alert over a restart.
type KeptAlert struct {
	ID AlertID
	// Over: nothing of it will sound again. It stays true whatever an older copy in a
	// damaged file says.
	Over  bool
	State []byte
}
