package verify

import (
	"slices"
	"testing"

	"loaxa/internal/radio"
)

// TestWhatTheCentreSays: of every outcome with every reason, the centre says those which
// its rules of reconciling give (design §3), before a device has spoken and never after.
func TestWhatTheCentreSays(t *testing.T) {
	says := map[radio.Outcome][]radio.Reason{
		radio.PendingOutcome: {radio.NoReason},
		radio.Silent:         {radio.NoReason},
		radio.Cancelled:      {radio.NoReason, radio.ReasonMoved},
		radio.Missed:         {radio.ReasonOverlap, radio.ReasonNotSynced},
		radio.Declined:       {radio.ReasonCommune, radio.ReasonHeld},
		radio.Refused:        {radio.ReasonExpired, radio.ReasonNotYet, radio.ReasonUnsupported},
	}
	reasons := []radio.Reason{
		radio.NoReason, radio.ReasonLate, radio.ReasonClock, radio.ReasonNoAudio, radio.ReasonNotSynced, radio.ReasonOverlap,
		radio.ReasonOff, radio.ReasonSignature, radio.ReasonPolicy, radio.ReasonExpired, radio.ReasonNotYet, radio.ReasonUnsupported,
		radio.ReasonOutput, radio.ReasonDecoder, radio.ReasonStopped, radio.ReasonWithdrawn, radio.ReasonPriority,
		radio.ReasonCommune, radio.ReasonHeld, radio.ReasonMoved,
	}
	for _, o := range radio.Outcomes() {
		for _, r := range reasons {
			said := radio.Word{Airing: "A", N: 1, KnownAt: 1, From: radio.WordCentre, Outcome: o, Reason: r, Expected: 100}
			row := radio.AsRun{Airing: "A", Expected: 100, Outcome: radio.PendingOutcome, From: radio.WordCentre}
			why := centreSaid(row, said)
			if may := slices.Contains(says[o], r); may != (why == "") {
				t.Errorf("%s %q: %q", o, r, why)
			}
			said.Consumed = 1
			if centreSaid(row, said) == "" {
				t.Errorf("%s %q may be said of sound", o, r)
			}
			said.Consumed, row.From = 0, radio.WordDevice
			if centreSaid(row, said) == "" {
				t.Errorf("%s %q may be said after the device", o, r)
			}
		}
	}
}
