package radio

import (
	"strings"
	"time"
)

// DeviceMachine is one board that spoke under a device's identity since its enrolment.
type DeviceMachine struct {
	Device  DeviceID
	Machine string // as in hello; "" for a board that names none after others did
	FirstAt Millis
	LastAt  Millis
	// Returns is how often it spoke again after another board had, at most ReturnsWithin
	// after it spoke before; ReturnedAt is the last time.
	Returns    int
	ReturnedAt Millis
}

const (
	// ReturnsWithin is how long returns are counted together. A card that was put into
	// another board, and once back, is a repair; two machines that speak by turns go on
	// returning.
	ReturnsWithin = 7 * 24 * time.Hour
	// ReturnsOfClone within that time are no repair any more.
	ReturnsOfClone = 2
	// MaxMachines bounds the boards remembered of one identity.
	MaxMachines = 8
)

// journalMachine begins the name under which a journal is noted beside the boards; no board
// can be called so.
const journalMachine = "journal:"

// JournalMachine is a journal as something that speaks under an identity. A device leaves a
// journal for good when it begins another one, so that two which speak by turns are two
// boards with one card, even when both name the same number, or none.
func JournalMachine(j JournalID) string { return journalMachine + string(j) }

// IsJournal says whether it is a journal that is noted, not a board.
func (m DeviceMachine) IsJournal() bool { return strings.HasPrefix(m.Machine, journalMachine) }

// NoteMachine takes down that a board spoke at an instant: held are the boards known of
// the device. now is what became of the row of the board, gone those that made room. A
// board without a number is one of its own, called ""; journals are noted likewise and
// apart.
func NoteMachine(held []DeviceMachine, device DeviceID, machine string, at Millis) (now DeviceMachine, gone []DeviceMachine) {
	now = DeviceMachine{Device: device, Machine: machine, FirstAt: at, LastAt: at}
	var latest, oldest *DeviceMachine
	known, n := false, 0
	for i := range held {
		m := &held[i]
		if m.IsJournal() != now.IsJournal() {
			continue
		}
		n++
		if m.Machine == machine {
			now, known = *m, true
		}
		if latest == nil || m.LastAt >= latest.LastAt {
			latest = m
		}
		if oldest == nil || m.LastAt < oldest.LastAt {
			oldest = m
		}
	}
	if !known && n >= MaxMachines {
		gone = append(gone, *oldest)
	}
	if known && latest.Machine != machine && at.Sub(now.LastAt) <= ReturnsWithin {
		if at.Sub(now.ReturnedAt) > ReturnsWithin {
			now.Returns = 0
		}
		now.Returns, now.ReturnedAt = now.Returns+1, at
	}
	now.LastAt = max(now.LastAt, at)
	return now, gone
}

// DeviceEnd says how a device's identity ends.
type DeviceEnd struct {
	Device DeviceID
	// Retire takes the place out of use too; otherwise a new controller is expected there.
	Retire bool
	Why    string // may be empty
	Actor  string
	At     Millis
}

// Check tidies and bounds what a person wrote.
func (e *DeviceEnd) Check() error {
	e.Why = TidyLine(e.Why)
	var bad Invalid
	CheckLine(&bad, "why", e.Why, 0, 300)
	return bad.Err()
}
