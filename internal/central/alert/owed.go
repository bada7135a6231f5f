package alert

import (
	"slices"

	"loaxa/internal/radio"
)

// silent says whether a device must be told again in a round: an alert when it has said
// nothing of it, a tombstone when it has not ended it.
func silent(a radio.AlertRecord, said []radio.Receipt) bool {
	if a.State == radio.AlertCancelled {
		return owed(a, said, 0)
	}
	return len(said) == 0 || mendable(said)
}

// owed says whether a device that connects must be told. enrolled is when it got its
// certificate: what it said before was another board.
func owed(a radio.AlertRecord, said []radio.Receipt, enrolled radio.Millis) bool {
	said = slices.DeleteFunc(slices.Clone(said), func(r radio.Receipt) bool { return r.Received < enrolled })
	rank := 0
	for _, r := range said {
		rank = max(rank, r.State.Rank())
	}
	switch {
	case mendable(said):
		return true
	case a.Wish.Standing && a.State == radio.AlertCancelled:
		// "done" may be the word of an earlier start with the PIN: only the device knows
		// whether it still keeps the alert.
		return true
	case a.Wish.Standing:
		return rank < radio.ReceiptAccepted.Rank()
	}
	return rank < radio.ReceiptDone.Rank()
}

// mendable says that a device refused for what a newer keyring or newer settings mend:
// they may have reached it after the alert.
func mendable(said []radio.Receipt) bool {
	refused := false
	for _, r := range said {
		switch {
		case r.State == radio.ReceiptRejected:
			refused = slices.Contains([]radio.Reason{radio.ReasonSigners, radio.ReasonDrill, radio.ReasonArea}, radio.Reason(r.Reason))
		case r.State.Rank() > radio.ReceiptReceived.Rank():
			return false
		}
	}
	return refused
}
