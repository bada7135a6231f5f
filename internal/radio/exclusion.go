package radio

// ExclusionReason says why something of a schedule did not enter a programme.
type ExclusionReason string

const (
	Unapproved      ExclusionReason = "unapproved" // no approved version of the bulletin
	Unsigned        ExclusionReason = "unsigned"   // approved, but no signature of an approver holds for it
	Elsewhere       ExclusionReason = "elsewhere"  // approved for another area than this
	ClaimsEmergency ExclusionReason = "emergency"  // a schedule must not claim to be an emergency
	UnplayableSlot  ExclusionReason = "unplayable" // the slot cannot be expanded to airings
	NothingLeftInIt ExclusionReason = "empty"      // nothing of the slot was left
	// StoodIn: the bulletin meant for the place is not to be had, another sounds in its place.
	StoodIn   ExclusionReason = "stood_in"
	ByCommune ExclusionReason = "declined" // the commune keeps it off
)

// Exclusion names what of a schedule for a place was left out of its programme, and
// why. Slot and Entry are empty when the whole schedule or slot is meant.
type Exclusion struct {
	Schedule ScheduleID `json:"schedule"`
	Slot     SlotID     `json:"slot,omitempty"`
	Entry    EntryID    `json:"entry,omitempty"`
	// Bulletin is the one that is not to be had, where a bulletin is the matter; By is
	// the one that sounds in its place.
	Bulletin BulletinID      `json:"bulletin,omitempty"`
	By       BulletinID      `json:"by,omitempty"`
	Reason   ExclusionReason `json:"reason"`
	VI       string          `json:"reason_vi"`
	EN       string          `json:"reason_en"`
}
