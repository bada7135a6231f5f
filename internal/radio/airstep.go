package radio

// AirAct is what somebody did so that an airing sounded, or did not.
type AirAct string

// Acts, in the order in which they come.
const (
	ActBulletinMade      AirAct = "bulletin_made"
	ActBulletinApproved  AirAct = "bulletin_approved"
	ActBulletinWithdrawn AirAct = "bulletin_withdrawn"
	ActScheduleWritten   AirAct = "schedule_written"
	ActSchedulePublished AirAct = "schedule_published"
	ActScheduleWithdrawn AirAct = "schedule_withdrawn"
	ActCommuneDecided    AirAct = "commune_decided"  // about what came from above
	ActProgrammeIssued   AirAct = "programme_issued" // by the centre's online key
	ActAlertComposed     AirAct = "alert_composed"
	ActAlertSigned       AirAct = "alert_signed"
	ActAlertCancelled    AirAct = "alert_cancelled"
	ActCommanded         AirAct = "commanded"   // a person ordered it from afar
	ActLocalStart        AirAct = "local_start" // somebody with the PIN, at the device
	ActLocalStop         AirAct = "local_stop"
)

// AirStep is one of them, with who answers for it.
type AirStep struct {
	Act AirAct `json:"act"`
	At  Millis `json:"at,omitempty"`
	// By did it, with the name there is now; nobody is named at the device.
	By   UserID `json:"by,omitempty"`
	Name string `json:"name,omitempty"`
	// ID, Code, Title and Version are those of the bulletin, schedule, alert or order;
	// Version of a programme is its revision.
	ID      string `json:"id,omitempty"`
	Code    string `json:"code,omitempty"`
	Title   string `json:"title,omitempty"`
	Version int64  `json:"version,omitempty"`
	// Key names the key that signed it.
	Key string `json:"key,omitempty"`
	// Do is what a command does; Came what the device said of it.
	Do   CommandKind  `json:"do,omitempty"`
	Came ReceiptState `json:"came,omitempty"`
	// Decision is what a commune said of it, To the new time of a move, with its date where
	// that is another one, Why the reason it gave.
	Decision DecisionKind `json:"decision,omitempty"`
	To       string       `json:"to,omitempty"`
	Why      string       `json:"why,omitempty"`
}
