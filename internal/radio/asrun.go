package radio

import "time"

// KeepIssued is how long the centre keeps a document that was superseded: longer than a
// programme lives, so that word of a device that was offline can be explained.
const KeepIssued = 100 * 24 * time.Hour

// Issued is one signed document of a device as the centre keeps it: the database
// is the durable state, the broker's retained message only a cache of Envelope.
type Issued struct {
	Device   DeviceID `json:"device"`
	Document string   `json:"document"` // programme, policy, settings
	Revision int64    `json:"revision"`
	IssuedAt Millis   `json:"issued_at"`
	NotAfter Millis   `json:"not_after"` // 0 = does not expire
	// Digest is the SHA-256 of the content without revision and times: equal
	// digests need no new revision.
	Digest  SHA256 `json:"digest"`
	Payload []byte `json:"-"` // the document's JSON
	// Declined is the JSON of Programme.Declined, empty for none; it is never sent.
	Declined []byte `json:"-"`
	Envelope []byte `json:"-"` // the signed message
}

// AsRun is one frozen airing with its current outcome: a row of the confirmation
// log. Titles, hashes and authors are copied, so the log outlives deleted media.
type AsRun struct {
	Airing AiringID  `json:"airing"`
	Key    AiringKey `json:"key"`
	Origin Origin    `json:"origin"`
	// Day is the local date on which the slot begins (of what has no slot, on which it
	// begins itself): what a slot of 23:58 sounds at 00:04 is of the evening.
	Day Date `json:"day"`
	// SlotTime is the local time of the slot's instant; of what has no slot, of its start.
	SlotTime TimeOfDay `json:"slot_time"`
	Start    Millis    `json:"start"`
	Samples  int64     `json:"samples"`
	Priority Priority  `json:"priority"`
	Revision int64     `json:"revision"` // the programme revision it was frozen from
	// Held is the newest revision known to hold it.
	Held     int64      `json:"held"`
	FrozenAt Millis     `json:"frozen_at"`
	Deadline Millis     `json:"deadline"` // silent after this
	Campaign CampaignID `json:"campaign,omitempty"`

	Province    AreaID `json:"province"`
	Commune     AreaID `json:"commune"`
	Hamlet      AreaID `json:"hamlet"`
	DeviceCode  string `json:"device_code"`
	DeviceName  string `json:"device_name"`
	CommuneName string `json:"commune_name"`
	HamletName  string `json:"hamlet_name"`

	Bulletin BulletinID `json:"bulletin,omitempty"`
	Version  int        `json:"version,omitempty"`
	// Instead is the bulletin that was meant for the place and not to be had: Bulletin
	// stands in for it (fallback). InsteadTitle is its title.
	Instead       BulletinID `json:"instead,omitempty"`
	InsteadTitle  string     `json:"instead_title,omitempty"`
	Title         string     `json:"title"`
	Author        string     `json:"author"`
	Unit          string     `json:"unit"`
	SHA256        SHA256     `json:"sha256,omitempty"`
	ScheduleCode  string     `json:"schedule_code"`
	ScheduleTitle string     `json:"schedule_title"`

	Outcome   Outcome `json:"outcome"`
	Reason    Reason  `json:"reason,omitempty"`
	From      string  `json:"from,omitempty"` // whose word the outcome is; "" while pending
	StartedAt Millis  `json:"started_at,omitempty"`
	Consumed  int64   `json:"consumed"`
	Expected  int64   `json:"expected"`
	AtLeast   bool    `json:"at_least,omitempty"`
	Proof     string  `json:"proof,omitempty"`
	// Stale is set when the device aired what the centre had cancelled, or the commune
	// declined (flag stale_programme).
	Stale bool `json:"stale_programme,omitempty"`
	// Clock is the state of the device's clock in the confirmation, ClockAssumed where
	// nothing vouched for it.
	Clock   string `json:"clock,omitempty"`
	KnownAt Millis `json:"known_at"`
	// Words is how many words have been said about it.
	Words int `json:"words"`
}

// ClockAssumed in place of a clock's state says that the time was only assumed (design
// §5): such a device calls its clock trusted, for trials.
const ClockAssumed = "assumed"

// Who can speak about an outcome.
const (
	WordDevice = "device"
	WordCentre = "centre"
)

// Word is one statement about an airing's outcome, append-only. From is "device"
// or "centre"; the device's word wins.
type Word struct {
	Airing    AiringID  `json:"airing"`
	N         int       `json:"n"` // 1 for the first word about the airing
	KnownAt   Millis    `json:"known_at"`
	From      string    `json:"from"`
	Outcome   Outcome   `json:"outcome"`
	Reason    Reason    `json:"reason,omitempty"`
	StartedAt Millis    `json:"started_at,omitempty"`
	Consumed  int64     `json:"consumed"`
	Expected  int64     `json:"expected"`
	AtLeast   bool      `json:"at_least,omitempty"`
	Proof     string    `json:"proof,omitempty"`
	Stale     bool      `json:"stale_programme,omitempty"`
	Clock     string    `json:"clock,omitempty"`
	Journal   JournalID `json:"journal,omitempty"`
	Seq       uint64    `json:"seq,omitempty"`
}
