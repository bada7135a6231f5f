package reconcile

import (
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// TestHearKeepsTheBulletin: a device that was cut off knows the audio by its hash only, and
// a row must not lose its bulletin by that; other audio than planned is named as it sounded.
func TestHearKeepsTheBulletin(t *testing.T) {
	planned, other := radio.SHA256(strings.Repeat("a", 64)), radio.SHA256(strings.Repeat("b", 64))
	row := radio.AsRun{Bulletin: "B", Version: 2, SHA256: planned}
	for _, c := range []struct {
		name string
		said radio.Confirmation
		want radio.AsRun
	}{
		{"a power cut", radio.Confirmation{SHA256: planned}, row},
		{"as planned", radio.Confirmation{SHA256: planned, Bulletin: "B", Version: 2}, row},
		{"another version", radio.Confirmation{SHA256: other, Bulletin: "B", Version: 1}, radio.AsRun{Bulletin: "B", Version: 1, SHA256: other}},
		{"a power cut in other audio", radio.Confirmation{SHA256: other}, radio.AsRun{SHA256: other}},
		{"nothing sounded", radio.Confirmation{}, row},
	} {
		got := hear(radio.AsRunChange{Row: row}, c.said, radio.Word{Outcome: radio.Partial, Reason: radio.ReasonOff, Consumed: 100}).Row
		if got.Bulletin != c.want.Bulletin || got.Version != c.want.Version || got.SHA256 != c.want.SHA256 {
			t.Errorf("%s: %s %d %s", c.name, got.Bulletin, got.Version, got.SHA256)
		}
	}
}
