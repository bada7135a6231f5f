package radio

// Rejoin says how much of what a device holds outlives an enrolment.
type Rejoin int

const (
	// RejoinSame: the same device under the same root key; all of it.
	RejoinSame Rejoin = iota
	// RejoinRoot: the root key is another. What the one before has vouched for, documents and
	// alerts, counts no more; records and what has sounded are the device's own, and stay.
	RejoinRoot
	// RejoinOther: it becomes another device, or one of another centre; nothing.
	RejoinOther
)
