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
	ByCommune       ExclusionReason = "declined"   // the commune keeps it off
)

// Exclusion names what of a schedule for a place was left out of its programme, and
// why. Slot and Entry are empty when the whole schedule or slot is meant.
type Exclusion struct {
	Schedule ScheduleID      `json:"schedule"`
	Slot     SlotID          `json:"slot,omitempty"`
	Entry    EntryID         `json:"entry,omitempty"`
	Reason   ExclusionReason `json:"reason"`
	VI       string          `json:"reason_vi"`
	EN       string          `json:"reason_en"`
}
