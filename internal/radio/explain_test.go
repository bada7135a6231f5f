package radio

import "testing"

// What is only planned has no page in the log, although its outcome is known already.
func TestInLog(t *testing.T) {
	x := ExplainedAiring{Airing: "01CG000VR00000000000000000", Outcome: Refused, Links: []ChainLink{{Sources: []RowSource{{Row: "plan"}, {Row: "airing", ID: "01CG000W000000000000000000"}}}}}
	if x.InLog() {
		t.Error("another airing's row")
	}
	x.Links = append(x.Links, ChainLink{Sources: []RowSource{{Row: "airing", ID: string(x.Airing)}}})
	if !x.InLog() {
		t.Error("its own row")
	}
}
