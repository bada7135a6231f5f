package radio

// TimelineKind says whose a line of a commune's week is.
type TimelineKind string

const (
	TimelineOwn   TimelineKind = "own"   // the commune's own programme
	TimelineAbove TimelineKind = "above" // sent from above
	TimelineAlert TimelineKind = "alert" // an emergency
	TimelineDrill TimelineKind = "drill" // a drill of one
	TimelineOther TimelineKind = "other" // ordered from afar or played on the spot
)

// TimelineRow is one airing in a commune, on all clusters that do the same with it.
type TimelineRow struct {
	Day  Date         `json:"day"` // local date on which its slot begins
	At   Millis       `json:"at"`
	End  Millis       `json:"end"`
	Kind TimelineKind `json:"kind"`
	// Title is the bulletin's or the emergency's, From the schedule's.
	Title    string     `json:"title"`
	From     string     `json:"schedule_title,omitempty"`
	Schedule ScheduleID `json:"schedule,omitempty"`
	Slot     SlotID     `json:"slot,omitempty"`
	Alert    AlertID    `json:"alert,omitempty"`
	Priority Priority   `json:"priority"`
	// Past: it has been; Outcomes then counts clusters by what became of it, by the log.
	Past     bool              `json:"past"`
	Outcomes map[Outcome]int64 `json:"outcomes,omitempty"`
	// Sounds: it is to come and will sound, on Devices clusters.
	Sounds  bool `json:"sounds"`
	Devices int  `json:"device_count"`
	// Offer is where the commune stands with what came from above, Word what it said of it.
	Offer OfferState `json:"offer,omitempty"`
	Word  string     `json:"word,omitempty"`
	// MovedFrom is the time that was laid down above, of what the commune moved.
	MovedFrom Millis `json:"moved_from,omitempty"`
	// Reason is why it will not sound or did not, Veto the part of the policy that keeps it off.
	Reason Reason `json:"reason,omitempty"`
	Veto   Veto   `json:"veto,omitempty"`
}

// Timeline is a commune's days as one list (tuần của xã).
type Timeline struct {
	Commune AreaID `json:"commune"`
	Zone    string `json:"zone"`
	From    Date   `json:"from"`
	To      Date   `json:"to"`
	Devices int    `json:"device_count"`
	// Idle clusters are not enrolled and play nothing.
	Idle int `json:"not_enrolled_count"`
	// Waiting slots from above wait for the commune's answer.
	Waiting int           `json:"waiting"`
	Rows    []TimelineRow `json:"rows"` // in order of time
	// Cut: the log holds more of these days than is told here.
	Cut bool `json:"cut,omitempty"`
}
